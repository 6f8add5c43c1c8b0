"""Words and cells that more than one format shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from trigger_compat.floor.report.counts import outermost
from trigger_compat.floor.report.model import Floor, FloorReport, PolicyStatus
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.floor.scan.releases import dotted

COLUMNS: Final = ("floor", "lines", "changed", "branches", "files", "follows", "announced", "released")
LINES_SHOWN: Final = 5
LEGEND: Final = (
    ("lines", "whole lines that can be deleted: dead code, constant conditions, version flags"),
    ("changed", "lines that stay, with a part cut out"),
    ("branches", "alternatives that no release takes any more"),
    ("files", "files that would hold nothing but imports"),
    ("follows", "more lines, used only by dead code"),
    ("announced", "more lines that can go if a comment is right; the scan cannot prove it"),
)
HEADINGS: Final = {
    Category.DEAD: "no release runs it",
    Category.CONSTANT: "constant condition",
    Category.FLAG: "constant version flag",
    Category.FOLLOWS: "used only by dead code",
    Category.ANNOUNCED: "announced by a comment",
}


def cells(floor: Floor) -> tuple[str, ...]:
    """Return one row of the table of floors."""
    total = floor.total
    since = f"{floor.released}{' (preview)' if floor.is_preview else ''}"
    numbers = (total.lines, total.changed, total.branches, total.files, total.follows, total.announced)
    return (floor.name, *map(str, numbers), since)


def when(day: date | None, today: date) -> str:
    """Return the first day on which a policy allows a floor, as a phrase."""
    if day is None:
        return "no date yet"
    return f"since {day}" if day <= today else f"from {day}"


def verdict(status: PolicyStatus) -> str:
    """Return how the declared floor stands to a policy, with the caveat of the policy."""
    return f"{status.status}; {status.caveat}" if status.caveat else status.status


def declared(report: FloorReport) -> str:
    """Return the declared floor as text: ``3.0``, or ``none``."""
    floor = report.source.floor
    if floor is None:
        return "none"
    return dotted(floor if floor[2] else floor[:2])


def place(removal: Removal) -> str:
    """Return the file and lines of a removal."""
    return f"{removal.file}:{removal.line}" + (f"-{removal.end}" if removal.end > removal.line else "")


def by_kind(floor: Floor) -> str:
    """Return how many lines of each kind of file can be removed."""
    parts = [f"{counts.lines} in {kind.value}" for kind, counts in floor.counts.items() if counts.lines]
    return ", ".join(parts) or "none"


def listed(removals: Sequence[Removal]) -> list[Removal]:
    """Return the removals to show: those that are not inside another one, and what comments announce last."""
    announced = [removal for removal in removals if removal.category is Category.ANNOUNCED]
    proven = [removal for removal in removals if removal.category is not Category.ANNOUNCED]
    return [*outermost(proven), *outermost(announced)]


def by_file(places: Iterable[tuple[str, int]]) -> list[tuple[str, str]]:
    """Return each file of some places with their number and the first lines: ``5 at 3, 9, 12, ...``."""
    found: dict[str, list[int]] = {}
    for file, line in places:
        found.setdefault(file, []).append(line)
    return [(file, f"{len(lines)} at {_first(sorted(lines))}") for file, lines in sorted(found.items())]


def _first(lines: Sequence[int]) -> str:
    shown = ", ".join(map(str, lines[:LINES_SHOWN]))
    return f"{shown}, ..." if len(lines) > LINES_SHOWN else shown
