"""What the sessions of the noxfile have in common: arguments, rows, counted tests, one-line errors."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools import ToolError, junit, parallel
from tools.environments import airflow_python
from trigger_compat import matrix
from trigger_compat.errors import TriggerCompatError

if TYPE_CHECKING:
    import nox

    from trigger_compat.matrix import Release

FLAG: Final[Mapping[str, Any]] = {"action": "store_true"}
SEVERAL: Final[Mapping[str, Any]] = {"nargs": "+", "default": []}
VERSIONS: Final[Mapping[str, Any]] = {"nargs": "*", "metavar": "VERSION"}
FILE: Final[Mapping[str, Any]] = {"type": Path}
JOBS: Final[Mapping[str, Any]] = {"type": int, "default": min(os.cpu_count() or 1, 2)}
"""Settings of arguments, as ``argparse`` takes them."""
COUNTS: Final[list[junit.Counts]] = []
"""The outcomes of all tests of this process, for its last line."""


def seal() -> None:
    """Keep out of all sessions what is meant for nox itself, or for another Airflow."""
    unwanted = ("AIRFLOW_", "TRIGGER_COMPAT_", "PYTHONPATH", "PYTEST_ADDOPTS", "PYTHONDONTWRITEBYTECODE")
    for name in [name for name in os.environ if name.startswith(unwanted)]:
        del os.environ[name]


def options(
    session: nox.Session, arguments: Mapping[str, Mapping[str, Any]], *, passes_on: bool = False
) -> argparse.Namespace:
    """Read a session's arguments. With ``passes_on``, those it does not know are kept as ``passed_on``."""
    parser = argparse.ArgumentParser(prog=f"nox -s {session.name} --", add_help=False)
    vars(parser)["error"] = session.error
    for name, settings in arguments.items():
        parser.add_argument(name, **settings)
    found, others = parser.parse_known_args(session.posargs)
    if others and not passes_on:
        session.error(f"unknown arguments: {' '.join(others)}")
    found.passed_on = others
    if getattr(found, "jobs", 1) < 1:
        session.error(f"--jobs {found.jobs}: give at least 1")
    return found


def rows(session: nox.Session, versions: Sequence[str]) -> tuple[Release, ...]:
    """Return the rows of releases."""
    with one_line_errors(session):
        return tuple(matrix.load().release(version) for version in versions)


def pairs(session: nox.Session, texts: Sequence[str]) -> tuple[tuple[Release, Release], ...]:
    """Return the rows of pairs that are written as FROM:TO."""
    if wrong := [text for text in texts if text.count(":") != 1]:
        session.error(f"{wrong[0]}: write FROM:TO, two releases of the matrix")
    both = (rows(session, text.split(":")) for text in texts)
    return tuple((old, new) for old, new in both)


@contextlib.contextmanager
def one_line_errors(session: nox.Session) -> Iterator[None]:
    """Fail the session with the message of an error, without a traceback."""
    try:
        yield
    except (TriggerCompatError, ToolError) as error:
        session.error(str(error))


@contextlib.contextmanager
def counted(name: str) -> Iterator[str]:
    """Give pytest's option for a report, and count its outcomes for the closing line, also on failure."""
    results = junit.results_file(name)
    results.parent.mkdir(parents=True, exist_ok=True)
    results.unlink(missing_ok=True)
    code = 1
    try:
        yield f"--junit-xml={results}"
        code = 0
    finally:
        COUNTS.append(junit.count(results, code))


def test_row(session: nox.Session, name: str, row: Release, *arguments: str, **environment: Any) -> None:
    """Run pytest in a release's environment, once it is proved to be what its row says."""
    with counted(name) as report:
        python = airflow_python(session, row, **environment)
        # Airflow writes into its home on import; tests that start one choose homes of their own.
        session.env["AIRFLOW_HOME"] = str(python.parents[1] / "home")
        cell = f"--cell={row.airflow}:{row.path}"
        session.run(str(python), "-m", "pytest", cell, report, *arguments, external=True)


def test_stack(session: nox.Session, name: str, pythons: Mapping[str, Release], *arguments: str) -> None:
    """Run tests that start a stack; they find its Airflows by these environment variables."""
    with counted(name) as report:
        for variable, row in pythons.items():
            session.env[variable] = str(airflow_python(session, row))
        run_stack(session, "pytest", report, *arguments)


def side_by_side(session: nox.Session, jobs: Sequence[parallel.Job], workers: int) -> None:
    """Run sessions side by side, each in a nox of its own, and fail unless all of them pass."""
    parallel.run(jobs, lambda job: [*parallel.NOX, job.session], workers)
    parallel.summarise(jobs)
    COUNTS.extend(job.counts for job in jobs)
    if failed := [job.session for job in jobs if job.failed]:
        session.error(f"failed: {', '.join(failed)}")


def run_stack(session: nox.Session, *command: str) -> None:
    """Run what starts a stack. After Ctrl-C nox would kill it within half a second; a stack needs longer."""
    session.run(*command, interrupt_timeout=30, terminate_timeout=30)


@atexit.register
def _close() -> None:
    """Print the closing line, after everything that nox itself has to say."""
    if COUNTS:
        print(junit.closing_line(COUNTS), flush=True)
