"""The pytest plugin that proves a cell of the matrix before its tests: ``--cell VERSION[:PATH]``.

Without a path it is that of the release's row; ``airflow-3.3.2``, as tox names its environments, is 3.3.2.
Nothing here imports Airflow: the tests choose its home first.
"""

from __future__ import annotations

import platform
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.version import Version

SOURCES = Path(__file__).parents[1] / "src" / "trigger_compat"


def pytest_addoption(parser: pytest.Parser) -> None:
    what = "prove that this is the Airflow that the tests run on"
    parser.addoption("--cell", metavar="VERSION[:PATH]", help=what)


def pytest_configure(config: pytest.Config) -> None:
    """Stop before any test if this environment is not what its row says.

    :raises pytest.UsageError: it is not.
    """
    if not (cell := config.getoption("--cell")):
        return
    import trigger_compat  # only where it is asked for: every run loads this plugin
    from trigger_compat import dispatch, matrix

    airflow, _, path = cell.removeprefix("airflow-").partition(":")
    installed = Version(distribution("apache-airflow").version)
    default = dispatch.default_path((installed.major, installed.minor, installed.micro))
    dispatch.default_path.cache_clear()  # its warning about an unknown minor is for the tests too
    checks = (
        ("installed Airflow", str(installed), airflow),
        ("airflow is imported from", *_origins(installed)),
        ("default path", default, path or matrix.load().release(airflow).path),
        ("trigger_compat from", str(Path(trigger_compat.__file__).parent), str(SOURCES)),
    )
    for what, found, wanted in checks:
        if found != wanted:
            raise pytest.UsageError(
                f"this is not the cell of Airflow {airflow}: {what} is {found}, its row says {wanted}"
            )


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what the tests run on."""
    cell = config.getoption("--cell")
    return cell and f"cell: {cell}, Python {platform.python_version()}"


def _origins(installed: Version) -> tuple[str, str]:
    """Return the file that ``import airflow`` runs, and the one that the installed release brought."""
    spec = find_spec("airflow")
    name = "apache-airflow" if installed.major == 2 else "apache-airflow-core"
    brought = distribution(name)
    if brought.version != str(installed):
        return f"{name} {brought.version}", f"{name} {installed}"
    return str(spec and spec.origin), str(brought.locate_file("airflow/__init__.py"))
