"""Durable parents whose workers are lost or frozen, whose children fail, or that are cleared.

Each test has a parent of its own, and all that it ever triggers is counted: one child run per generation.
Most of their time is waiting for Airflow to notice, so some of them run at once, in the same stack. What
happens when a part of Airflow itself goes is in `test_restarts.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import psutil
import pytest
from packaging.version import Version

from tests.e2e import processes
from tests.e2e.demo import LOST_HOST_CONFIG
from tests.e2e.parents import END_STATES, TASK, Parent, stack_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.stack import Stack

Story = Callable[["Stack", str], None]
"""What is done to a parent and has to come of it: called with the stack and the parent's name."""

CLONES: Final = 5
AT_ONCE: Final = 3
"""Stories that run side by side; more, and on two cores heartbeats come too late by themselves."""
ENDS_ITS_SCHEDULER: Final = ("3.4.0b2",)
"""Releases whose scheduler ends (task_instance_current_key is not unique) when it gives up a live task."""

STORIES: Final[dict[str, Story]] = {}
"""The stories by their parent's name, in the order in which they begin: the longest first."""


def about(*names: str) -> Callable[[Story], Story]:
    """Tell a story of these parents."""

    def keep(story: Story) -> Story:
        STORIES.update(dict.fromkeys(names, story))
        return story

    return keep


CONFIG: Final = {
    **LOST_HOST_CONFIG,
    "core.parallelism": "32",
    # Airflow 2 reports a lost task again and again until its DAG processor has dealt with it, and one report
    # too many ends the retry as well. Its own interval, longer than that of the stack, leaves time for that.
    "scheduler.zombie_detection_interval": "10",
    # Airflow 3.0 takes a report for a parse that found no DAG, and drops those of the file after a while.
    "dag_processor.stale_dag_threshold": "3600",
}


@pytest.fixture(scope="module")
def stack(python: Path) -> Iterator[Stack]:
    with stack_for(python, STORIES, {}, config=CONFIG) as stack:
        yield stack


@pytest.fixture(scope="module")
def told(stack: Stack, request: pytest.FixtureRequest) -> Iterator[dict[str, Future[None]]]:
    """The stories of this run by name, each going on or told."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    wanted = {call.params.get("name") for call in calls if call}
    pool = ThreadPoolExecutor(AT_ONCE)
    yield {name: pool.submit(story, stack, name) for name, story in STORIES.items() if name in wanted}
    # Not waited for: those that still go on after an interrupt end when the stack does.
    pool.shutdown(wait=False, cancel_futures=True)


@about("waiting.overlap-mid-wait", "waiting.overlap-before-the-trigger")
def overlapping_tries_trigger_one_child(stack: Stack, name: str) -> None:
    """A worker that hangs until Airflow gives it up and retries, and then goes on where it was."""
    skip_where_the_scheduler_ends(stack)
    at_gate = "before" in name
    gate = f"{name}.gate"
    parent = Parent(stack, name, {"gate": gate} if at_gate else {})
    parent.until((lambda: parent.is_at(gate)) if at_gate else parent.waits)
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
        if at_gate:
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


@about("waiting.crash-after-clear")
def crash_after_a_clear_reconnects_to_the_second_child(stack: Stack, name: str) -> None:
    """Where the id of the first child is still stored (3.3, 3.4), it must not be the one reconnected to."""
    parent = Parent(stack, name)
    parent.until(parent.waits)
    parent.succeeds(on_try=1)
    parent.close()
    stack.clear(parent.dag_id, parent.run_id, TASK)
    parent.until(lambda: len(parent.children) == 2 and parent.waits())
    parent.kill()

    parent.until(parent.tried(3))
    parent.succeeds(children=["success", "success"], on_try=3)


@about("waiting.child-fails-after-crash", "deferrable.child-fails-after-crash")
def failed_child_of_a_retry_is_followed_by_a_new_one(stack: Stack, name: str) -> None:
    """On every Airflow: a durable retry waits in the operator, or in a deferral of its own."""
    parent = Parent(stack, name, {"dies": parent_dies(stack)})
    parent.until(lambda: len(parent.children) == 1)
    child = parent.only_child
    # Not before it has looked: else it finds a failed child, and triggers the fresh one itself.
    parent.until(lambda: parent.tries == 2 and (parent.state == "deferred" or parent.names(child)))
    parent.until(lambda: parent.children[0].state == "running")
    parent.fail_child()

    parent.until(lambda: len(parent.children) == 2)
    parent.succeeds(children=["failed", "success"], on_try=3)


@about("mapped.one-killed")
def mapped_parents_with_one_killed(stack: Stack, name: str) -> None:
    parents = [Parent(stack, name)]
    parents += [parents[0].sibling(index) for index in range(CLONES)]
    first = parents.pop(0)
    first.until(lambda: all(parent.waits() for parent in parents))
    first.until(lambda: [run.state for run in first.children] == ["running"] * CLONES)
    before = {run.run_id for run in first.children}
    killed = parents[2]
    killed.kill()

    first.until(killed.tried(2))
    first.open()
    first.until(lambda: all(parent.ended() for parent in parents))
    assert [parent.state for parent in parents] == ["success"] * CLONES, first.seen()
    assert all(parent.took(2 if parent is killed else 1) for parent in parents), first.seen()
    first.until(lambda: all(run.state in END_STATES for run in first.children))
    assert {run.run_id for run in first.children} == before
    assert [run.state for run in first.children] == ["success"] * CLONES


@about("waiting.lost-host")
def lost_host_reconnects(stack: Stack, name: str) -> None:
    parent = Parent(stack, name)
    parent.until(parent.waits)
    child = parent.only_child
    stack.kill_host(parent.dag_id, parent.run_id, TASK)

    parent.until(parent.tried(2))
    parent.succeeds(on_try=2)
    assert parent.only_child == child


@about("fire.dies", "deferrable.dies", "waiting.dies")
def killed_right_after_the_trigger(stack: Stack, name: str) -> None:
    """The answer is there, and nothing else yet: no XCom, no look, no deferral."""
    parent = Parent(stack, name, {"dies": parent_dies(stack)})
    parent.until(lambda: len(parent.children) == 1)
    child = parent.only_child

    # A parent that does not wait, or has deferred, is not seen running for long.
    parent.until(lambda: parent.task is not None and parent.task.try_number == 2)
    parent.succeeds(on_try=2)
    assert parent.only_child == child


@about("patient.cleared-in-retry")
def cleared_while_waiting_to_retry_triggers_a_second_child(stack: Stack, name: str) -> None:
    parent = Parent(stack, name)
    parent.until(parent.waits)
    parent.kill()
    parent.until(lambda: parent.state == "up_for_retry")
    assert len(parent.children) == 1, parent.seen()
    stack.clear(parent.dag_id, parent.run_id, TASK)

    parent.until(lambda: len(parent.children) == 2)
    parent.succeeds(children=["success", "success"])


@about("waiting.cleared-in-mid-wait")
def cleared_in_mid_wait_starts_over_from_airflow_3_1_on(stack: Stack, name: str) -> None:
    skip_where_the_scheduler_ends(stack)  # which gives the old try up while that is still being ended
    parent = Parent(stack, name)
    parent.until(parent.waits)
    process = parent.host()[1]
    stack.clear(parent.dag_id, parent.run_id, TASK)
    if stack.environment.task_sdk:
        parent.until(lambda: not processes.alive(process))
    # Airflow 2 ends it too, unless the scheduler has started the next try before that is noticed.
    if stack.environment.task_sdk and Version(stack.environment.airflow) < Version("3.1"):
        # 3.0 ends the try and leaves its task `restarting`, for nothing takes that up again.
        parent.until(lambda: parent.state == "restarting")
        assert len(parent.children) == 1, parent.seen()
        return
    parent.until(parent.tried(2))
    parent.until(parent.waits)

    # Airflow 2 leaves the `max_tries` of a running task as they are: such a clear looks like a retry.
    epochs = 2 if stack.environment.task_sdk else 1
    parent.succeeds(children=["success"] * epochs, on_try=2)


@about("waiting.killed")
def killed_process(stack: Stack, name: str) -> None:
    parent = Parent(stack, name)
    parent.until(parent.waits)
    child = parent.only_child
    stack.kill_task(parent.dag_id, parent.run_id, TASK)

    if stack.environment.retries_killed_process:
        parent.until(parent.tried(2))
        parent.succeeds(on_try=2)
        assert parent.only_child == child
        return
    # Until 3.1.1 the supervisor reports a killed process as failed, whatever retries are left: there is no
    # try that could go back. The child goes on alone; clearing the parent begins a new epoch.
    parent.until(parent.ended)
    assert (parent.state, parent.tries) == ("failed", 1), parent.seen()
    assert parent.only_child == child
    stack.clear(parent.dag_id, parent.run_id, TASK)
    parent.until(lambda: len(parent.children) == 2)
    parent.succeeds(children=["success", "success"], on_try=2)


@about("waiting.child-fails", "own-wait.child-fails", "deferrable.child-fails")
def failed_child_is_followed_by_a_new_one(stack: Stack, name: str) -> None:
    parent = Parent(stack, name)
    parent.until(lambda: parent.state == "deferred" if "deferrable" in name else parent.waits())
    parent.until(lambda: parent.children[0].state == "running")
    parent.fail_child()

    if name.startswith("waiting") and stack.path == "exception":
        # exception-W2-retries: the task runner of 3.0 - 3.2 reports the end of its wait as failed for good.
        parent.until(parent.ended)
        assert (parent.state, parent.tries) == ("failed", 1), parent.seen()
        assert [run.state for run in parent.children] == ["failed"]
        return
    parent.until(lambda: len(parent.children) == 2)
    parent.succeeds(children=["failed", "success"], on_try=2)


@about("many.killed-in-the-middle")
def killed_fan_out_of_a_function_triggers_the_rest(stack: Stack, name: str) -> None:
    parent = Parent(stack, name, {"dies": parent_dies(stack), "after": "10"})
    parent.until(lambda: len(parent.children) >= 10)
    parent.succeeds_with({"success": 20})
    assert parent.tries >= 2, parent.seen()


@about("few-at-a-time.killed")
def killed_fan_out_keeps_its_limit(stack: Stack, name: str) -> None:
    parent = Parent(stack, name)
    parent.until(lambda: parent.waits() and len(parent.children) == 2)
    parent.kill()
    parent.until(parent.tried(2))
    parent.until(lambda: parent.names("5 dag runs: 2 triggered, 0 ended"))
    assert len(parent.children) == 2, parent.seen()
    parent.open()
    parent.succeeds_with({"success": 5})


@about("loop.one-fails")
def failed_child_among_others_is_triggered_again(stack: Stack, name: str) -> None:
    parent = Parent(stack, name)
    parent.until(lambda: parent.waits() and len(parent.children) == 3)
    parent.open_to_fail(f"{name}.b")
    parent.until(lambda: any(run.state == "failed" for run in parent.children))
    parent.close(f"{name}.b")
    for key in "ac":
        parent.open(f"{name}.{key}")
    parent.until(lambda: len(parent.children) == 4)
    parent.open(f"{name}.b")
    parent.succeeds_with({"success": 3, "failed": 1})


@about("waiting.cleared-after-success", "fire.cleared-after-success")
def cleared_after_success_triggers_a_second_child(stack: Stack, name: str) -> None:
    parent = Parent(stack, name)
    parent.until(lambda: [run.state for run in parent.children] == ["running"])
    parent.succeeds(on_try=1)
    stack.clear(parent.dag_id, parent.run_id, TASK)

    parent.until(lambda: len(parent.children) == 2)
    parent.succeeds(children=["success", "success"])


@about("waiting.undisturbed")
def run_id_and_link_are_there_while_the_child_runs(stack: Stack, name: str) -> None:
    parent = Parent(stack, name)
    parent.until(parent.waits)
    child = parent.only_child
    parent.until(lambda: parent.recorded == child)
    link = stack.links(parent.dag_id, parent.run_id, TASK)["Triggered DAG"]
    assert link
    assert child in link.replace("%3A", ":").replace("%2B", "+")
    assert parent.waits(), parent.seen()

    parent.succeeds(on_try=1)


@about("deferrable.undisturbed")
def deferrable_parent_is_resumed_by_the_triggerer(stack: Stack, name: str) -> None:
    parent = Parent(stack, name)
    parent.until(lambda: parent.state == "deferred" and len(parent.children) == 1)
    assert parent.recorded == parent.only_child

    parent.succeeds(on_try=1)


def skip_where_the_scheduler_ends(stack: Stack) -> None:
    if stack.environment.airflow in ENDS_ITS_SCHEDULER:
        pytest.skip("the scheduler of this Airflow does not survive that it gives up a task that lives")


def parent_dies(stack: Stack) -> str:
    """What a parent has to kill of itself to be retried by this Airflow."""
    return "process" if stack.environment.retries_killed_process else "host"


@pytest.mark.parametrize("name", STORIES)
def test_one_child_run_per_generation(told: dict[str, Future[None]], name: str) -> None:
    told[name].result()
