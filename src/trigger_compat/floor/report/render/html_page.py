"""The report as one HTML file, which loads nothing: no script, no font, no picture."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from markupsafe import Markup

from trigger_compat.floor.report.model import FloorReport
from trigger_compat.floor.report.render import charts, overview, wording
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.floor.scan.releases import dotted, floor_name
from trigger_compat.pages import templates


def render(*reports: FloorReport) -> str:
    """Return the page; for several reports a table of all, and below it each in a part that opens."""
    environment = templates("trigger_compat.floor.report.render")
    environment.globals |= {
        "floor_name": floor_name,
        "place": wording.place,
        "dotted": dotted,
        "when": wording.when,
    }
    several = len(reports) > 1
    title = f"{len(reports)} packages" if several else reports[0].title
    return environment.get_template("page.html.j2").render(
        title=f"{title}: what a higher floor would remove",
        overview=overview.table(reports) if several else (),
        explained=overview.EXPLAINED,
        today=reports[0].today,
        parts=[_part(report) for report in reports],
    )


def _part(report: FloorReport) -> dict[str, Any]:
    return {
        "report": report,
        "declared": wording.declared(report),
        "legend": wording.LEGEND,
        "columns": wording.COLUMNS,
        "cells": wording.cells,
        "headings": {category.value: wording.HEADINGS.get(category, "") for category in Category},
        "steps": Markup(charts.steps(report)),  # noqa: S704 - built of numbers and escaped words
        "heat": Markup(charts.heat(report.heat_map)) if report.heat_map else "",  # noqa: S704
        "timeline": Markup(charts.timeline(report)),  # noqa: S704
        "marks": [
            (Markup(f'<svg viewBox="0 0 12 12" aria-hidden="true">{charts.mark(at, 6, 6)}</svg>'), each)  # noqa: S704
            for at, each in enumerate(report.policies)
        ],
        "sections": _sections(report),
    }


def _sections(report: FloorReport) -> list[dict[str, Any]]:
    """Return the lists of places: first what is left below the declared floor, then each floor."""
    found = [
        ("left", f"Left below the declared floor, {wording.declared(report)}", report.leftovers, ()),
        *(
            (
                f"floor-{floor.name}",
                f"Removable at {floor.name}",
                report.removable_at(floor),
                floor.dead_files,
            )
            for floor in report.floors
        ),
    ]
    return [
        {"id": f"{report.source.name}-{name}", "title": title,
         "count": len(wording.listed(tuple(removals))), "files": files,
         "by_file": _by_file(wording.listed(tuple(removals)))}
        for name, title, removals, files in found
        if removals
    ]  # fmt: skip


def _by_file(removals: list[Removal]) -> list[tuple[str, list[Removal]]]:
    ordered = sorted(removals, key=lambda removal: (removal.file, removal.line))
    return [(file, list(members)) for file, members in groupby(ordered, key=lambda removal: removal.file)]
