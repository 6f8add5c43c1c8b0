"""Words and cells that more than one format shows."""

from __future__ import annotations

from datetime import date
from typing import Final

from trigger_compat.floor.evidence import Raise
from trigger_compat.floor.report.counts import outermost
from trigger_compat.floor.report.model import Floor, FloorReport
from trigger_compat.floor.scan.model import Category, Kind, Removal
from trigger_compat.floor.scan.releases import dotted

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
    since = f"{floor.released}{' (preview)' if floor.is_preview else ''}"
    numbers = (total.lines, total.changed, total.branches, total.files, total.follows, total.announced)
    return (floor.name, *map(str, numbers), since)


def when(day: date | None, today: date) -> str:
    """Say since when, or from when, a policy allows a floor."""
    if day is None:
        return "not dated"
    return f"since {day}" if day <= today else f"from {day}"


def declared(report: FloorReport) -> str:
    """Return the declared floor."""
    floor = report.source.floor
    if floor is None:
        return "none in its metadata"
    return dotted(floor if floor[2] else floor[:2])


def place(removal: Removal) -> str:
    """Return where a removal is."""
    return f"{removal.file}:{removal.line}" + (f"-{removal.end}" if removal.end > removal.line else "")


def by_kind(floor: Floor) -> str:
    """Return the lines of each kind, of those kinds that have any."""
    parts = [f"{counts.lines} in {kind.value}" for kind, counts in floor.counts.items() if counts.lines]
    return ", ".join(parts) or "none"


def listed(removals: tuple[Removal, ...]) -> list[Removal]:
    """Return what to show of removals: those inside others are said with them."""
    dead = outermost(each for each in removals if each.category is not Category.ANNOUNCED)
    return [*dead, *outermost(each for each in removals if each.category is Category.ANNOUNCED)]


def kinds_in(report: FloorReport) -> list[Kind]:
    """Return the kinds that the source has files of."""
    present = {module.kind for module in report.source.modules}
    return [kind for kind in Kind if kind in present]


MEASURED: Final = (
    "floor",
    "package lines",
    "test lines",
    "functions",
    "files",
    "tests",
    "xfails",
    "environments",
    "minutes",
)
MEASURED_NOTE: Final = (
    "What only releases below a floor ran of this project, by its own tests under coverage;"
    " minutes are those of the releases that were measured. It is evidence, not proof: look before you"
    " delete; the work list takes out only what is proven."
)


def measured_cells(found: Raise) -> tuple[str, ...]:
    """Return one row of the table of what the tests ran."""
    compared = (
        found.lines[Kind.PACKAGE],
        found.lines[Kind.TESTS],
        len(found.functions),
        len(found.files),
        found.tests,
        found.xfails,
    )
    # What was not measured may still need some of it: then these are the most that can go.
    known = [f"{'<= ' if found.unmeasured else ''}{number}" if found.compared else "-" for number in compared]
    return (dotted(found.minor), *known, str(len(found.environments)), str(found.minutes))


def raising(report: FloorReport) -> list[Raise]:
    """Return what is measured of the floors that ask for work, as the declared one does not."""
    return [each for each in report.measured if each.steps]


def work_list(found: Raise) -> list[str]:
    """Return the steps to raise the floor, in their order."""
    return [f"{step.file}: {'(by hand) ' if step.by_hand else ''}{step.what}" for step in found.steps]


def measured_facts(found: Raise) -> list[tuple[str, str]]:
    """Return what else goes, in words; what a file holds that goes as a whole is said with it."""
    functions = [each for each in found.functions if each.partition(":")[0] not in found.files]
    lines = [f"{file}: {runs}" for file, runs in found.places.items() if file not in found.files]
    facts = [
        ("files that go", ", ".join(found.files)),
        ("functions that go, in files that stay", ", ".join(functions)),
        ("deviations that vanish", ", ".join(found.deviations)),
        ("honoured everywhere then", ", ".join(found.capabilities)),
        ("releases left behind", ", ".join(found.environments)),
        ("lines that go, in files that stay", "; ".join(lines)),
        ("not measured yet", ", ".join(found.unmeasured)),
    ]
    return [(name, what) for name, what in facts if what]
