"""The pytest plugin of the contract suite: its options and its markers.

pytest loads it wherever this package is installed, for whatever tests: so it imports nothing of Airflow and
nothing of the package, and it adds its options only to a run that asks for the suite.
"""

from __future__ import annotations

import pytest

PACKAGE = "trigger_compat"
UPSTREAM_HELP = "or `upstream`: that of the standard provider if it is installed, else that of Airflow 2"

MARKERS = """\
clause(id, aspect=None): the clause under test; a deviation '<path>-<id>[-<aspect>]' makes it a strict xfail
defers: the parent defers, which has a default path of its own
own: about what only trigger_compat's operator has; not applicable to any other
"""

NOT_WARM: pytest.StashKey[str] = pytest.StashKey()
"""Why the Airflow of the session was not warmed up, if it was not."""


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> None:
    """Add the options, as the suite's own conftest would do if pytest read it early for ``--pyargs``."""
    if not any(PACKAGE in argument for argument in args):
        return
    group = parser.getgroup(PACKAGE, "contract suite of trigger_compat")
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
            f"{PACKAGE}: warming up failed, so the tests were slower, and no different: {reason}", yellow=True
        )
