"""Durable parents on Celery while workers, their processes or Redis are lost: one child run each.

The tests judge by the children, not by the tries: Airflow may lose a try more than once. They run one after
the other, because a worker that is lost takes along all that is on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.e2e import processes
from tests.e2e.celery import REDIS, WORKERS, CeleryStack
from tests.e2e.demo import LOST_HOST_CONFIG
from tests.e2e.parents import CHILD_TASK, END_STATES, TASK, Parent, stack_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.celery

CLONES: Final = 5
DOWN_SECONDS: Final = 8
"""Longer than two looks are apart, and than a worker waits before it looks for its Redis again."""

PARENTS: Final = (
    *(f"waiting.{fault}" for fault in ("worker", "pool", "process", "warm", "redis", "queued")),
    *("mapped.worker", "deferrable.worker", "deferrable.dies"),
)
CONFIG: Final = {
    **LOST_HOST_CONFIG,
    # As in test_faults.py: too many reports end the retry as well, or none arrives.
    "scheduler.zombie_detection_interval": "10",
    "dag_processor.stale_dag_threshold": "3600",
}


@pytest.fixture(scope="module")
def running(python: Path) -> Iterator[CeleryStack]:
    with stack_of(CeleryStack, python, PARENTS, {}, config=CONFIG) as stack:
        yield stack


@pytest.fixture
def stack(running: CeleryStack) -> Iterator[CeleryStack]:
    """With all its parts up, before and after."""
    yield running
    running.revive()


def worker_of(parent: Parent) -> str:
    assert isinstance(parent.stack, CeleryStack)
    return parent.stack.worker_of(parent.dag_id, parent.run_id, TASK, parent.map_index)


def in_mid_wait(stack: CeleryStack, name: str) -> tuple[Parent, str]:
    """A parent that waits for a child that runs, and the child's run id."""
    parent = Parent(stack, name)
    parent.until(parent.waits)
    parent.until(parent.child_runs)
    return parent, parent.only_child


def succeeds_with(parent: Parent, child: str, *, on_try: int | None = None) -> None:
    parent.succeeds(on_try=on_try, seconds=180)
    assert parent.only_child == child, parent.seen()


def test_worker_lost_in_mid_wait(stack: CeleryStack) -> None:
    """With its pool and its tasks: a host that is gone. The other worker takes the retry."""
    parent, child = in_mid_wait(stack, "waiting.worker")
    lost = worker_of(parent)
    stack.kill_part(lost)

    parent.until(parent.tried(2))
    parent.until(parent.waits)
    assert worker_of(parent) != lost
    succeeds_with(parent, child)


def test_pool_process_killed_in_mid_wait(stack: CeleryStack) -> None:
    """On 3.x that is the supervisor: its try is lost. On 2.11 the supervisor below goes on with the try."""
    parent, child = in_mid_wait(stack, "waiting.pool")
    stack.kill_pool_process(parent.dag_id, parent.run_id, TASK)

    if stack.environment.task_sdk:
        parent.until(parent.tried(2))
    else:
        parent.stays_down(DOWN_SECONDS)
        assert parent.waits(), parent.seen()
    succeeds_with(parent, child)


def test_task_process_killed_in_mid_wait(stack: CeleryStack) -> None:
    """Where Airflow does not retry that (3.0, 3.1.0, 3.1.1), with its supervisor."""
    parent, child = in_mid_wait(stack, "waiting.process")
    parent.kill()

    parent.until(parent.tried(2))
    succeeds_with(parent, child)


def test_warm_shutdown_in_mid_wait(stack: CeleryStack) -> None:
    """The worker lets its tasks end, and takes no other: nothing is lost."""
    parent, child = in_mid_wait(stack, "waiting.warm")
    worker = stack.warm_shutdown(worker_of(parent))
    parent.stays_down(DOWN_SECONDS)
    assert processes.alive(worker)
    assert parent.waits(), parent.seen()

    succeeds_with(parent, child, on_try=1)
    parent.until(lambda: not processes.alive(worker))


def test_redis_restarted_without_its_memory_in_mid_wait(stack: CeleryStack) -> None:
    parent, child = in_mid_wait(stack, "waiting.redis")
    stack.kill_part(REDIS)
    parent.stays_down(DOWN_SECONDS)
    assert stack.revive() == [REDIS]

    succeeds_with(parent, child)


def test_redis_restarted_without_its_memory_while_a_try_is_queued(stack: CeleryStack) -> None:
    """With no worker left, the retry is a message in Redis, and then nowhere: the scheduler sends another."""
    parent, child = in_mid_wait(stack, "waiting.queued")
    for worker in WORKERS:
        stack.kill_part(worker)
    parent.until(lambda: parent.tries == 2 and parent.state == "queued")
    stack.kill_part(REDIS)
    assert stack.revive() == [REDIS, *WORKERS]

    parent.until(parent.tried(2), seconds=180)
    succeeds_with(parent, child)


def test_mapped_parents_and_a_lost_worker(stack: CeleryStack) -> None:
    first = Parent(stack, "mapped.worker")
    parents = [first.sibling(index) for index in range(CLONES)]
    first.until(lambda: all(parent.waits() for parent in parents))
    first.until(lambda: [run.state for run in first.children] == ["running"] * CLONES)
    before = {run.run_id for run in first.children}
    stack.kill_part(worker_of(parents[0]))

    first.until(parents[0].tried(2))
    first.open()
    first.until(lambda: all(parent.ended() for parent in parents), seconds=180)
    assert [parent.state for parent in parents] == ["success"] * CLONES, first.seen()
    first.until(lambda: all(run.state in END_STATES for run in first.children), seconds=180)
    assert {run.run_id for run in first.children} == before
    assert [run.state for run in first.children] == ["success"] * CLONES


def test_worker_lost_while_deferred(stack: CeleryStack) -> None:
    """The worker of the child, which has to be run again; the parent is on none."""
    parent = Parent(stack, "deferrable.worker")
    parent.until(lambda: parent.deferred() and len(parent.children) == 1 and parent.child_runs())
    child = parent.only_child
    stack.kill_part(stack.worker_of(parent.child, child, CHILD_TASK))

    succeeds_with(parent, child)


def test_lost_before_the_deferral(stack: CeleryStack) -> None:
    """Process and supervisor end as soon as the trigger is answered."""
    parent = Parent(stack, "deferrable.dies", {"dies": "host"})
    parent.until(lambda: len(parent.children) == 1)
    child = parent.only_child
    parent.until(lambda: parent.tries >= 2)
    succeeds_with(parent, child)
