"""The report for a terminal, in columns of plain text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from trigger_compat.floor.report.model import FloorReport
from trigger_compat.floor.report.render import wording
from trigger_compat.floor.scan.model import Removal
from trigger_compat.floor.scan.releases import dotted, floor_name

SHOWN: Final = 12
"""The number of places to list for each floor. The other formats list all places."""


def render(report: FloorReport) -> str:
    """Return the report for a terminal."""
    return "\n".join(line.rstrip() for line in _lines(report)) + "\n"


def _lines(report: FloorReport) -> Iterator[str]:
    yield f"{report.title}: declared floor {wording.declared(report)}, as of {report.today}"
    yield ""
    yield from columns([wording.COLUMNS, *(wording.cells(floor) for floor in report.floors)])
    yield ""
    for name, what in wording.LEGEND:
        yield f"  {name:<9}  {what}"
    yield ""
    heads = ("policy", "asks for", "declared", *(floor.name for floor in report.floors))
    rows = [
        (
            status.policy.id,
            dotted(status.asks_for),
            status.status,
            *(_day(floor.allowed[status.policy.id]) for floor in report.floors),
        )
        for status in report.policies
    ]
    yield from columns([heads, *rows])
    yield from (f"  {status.policy.id}: {status.caveat}" for status in report.policies if status.caveat)
    yield ""
    yield from _section(report, "left below the declared floor", report.leftovers)
    for floor in report.floors:
        yield from _section(report, f"removable at {floor.name}", report.removable_at(floor))
    if report.undecided:
        yield f"undecided: {len(report.undecided)} places; the other formats list them with the reasons"
    for file, problem in report.source.broken:
        yield f"cannot be read: {file}: {problem}"


def _section(report: FloorReport, title: str, removals: Sequence[Removal]) -> Iterator[str]:
    found = wording.listed(tuple(removals))
    if not found:
        return
    yield f"{title}: {len(found)} places"
    for removal in found[:SHOWN]:
        yield f"  {wording.place(removal)}  {report.code(removal)[:60]}"
        heading = f"{wording.HEADINGS[removal.category]} ({floor_name(removal.removable_from)})"
        yield f"      {heading}: {removal.reason}"
    if len(found) > SHOWN:
        yield f"  ... and {len(found) - SHOWN} more; --format markdown lists all"
    yield ""


def _day(day: object) -> str:
    return str(day) if day else "-"


def columns(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines with columns of the same width."""
    rows = list(rows)
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
