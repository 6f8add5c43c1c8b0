"""Which Airflow the e2e tests run on, and a place for stacks whose leftovers are easy to see."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "TRIGGER_COMPAT_E2E_PYTHON"
VARIABLE_FROM = "TRIGGER_COMPAT_E2E_PYTHON_FROM"


@pytest.fixture(scope="session")
def python() -> Path:
    """The interpreter of the Airflow environment. Not set is an error: a skipped suite would look green."""
    if VARIABLE not in os.environ:
        pytest.fail(f"set {VARIABLE} to the python of an environment with Airflow and trigger-compat in it")
    return Path(os.environ[VARIABLE])


@pytest.fixture(scope="session")
def python_from() -> Path:
    """The interpreter of the Airflow to upgrade from; only tests marked `upgrade` ask for it."""
    if VARIABLE_FROM not in os.environ:
        pytest.fail(f"an upgrade needs two Airflows, and {VARIABLE_FROM} names no first")
    return Path(os.environ[VARIABLE_FROM])


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that stacks make their home in: empty again when nothing was left.

    Not `tmp_path`, which only its owner may enter, while Postgres may run under another account; but that has
    to be there first, as it would come to be in here otherwise.
    """
    folder = Path(tempfile.mkdtemp(prefix="trigger-compat-test-")).resolve()
    folder.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)  # read TMPDIR again
    yield folder
    shutil.rmtree(folder)
