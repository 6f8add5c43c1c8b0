"""What a higher floor means for this project: what only older releases ran, and the work list.

A line that only releases below a floor ran goes with them. A line that no release ran is unknown.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.environments import ROOT, airflow_python
from tools.raising import measure
from tools.raising.measure import Evidence
from tools.raising.worklist import Minor, Step, scan_of, steps
from trigger_compat import contract, markdown, matrix, ranges
from trigger_compat.floor.scan.model import Kind
from trigger_compat.floor.scan.names import format_runs
from trigger_compat.floor.scan.releases import minor_of, parse_floor
from trigger_compat.floor.scan.scanner import Scan
from trigger_compat.floor.scan.source import kind_of

if TYPE_CHECKING:
    import nox

Lines = Mapping[str, set[int]]
COLUMNS: Final = (
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
NOTE: Final = (
    "What only releases below a floor ran of this project, by its own tests under coverage. The minutes are"
    " those of the measured releases. This is evidence, not proof: look before you delete. The work list"
    " takes out only what is proven."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raise:
    """What goes when the floor is raised: its row of the table, more in words, and the work list."""

    floor: str
    cells: Sequence[str]
    facts: Mapping[str, str]
    steps: Sequence[Step]


def measured_report(session: nox.Session, rows: Sequence[matrix.Release], arguments: Sequence[str]) -> str:
    """Measure releases unless that is done, and report on the floors in ``--floor``, by default on all."""
    for row in rows:
        measure.measure(session, row, airflow_python(session, row))
    known = matrix.load()
    parser = argparse.ArgumentParser()
    parser.add_argument("--floor", action="append", type=parse_floor, default=[])
    floors = parser.parse_known_args(arguments)[0].floor
    chosen = floors or [minor_of(row.airflow) for row in known.releases]
    scan, evidence = scan_of(ROOT), measure.evidence()
    minors = dict.fromkeys((floor[0], floor[1]) for floor in chosen)
    return as_markdown([raise_to(ROOT, known, evidence, minor, scan) for minor in minors])


def as_markdown(raises: Sequence[Raise]) -> str:
    """Return the table of all floors, then the facts and the work list of each that needs work."""
    parts = ["## What the tests ran", NOTE, markdown.table(COLUMNS, (found.cells for found in raises))]
    for found in raises:
        if found.steps:
            facts = "\n".join(f"- {name}: {what}" for name, what in found.facts.items())
            steps = [
                f"{step.file}: {'(by hand) ' if step.by_hand else ''}{step.what}" for step in found.steps
            ]
            numbered = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))
            parts.append(f"### To raise the floor to {found.floor}\n\n{facts}\n\nWork list:\n\n{numbered}")
    return "\n\n".join(parts)


def raise_to(
    root: Path, known: matrix.Matrix, evidence: Sequence[Evidence], minor: Minor, scan: Scan
) -> Raise:
    """Return what goes when the floor is raised to a minor."""
    below = [release for release in evidence if release.minor < minor]
    above = [release for release in evidence if release.minor >= minor]
    kept = [row.airflow for row in known.releases if minor_of(row.airflow) >= minor]
    gone = [row.airflow for row in known.releases if row.airflow not in kept]
    measured = {release.airflow for release in above}
    unmeasured = [row.airflow for row in known.defaults if row.airflow in {*kept} - measured]
    dying = _only(below, above)
    files = sorted(file for file in dying if not any(release.lines.get(file) for release in above))
    functions = list(_functions(root, dying, above))
    numbers = (
        sum(len(lines) for file, lines in dying.items() if not _is_test(file)),
        sum(len(lines) for file, lines in dying.items() if _is_test(file)),
        len(functions),
        len(files),
        _tests_that_go(below, above, ("passed", "xfailed")),
        _tests_that_go(below, above, ("xfailed",)),
    )
    # A release that was not measured may still need some of it: then these numbers are upper bounds. Without
    # any release to compare with, every line would seem to go.
    cells = [f"{'<= ' if unmeasured else ''}{number}" if above else "-" for number in numbers]
    minutes = round(sum(release.seconds for release in below) / 60, 1)
    floor = ".".join(map(str, minor))
    facts = {
        "files that go": files,
        "functions that go, in files that stay": [
            function for function in functions if function.partition(":")[0] not in files
        ],
        "deviations that vanish": [row.id for row in known.deviations if not any(map(row.covers, kept))],
        "supported everywhere then": list(_unconditional(known, kept)),
        "releases left behind": gone,
        "lines that go, in files that stay": [
            f"{file}: {format_runs(lines)}" for file, lines in sorted(dying.items()) if file not in files
        ],
        "not measured yet": unmeasured,
    }
    return Raise(
        floor=floor,
        cells=(floor, *cells, str(len(gone)), str(minutes)),
        facts={name: "; ".join(found) for name, found in facts.items() if found},
        steps=steps(root, minor, scan),
    )


def _is_test(file: str) -> bool:
    """Return whether a file of this project is part of the tests, as is the suite in the package."""
    return "suite" in Path(file).parts or kind_of(file) is Kind.TESTS


def _only(below: Sequence[Evidence], above: Sequence[Evidence]) -> Lines:
    """Return the lines that ran below the floor and nowhere above; nothing if nothing above was measured."""
    found: dict[str, set[int]] = {}
    for release in below if above else ():
        for file, lines in release.lines.items():
            found.setdefault(file, set()).update(lines)
    for release in above:
        for file, lines in release.lines.items():
            found.get(file, set()).difference_update(lines)
    return {file: lines for file, lines in found.items() if lines}


def _functions(root: Path, dying: Lines, above: Sequence[Evidence]) -> Iterator[str]:
    """Yield the functions of which only dying lines ran. Their ``def`` runs on import, and does not count."""
    for file, lines in sorted(dying.items()):
        try:
            tree = ast.parse((root / file).read_text(encoding="utf-8"))
        except (OSError, SyntaxError):
            continue
        alive = set().union(*(release.lines.get(file, frozenset()) for release in above))
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                body = set(range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1))
                if body & lines and not body & alive:
                    yield f"{file}:{node.lineno} {node.name}"


def _tests_that_go(below: Sequence[Evidence], above: Sequence[Evidence], outcomes: Sequence[str]) -> int:
    """Count the tests that have such an outcome below the floor, and none from it on."""

    def with_outcome(releases: Sequence[Evidence]) -> set[str]:
        return {test for release in releases for test, found in release.tests.items() if found in outcomes}

    return len(with_outcome(below) - with_outcome(above))


def _unconditional(known: matrix.Matrix, kept: Sequence[str]) -> Iterable[str]:
    """Yield the arguments that every kept release honours, and not every release of today."""
    for name, argument in contract.ARGUMENTS.items():
        supported = {
            row.airflow: ranges.contains(argument.supported_on, matrix.release_tuple(row.airflow))
            for row in known.releases
        }
        if all(supported[airflow] for airflow in kept) and not all(supported.values()):
            yield name
