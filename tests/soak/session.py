"""The nox session ``soak``: gives the soak the interpreter of an Airflow."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tests.e2e.redis import REQUIREMENTS as CELERY
from tools.environments import ROOT, airflow_python

if TYPE_CHECKING:
    import nox

    from trigger_compat.matrix import Release

ALONE: Final = ("--check", "--help", "-h")
"""Arguments that need no Airflow."""


def run(session: nox.Session, rows: Sequence[Release], options: argparse.Namespace) -> None:
    """Run a soak on a release, or judge a history."""
    command = ["-m", "tests.soak", *options.passed_on]
    if options.executor:
        command += ["--executor", options.executor]
    if not any(argument in ALONE for argument in options.passed_on):
        if not rows:
            session.error("give a VERSION of compat-matrix.yaml, or --check FILE")
        extra = CELERY if options.executor == "celery" else ()
        command += ["--python", str(airflow_python(session, rows[0], extra))]
    session.env["PYTHONPATH"] = str(ROOT / "src")
    # After Ctrl-C nox would kill it within half a second; a stack needs longer to end.
    session.run("python", *command, interrupt_timeout=30, terminate_timeout=30)
