"""What ``nox -s e2e`` does: which releases and which upgrades its tests run on."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from nox.command import CommandFailed

from tools import sessions
from tools.environments import TEST_REQUIREMENTS, group, install_once
from tools.sessions import VERSIONS
from trigger_compat import matrix

if TYPE_CHECKING:
    import nox


def run(session: nox.Session) -> None:
    """Run the tests on each release and each upgrade that the session's arguments ask for."""
    options = sessions.options(session, {"versions": VERSIONS, "--upgrade": {"nargs": "*"}})
    rows, upgrades = matrix.load().final_defaults, matrix.load().upgrades
    if session.posargs:
        rows = sessions.rows(session, options.versions)
        if options.upgrade != []:
            upgrades = sessions.pairs(session, options.upgrade or ())
    install_once(session, *group("e2e"), *TEST_REQUIREMENTS)
    new_python, tests = "TRIGGER_COMPAT_E2E_PYTHON", ("tests/e2e", "-m")
    runs = [(row.airflow, {new_python: row}, "not upgrade") for row in rows]
    for old, new in upgrades:
        runs.append((f"{old.airflow}-{new.airflow}", {f"{new_python}_FROM": old, new_python: new}, "upgrade"))
    for name, pythons, kind in runs:  # all of them: a failure hides no other
        with contextlib.suppress(CommandFailed):
            sessions.test_stack(session, f"e2e({name})", pythons, *tests, kind)
    if any(counts.failed for counts in sessions.COUNTS):
        session.error("tests failed, see above")
