"""The nox session ``soak``: gives the soak the interpreter of an Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.e2e.redis import REQUIREMENTS as CELERY
from tools import sessions
from tools.environments import ROOT, airflow_python, group, install_once

if TYPE_CHECKING:
    import nox

HELP: Final = ("--help", "-h")


def run(session: nox.Session) -> None:
    """Run a soak on a release, or judge a history, as the session's arguments say."""
    # Those with a value are named here, or the value would be taken for the version.
    arguments = {"version": {"nargs": "?"}, "--executor": {}, "--check": {}}
    options = sessions.options(session, arguments, passes_on=True)
    install_once(session, *group("e2e"))
    command = ["-m", "tests.soak", *options.passed_on]
    if options.check:
        command += ["--check", options.check]
    elif not any(argument in HELP for argument in options.passed_on):
        if not options.version:
            session.error("give a VERSION of compat-matrix.yaml, or --check FILE")
        [row] = sessions.rows(session, [options.version])
        extra = CELERY if options.executor == "celery" else ()
        command += ["--python", str(airflow_python(session, row, extra))]
        command += ["--executor", options.executor] if options.executor else []
    session.env["PYTHONPATH"] = str(ROOT / "src")
    sessions.run_stack(session, "python", *command)
