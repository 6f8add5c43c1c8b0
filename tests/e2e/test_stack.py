"""The operator on a real Airflow: real scheduler, real workers that are really killed, real triggerer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.demo import DAGS, LOST_HOST_CONFIG, TASK
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

PARENTS = ("demo_parent", "demo_parent_deferrable")


@pytest.fixture(scope="module")
def stack(python: Path) -> Iterator[Stack]:
    children = [parent.replace("parent", "child") for parent in PARENTS]
    with Stack(
        python,
        DAGS,
        dag_ids=[*PARENTS, *children],
        needs=["trigger_compat"],
        config=LOST_HOST_CONFIG,
        environ={"TRIGGER_COMPAT_DEMO": " ".join(PARENTS)},
    ) as stack:
        yield stack


class Parent:
    """A parent that was just triggered, and the child runs that came to be since."""

    def __init__(self, stack: Stack, dag_id: str, run_id: str, seconds: int) -> None:
        self.stack = stack
        self.dag_id = dag_id
        self.run_id = run_id
        self.child = dag_id.replace("parent", "child")
        self._before = len(stack.runs(self.child))
        stack.trigger(dag_id, run_id, {"seconds": seconds})

    @property
    def children(self) -> list[str]:
        """The states of the child runs."""
        return [run.state for run in self.stack.runs(self.child)[self._before :]]

    @property
    def child_run_ids(self) -> list[str]:
        return [run.run_id for run in self.stack.runs(self.child)[self._before :]]

    @property
    def state(self) -> str | None:
        task = self.stack.task(self.dag_id, self.run_id, TASK)
        return task.state if task else None

    @property
    def try_number(self) -> int:
        task = self.stack.task(self.dag_id, self.run_id, TASK)
        return task.try_number if task else 0

    @property
    def recorded(self) -> object:
        return self.stack.xcom(self.dag_id, self.run_id, TASK, "trigger_run_id")

    def waits(self) -> bool:
        """Whether the parent runs, its process is known, and its child runs."""
        task = self.stack.task(self.dag_id, self.run_id, TASK)
        return (
            task is not None and task.state == "running" and bool(task.pid) and self.children == ["running"]
        )

    def ended(self) -> bool:
        return self.state in {"success", "failed", "skipped"}


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.3)


def test_link_and_run_id_are_there_while_the_child_still_runs(stack: Stack) -> None:
    parent = Parent(stack, "demo_parent", "link", seconds=12)
    until(parent.waits)
    [run_id] = parent.child_run_ids
    until(lambda: parent.recorded == run_id, seconds=5)
    link = stack.links("demo_parent", "link", TASK)["Triggered DAG"]
    assert link
    assert run_id in link.replace("%3A", ":").replace("%2B", "+")
    assert parent.children == ["running"]

    until(parent.ended)
    assert (parent.state, parent.try_number, parent.children) == ("success", 1, ["success"])
    assert parent.recorded == run_id


@pytest.mark.parametrize("lost", ["process", "host"])
def test_killed_worker_leaves_one_child(stack: Stack, lost: str) -> None:
    if lost == "process" and not stack.environment.retries_killed_process:
        pytest.skip("this Airflow fails a task whose process was killed, whatever retries are left")
    parent = Parent(stack, "demo_parent", f"lost-{lost}", seconds=20 if lost == "process" else 45)
    bystander = Parent(stack, "demo_parent_deferrable", f"beside-{lost}", seconds=5)
    until(parent.waits)
    [run_id] = parent.child_run_ids
    kill = stack.kill_task if lost == "process" else stack.kill_host
    kill("demo_parent", parent.run_id, TASK)

    until(parent.ended, seconds=120)
    assert (parent.state, parent.try_number, parent.children) == ("success", 2, ["success"])
    assert parent.child_run_ids == [run_id]
    assert parent.recorded == run_id
    until(bystander.ended)
    assert (bystander.state, bystander.children) == ("success", ["success"])


def test_deferrable_parent_is_resumed_by_the_triggerer(stack: Stack) -> None:
    parent = Parent(stack, "demo_parent_deferrable", "deferrable", seconds=10)
    until(lambda: parent.state == "deferred")
    assert parent.children in (["queued"], ["running"])
    assert parent.recorded == parent.child_run_ids[0]

    until(parent.ended)
    assert (parent.state, parent.try_number, parent.children) == ("success", 1, ["success"])
