"""Triggers, states and waits from any task code (clauses A1-A5)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from trigger_compat.suite.harness import Airflow, ChildRun, Parent, Run, Try

pytestmark = pytest.mark.own

COUNT = "GET /dag-runs/count"
LOOP = "[trigger_dag_run('child', conf={'n': n}) for n in range(3)]"
DURABLE_LOOP = "[trigger_dag_run('child', conf={'n': n}, durable=True, key=str(n)) for n in range(3)]"


@pytest.fixture
def airflow(stack: Airflow) -> Iterator[Airflow]:
    """Without a path: a function takes the one that does not hand over to the task runner."""
    stack.reset()
    yield stack
    stack.reset()


def calling(airflow: Airflow, code: str, **arguments: Any) -> Parent:
    """A parent whose task evaluates this expression and returns its value."""
    return airflow.parent(subclass="calling", code=code, **arguments)


def polled(running: Try) -> None:
    """Wait until the task has polled its children, and has the answer."""
    if running.airflow.has_api:
        # A request is listed when it arrives; the next one shows that the first was answered.
        running.until(lambda: sum(r.startswith(COUNT) for r in running.requests()) >= 2, "two polls")
    else:
        running.stays(1.0)


def ending(airflow: Airflow, *states: str) -> Callable[[Try], None]:
    """Once they are all there, each child ends in the state of its place."""

    def during(running: Try) -> None:
        running.until(lambda: len(airflow.children()) == len(states), "all children")
        polled(running)
        for child, state in zip(airflow.children(), states, strict=True):
            airflow.set_state(child, state)

    return during


@pytest.mark.clause("A1")
def test_a_task_triggers_as_often_as_it_calls(airflow: Airflow) -> None:
    outcome = calling(airflow, LOOP).run()

    assert outcome.state == "success"
    assert [child.conf for child in outcome.children] == [{"n": 0}, {"n": 1}, {"n": 2}]
    returned = [["child", child.run_id] for child in outcome.children]
    assert outcome.xcoms == {"return_value": returned}, "and nothing else is pushed"


@pytest.mark.clause("A1")
def test_a_call_sends_one_message(airflow: Airflow) -> None:
    outcome = calling(airflow, LOOP).run()

    about_runs = [request for request in outcome.requests if "/dag-runs/" in request]
    sent = [f"POST /dag-runs/child/{child.run_id}" for child in outcome.children]
    assert about_runs == (sent if airflow.has_api else [])


@pytest.mark.clause("A1")
def test_a_mapped_task_triggers(airflow: Airflow) -> None:
    parent = airflow.parent(subclass="calling", expand={"code": [LOOP, LOOP]})
    for index in range(2):
        assert parent.run(map_index=index).state == "success"

    assert len({child.run_id for child in airflow.children()}) == 6


@pytest.mark.clause("A1")
def test_the_context_can_be_passed_on(airflow: Airflow) -> None:
    outcome = calling(airflow, "trigger_dag_run('child', context=context)").run()

    assert outcome.state == "success"
    assert outcome.child.dag_id == "child"


@pytest.mark.clause("A1")
def test_every_argument_is_sent(airflow: Airflow) -> None:
    given = """trigger_run_id='mine', conf='{"a": 1}', logical_date='2024-05-05T00:00:00Z'"""
    outcome = calling(airflow, f"trigger_dag_run('child', {given})").run()

    assert outcome.state == "success"
    assert (outcome.child.run_id, outcome.child.conf) == ("mine", {"a": 1})
    assert str(outcome.child.logical_date).startswith("2024-05-05")


@pytest.mark.clause("A1")
@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("trigger_dag_run('ch/ild')", "trigger_dag_id: 'ch/ild'"),
        ("trigger_dag_run('child', conf={'a': {1}})", "conf['a'] is of type set"),
        ("trigger_dag_run('child', trigger_run_id='a b')", "trigger_run_id: 'a b'"),
        ("trigger_dag_run('child', key='a')", "key: 'a' has no meaning without durable=True"),
        ("trigger_dag_run('child', durable=True, key='')", "key: '' is not a key"),
        ("trigger_dag_runs([{'trigger_dag_id': 'child', 'confg': {}}])", "requests[0]: 'confg'"),
        ("trigger_dag_runs([{'trigger_dag_id': 'child'}], max_active=0)", "max_active: 0"),
        (
            "trigger_dag_runs([{'trigger_dag_id': 'child'}, {'trigger_dag_id': ''}])",
            "trigger_dag_id: is empty",
        ),
        ("wait_for_dag_runs([('child', 'a')], poke_interval=0)", "poke_interval: 0"),
        ("wait_for_dag_runs([('child', 'a')], allowed_states=['done'])", "allowed_states: 'done'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(airflow: Airflow, code: str, says: str) -> None:
    outcome = calling(airflow, code).run()

    assert outcome.state == "up_for_retry"
    assert says in outcome.failure.text
    assert "\n" not in outcome.failure.text
    assert outcome.children == ()


@pytest.mark.clause("A1")
def test_an_unknown_dag_is_an_error_that_the_task_can_catch(airflow: Airflow) -> None:
    outcome = calling(airflow, "trigger_dag_run('no_such_dag')").run()

    assert outcome.state == "up_for_retry"
    assert "no_such_dag" in outcome.failure.text
    assert outcome.kinds == ("retry",)


@pytest.mark.clause("A1")
def test_a_run_that_exists_is_not_triggered_again(airflow: Airflow) -> None:
    outcome = calling(airflow, "trigger_dag_run('child', trigger_run_id='mine')", before=[Run("mine")]).run()

    assert outcome.state == "failed", "a retry could only fail again (T4)"
    assert "mine" in outcome.failure.text
    assert len(outcome.children) == 1


@pytest.mark.clause("A1")
def test_a_run_that_exists_can_skip_the_task(airflow: Airflow) -> None:
    code = "trigger_dag_run('child', trigger_run_id='mine', skip_when_already_exists=True)"
    outcome = calling(airflow, code, before=[Run("mine")]).run()

    assert outcome.state == "skipped"
    assert "trigger_run_id" not in outcome.xcoms


@pytest.mark.clause("A1")
def test_a_run_that_exists_can_be_reset(airflow: Airflow) -> None:
    code = "trigger_dag_run('child', trigger_run_id='mine', reset_dag_run=True)"
    outcome = calling(airflow, code, before=[Run("mine", state="failed")]).run()

    assert outcome.state == "success"
    assert outcome.child.clear_number == 1


@pytest.mark.clause("A2")
def test_the_state_of_a_run(airflow: Airflow) -> None:
    code = "[get_dagrun_state(*run) for run in (('child', 'mine'), ('child', 'other'), ('no_such_dag', 'x'))]"
    outcome = calling(airflow, code, before=[Run("mine", state="running")]).run()

    assert outcome.state == "success"
    assert outcome.xcoms["return_value"] == ["running", None, None]


@pytest.mark.clause("A3")
def test_a_retry_reconnects_to_some_and_triggers_the_rest(airflow: Airflow) -> None:
    parent = calling(airflow, DURABLE_LOOP)
    first = parent.crash_at_trigger()
    assert len(first.children) < 3
    outcome = parent.retry()

    assert outcome.state == "success"
    assert sorted(child.conf["n"] for child in outcome.children) == [0, 1, 2]
    assert [run_id for _, run_id in outcome.xcoms["return_value"]] == [
        child.run_id for child in sorted(outcome.children, key=lambda child: child.conf["n"])
    ]


@pytest.mark.clause("A3")
def test_a_failure_after_the_triggers_triggers_none_again(airflow: Airflow) -> None:
    parent = calling(airflow, f"{DURABLE_LOOP} and 1 / 0", retries=2)
    assert parent.run().state == "up_for_retry"
    assert len(parent.retry().children) == 3


@pytest.mark.clause("A3")
def test_a_cleared_task_triggers_new_runs(airflow: Airflow) -> None:
    parent = calling(airflow, DURABLE_LOOP)
    assert parent.run().state == "success"
    parent.clear()
    assert len(parent.run().children) == 6


@pytest.mark.clause("A3")
def test_a_failed_child_is_followed_by_a_new_one(airflow: Airflow) -> None:
    parent = calling(airflow, f"{DURABLE_LOOP} and 1 / 0", retries=2)
    first = parent.run()
    airflow.set_state(first.children[1], "failed")
    second = parent.retry()

    assert [child.conf["n"] for child in second.children] == [0, 1, 2, 1]


@pytest.mark.clause("A3")
@pytest.mark.parametrize("key", [None, "same"])
def test_one_key_for_two_runs_is_an_error(airflow: Airflow, key: str | None) -> None:
    outcome = calling(
        airflow, f"[trigger_dag_run('child', durable=True, key={key!r}) for _ in range(2)]"
    ).run()

    assert outcome.state == "up_for_retry"
    assert f"key: {key!r} is used twice for child in this try" in outcome.failure.text
    assert len(outcome.children) == 1


@pytest.mark.clause("A3")
def test_one_key_for_two_dags_is_none(airflow: Airflow) -> None:
    code = "[trigger_dag_run(dag, durable=True, key='a') for dag in ('child', 'strict_child')]"
    assert len(calling(airflow, code).run().children) == 2


WAIT = "wait_for_dag_runs([('child', f'run-{n}') for n in range(5)], poke_interval=0.2)"
FIVE = [Run(f"run-{number}", state="running") for number in range(5)]


@pytest.mark.clause("A4")
def test_many_runs_are_waited_for(airflow: Airflow) -> None:
    outcome = calling(airflow, WAIT, before=FIVE).run(ending(airflow, *["success"] * 5))

    assert outcome.state == "success"
    assert outcome.xcoms["return_value"] == ["success"] * 5
    assert "Waiting for 5 dag runs: 5 triggered, 0 ended" in outcome.log


@pytest.mark.clause("A4")
def test_the_error_at_the_end_names_each_failed_run(airflow: Airflow) -> None:
    states = ("success", "failed", "success", "failed", "success")
    outcome = calling(airflow, WAIT, before=FIVE).run(ending(airflow, *states))

    assert outcome.state == "up_for_retry"
    assert outcome.failure.text == "2 of 5 dag runs failed: child run-1 (failed), child run-3 (failed)"


@pytest.mark.clause("A4")
def test_a_deleted_run_is_named_too(airflow: Airflow) -> None:
    def during(running: Try) -> None:
        polled(running)
        airflow.delete(airflow.children()[2])
        for child in airflow.children():
            airflow.set_state(child, "success")

    outcome = calling(airflow, WAIT, before=FIVE).run(during)
    assert outcome.failure.text == "1 of 5 dag runs failed: child run-2 (deleted)"


@pytest.mark.clause("A4")
@pytest.mark.clause("W7")
def test_a_short_outage_ends_no_wait(airflow: Airflow) -> None:
    def outage(running: Try) -> None:
        polled(running)
        running.outage()
        running.stays(2.0)
        for child in airflow.children():
            airflow.set_state(child, "success")

    outcome = calling(airflow, WAIT, before=FIVE).run(outage)

    assert outcome.state == "success"
    assert outcome.log.count("Cannot read the states of the dag runs") == 1


@pytest.mark.clause("A4")
def test_a_poll_is_one_message_for_all(airflow: Airflow) -> None:
    if not airflow.has_api:
        pytest.skip("on Airflow 2 a poll is a query of the database")
    outcome = calling(airflow, WAIT, before=FIVE).run(ending(airflow, *["success"] * 5))

    counts = [request for request in outcome.requests if request == COUNT]
    states = [
        request for request in outcome.requests if request.endswith("/state") and "/dag-runs/" in request
    ]
    assert len(counts) >= 3, "two before the runs ended, and one after"
    assert len(states) == len(set(states)) <= 5, (
        "a run that ended is asked for once, or counted with the others"
    )


def _child(airflow: Airflow, number: int) -> ChildRun | None:
    """The active child of a number, once it is there."""
    return next(iter(airflow.active()), None) if len(airflow.children()) > number else None


@pytest.mark.clause("A4")
def test_at_most_so_many_are_active(airflow: Airflow) -> None:
    seen: list[int] = []

    def during(running: Try) -> None:
        for number in range(4):
            child = running.until(partial(_child, airflow, number), f"child {number}")
            running.stays(0.5)
            seen.append(len(airflow.active()))
            airflow.set_state(child, "success")

    requests = "[{'trigger_dag_id': 'child', 'conf': {'n': n}} for n in range(4)]"
    code = f"trigger_dag_runs({requests}, max_active=1, poke_interval=0.2)"
    outcome = calling(airflow, code).run(during)

    assert outcome.state == "success"
    assert seen == [1, 1, 1, 1]
    assert [child.conf["n"] for child in outcome.children] == [0, 1, 2, 3]


@pytest.mark.clause("A3")
@pytest.mark.clause("A4")
def test_a_bounded_fan_out_survives_a_crash(airflow: Airflow) -> None:
    requests = "[{'trigger_dag_id': 'child', 'conf': {'n': n}} for n in range(3)]"
    parent = calling(airflow, f"trigger_dag_runs({requests}, max_active=2, durable=True, poke_interval=0.2)")
    first = parent.crash_while_waiting()
    assert len(first.children) == 2

    def during(running: Try) -> None:
        running.stays(0.5)
        assert len(airflow.children()) == 2, "the retry reconnects before it triggers more"
        for child in airflow.active():
            airflow.set_state(child, "success")
        running.until(lambda: len(airflow.children()) == 3, "the third child")
        airflow.set_state(airflow.children()[2], "success")

    outcome = parent.retry(during)
    assert outcome.state == "success"
    assert [child.conf["n"] for child in outcome.children] == [0, 1, 2]


@pytest.mark.clause("A1")
def test_an_unknown_dag_among_many_names_what_was_triggered(airflow: Airflow) -> None:
    code = "trigger_dag_runs([{'trigger_dag_id': dag} for dag in ('child', 'no_such_dag', 'child')])"
    outcome = calling(airflow, code).run()

    assert outcome.state == "up_for_retry"
    assert outcome.failure.text.startswith("Cannot trigger dag run 2 of 3: ")
    assert outcome.failure.text.endswith(f"; triggered before: child {outcome.child.run_id}")


@pytest.mark.clause("A5")
@pytest.mark.parametrize(
    "call",
    [
        "trigger_dag_run('child')",
        "get_dagrun_state('child', 'x')",
        "wait_for_dag_runs([])",
        "trigger_dag_runs([])",
    ],
)
def test_outside_a_task_one_line_says_so(call: str) -> None:
    code = f"from trigger_compat import *\ntry: {call}\nexcept RuntimeError as error: print(error)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1].startswith("no task is running here; call it from a task")


@pytest.mark.clause("A1")
@pytest.mark.clause("P5", aspect="trigger")
def test_dag_test_of_a_calling_task(airflow: Airflow) -> None:
    outcome = airflow.test_dag(subclass="calling", code=LOOP)

    assert outcome.state == "success"
    assert len(outcome.children) == 3


def awaiting(airflow: Airflow, code: str, **arguments: Any) -> Parent:
    """An asynchronous task that awaits this expression and returns its value."""
    return airflow.parent(subclass="awaiting", code=code, **arguments)


@pytest.mark.clause("A1")
def test_triggers_can_be_awaited(airflow: Airflow) -> None:
    code = "gather(*(trigger_dag_run('child', conf={'n': n}) for n in range(3)))"
    outcome = awaiting(airflow, code).run()
    assert outcome.state == "success"
    assert sorted(child.conf["n"] for child in outcome.children) == [0, 1, 2]
    returned, _ = outcome.xcoms["return_value"]
    assert {run_id for _, run_id in returned} == {child.run_id for child in outcome.children}


@pytest.mark.clause("A2")
def test_states_can_be_awaited(airflow: Airflow) -> None:
    states = "gather(get_dagrun_state('child', 'run-0'), get_dagrun_state('child', 'none'))"
    assert awaiting(airflow, states, before=FIVE).run().xcoms["return_value"][0] == ["running", None]


@pytest.mark.clause("A4")
def test_a_wait_does_not_block_the_event_loop(airflow: Airflow) -> None:
    outcome = awaiting(airflow, WAIT, before=FIVE).run(ending(airflow, *["success"] * 5))

    assert outcome.state == "success"
    states, ticks = outcome.xcoms["return_value"]
    assert states == ["success"] * 5
    assert ticks >= 3, "two polls take 0.2 s, and the loop ticks each 0.05 s"


@pytest.mark.clause("A4")
def test_a_wait_can_be_cancelled(airflow: Airflow) -> None:
    outcome = awaiting(airflow, f"wait({WAIT}, timeout=0.5)", before=FIVE).run()

    assert outcome.state == "up_for_retry"
    assert outcome.failure.error == "TimeoutError"


@pytest.mark.clause("A3")
@pytest.mark.clause("A4")
def test_an_awaited_fan_out_survives_a_crash(airflow: Airflow) -> None:
    requests = "[{'trigger_dag_id': 'child', 'conf': {'n': n}} for n in range(3)]"
    parent = awaiting(airflow, f"trigger_dag_runs({requests}, durable=True, poke_interval=0.2)")
    running = parent.start()
    running.until(lambda: len(airflow.children()) == 3, "all children")
    running.kill_host()
    outcome = parent.retry(ending(airflow, *["success"] * 3))

    assert outcome.state == "success"
    assert len(outcome.children) == 3


@pytest.mark.clause("A3")
def test_a_key_that_is_given_twice_is_refused_before_the_first_trigger(airflow: Airflow) -> None:
    requests = "[{'trigger_dag_id': 'child', 'key': 'a'} for _ in range(2)]"
    outcome = calling(airflow, f"trigger_dag_runs({requests}, durable=True)").run()

    assert outcome.failure.text.startswith("key: 'a' is used twice for child in this try")
    assert outcome.children == ()
