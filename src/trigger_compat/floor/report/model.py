"""What a report holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from trigger_compat.floor.report.heatmap import HeatMap
from trigger_compat.floor.report.policy_dates import FirstRelease
from trigger_compat.floor.scan.model import Kind, Removal, Undecided
from trigger_compat.floor.scan.releases import Minor, Point, dotted, index_of
from trigger_compat.floor.scan.source import Source
from trigger_compat.matrix import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much can be removed at a floor, all lower floors included. Blank lines do not count.

    :param lines: whole lines of dead code, constant conditions and flags.
    :param changed: lines that stay, with a part cut out.
    :param branches: alternatives that no release takes any more.
    :param files: files that would hold nothing but imports.
    :param follows: more lines, which only such code uses.
    :param announced: more lines, of which only a comment says that they go.
    """

    lines: int = 0
    changed: int = 0
    branches: int = 0
    files: int = 0
    follows: int = 0
    announced: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            lines=self.lines + other.lines,
            changed=self.changed + other.changed,
            branches=self.branches + other.branches,
            files=self.files + other.files,
            follows=self.follows + other.follows,
            announced=self.announced + other.announced,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What one floor means for the source.

    :param released: the day on which the minor came out.
    :param is_preview: whether only a pre-release of the minor is out.
    :param dead_files: the files that ``counts`` counts.
    :param allowed: for each policy the first day on which a package may require the floor; None if unknown.
    :param left_behind: the releases of the matrix that are older than the floor.
    """

    minor: Minor
    released: date
    is_preview: bool
    counts: Mapping[Kind, Counts]
    dead_files: tuple[str, ...]
    allowed: Mapping[str, date | None]
    left_behind: tuple[str, ...]

    @property
    def name(self) -> str:
        return dotted(self.minor)

    @property
    def total(self) -> Counts:
        return sum(self.counts.values(), Counts())


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStatus:
    """How the declared floor stands to a policy on the day of the report.

    :param asks_for: the floor that the policy asks for.
    :param status: ``kept``, ``overdue``, ``too early`` or ``no floor declared``.
    :param caveat: what a reader must know before acting on it; empty: nothing.
    """

    policy: Policy
    asks_for: Minor
    status: str
    caveat: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something to complain about, or to remark, at a place.

    :param rule: the category of a finding, or ``policy``, ``unused-ignore``, ``ignore-without-reason`` or
        ``stale-baseline``.
    :param file: relative to the folder of the report; an absolute path stays one.
    :param end: the last line; 0: the first one.
    :param level: ``warning``, or ``note`` for what is no reason to fail.
    :param fingerprint: what stays the same when code moves; empty: nothing does.
    """

    rule: str
    file: str
    line: int
    message: str
    end: int = 0
    level: str = "warning"
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorReport:
    """Everything that the output formats show.

    :param removals: all but those in ``restated``.
    :param leftovers: those that could have been removed at the declared floor already.
    :param restated: places where the package refuses an Airflow below its floor.
    :param known: the first release of each minor in the matrix.
    :param texts: the lines of each file.
    :param folder: where the files are; None for an installed distribution.
    :param problems: what ``--check`` complains about.
    :param notes: what the floors that were asked for would remove.
    """

    source: Source
    today: date
    floors: tuple[Floor, ...]
    removals: tuple[Removal, ...]
    undecided: tuple[Undecided, ...]
    leftovers: tuple[Removal, ...]
    restated: tuple[Removal, ...]
    policies: tuple[PolicyStatus, ...]
    known: tuple[FirstRelease, ...]
    heat_map: HeatMap | None
    texts: Mapping[str, Sequence[str]] = field(repr=False)
    folder: Path | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()

    @property
    def title(self) -> str:
        return f"{self.source.name} {self.source.version}".strip()

    def path(self, file: str, base: Path) -> str:
        """Return a file of the source relative to a folder, if it is below it."""
        if self.folder is None:
            return file
        path = (self.folder / file).resolve()
        return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()

    def code(self, removal: Removal) -> str:
        """Return the first line of a place, without its indentation."""
        lines = self.texts.get(removal.file, ())
        return lines[removal.line - 1].strip() if removal.line <= len(lines) else ""

    def removable_at(self, floor: Floor) -> tuple[Removal, ...]:
        """Return what can be removed at a floor, and at no lower floor of the report."""
        lower = max((other.minor for other in self.floors if other.minor < floor.minor), default=None)
        start = max(index_of((*lower, 0)) if lower else 0, self._declared)
        end = index_of((*floor.minor, 0))
        return tuple(removal for removal in self.removals if start < removal.removable_from <= end)

    @property
    def _declared(self) -> Point:
        return index_of(self.source.floor) if self.source.floor else 0
