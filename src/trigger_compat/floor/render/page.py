"""The report as one HTML file that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import jinja2
from markupsafe import Markup

from trigger_compat.floor.model import Category, Finding
from trigger_compat.floor.render import charts, text
from trigger_compat.floor.report import Report, spell
from trigger_compat.floor.versions import shown


def render(report: Report) -> str:
    """Return the page."""
    loader = jinja2.PackageLoader("trigger_compat.floor.render", "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.globals |= {"shown": shown, "place": text.place, "spell": spell, "when": text.when}
    return environment.get_template("page.html.j2").render(
        report=report,
        declared=text.declared(report),
        legend=text.LEGEND,
        columns=text.COLUMNS,
        cells=text.cells,
        headings={category.value: text.HEADINGS.get(category, "") for category in Category},
        steps=Markup(charts.steps(report)),  # noqa: S704 - built of numbers and escaped words
        heat=Markup(charts.heat(report.drift)),  # noqa: S704
        timeline=Markup(charts.timeline(report)),  # noqa: S704
        marks=[
            (Markup(f'<svg viewBox="0 0 12 12" aria-hidden="true">{charts.mark(at, 6, 6)}</svg>'), each)  # noqa: S704
            for at, each in enumerate(report.verdicts)
        ],
        sections=_sections(report),
    )


def _sections(report: Report) -> list[dict[str, Any]]:
    """Return the lists of places: what is left over first, then each floor."""
    found = [
        ("left", f"Left below the declared floor, {text.declared(report)}", report.leftovers, ()),
        *(
            (f"floor-{floor.name}", f"Goes at {floor.name}", report.gone_at(floor), floor.dead_files)
            for floor in report.floors
        ),
    ]
    return [
        {"id": name, "title": title, "count": len(text.listed(tuple(findings))), "files": files,
         "by_file": _by_file(text.listed(tuple(findings)))}
        for name, title, findings, files in found
        if findings
    ]  # fmt: skip


def _by_file(findings: list[Finding]) -> list[tuple[str, list[Finding]]]:
    ordered = sorted(findings, key=lambda each: (each.file, each.line))
    return [(file, list(members)) for file, members in groupby(ordered, key=lambda each: each.file)]
