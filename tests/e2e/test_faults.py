"""Durable parents whose workers are lost or frozen, or that are cleared: one child run per epoch, always.

A killed process in mid-wait is in `test_stack.py`; what happens when a part of Airflow itself goes is in
`test_restarts.py`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.e2e import processes
from tests.e2e.demo import LOST_HOST_CONFIG
from tests.e2e.parents import DAG_IDS, DAGS, Parent
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.fault

CLONES = 5


@pytest.fixture(scope="module")
def stack(python: Path) -> Iterator[Stack]:
    config = {**LOST_HOST_CONFIG, "core.parallelism": "16"}
    with Stack(python, DAGS, dag_ids=DAG_IDS, needs=["trigger_compat"], config=config) as stack:
        yield stack


def test_lost_host_reconnects(stack: Stack) -> None:
    parent = Parent(stack, "waiting", "lost-host")
    parent.until(parent.waits)
    child = parent.only_child
    stack.kill_host(parent.dag_id, parent.run_id, "trigger")

    parent.until(parent.tried(2))
    parent.succeeds(on_try=2)
    assert parent.only_child == child


def test_cleared_after_success_triggers_a_second_child(stack: Stack) -> None:
    parent = Parent(stack, "waiting", "cleared-after-success")
    parent.until(parent.waits)
    parent.succeeds(on_try=1)
    stack.clear(parent.dag_id, parent.run_id, "trigger")

    parent.until(lambda: len(parent.children) == 2)
    parent.succeeds(children=2)


def test_crash_after_a_clear_reconnects_to_the_second_child(stack: Stack) -> None:
    """Where the id of the first child is still stored (3.3, 3.4), it must not be the one gone back to."""
    parent = Parent(stack, "waiting", "crash-after-clear")
    parent.until(parent.waits)
    parent.succeeds(on_try=1)
    parent.close()
    stack.clear(parent.dag_id, parent.run_id, "trigger")
    parent.until(lambda: len(parent.children) == 2 and parent.waits())
    parent.kill()

    parent.until(parent.tried(3))
    parent.succeeds(children=2, on_try=3)


def test_cleared_while_waiting_to_retry_triggers_a_second_child(stack: Stack) -> None:
    parent = Parent(stack, "patient", "cleared-in-retry")
    parent.until(parent.waits)
    parent.kill()
    parent.until(lambda: parent.state == "up_for_retry")
    assert len(parent.children) == 1, parent.seen()
    stack.clear(parent.dag_id, parent.run_id, "trigger")

    parent.until(lambda: len(parent.children) == 2)
    parent.succeeds(children=2)


@pytest.mark.parametrize("when", ["mid-wait", "before-the-trigger"])
def test_overlapping_tries_trigger_one_child(stack: Stack, when: str) -> None:
    """A worker that hangs until Airflow gives it up and retries, and then goes on where it was."""
    gate = f"gate-{when}"
    parent = Parent(stack, "waiting", f"overlap-{when}", {} if when == "mid-wait" else {"gate": gate})
    parent.until(parent.waits if when == "mid-wait" else lambda: parent.is_at(gate))
    frozen = parent.host()
    process = frozen[1]
    for each in frozen:
        each.suspend()
    try:
        parent.until(parent.tried(2))
        parent.until(parent.waits)
        # The task first: it then has its trigger on the way before its supervisor hears that it is given up.
        parent.open(gate)
        process.resume()
        if when == "before-the-trigger":
            parent.until(lambda: parent.has_passed(gate))
    finally:
        for each in frozen:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.resume()
    if stack.environment.task_sdk:
        # Airflow 3 ends the old try as soon as its supervisor asks again; with Airflow 2, both go on.
        parent.until(lambda: not processes.alive(process))
    parent.succeeds(on_try=2)
    parent.until(lambda: not processes.alive(process))
    parent.succeeds(on_try=2)


@pytest.mark.parametrize("name", ["fire", "deferrable", "waiting"])
def test_killed_right_after_the_trigger(stack: Stack, name: str) -> None:
    """The answer is there, and nothing else yet: no XCom, no look, no deferral."""
    dies = "process" if stack.environment.retries_killed_process else "host"
    parent = Parent(stack, name, f"dies-{name}", {"dies": dies})
    parent.until(lambda: len(parent.children) == 1)
    child = parent.only_child

    # A parent that does not wait, or has deferred, is not seen running for long.
    parent.until(lambda: parent.task is not None and parent.task.try_number == 2)
    parent.succeeds(on_try=2)
    assert parent.only_child == child


def test_mapped_parents_with_one_killed(stack: Stack) -> None:
    parents = [Parent(stack, "mapped", "mapped", map_index=0)]
    parents += [parents[0].sibling(index) for index in range(1, CLONES)]
    first = parents[0]
    first.until(lambda: all(parent.waits() for parent in parents))
    first.until(lambda: [run.state for run in first.children] == ["running"] * CLONES)
    before = {run.run_id for run in first.children}
    killed = parents[2]
    killed.kill()

    first.until(killed.tried(2))
    first.open()
    first.until(lambda: all(parent.ended() for parent in parents))
    assert [(parent.state, parent.tries) for parent in parents] == [
        ("success", 2 if parent is killed else 1) for parent in parents
    ], first.seen()
    assert {run.run_id for run in first.children} == before
    assert [run.state for run in first.children] == ["success"] * CLONES
