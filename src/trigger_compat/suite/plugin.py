"""The pytest plugin of the contract suite: its options and its markers.

Only a run that asks for it loads it: ``python -m trigger_compat.suite``, or ``pytest -p
trigger_compat.suite.plugin --pyargs trigger_compat.suite``. It is a plugin because pytest does not read the
options of a conftest that ``--pyargs`` names.
"""

from __future__ import annotations

import pytest

UPSTREAM_HELP = "or `upstream`: that of the standard provider if it is installed, else that of Airflow 2"

MARKERS = """\
clause(id, aspect=None): the clause under test; a deviation '<path>-<id>[-<aspect>]' makes it a strict xfail
defers: the parent defers, which has a default path of its own
own: about what only trigger_compat's operator has; not applicable to any other
"""

NOT_WARM: pytest.StashKey[str] = pytest.StashKey()
"""Why the Airflow of the session was not warmed up, if it was not."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("trigger_compat", "contract suite of trigger_compat")
    group.addoption(
        "--operator",
        metavar="MODULE:CLASS",
        help=f"the trigger operator under test, {UPSTREAM_HELP}; default: trigger_compat's own",
    )
    group.addoption("--findings", metavar="FILE", help="write what each test found to this JSON file")


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS.splitlines():
        config.addinivalue_line("markers", marker)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if reason := config.stash.get(NOT_WARM, ""):
        terminalreporter.write_line(
            f"trigger_compat: warming up failed, so the tests were slower, and no different: {reason}",
            yellow=True,
        )
