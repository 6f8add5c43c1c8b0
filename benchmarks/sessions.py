"""What ``nox -s bench`` runs, and how long the sessions of nox themselves take.

To measure the sessions it deletes and rebuilds the environments of the releases. Of the tests it runs a part.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from tools import junit, parallel
from tools.environments import (
    FOLDER,
    LOCKS,
    ROOT,
    TEST_REQUIREMENTS,
    airflow_python,
    group,
    install_once,
)
from trigger_compat import markdown, matrix

if TYPE_CHECKING:
    import nox

    from trigger_compat.matrix import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one release takes, in seconds."""

    airflow: str
    created: float
    """The environment, its versions resolved anew."""
    created_again: float
    """The environment, its versions known."""
    unchanged: float
    """Finding that nothing has to be installed."""
    bare: float
    """``pytest`` in the environment, on the chosen tests."""
    row: float
    """The same by nox."""
    suite: float | None
    """All tests of the row in its last run, if there was one."""


def operators(session: nox.Session, releases: Sequence[Release], options: argparse.Namespace) -> None:
    """Compare the operators on releases, by default on those of the default run."""
    pythons = [f"{row.airflow}={airflow_python(session, row)}" for row in releases or matrix.load().defaults]
    _benchmarks(session, "operators", "--repetitions", str(options.repetitions), *pythons)


def scale(session: nox.Session, releases: Sequence[Release], options: argparse.Namespace) -> None:
    """Compute and simulate the load of many waiting parents; measure it, by default on the newest release."""
    _benchmarks(session, "scale")
    install_once(session, *group("e2e"), *TEST_REQUIREMENTS)
    rows = releases or matrix.load().final_defaults[-1:]
    pythons = [f"{row.airflow}={airflow_python(session, row)}" for row in rows]
    path = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    session.run("python", "-m", "benchmarks", "waits", "--waits", str(options.waits), *pythons, env=path)


def _benchmarks(session: nox.Session, *arguments: str) -> None:
    environment = {"PYTHONPATH": str(ROOT / "src")}
    session.run(sys.executable, "-m", "benchmarks", *arguments, env=environment, external=True)


def sessions(session: nox.Session, releases: Sequence[Release], options: argparse.Namespace) -> None:
    """Print the figures of each release, and those of all side by side; write them as JSON."""
    expression, releases = options.k, releases or matrix.load().defaults[::3]
    rows = [_row(session, release, options.repetitions, expression) for release in releases]
    serial, side_by_side = (_seconds(lambda n=n: _all(releases, n, expression)) for n in (1, 2))  # type: ignore[misc]
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    found: dict[str, Any] = {"tests": expression, "machine": machine, "rows": [asdict(row) for row in rows]}
    target = junit.RESULTS / "bench-matrix.json"
    text = json.dumps(found | {"serial": serial, "side_by_side": side_by_side}, indent=2)
    target.write_text(text + "\n", encoding="utf-8")
    print(f"tests chosen by -k {expression!r}; {machine}; seconds")
    heads = (
        "Airflow",
        "environment",
        "again",
        "unchanged",
        "pytest",
        "row",
        "row / pytest",
        "of all its tests",
    )
    print(markdown.table(heads, map(_cells, rows)))
    print(f"one after the other {serial:.0f} s, two side by side {side_by_side:.0f} s")
    print(f"details: {target.relative_to(ROOT)}", flush=True)


def _cells(row: Row) -> list[str]:
    share = f"{1 + (row.row - row.bare) / row.suite:.2f}" if row.suite else "-"
    figures = (row.created, row.created_again, row.unchanged, row.bare, row.row)
    return [row.airflow, *(f"{figure:.1f}" for figure in figures), f"{row.row / row.bare:.2f}", share]


def _row(session: nox.Session, release: Release, repetitions: int, expression: str) -> Row:
    report = junit.results_file(f"tests({release.airflow})")
    suite = junit.seconds(report) if report.is_file() else None
    folder = FOLDER / f"airflow-{release.airflow}"
    for lock in LOCKS.glob(f"airflow-{release.airflow}-*"):
        if "-with-" not in lock.name:
            lock.unlink()
    created = [_build(session, release) for _ in range(2)]
    python = str(airflow_python(session, release))
    environment = os.environ | {"AIRFLOW_HOME": str(folder / "home")}
    commands = {
        "bare": [python, "-m", "pytest", "-q", "-k", expression],
        "row": [*parallel.NOX, f"tests({release.airflow})", "--", "-q", "-k", expression],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for repetition in range(repetitions + 1):
        for name, command in commands.items():
            seconds = _seconds(lambda command=command: _quietly(session, command, environment))  # type: ignore[misc]
            if repetition:  # the first compiles, and creates the template of the database
                taken[name].append(seconds)
    return Row(
        airflow=release.airflow,
        created=created[0],
        created_again=created[1],
        unchanged=_seconds(lambda: airflow_python(session, release)),
        bare=statistics.median(taken["bare"]),
        row=statistics.median(taken["row"]),
        suite=suite,
    )


def _build(session: nox.Session, release: Release) -> float:
    shutil.rmtree(FOLDER / f"airflow-{release.airflow}", ignore_errors=True)
    return _seconds(lambda: airflow_python(session, release))


def _all(releases: Sequence[Release], workers: int, expression: str) -> None:
    jobs = [
        parallel.Job(session=f"tests({release.airflow})", release=release.airflow) for release in releases
    ]
    parallel.run(jobs, lambda job: [*parallel.NOX, job.session, "--", "-q", "-k", expression], workers)


def _seconds(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _quietly(session: nox.Session, command: Sequence[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        session.error(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")


SESSIONS: Final = {"operators": operators, "matrix": sessions, "scale": scale}
"""The benchmarks by the argument of ``nox -s bench``."""
ARGUMENTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "what": {"nargs": "?", "choices": tuple(SESSIONS), "default": "operators"},
    "--repetitions": {"type": int, "default": 5},
    "-k": {"default": "test_wait"},
    "--waits": {"type": int, "default": 1_000},
}
"""Their other arguments, as ``argparse`` takes them."""
