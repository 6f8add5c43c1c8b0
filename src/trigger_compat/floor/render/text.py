"""Words and cells that more than one format shows."""

from __future__ import annotations

from datetime import date
from typing import Final

from trigger_compat.floor.model import Category, Finding, Kind
from trigger_compat.floor.report import Floor, Report, outermost, spell

COLUMNS: Final = ("floor", "lines", "changed", "branches", "files", "follows", "announced", "released")
LEGEND: Final = (
    ("lines", "that go as a whole: code no release runs, conditions with one answer, flags"),
    ("changed", "lines that stay, with a part cut out"),
    ("branches", "alternatives that no release takes any more"),
    ("files", "of which only imports would be left"),
    ("follows", "more lines that only dead code uses"),
    ("announced", "more lines that only a comment says go then; not proven"),
)
HEADINGS: Final = {
    Category.DEAD: "no release runs it",
    Category.CONSTANT: "a condition with one answer",
    Category.FLAG: "a flag that says nothing any more",
    Category.FOLLOWS: "only dead code uses it",
    Category.ANNOUNCED: "announced by a comment",
}


def cells(floor: Floor) -> tuple[str, ...]:
    """Return one row of the table of floors."""
    total = floor.total
    since = f"{floor.released}{' (preview)' if floor.provisional else ''}"
    numbers = (total.lines, total.changed, total.branches, total.files, total.follows, total.announced)
    return (floor.name, *map(str, numbers), since)


def when(day: date | None, today: date) -> str:
    """Say since when, or from when, a policy allows a floor."""
    if day is None:
        return "not dated"
    return f"since {day}" if day <= today else f"from {day}"


def declared(report: Report) -> str:
    """Return the declared floor."""
    floor = report.source.floor
    if floor is None:
        return "none in its metadata"
    return spell(floor if floor[2] else floor[:2])


def place(finding: Finding) -> str:
    """Return where a finding is."""
    return f"{finding.file}:{finding.line}" + (f"-{finding.end}" if finding.end > finding.line else "")


def by_kind(floor: Floor) -> str:
    """Return the lines of each kind, of those kinds that have any."""
    parts = [f"{counts.lines} in {kind.value}" for kind, counts in floor.counts.items() if counts.lines]
    return ", ".join(parts) or "none"


def listed(findings: tuple[Finding, ...]) -> list[Finding]:
    """Return what to show of findings: those inside others are said with them."""
    dead = outermost(each for each in findings if each.category is not Category.ANNOUNCED)
    return [*dead, *outermost(each for each in findings if each.category is Category.ANNOUNCED)]


def kinds_in(report: Report) -> list[Kind]:
    """Return the kinds that the source has files of."""
    present = {module.kind for module in report.source.modules}
    return [kind for kind in Kind if kind in present]
