"""How long the matrix itself takes: environments, the way into a row, two rows side by side.

It makes the environments of the releases it measures anew. The tests it runs are a part of the suite.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

import fanout
from environments import FOLDER, ROW_TESTS, airflow_python
from tally import RESULTS, results_file
from trigger_compat.matrix import Release

if TYPE_CHECKING:
    import nox

ROOT: Final = Path(__file__).parents[1]
NOXFILE: Final = ROOT / "noxfile.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one release takes, in seconds."""

    airflow: str
    created: float
    """The environment, its versions chosen anew."""
    created_again: float
    """The environment, the versions known."""
    unchanged: float
    """Finding that nothing has to be done."""
    bare: float
    """``pytest`` in the environment, on the chosen tests."""
    row: float
    """The same by nox."""
    suite: float | None
    """All tests of the row, as its last run took, if there was one."""


def measure(
    session: nox.Session, releases: Sequence[Release], repetitions: int, expression: str
) -> dict[str, Any]:
    """Return the figures of each release, and those of all side by side."""
    rows = [_row(session, release, repetitions, expression) for release in releases]
    jobs = {workers: _side_by_side(releases, workers, expression) for workers in (1, 2)}
    return {
        "tests": expression,
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "rows": [asdict(row) for row in rows],
        "serial": jobs[1],
        "side_by_side": jobs[2],
    }


def _row(session: nox.Session, release: Release, repetitions: int, expression: str) -> Row:
    suite = _last_suite(release)
    folder = FOLDER / f"airflow-{release.airflow}"
    for pins in (FOLDER / ".resolved").glob(f"airflow-{release.airflow}-*.txt"):
        if "-with-" not in pins.name:
            pins.unlink()
    created = [_made(session, release, folder) for _ in range(2)]
    python = str(airflow_python(session, release))
    unchanged = _seconds(lambda: airflow_python(session, release))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    environment |= {"AIRFLOW_HOME": str(folder / "home")}
    bare = [python, "-m", "pytest", *ROW_TESTS, "-q", "-k", expression]
    by_nox = [sys.executable, str(NOXFILE), "-s", f"tests({release.airflow})", "--", "-q", "-k", expression]
    taken: dict[str, list[float]] = {"bare": [], "row": []}
    for repetition in range(repetitions + 1):
        for name, command in {"bare": bare, "row": by_nox}.items():
            seconds = _seconds(lambda command=command: _quietly(session, command, environment))  # type: ignore[misc]
            if repetition:  # the first compiles, and makes the template of the database
                taken[name].append(seconds)
    return Row(
        airflow=release.airflow,
        created=created[0],
        created_again=created[1],
        unchanged=unchanged,
        bare=statistics.median(taken["bare"]),
        row=statistics.median(taken["row"]),
        suite=suite,
    )


def _made(session: nox.Session, release: Release, folder: Path) -> float:
    (folder / "stamp").unlink(missing_ok=True)
    return _seconds(lambda: airflow_python(session, release))


def _last_suite(release: Release) -> float | None:
    report = results_file(f"tests({release.airflow})")
    if not report.is_file():
        return None
    suites = list(ET.parse(report).iter("testsuite"))  # noqa: S314 - ours
    return sum(float(suite.get("time", 0)) for suite in suites)


def _side_by_side(releases: Sequence[Release], workers: int, expression: str) -> float:
    jobs = [fanout.Job(session=f"tests({release.airflow})", release=release.airflow) for release in releases]
    nox_itself = [sys.executable, str(NOXFILE), "--session"]
    return _seconds(
        lambda: fanout.run(
            jobs, lambda job: [*nox_itself, job.session, "--", "-q", "-k", expression], workers=workers
        )
    )


def _seconds(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _quietly(session: nox.Session, command: Sequence[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        session.error(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")


def report(found: dict[str, Any]) -> None:
    """Print the figures and write them as JSON."""
    target = RESULTS / "bench-matrix.json"
    RESULTS.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"tests chosen by -k {found['tests']!r}; {found['machine']}; seconds")
    print("| Airflow | environment | again | unchanged | pytest | row | row / pytest | of all its tests |")
    print("|---|---|---|---|---|---|---|---|")
    for row in found["rows"]:
        whole = "-" if not row["suite"] else f"{1 + (row['row'] - row['bare']) / row['suite']:.2f}"
        figures = (row[name] for name in ("created", "created_again", "unchanged", "bare", "row"))
        shown = " | ".join(f"{value:.1f}" for value in figures)
        print(f"| {row['airflow']} | {shown} | {row['row'] / row['bare']:.2f} | {whole} |")
    serial, parallel = found["serial"], found["side_by_side"]
    print(f"one after the other {serial:.0f} s, two side by side {parallel:.0f} s: {parallel / serial:.2f}")
    print(f"details: {target.relative_to(ROOT)}", flush=True)
