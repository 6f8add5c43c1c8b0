"""The example dags, each run through the release's task runner, with children that end as told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from packaging.version import Version

import trigger_compat
from tests.integration.running import Job, Ran, run_all
from trigger_compat.suite.deviations import gap
from trigger_compat.suite.harness import AIRFLOW, Airflow

FOLDER: Final = Path(trigger_compat.__file__).parent / "example_dags"
FILES: Final = {file.stem: file for file in sorted(FOLDER.glob("*.py")) if file.stem != "__init__"}
RUNS: Final = [
    # Airflow runs `async def` tasks since 3.2.
    name
    for name in FILES
    if name != "asynchronous" or Version(AIRFLOW).release >= (3, 2)
]

WANTED: Final[Mapping[str, tuple[dict[str, list[str]], list[str]]]] = {
    "child": ({"work": ["success"]}, []),
    "forget": ({"trigger": ["success"]}, ["queued"]),
    "waiting": ({"trigger": ["success"]}, ["success"]),
    "durable": ({"trigger": ["success"]}, ["success"]),
    "deferrable": ({"trigger": ["success"]}, ["success"]),
    "function": ({"load": ["success"]}, ["success"] * 3),
    "asynchronous": ({"load": ["success"]}, ["success"] * 2),
    "fan_out": ({"load": ["success"]}, ["success"] * 4),
    "mapped": ({"confs": ["success"], "trigger": ["success"] * 3}, ["success"] * 3),
    "failure": ({"tolerant": ["success"], "strict": ["failed"], "clean_up": ["success"]}, ["failed"] * 2),
}
"""By file: how its tasks end, and the child runs."""

JOBS: Final = {name: Job(FILES[name], f"example_{name}", {"seconds": 0}) for name in RUNS}
FAILING_CHILD: Final = Job(FOLDER / "child.py", "example_child", {"seconds": 0, "fail": True})


@pytest.fixture(scope="module")
def ran(stack: Airflow) -> dict[str, Ran]:
    if not stack.honours("dag.test"):
        pytest.skip("the dag of the SDK has no test() before Airflow 3.0.2")
    stack.reset()
    for file in FILES.values():
        stack.backend.store(file)
    return run_all(stack, [*JOBS.values(), FAILING_CHILD])


def test_every_example_is_run() -> None:
    assert set(FILES) == set(WANTED)


DEFERS: Final = pytest.param("deferrable", marks=gap("exception-P5-deferral"))


@pytest.mark.parametrize("name", [DEFERS if name == "deferrable" else name for name in RUNS])
def test_an_example_runs(ran: dict[str, Ran], name: str) -> None:
    this = ran[JOBS[name].name]
    tasks, children = WANTED[name]

    assert this.tasks == tasks
    assert this.state == "success"
    assert [child.state for child in this.children] == children
    assert {child.dag_id for child in this.children} <= {"example_child"}


def test_the_child_fails_when_it_is_told_to(ran: dict[str, Ran]) -> None:
    assert ran[FAILING_CHILD.name].tasks == {"work": ["failed"]}


def test_nothing_imports_them() -> None:
    """They are there to be read: what a user's process loads is none of them."""
    script = (
        "import sys, trigger_compat.operator, trigger_compat.task.attempt;"
        "print([name for name in sys.modules if 'example_dags' in name])"
    )
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
