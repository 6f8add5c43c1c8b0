"""One real Airflow per session, the path as a fixture, and the declared gaps as strict expected failures."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.version import Version

from tests.integration.harness import AIRFLOW, OPERATOR, Airflow, configure
from trigger_compat import dispatch, matrix

HOME = Path(tempfile.mkdtemp(prefix="trigger-compat-"))
OPERATOR_UNDER_TEST = os.environ.get("HARNESS_OPERATOR", OPERATOR)
major, minor, micro = Version(AIRFLOW).release
RELEASE = (major, minor, micro)

configure(HOME)


def forced_paths() -> list[str]:
    """The accessor, which keeps more of the contract, where it can run but is not the default."""
    row = next(row for row in dispatch.PATHS if row.name == "accessor")
    carried = dispatch.within(row.carries, RELEASE) and not dispatch.within(row.default_for, RELEASE)
    return [row.name] if carried else []


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "clause(id, aspect=None): the clause of the contract that is tested. The deviation"
        " '<path>-<id>[-<aspect>]' of compat-matrix.yaml, if it covers the release, makes the test a strict"
        " expected failure.",
    )
    config.addinivalue_line("markers", "defers: the parent defers, which has a default path of its own")


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(HOME, ignore_errors=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "path" in metafunc.fixturenames:
        metafunc.parametrize("path", ["default", *forced_paths()], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    os.environ.pop(dispatch.FORCING_VARIABLE, None)  # here it is a parameter of the tests
    deviations = {deviation.id: deviation for deviation in matrix.load().deviations}
    for item in items:
        if not item.path.is_relative_to(Path(__file__).parent):
            continue  # pytest hands over the items of all folders
        # Airflow runs in here; its own dozens of warnings would become errors in the midst of it.
        item.add_marker(pytest.mark.filterwarnings("ignore", "error:::trigger_compat"))
        if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
            continue
        asked = item.callspec.params.get("path")
        if not isinstance(asked, str):
            continue
        defers = item.get_closest_marker("defers") is not None
        path = dispatch.path_name(None if asked == "default" else asked, defers=defers, of=RELEASE)
        for mark in item.iter_markers("clause"):
            key = "-".join(filter(None, (path, mark.args[0], mark.kwargs.get("aspect"))))
            deviation = deviations.get(key)
            if deviation and deviation.covers(AIRFLOW) and OPERATOR_UNDER_TEST == OPERATOR:
                reason = f"{deviation.id}: {deviation.reason}"
                # Only a failed check is the gap that is declared; any other error is one of the test.
                item.add_marker(pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason))


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Airflow:
    return Airflow(HOME, pytestconfig.cache.mkdir("trigger-compat"), OPERATOR_UNDER_TEST)


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
