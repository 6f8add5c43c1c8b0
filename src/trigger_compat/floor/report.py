"""The floor report: what each floor would let a source delete, and since when it may."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from packaging.version import Version

from trigger_compat.floor.heatmap import Drift, of_matrix
from trigger_compat.floor.model import Category, Finding, Kind, Undecided
from trigger_compat.floor.policy import Beginning, Minor, beginnings, earliest, required
from trigger_compat.floor.scan import Scan
from trigger_compat.floor.source import Module, Source
from trigger_compat.floor.versions import Release, index_of
from trigger_compat.matrix import Matrix, Policy

_PROVEN: Final = (Category.DEAD, Category.CONSTANT, Category.FLAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What goes at a floor, all lower floors included. Blank lines do not count.

    :param lines: that go as a whole: dead code, constant conditions, flags.
    :param changed: that stay, with a part cut out.
    :param branches: alternatives that no release takes any more.
    :param files: of which nothing but imports would be left.
    :param follows: lines that only such code uses, besides ``lines``.
    :param announced: lines that only a comment says go, besides the others.
    """

    lines: int = 0
    changed: int = 0
    branches: int = 0
    files: int = 0
    follows: int = 0
    announced: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in COUNTED})


COUNTED: Final = ("lines", "changed", "branches", "files", "follows", "announced")


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """One floor.

    :param allowed: for each policy the first day on which it may be required, or None: nothing says when.
    """

    minor: Minor
    released: date
    provisional: bool
    counts: Mapping[Kind, Counts]
    dead_files: tuple[str, ...]
    allowed: Mapping[str, date | None]
    left_behind: tuple[str, ...]

    @property
    def name(self) -> str:
        return spell(self.minor)

    @property
    def total(self) -> Counts:
        return sum(self.counts.values(), Counts())


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a policy says of the declared floor on the day of the report."""

    policy: Policy
    asks_for: Minor
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything, ready to be shown."""

    source: Source
    today: date
    floors: tuple[Floor, ...]
    findings: tuple[Finding, ...]
    undecided: tuple[Undecided, ...]
    leftovers: tuple[Finding, ...]
    restated: tuple[Finding, ...]
    verdicts: tuple[Verdict, ...]
    known: tuple[Beginning, ...]
    drift: Drift
    texts: Mapping[str, Sequence[str]] = field(repr=False)

    @property
    def title(self) -> str:
        return f"{self.source.name} {self.source.version}".strip()

    def code(self, finding: Finding) -> str:
        """Return the first line of a place, without its indentation."""
        lines = self.texts.get(finding.file, ())
        return lines[finding.line - 1].strip() if finding.line <= len(lines) else ""

    def gone_at(self, floor: Floor) -> tuple[Finding, ...]:
        """Return what goes at a floor, and at no lower one of the report."""
        lower = max((each.minor for each in self.floors if each.minor < floor.minor), default=None)
        start = max(index_of((*lower, 0)) if lower else 0, self._declared)
        return tuple(each for each in self.findings if start < each.dies <= index_of((*floor.minor, 0)))

    @property
    def _declared(self) -> int:
        return index_of(self.source.floor) if self.source.floor else 0


def build(
    scan: Scan,
    matrix: Matrix,
    today: date,
    *,
    floors: Sequence[Release] = (),
    policies: Sequence[Policy] = (),
    drift: Drift | None = None,
) -> Report:
    """Make the report of a scan.

    :param floors: those to report; default: every minor from the declared floor on.
    :param policies: besides those of the matrix.
    """
    known = beginnings(matrix)
    supported = {(Version(row.airflow).major, Version(row.airflow).minor) for row in matrix.releases}
    declared = scan.source.floor
    minors = [
        each.minor for each in known if each.minor in supported or (declared and each.minor >= declared[:2])
    ]
    if declared:
        minors = [minor for minor in minors if minor >= declared[:2]]
    if floors:
        minors = sorted({floor[:2] for floor in floors})
    everything = _Lines(scan)
    chosen = (*matrix.policies, *policies)
    point = index_of(declared) if declared else 0
    proven = [each for each in scan.findings if each.category is not Category.RESTATED]
    return Report(
        source=scan.source,
        today=today,
        floors=tuple(_floor(minor, known, everything, chosen, matrix) for minor in minors),
        findings=tuple(proven),
        undecided=scan.undecided,
        leftovers=tuple(each for each in proven if each.dies <= point and declared),
        restated=tuple(each for each in scan.findings if each.category is Category.RESTATED),
        verdicts=tuple(_verdict(policy, declared, today, known) for policy in chosen),
        known=known,
        drift=drift or of_matrix(matrix),
        texts={module.file: module.lines for module in scan.source.modules},
    )


def _floor(
    minor: Minor, known: Sequence[Beginning], lines: _Lines, policies: Sequence[Policy], matrix: Matrix
) -> Floor:
    own = next(each for each in known if each.minor == minor)
    counts, files = lines.at(index_of((*minor, 0)))
    return Floor(
        minor=minor,
        released=own.day,
        provisional=own.provisional,
        counts=counts,
        dead_files=files,
        allowed={policy.id: earliest(policy, minor, known) for policy in policies},
        left_behind=tuple(
            row.airflow for row in matrix.releases if tuple(Version(row.airflow).release[:2]) < minor
        ),
    )


def _verdict(policy: Policy, declared: Release | None, today: date, known: Sequence[Beginning]) -> Verdict:
    asks = required(policy, today, known)
    if declared is None:
        verdict = "no floor declared"
    elif declared[:2] == asks:
        verdict = "kept"
    else:
        verdict = "overdue" if declared[:2] < asks else "too early"
    return Verdict(policy=policy, asks_for=asks, verdict=verdict)


class _Lines:
    """Counts lines, each once, however many findings are about it."""

    def __init__(self, scan: Scan) -> None:
        self._by_file: dict[str, list[Finding]] = defaultdict(list)
        for finding in scan.findings:
            self._by_file[finding.file].append(finding)
        self._modules = {
            module.file: module for module in scan.source.modules if module.file in self._by_file
        }

    def at(self, point: int) -> tuple[dict[Kind, Counts], tuple[str, ...]]:
        """Return what goes at a floor, by kind, and the files that go as a whole."""
        totals = {kind: Counts() for kind in Kind}
        files: list[str] = []
        for file, module in self._modules.items():
            counts, dies = self._file(module, [each for each in self._by_file[file] if each.dies <= point])
            totals[module.kind] += counts
            if dies:
                files.append(file)
        return totals, tuple(sorted(files))

    @staticmethod
    def _file(module: Module, findings: Sequence[Finding]) -> tuple[Counts, bool]:
        gone = _covered(module, findings, _PROVEN, whole=True)
        changed = _covered(module, findings, _PROVEN, whole=False) - gone
        follows = _covered(module, findings, (Category.FOLLOWS,), whole=True) - gone
        announced = _covered(module, findings, (Category.ANNOUNCED,), whole=True) - gone - follows
        dies = _nothing_left(module, gone)
        branches = [each for each in findings if each.branch and each.category is Category.DEAD]
        return (
            Counts(
                lines=len(gone),
                changed=len(changed),
                branches=len(outermost(branches)),
                files=int(dies),
                follows=len(follows),
                announced=len(announced),
            ),
            dies,
        )


def _covered(
    module: Module, findings: Iterable[Finding], categories: Sequence[Category], *, whole: bool
) -> set[int]:
    return {
        line
        for each in findings
        if each.category in categories and each.whole is whole
        for line in range(each.line, each.end + 1)
        if module.lines[line - 1].strip()
    }


def outermost(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that are in no other of them."""
    kept: list[Finding] = []
    for each in sorted(findings, key=lambda one: (one.file, one.line, -one.end)):
        last = kept[-1] if kept else None
        if not last or each.file != last.file or each.end > last.end or not last.whole:
            kept.append(each)
    return kept


def _nothing_left(module: Module, gone: set[int]) -> bool:
    """Say whether a file would hold nothing but its docstring and imports."""
    seen = False
    for node in module.tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
        lines = {
            line for line in range(first, (node.end_lineno or first) + 1) if module.lines[line - 1].strip()
        }
        if not lines <= gone:
            return False
        seen = True
    return seen


def spell(minor: Sequence[int]) -> str:
    """Write a minor or release with dots."""
    return ".".join(map(str, minor))
