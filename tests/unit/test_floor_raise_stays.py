"""``trigger-compat floor --to``: what stays of a source, which files go, and what is listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.floors import tree
from tests.unit.test_floor_raise import FILES, run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tree(tmp_path / "project", FILES)


def test_dead_code_that_has_to_stay_is_listed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "old/hook.py").write_text(
        "from old.flags import AIRFLOW_V_3_0_PLUS\n"
        "if not AIRFLOW_V_3_0_PLUS:\n    view = 1\n\n\ndef connect():\n    return view\n"
    )
    run(project, "--to", "3.0")

    assert "old/hook.py:2: dead code that has to stay: code that stays uses view\n" in capsys.readouterr().err


def test_a_check_of_an_older_release_stays(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is about something else than the floor of the package."""
    (project / "old/hook.py").write_text(
        "from airflow import __version__\nfrom packaging.version import Version\n"
        "if Version(__version__) < Version('2.7.0'):\n    raise RuntimeError('needs Airflow 2.7.0+')\n"
    )
    before = (project / "old/hook.py").read_bytes()
    run(project, "--to", "3.0", "--write")

    assert (project / "old/hook.py").read_bytes() == before
    assert "old/hook.py:3: refuses an Airflow that the declared floor refuses" in capsys.readouterr().err


def test_a_flag_that_a_test_patches_stays(project: Path) -> None:
    (project / "tests/test_old.py").write_text(
        "from unittest import mock\nHOOK = 'old.hook'\n\n\n"
        "@mock.patch(f'{HOOK}.AIRFLOW_V_3_0_PLUS', True)\ndef test_it(): ...\n"
    )
    run(project, "--to", "3.0", "--write")
    hook = (project / "old/hook.py").read_text()

    assert hook.startswith("from old.flags import AIRFLOW_V_3_0_PLUS as AIRFLOW_V_3_0_PLUS\n")
    assert "if x:" in hook
    assert "AIRFLOW_V_3_0_PLUS = True" in (project / "old/flags.py").read_text()


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("from old import flags\n", True),
        ("from .flags import *\n", True),
        ("text = 'tests_common.flags'\n", False),
    ],
)
def test_a_module_with_empty_exports_goes_if_nothing_names_it(project: Path, text: str, stays: bool) -> None:
    with (project / "old/flags.py").open("a") as flags:
        flags.write("\n__all__ = [\n    'AIRFLOW_V_3_0_PLUS',\n]\n")
    (project / "old/other.py").write_text(text)
    run(project, "--to", "3.0", "--write")

    assert (project / "old/flags.py").exists() is stays


def test_a_test_file_that_lost_its_tests_goes_with_their_helpers(project: Path) -> None:
    with (project / "tests/test_old.py").open("a") as tests:
        tests.write("\nwith open('x') as x:\n    def helper(): ...\n")
    run(project, "--to", "3.0", "--write")

    assert not (project / "tests/test_old.py").exists()


def test_a_raised_bound_is_not_listed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write('[tool.other]\nold = ["apache-airflow>=2.11"]\n')
    run(project, "--to", "3.0", "--write")

    assert capsys.readouterr().err.count('names an older Airflow: old = ["apache-airflow>=2.11"]') == 1
