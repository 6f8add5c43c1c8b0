"""The runs of the session `e2e`: which tests, on which Airflows, with what installed beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nox.command import CommandFailed

from tests.e2e.redis import REQUIREMENTS as CELERY
from tools import sessions
from tools.environments import ROOT, TEST_REQUIREMENTS, airflow_python, group, install_once

if TYPE_CHECKING:
    import nox

    from trigger_compat.matrix import Matrix, Release

ARGUMENTS: Final = {"versions": sessions.VERSIONS, "--upgrade": {"nargs": "*"}}
PYTHON: Final = "TRIGGER_COMPAT_E2E_PYTHON"


@dataclass(frozen=True)
class Run:
    """One call of pytest.

    :param pythons: the Airflows, by the environment variable that the tests find them by.
    :param tests: an expression of markers.
    :param extra: what those Airflows need besides.
    """

    name: str
    pythons: Mapping[str, Release]
    tests: str
    extra: Sequence[str] = ()


def planned(
    plain: Sequence[Release], celery: Sequence[Release], upgrades: Sequence[tuple[Release, Release]]
) -> list[Run]:
    """Return all runs, those that need the least first."""
    runs = [Run(row.airflow, {PYTHON: row}, "not celery and not upgrade") for row in plain]
    runs += [Run(f"{row.airflow}-celery", {PYTHON: row}, "celery", CELERY) for row in celery]
    for old, new in upgrades:
        runs.append(Run(f"{old.airflow}-{new.airflow}", {f"{PYTHON}_FROM": old, PYTHON: new}, "upgrade"))
    return runs


def chosen(session: nox.Session, matrix: Matrix) -> list[Run]:
    """Return the runs that the session's arguments ask for."""
    options = sessions.options(session, ARGUMENTS)
    if not session.posargs:
        rows = matrix.final_defaults
        return planned(rows, (rows[0], rows[-1]), matrix.upgrades)
    rows = sessions.rows(session, options.versions)
    upgrades = matrix.upgrades if options.upgrade == [] else sessions.pairs(session, options.upgrade or ())
    return planned(rows, rows, upgrades)


def run(session: nox.Session, runs: Sequence[Run]) -> None:
    """Run them all, since a failure hides no other, and fail the session after the last one."""
    if any(each.extra for each in runs):
        session.run("python", "-m", "tests.e2e.redis")
    for each in runs:
        with contextlib.suppress(CommandFailed), sessions.counted(f"e2e({each.name})") as report:
            for variable, row in each.pythons.items():
                session.env[variable] = str(airflow_python(session, row, each.extra))
            sessions.run_stack(session, "pytest", report, "tests/e2e", "-m", each.tests)
    if any(counts.failed for counts in sessions.COUNTS):
        session.error("tests failed, see above")


def demo(session: nox.Session, matrix: Matrix) -> None:
    """Run the demo on the Airflow that the session's arguments name."""
    old, new = (row.airflow for row in matrix.final_defaults[-2:])
    arguments = {"version": {"nargs": "?", "default": new}, "--from": {"dest": "old", "default": old}}
    arguments |= {"--fault": {"default": "crash"}, "--svg": {"default": ""}}
    options = sessions.options(session, arguments, passes_on=True)
    row, old_row = sessions.rows(session, [options.version, options.old])
    install_once(session, *group("e2e"))
    command = ["tests/e2e/demo.py", f"--python={airflow_python(session, row)}", f"--svg={options.svg}"]
    if options.fault == "upgrade":
        command += ["--from-python", str(airflow_python(session, old_row))]
    sessions.run_stack(session, "python", *command, f"--fault={options.fault}", *options.passed_on)


def ui(session: nox.Session, matrix: Matrix) -> None:
    """Run the tests of the web UI on the Airflows that the session's arguments name."""
    arguments = {"versions": sessions.VERSIONS, "--screenshots": sessions.FLAG, "--chromium": {"default": ""}}
    options = sessions.options(session, arguments)
    install_once(session, *group("ui"), *TEST_REQUIREMENTS)
    pytest = ["tests/ui", "--chromium", options.chromium]
    pytest += ["--screenshots", str(ROOT / "docs" / "images" / "ui")] if options.screenshots else []
    for row in sessions.rows(session, options.versions) or matrix.final_defaults:
        sessions.test_stack(session, f"ui({row.airflow})", {PYTHON: row}, *pytest)
