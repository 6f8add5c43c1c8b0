"""A stack that cannot start says which part and why, and leaves nothing behind."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from tests.e2e import processes
from tests.e2e.environment import StackError
from tests.e2e.stack import Stack


def failure(stack: Stack, temporary: Path) -> StackError:
    """The error a stack ends with, after a check that it has cleaned up."""
    with pytest.raises(StackError) as raised, stack:
        pass
    assert list(temporary.iterdir()) == []
    assert processes.stack_processes(stack.home) == []
    return raised.value


def test_environment_without_airflow(temporary: Path, tmp_path: Path) -> None:
    error = failure(Stack(Path(sys.executable), tmp_path), temporary)
    assert error.part == "Airflow environment"
    assert "apache-airflow is not installed" in error.reason


def test_environment_without_driver(python: Path, temporary: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("psycopg2.py").write_text("raise ImportError('libpq is missing')")
    stack = Stack(python, tmp_path, environ={"PYTHONPATH": str(tmp_path)})
    error = failure(stack, temporary)
    assert error.part == "Airflow environment"
    assert "libpq is missing" in error.reason
    assert "airflow-requirements.txt" in error.reason


def test_environment_without_the_package_of_the_dags(python: Path, temporary: Path, tmp_path: Path) -> None:
    error = failure(Stack(python, tmp_path, needs=["no_such_package"]), temporary)
    assert error.reason.endswith("no_such_package")


def test_postgres_that_does_not_start(
    python: Path, temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(processes, "free_ports", lambda names: dict.fromkeys(names, port))
        with pytest.raises(StackError) as raised, Stack(python, tmp_path):
            pass
    assert raised.value.part == "Postgres"
    assert any("could not bind" in line for line in raised.value.log)
    assert list(temporary.iterdir()) == []


def test_dag_folder_that_cannot_be_imported(python: Path, temporary: Path, tmp_path: Path) -> None:
    dag_file = "from airflow import DAG\nraise ValueError('this DAG file is broken')\n"
    tmp_path.joinpath("broken.py").write_text(dag_file)
    error = failure(Stack(python, tmp_path, dag_ids=["broken"]), temporary)
    assert error.part in {"dag-processor", "scheduler"}
    assert "broken.py" in error.reason
    assert any("this DAG file is broken" in line for line in error.log)
