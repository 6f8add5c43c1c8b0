"""``durable=True``: a parent that dies finds its child again (clauses X1-X16)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from trigger_compat import dispatch
from trigger_compat.suite.harness import Airflow, Code, Outcome, Parent, Run, Try, finish, kill_task

DAY = datetime(2024, 5, 5, tzinfo=timezone.utc)


def finish_once_waited_for(airflow: Airflow, state: str) -> Callable[[Try], None]:
    """The child of the earlier try ends while the running one waits for it."""

    def during(running: Try) -> None:
        running.looked()
        running.stays(0.5)
        (child,) = airflow.active()
        airflow.set_state(child, state)

    return during


def finish_once_waited_for_last(airflow: Airflow, state: str) -> Callable[[Try], None]:
    """The newest child ends while the try waits for it."""

    def during(running: Try) -> None:
        running.looked()
        airflow.set_state(airflow.children()[-1], state)

    return during


@pytest.mark.clause("X1")
@pytest.mark.clause("X4")
@pytest.mark.parametrize("crash", [Parent.crash_at_trigger, Parent.crash_while_waiting])
def test_the_retry_reconnects_to_the_child(airflow: Airflow, crash: Callable[[Parent], Outcome]) -> None:
    parent = airflow.parent(wait_for_completion=True, durable=True)
    first = crash(parent)
    assert first.state == "running", "nobody has noticed yet"
    second = parent.retry(finish_once_waited_for(airflow, "success"))

    assert second.state == "success"
    assert second.kinds == ("success",)
    assert second.child.run_id == first.child.run_id
    assert second.child.clear_number == 0
    assert second.xcoms["trigger_run_id"] == first.child.run_id
    assert (second.listeners[-1].kind, second.listeners[-1].trigger_run_id) == ("success", first.child.run_id)


@pytest.mark.clause("X1")
def test_a_killed_task_process_is_a_crash_too(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, durable=True)
    first = parent.run(kill_task)
    if dispatch.within(">=3.0,<3.1.2"):  # the supervisor reports it as failed, which is never retried
        assert (first.state, len(first.children)) == ("failed", 1)
        return
    second = parent.retry(finish_once_waited_for(airflow, "success"))

    assert second.state == "success"
    assert second.child.run_id == first.child.run_id


@pytest.mark.clause("X1")
def test_a_child_that_fails_after_the_crash_fails_the_retry(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, durable=True, retries=2)
    parent.crash_while_waiting()
    second = parent.retry(finish_once_waited_for(airflow, "failed"))

    assert second.state == "up_for_retry"
    assert second.failure.text == "child failed with failed state failed"
    assert second.child.state == "failed"


@pytest.mark.clause("X2")
def test_a_child_that_has_succeeded_is_success(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, durable=True)
    first = parent.crash_while_waiting()
    airflow.set_state(first.child, "success")
    second = parent.retry()

    assert second.state == "success"
    assert second.child.run_id == first.child.run_id
    assert second.xcoms["trigger_run_id"] == first.child.run_id


@pytest.mark.clause("X3")
def test_a_failed_child_is_followed_by_a_new_one(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, durable=True)
    first = parent.crash_while_waiting()
    airflow.set_state(first.child, "failed")
    second = parent.retry(finish("success"))

    assert second.state == "success"
    assert [child.state for child in second.children] == ["failed", "success"]
    assert second.xcoms["trigger_run_id"] == second.children[1].run_id


@pytest.mark.clause("X3")
def test_every_generation_is_found_again(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, durable=True, retries=2)
    first = parent.crash_while_waiting()
    airflow.set_state(first.child, "failed")
    parent.heal()
    second = parent.crash_while_waiting()
    third = parent.retry(finish_once_waited_for(airflow, "success"))

    assert third.state == "success"
    assert [child.state for child in third.children] == ["failed", "success"]
    assert third.xcoms["trigger_run_id"] == second.children[1].run_id


@pytest.mark.clause("X3")
def test_a_pinned_failed_child_is_reset_if_asked_to(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, durable=True, trigger_run_id="mine", reset_dag_run=True)
    first = parent.crash_while_waiting()
    airflow.set_state(first.child, "failed")
    second = parent.retry(finish("success"))

    assert second.state == "success"
    assert (second.child.run_id, second.child.clear_number) == ("mine", 1)


@pytest.mark.clause("X3")
def test_a_pinned_failed_child_ends_the_retries(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, durable=True, trigger_run_id="mine", retries=2)
    first = parent.crash_while_waiting()
    airflow.set_state(first.child, "failed")
    second = parent.retry()

    assert second.state == "failed"
    assert second.child.clear_number == 0


@pytest.mark.clause("X1")
def test_a_pinned_active_child_is_waited_for(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, durable=True, trigger_run_id="mine")
    parent.crash_while_waiting()
    second = parent.retry(finish_once_waited_for(airflow, "success"))

    assert second.state == "success"
    assert (second.child.run_id, second.child.clear_number) == ("mine", 0)


@pytest.mark.clause("X4")
def test_every_mapped_parent_keeps_its_own_child(airflow: Airflow) -> None:
    parent = airflow.parent(durable=True, wait_for_completion=True, expand={"conf": [{"n": 1}, {"n": 2}]})
    lost = parent.crash_while_waiting(map_index=1)
    other = parent.run(finish("success"), map_index=0)
    again = parent.retry(finish_once_waited_for(airflow, "success"), map_index=1)

    assert (other.state, again.state) == ("success", "success")
    assert len(again.children) == 2
    assert again.xcoms["trigger_run_id"] == lost.child.run_id
    assert lost.child.conf == {"n": 2}


@pytest.mark.clause("X5")
def test_a_cleared_parent_triggers_a_new_child(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, durable=True)
    first = parent.run(finish("success"))
    parent.clear()
    second = parent.run(finish("success"))

    assert second.state == "success"
    assert len(second.children) == 2
    assert second.xcoms["trigger_run_id"] != first.xcoms["trigger_run_id"]


@pytest.mark.clause("X5")
def test_a_parent_cleared_before_its_retry_triggers_a_new_child(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, durable=True)
    first = parent.crash_while_waiting()
    parent.heal()
    parent.clear()
    second = parent.run(finish("success"))

    assert second.state == "success"
    assert [child.state for child in second.children] == ["queued", "success"]
    assert second.xcoms["trigger_run_id"] != first.child.run_id


@pytest.mark.clause("X5")
def test_a_retry_after_a_clear_reconnects_to_the_new_child(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, durable=True)
    parent.run(finish("success"))
    parent.clear()
    lost = parent.crash_while_waiting()
    again = parent.retry(finish_once_waited_for(airflow, "success"))

    assert again.state == "success"
    assert len(again.children) == 2
    assert again.xcoms["trigger_run_id"] == lost.children[1].run_id


@pytest.mark.clause("X6")
def test_overlapping_tries_have_one_child(airflow: Airflow) -> None:
    """The scheduler gives a try up that still runs, and starts the next one beside it."""
    parent = airflow.parent(wait_for_completion=True, durable=True, retries=2)
    first = parent.start()
    child = first.child()
    first.looked()
    parent.heal()
    second = parent.retry(finish_once_waited_for(airflow, "success"))

    assert second.state == "success"
    assert second.child.run_id == child.run_id
    assert second.child.clear_number == 0
    first.kill_host()


@pytest.mark.clause("X6")
def test_a_try_presumed_lost_resets_no_child(airflow: Airflow) -> None:
    """It was held up before its trigger; a later try has triggered that child since, and it has failed."""
    arguments: dict[str, Any] = {"durable": True, "reset_dag_run": True}
    child = Run(airflow.parent(**arguments).crash_at_trigger().child.run_id, state="failed")
    airflow.reset()
    outcome = airflow.parent(**arguments, before=[child]).run()

    earlier = outcome.children[0]
    assert (earlier.run_id, earlier.state, earlier.clear_number) == (child.run_id, "failed", 0)


@pytest.mark.clause("X6")
@pytest.mark.parametrize("mode", [{}, {"wait_for_completion": True}], ids=["forget", "wait"])
def test_a_try_presumed_lost_resets_no_pinned_child(airflow: Airflow, mode: dict[str, Any]) -> None:
    """It had found no run, and was held up before its trigger; a later try has triggered that run since."""
    parent = airflow.parent(durable=True, trigger_run_id="mine", reset_dag_run=True, retries=2, **mode)
    lost = parent.start(at_trigger="hold")
    lost.held()
    parent.heal()
    second = parent.retry(finish("success") if mode else None)
    lost.release()

    assert second.state == "success"
    [child] = airflow.children()
    assert (child.run_id, child.clear_number) == ("mine", 0)
    assert child.state == second.child.state


@pytest.mark.clause("X7")
def test_a_child_that_nobody_waits_for_is_triggered_once(airflow: Airflow) -> None:
    parent = airflow.parent(durable=True)
    parent.crash_at_trigger()
    second = parent.retry()

    assert second.state == "success"
    assert second.child.clear_number == 0
    assert second.xcoms["trigger_run_id"] == second.child.run_id


@pytest.mark.clause("X8")
def test_the_child_of_a_parent_has_the_same_run_id_on_every_airflow(airflow: Airflow) -> None:
    """What a retry under another Airflow looks for is what this one has triggered."""
    outcome = airflow.parent(durable=True, started=DAY).run()

    assert outcome.child.run_id == "durable__parent.trigger__e1g1__67f66864b2b90b5c30b2"


@pytest.mark.clause("X8")
@pytest.mark.clause("X15")
def test_the_run_id_is_made_of_the_start_as_the_database_keeps_it(airflow: Airflow) -> None:
    """Whole seconds, or microseconds: a start is a start."""
    exact = airflow.parent(durable=True, started=DAY.replace(microsecond=1)).run().child.run_id
    airflow.reset()
    whole = airflow.parent(durable=True, started=DAY).run().child.run_id

    assert exact != whole


@pytest.mark.clause("X9")
def test_a_deleted_child_is_followed_by_a_new_one(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, durable=True)
    first = parent.crash_while_waiting()
    airflow.delete(first.child)
    second = parent.retry(finish("success"))

    assert second.state == "success"
    assert second.child.state == "success"
    assert second.xcoms["trigger_run_id"] == second.child.run_id


@pytest.mark.clause("X9")
def test_an_older_record_does_not_bring_a_deleted_child_back(airflow: Airflow) -> None:
    """A record can be older than the newest child: its store was away, or an overlapping try wrote last."""
    parent = airflow.parent(wait_for_completion=True, durable=True, retries=2)
    first = parent.crash_while_waiting()
    older = airflow.records() if airflow.honours("store") else []
    airflow.set_state(first.child, "failed")
    parent.heal()
    second = parent.crash_while_waiting()
    for record in older:
        airflow.put_record(record)
    airflow.delete(second.children[0])
    third = parent.retry(finish_once_waited_for(airflow, "success"))

    assert third.state == "success"
    assert third.child.run_id == second.children[1].run_id


@pytest.mark.clause("X10")
def test_the_child_is_recorded_before_it_is_triggered(airflow: Airflow) -> None:
    outcome = airflow.parent(wait_for_completion=True, durable=True).crash_while_waiting()
    if not airflow.honours("store"):
        assert airflow.records() == []
        assert not [request for request in outcome.requests if "store" in request]
        return

    (record,) = airflow.records()
    assert record["run_id"] == outcome.child.run_id
    calls = [request.rpartition("/")[0] for request in outcome.requests]
    task_instance = calls[0].rpartition("/")[2]
    stored, triggered = calls.index(f"PUT /store/ti/{task_instance}"), calls.index("POST /dag-runs/child")
    assert stored < triggered < calls.index(f"GET /dag-runs/child/{outcome.child.run_id}")


@pytest.mark.clause("X10")
def test_a_first_try_writes_its_record_and_reads_none(airflow: Airflow) -> None:
    if not airflow.honours("store"):
        pytest.skip("there is no task state store before Airflow 3.3")
    outcome = airflow.parent(durable=True).run()

    calls = [request.partition(" ")[0] for request in outcome.requests if " /store/" in request]
    assert calls == ["PUT"]


@pytest.mark.clause("X10")
@pytest.mark.clause("X5")
def test_the_record_of_an_older_epoch_is_replaced(airflow: Airflow) -> None:
    """On 3.3 and the 3.4 betas it outlives a clear, so a try after one has to write what it does not read."""
    if not airflow.honours("store"):
        pytest.skip("there is no task state store before Airflow 3.3")
    parent = airflow.parent(wait_for_completion=True, durable=True)
    parent.run(finish("success"))
    parent.clear()
    second = parent.crash_while_waiting()

    assert [record["run_id"] for record in airflow.records()] == [second.children[1].run_id]


@pytest.mark.clause("X10")
def test_a_retry_reads_the_record_once_and_does_not_write_it_again(airflow: Airflow) -> None:
    if not airflow.honours("store"):
        pytest.skip("there is no task state store before Airflow 3.3")
    parent = airflow.parent(wait_for_completion=True, durable=True)
    first = parent.crash_while_waiting()
    airflow.set_state(first.child, "success")
    second = parent.retry()

    calls = [request.partition(" ")[0] for request in second.requests if " /store/" in request]
    looks = [request for request in second.requests if request.startswith("GET /dag-runs/")]
    assert (calls, len(looks)) == (["GET"], 1)


@pytest.mark.clause("X11")
def test_without_durable_nothing_is_stored_or_looked_up(airflow: Airflow) -> None:
    outcome = airflow.parent().run()

    assert outcome.child.run_id.startswith("manual__")
    runs = [request for request in outcome.requests if "/dag-runs/" in request]
    assert len(runs) == (1 if outcome.requests else 0)
    assert not [request for request in outcome.requests if "store" in request]


@pytest.mark.clause("X12")
@pytest.mark.parametrize("pinned", [{"trigger_run_id": "mine"}, {"logical_date": DAY}], ids=["id", "date"])
def test_a_foreign_run_is_not_adopted(airflow: Airflow, pinned: dict[str, Any]) -> None:
    run_id = pinned.get("trigger_run_id", f"manual__{DAY.isoformat()}")
    before = [Run(run_id, state="running", logical_date=DAY)]
    parent = airflow.parent(wait_for_completion=True, durable=True, retries=2, before=before, **pinned)
    outcome = parent.run(lambda running: running.ends(15.0))

    assert outcome.state == "failed"
    assert (outcome.child.state, outcome.child.clear_number) == ("running", 0)


@pytest.mark.clause("X13")
def test_every_iteration_of_a_loop_has_its_own_child(airflow: Airflow) -> None:
    if not airflow.honours("loop"):
        pytest.skip("there are no loops before Airflow 3.4")
    parent = airflow.parent(durable=True, iterations=3)
    run_ids = []
    for iteration in range(3):
        run_ids.append(parent.run(iteration=iteration).xcoms["trigger_run_id"])
        if iteration < 2:
            parent.pass_gate(iteration)

    assert sorted(child.run_id for child in airflow.children()) == sorted(set(run_ids))
    assert len(set(run_ids)) == 3


@pytest.mark.clause("X13")
@pytest.mark.parametrize("crash", [Parent.crash_at_trigger, Parent.crash_while_waiting])
def test_a_retry_reconnects_to_the_child_of_its_iteration(
    airflow: Airflow, crash: Callable[..., Outcome]
) -> None:
    if not airflow.honours("loop"):
        pytest.skip("there are no loops before Airflow 3.4")
    parent = airflow.parent(durable=True, wait_for_completion=True, iterations=2)
    parent.run(finish("success"), iteration=0)
    parent.pass_gate(0)
    lost = crash(parent, iteration=1)
    again = parent.retry(finish_once_waited_for(airflow, "success"), iteration=1)

    assert again.state == "success"
    assert len(again.children) == 2
    assert again.xcoms["trigger_run_id"] == lost.children[1].run_id


@pytest.mark.clause("X13")
def test_a_mapped_parent_in_a_loop_has_a_child_per_index_and_iteration(airflow: Airflow) -> None:
    if not airflow.honours("loop"):
        pytest.skip("there are no loops before Airflow 3.4")
    parent = airflow.parent(durable=True, iterations=2, expand={"conf": [{"n": 0}, {"n": 1}]})
    run_ids = []
    for iteration in range(2):
        outcomes = [parent.run(map_index=index, iteration=iteration) for index in range(2)]
        run_ids += [outcome.xcoms["trigger_run_id"] for outcome in outcomes]
        if iteration == 0:
            parent.pass_gate(0)

    assert len(set(run_ids)) == 4
    conf = {child.run_id: child.conf["n"] for child in airflow.children()}
    assert [conf[run_id] for run_id in run_ids] == [0, 1, 0, 1]


@pytest.mark.clause("X13")
def test_an_iteration_that_runs_again_has_a_new_child(airflow: Airflow) -> None:
    """A clear of the gate archives what came after it: the next iteration is another task instance."""
    if not airflow.honours("loop"):
        pytest.skip("there are no loops before Airflow 3.4")
    parent = airflow.parent(durable=True, iterations=2)
    parent.run(iteration=0)
    parent.pass_gate(0)
    first = parent.run(iteration=1)
    parent.clear_gate(0)
    parent.pass_gate(0)
    second = parent.run(iteration=1)

    assert (first.try_number, second.try_number) == (1, 1)
    assert second.xcoms["trigger_run_id"] != first.xcoms["trigger_run_id"]
    assert len(second.children) == 3


@pytest.mark.clause("X14")
@pytest.mark.parametrize("state", ["success", "running"])
@pytest.mark.parametrize("wait", [False, True], ids=["fire and forget", "wait"])
def test_a_run_recreated_is_a_new_parent(airflow: Airflow, state: str, wait: bool) -> None:
    parent = airflow.parent(durable=True, wait_for_completion=wait)
    first = parent.run(finish("success") if wait else None)
    airflow.set_state(first.child, state)
    parent.create_run_again()
    second = parent.run(finish("success") if wait else None)

    assert second.state == "success"
    assert len(second.children) == 2
    assert second.xcoms["trigger_run_id"] == second.children[1].run_id != first.child.run_id


@pytest.mark.clause("X14")
def test_a_mapped_parent_of_a_run_recreated_is_a_new_one(airflow: Airflow) -> None:
    parent = airflow.parent(durable=True, expand={"conf": [{"n": 0}]})
    parent.run(map_index=0)
    parent.create_run_again()
    second = parent.run(map_index=0)

    assert len(second.children) == 2


@pytest.mark.clause("X14")
def test_a_retry_in_a_run_recreated_reconnects_to_its_own_child(airflow: Airflow) -> None:
    parent = airflow.parent(durable=True, wait_for_completion=True)
    parent.crash_while_waiting()
    parent.create_run_again()
    lost = parent.crash_while_waiting()
    again = parent.retry(finish_once_waited_for_last(airflow, "success"))

    assert again.state == "success"
    assert len(again.children) == 2
    assert again.xcoms["trigger_run_id"] == lost.children[1].run_id


@pytest.mark.clause("X14")
@pytest.mark.clause("P5")
def test_dag_test_twice_for_one_date_triggers_twice(airflow: Airflow) -> None:
    if not airflow.honours("dag.test"):
        pytest.skip("nothing is triggered there before Airflow 3.0.2: exception-P5-trigger")
    first = airflow.test_dag(retries=0, durable=True, date=DAY)
    second = airflow.test_dag(retries=0, durable=True, date=DAY)

    assert (first.state, second.state) == ("success", "success")
    assert len(second.children) == 2


@pytest.mark.clause("X15")
def test_the_clear_of_a_sibling_changes_nothing(airflow: Airflow) -> None:
    parent = airflow.parent(durable=True, wait_for_completion=True, sibling=True)
    first = parent.crash_while_waiting()
    parent.finish_sibling()
    parent.clear("sibling")
    second = parent.retry(finish_once_waited_for(airflow, "success"))

    assert second.state == "success"
    assert second.child.run_id == first.child.run_id


@pytest.mark.clause("X15")
@pytest.mark.parametrize("retries", [1, 5])
def test_an_edit_of_retries_changes_nothing(airflow: Airflow, retries: int) -> None:
    parent = airflow.parent(durable=True, wait_for_completion=True, retries=2)
    first = parent.crash_while_waiting()
    parent.edit(retries=retries)
    second = parent.retry(finish_once_waited_for(airflow, "success"))

    assert second.state == "success"
    assert second.child.run_id == first.child.run_id


@pytest.mark.clause("X5")
@pytest.mark.clause("X14")
@pytest.mark.parametrize("retries", [0, 1, 2, 3])
def test_a_clear_after_an_edit_of_retries_triggers_a_new_child(airflow: Airflow, retries: int) -> None:
    """With one fewer than before, ``max_tries`` is what it was; but the run has begun again."""
    parent = airflow.parent(durable=True, wait_for_completion=True, retries=2)
    parent.run(finish("success"))
    parent.edit(retries=retries)
    parent.clear(finish_run=True)
    second = parent.run(finish("success"))

    assert second.state == "success"
    assert len(second.children) == 2
    assert second.xcoms["trigger_run_id"] == second.children[1].run_id


MOVING: dict[str, dict[str, Any]] = {
    "run id of the try": {"trigger_run_id": "{{ run_id }}-{{ ti.try_number }}"},
    "run id of the try, as task_instance": {"trigger_run_id": "x{{ task_instance.try_number }}"},
    "dag of the try": {"trigger_dag_id": "{{ 'child' if ti.try_number == 1 else 'other_child' }}"},
    "date of the try": {"logical_date": "2031-01-0{{ ti.try_number }}"},
    "date of now": {"logical_date": "{{ macros.datetime.utcnow().isoformat() }}"},
    "date of the parsing": {"logical_date": Code("datetime.datetime.now(datetime.timezone.utc)")},
}


@pytest.mark.clause("X16")
@pytest.mark.parametrize("crash", [Parent.crash_at_trigger, Parent.crash_while_waiting])
@pytest.mark.parametrize("pin", MOVING.values(), ids=MOVING)
def test_a_pin_that_renders_differently_is_reconnected_to(
    airflow: Airflow, pin: dict[str, Any], crash: Callable[[Parent], Outcome]
) -> None:
    parent = airflow.parent(durable=True, wait_for_completion=True, **pin)
    first = crash(parent)
    second = parent.retry(finish_once_waited_for(airflow, "success"))

    child = first.child
    assert second.state == "success"
    assert second.child.run_id == child.run_id
    assert second.xcoms["trigger_run_id"] == child.run_id
    if airflow.has_api:
        link = second.xcoms["_link_TriggerDagRunLink"]
        assert link.endswith(f"/dags/{child.dag_id}/runs/{child.run_id}")


@pytest.mark.clause("X16")
def test_a_failed_child_of_an_earlier_run_id_is_followed_by_one_of_the_new_id(airflow: Airflow) -> None:
    parent = airflow.parent(durable=True, wait_for_completion=True, trigger_run_id="x{{ ti.try_number }}")
    first = parent.crash_while_waiting()
    airflow.set_state(first.child, "failed")
    second = parent.retry(finish("success"))

    assert second.state == "success"
    assert [(child.run_id, child.state) for child in second.children] == [("x1", "failed"), ("x2", "success")]


@pytest.mark.clause("X16")
def test_a_pin_that_cannot_be_found_again_is_logged(airflow: Airflow) -> None:
    pin = "x-{{ macros.time.time() }}"
    parent = airflow.parent(durable=True, wait_for_completion=True, trigger_run_id=pin)
    first = parent.crash_while_waiting()
    if airflow.honours("store"):
        second = parent.retry(finish_once_waited_for(airflow, "success"))
        assert second.child.run_id == first.child.run_id
        return
    second = parent.retry(finish("success"))
    assert len(second.children) == 2
    assert "trigger_run_id may render to another value on the next try" in first.log
    assert "its child is not found" in second.log
