"""What raising the floor of a project means by what its tests really ran, release by release.

The evidence is one JSON file per release, as ``nox -s floor`` leaves it: the lines that ran, what became of
each test, and how long it took. A line that only releases below a floor ran dies with them; a line that
nobody ran is not known.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from packaging.version import Version

from trigger_compat import contract, dispatch
from trigger_compat.errors import SourceError
from trigger_compat.floor.scan.model import Kind
from trigger_compat.floor.scan.names import format_runs as spell
from trigger_compat.floor.scan.names import parse_runs as unspell
from trigger_compat.floor.scan.releases import minor_of
from trigger_compat.floor.scan.source import kind_of
from trigger_compat.floor.worklist import Minor, Step, steps
from trigger_compat.matrix import Matrix

TEST_FOLDERS: Final = ("suite", "tests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one release ran.

    :param lines: the lines that ran, by file.
    :param tests: ``passed``, ``xfailed``, ``skipped`` or ``failed``, by test.
    """

    airflow: str
    seconds: int
    lines: Mapping[str, frozenset[int]]
    tests: Mapping[str, str]

    @property
    def minor(self) -> Minor:
        return minor_of(self.airflow)

    def ran(self, outcome: str) -> set[str]:
        return {name for name, found in self.tests.items() if found == outcome}


@dataclass(frozen=True, slots=True, kw_only=True)
class Raise:
    """What goes when the floor is raised to a minor.

    :param lines: that only releases below it ran, by kind; ``places`` the same as runs of lines by file.
    :param compared: whether any release from it on was measured; if not, nothing is said of lines and tests.
    :param unmeasured: releases from it on of which there is no evidence: they may still need some of that.
    """

    minor: Minor
    lines: Mapping[Kind, int]
    places: Mapping[str, str]
    functions: tuple[str, ...]
    files: tuple[str, ...]
    tests: int
    xfails: int
    deviations: tuple[str, ...]
    capabilities: tuple[str, ...]
    environments: tuple[str, ...]
    minutes: float
    compared: bool
    unmeasured: tuple[str, ...]
    steps: tuple[Step, ...]


def read(folder: Path) -> tuple[Evidence, ...]:
    """Read the evidence in a folder, oldest release first.

    :raises SourceError: there is none, or a file of it is broken.
    """
    found = [_read(file) for file in sorted(folder.glob("*.json"))]
    if not found:
        raise SourceError(f"--evidence: {folder} holds none; run: nox -s floor")
    return tuple(sorted(found, key=lambda each: Version(each.airflow)))


def _read(file: Path) -> Evidence:
    try:
        data: Any = json.loads(file.read_text(encoding="utf-8"))
        return Evidence(
            airflow=str(Version(data["airflow"])),
            seconds=int(data["seconds"]),
            lines={name: frozenset(unspell(runs)) for name, runs in data["lines"].items()},
            tests=dict(data["tests"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(
            f"--evidence: {file}: not evidence ({error}); delete it and run: nox -s floor"
        ) from error


def raises(
    root: Path, matrix: Matrix, evidence: Sequence[Evidence], minors: Iterable[Minor]
) -> tuple[Raise, ...]:
    """Return what goes at each floor."""
    return tuple(_raise(root, matrix, evidence, minor) for minor in minors)


def _raise(root: Path, matrix: Matrix, evidence: Sequence[Evidence], minor: Minor) -> Raise:
    below = [each for each in evidence if each.minor < minor]
    above = [each for each in evidence if each.minor >= minor]
    rows = [row for row in matrix.releases if minor_of(row.airflow) < minor]
    kept = [row.airflow for row in matrix.releases if minor_of(row.airflow) >= minor]
    dying = (
        _only(below, above) if above else {}
    )  # without anything to compare with, all of it would seem to die
    files = tuple(
        sorted(file for file in dying if not any(file in each.lines and each.lines[file] for each in above))
    )
    return Raise(
        minor=minor,
        lines={
            kind: sum(len(lines) for file, lines in dying.items() if kind_in_project(file) is kind)
            for kind in Kind
        },
        places={file: spell(lines) for file, lines in sorted(dying.items())},
        functions=tuple(_functions(root, dying, above)),
        files=files,
        tests=_tests_that_go(below, above, ("passed", "xfailed")) if above else 0,
        xfails=_tests_that_go(below, above, ("xfailed",)) if above else 0,
        deviations=tuple(row.id for row in matrix.deviations if not any(map(row.covers, kept))),
        capabilities=tuple(_unconditional(matrix, minor)),
        environments=tuple(row.airflow for row in rows),
        minutes=round(sum(each.seconds for each in below) / 60, 1),
        compared=bool(above),
        unmeasured=tuple(
            row.airflow
            for row in matrix.defaults
            if minor_of(row.airflow) >= minor and row.airflow not in {each.airflow for each in above}
        ),
        steps=steps(root, minor),
    )


def kind_in_project(file: str) -> Kind:
    """Say what a file of this project is part of: the suite that it ships is tests too."""
    return Kind.TESTS if set(Path(file).parts) & set(TEST_FOLDERS) else kind_of(file)


def _only(below: Sequence[Evidence], above: Sequence[Evidence]) -> dict[str, set[int]]:
    """Return the lines that ran below and nowhere above."""
    found: dict[str, set[int]] = {}
    for each in below:
        for file, lines in each.lines.items():
            found.setdefault(file, set()).update(lines)
    for each in above:
        for file, lines in each.lines.items():
            found.get(file, set()).difference_update(lines)
    return {file: lines for file, lines in found.items() if lines}


def _functions(root: Path, dying: Mapping[str, set[int]], above: Sequence[Evidence]) -> Iterable[str]:
    """Yield the functions of which only dying lines ran; the ``def`` itself runs on import."""
    for file, lines in sorted(dying.items()):
        try:
            tree = ast.parse((root / file).read_text(encoding="utf-8"))
        except (OSError, SyntaxError):
            continue
        alive = set().union(*(each.lines.get(file, frozenset()) for each in above))
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                body = set(range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1))
                if body & lines and not body & alive:
                    yield f"{file}:{node.lineno} {node.name}"


def _tests_that_go(below: Sequence[Evidence], above: Sequence[Evidence], outcomes: Sequence[str]) -> int:
    """Count the tests that have such an outcome below, and none from the floor on."""

    def with_outcome(many: Sequence[Evidence]) -> set[str]:
        return {name for each in many for outcome in outcomes for name in each.ran(outcome)}

    return len(with_outcome(below) - with_outcome(above))


def _unconditional(matrix: Matrix, minor: Minor) -> Iterable[str]:
    """Yield the arguments that every release from the floor on honours, and not every one of today's."""
    releases = [(Version(row.airflow).release, minor_of(row.airflow)) for row in matrix.releases]
    for name, argument in contract.ARGUMENTS.items():
        honoured = {
            (major, least, patch): dispatch.within(argument.supported_on, (major, least, patch))
            for (major, least, patch), _ in releases
        }
        later = [answer for release, answer in honoured.items() if release[:2] >= minor]
        if all(later) and not all(honoured.values()):
            yield name
