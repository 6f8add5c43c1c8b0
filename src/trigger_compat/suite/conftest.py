"""One real Airflow per session, the path as a fixture, and the declared gaps as strict expected failures."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from trigger_compat import dispatch
from trigger_compat.suite import OPERATOR, deviations, findings
from trigger_compat.suite.harness import Airflow, Mailbox, configure, operator_path
from trigger_compat.suite.plugin import NOT_WARM

HOME = Path(tempfile.mkdtemp(prefix="trigger-compat-"))
HERE = Path(__file__).parent

if "airflow" in sys.modules:
    raise pytest.UsageError(
        "the contract suite needs an Airflow of its own, but a conftest or a plugin has imported airflow"
        " already; run the suite as: python -m trigger_compat.suite"
    )
configure(HOME)
os.environ.pop(dispatch.FORCING_VARIABLE, None)  # here it is a parameter of the tests


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(HOME, ignore_errors=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "path" in metafunc.fixturenames:
        own = operator_path(metafunc.config) == OPERATOR
        paths = deviations.paths_to_test(metafunc.definition) if own else ["default"]
        metafunc.parametrize("path", paths, indirect=True)


@pytest.hookimpl(tryfirst=True)  # what is deselected counts as collected
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mine = [item for item in items if item.path.is_relative_to(HERE)]
    own = operator_path(config) == OPERATOR
    for item in mine:
        # Airflow runs in here; its own dozens of warnings would become errors in the midst of it.
        # The same goes for arguments of a test that 3.x frowns upon wherever they are given.
        item.add_marker(
            pytest.mark.filterwarnings("ignore", "error:::trigger_compat", "ignore:Setting email")
        )
        if not own and item.get_closest_marker("own"):
            item.add_marker(pytest.mark.skip(reason="not applicable: about trigger_compat's own operator"))
    if own:
        deviations.expect(config, mine)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    findings.note(item, call, report)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    if target := session.config.getoption("--findings", None):
        findings.write(session.config, Path(os.environ.get("TRIGGER_COMPAT_STARTED_IN", ""), target))


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Airflow:
    cache = getattr(pytestconfig, "cache", None)  # switched off by -p no:cacheprovider
    folder = cache.mkdir("trigger-compat") if cache else HOME / "cache"
    airflow = Airflow.of_session(HOME, folder, operator_path(pytestconfig))
    if airflow.not_warm:
        pytestconfig.stash[NOT_WARM] = airflow.not_warm
    return airflow


@pytest.fixture
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The path in use: ``default``, or one that is forced for all triggers."""
    asked: str = request.param
    if asked == "default":
        monkeypatch.delenv(dispatch.FORCING_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(dispatch.FORCING_VARIABLE, asked)
    return asked


@pytest.fixture
def airflow(stack: Airflow, path: str) -> Iterator[Airflow]:
    """An Airflow with nothing but the child dags in its database."""
    stack.reset()
    yield stack
    stack.reset()


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """A mail server that Airflow is told to use, and what it has received."""
    with Mailbox.open() as mailbox:
        for name, value in mailbox.settings.items():
            monkeypatch.setenv(name, value)
        yield mailbox
