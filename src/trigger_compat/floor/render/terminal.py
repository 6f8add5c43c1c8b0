"""The report for a terminal, in plain columns; colours are the command line's business."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from trigger_compat.floor.model import Finding
from trigger_compat.floor.render import text
from trigger_compat.floor.report import Report, spell
from trigger_compat.floor.versions import shown

SHOWN: Final = 12
"""Places listed per floor; the other formats list all."""


def render(report: Report) -> str:
    """Return the report for a terminal."""
    return "\n".join(line.rstrip() for line in _lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"{report.title}: declared floor Airflow {text.declared(report)}, as of {report.today}"
    yield ""
    yield from columns([text.COLUMNS, *(text.cells(floor) for floor in report.floors)])
    yield ""
    for name, what in text.LEGEND:
        yield f"  {name:<9}  {what}"
    yield ""
    heads = ("policy", "asks for", "declared", *(floor.name for floor in report.floors))
    rows = [
        (
            each.policy.id,
            spell(each.asks_for),
            each.verdict,
            *(_day(floor.allowed[each.policy.id]) for floor in report.floors),
        )
        for each in report.verdicts
    ]
    yield from columns([heads, *rows])
    yield ""
    yield from _section(report, "left below the declared floor", report.leftovers)
    for floor in report.floors:
        yield from _section(report, f"goes at {floor.name}", report.gone_at(floor))
    if report.undecided:
        yield f"undecided: {len(report.undecided)} places, which the other formats list with the reason"
    for file, problem in report.source.broken:
        yield f"not read: {file}: {problem}"


def _section(report: Report, title: str, findings: Sequence[Finding]) -> Iterator[str]:
    found = text.listed(tuple(findings))
    if not found:
        return
    yield f"{title}: {len(found)} places"
    for each in found[:SHOWN]:
        yield f"  {text.place(each)}  {report.code(each)[:60]}"
        yield f"      {text.HEADINGS[each.category]} ({shown(each.dies)}): {each.reason}"
    if len(found) > SHOWN:
        yield f"  ... and {len(found) - SHOWN} more; --format markdown lists all"
    yield ""


def _day(day: object) -> str:
    return str(day) if day else "-"


def columns(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lay rows out in columns."""
    rows = list(rows)
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
