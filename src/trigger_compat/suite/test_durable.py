"""``durable=True``: a parent that dies finds its child again (clauses X1-X12)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from trigger_compat import dispatch
from trigger_compat.suite.harness import Airflow, Outcome, Parent, Run, Try, finish, kill_task

DAY = datetime(2024, 5, 5, tzinfo=timezone.utc)


def finish_once_waited_for(airflow: Airflow, state: str) -> Callable[[Try], None]:
    """The child of the earlier try ends while the running one waits for it."""

    def during(running: Try) -> None:
        running.looked()
        running.stays(0.5)
        (child,) = airflow.active()
        airflow.set_state(child, state)

    return during


@pytest.mark.clause("X1")
@pytest.mark.clause("X4")
@pytest.mark.parametrize("crash", [Parent.crash_at_trigger, Parent.crash_while_waiting])
def test_the_retry_goes_back_to_the_child(airflow: Airflow, crash: Callable[[Parent], Outcome]) -> None:
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
def test_a_failed_child_is_followed_by_a_fresh_one(airflow: Airflow) -> None:
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
def test_a_retry_after_a_clear_goes_back_to_the_new_child(airflow: Airflow) -> None:
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
def test_a_lost_try_that_goes_on_resets_no_child(airflow: Airflow) -> None:
    """It was held up before its trigger; a later try has triggered that child since, and it has failed."""
    arguments: dict[str, Any] = {"durable": True, "reset_dag_run": True}
    child = Run(airflow.parent(**arguments).crash_at_trigger().child.run_id, state="failed")
    airflow.reset()
    outcome = airflow.parent(**arguments, before=[child]).run()

    earlier = outcome.children[0]
    assert (earlier.run_id, earlier.state, earlier.clear_number) == (child.run_id, "failed", 0)


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
    outcome = airflow.parent(durable=True).run()

    assert outcome.child.run_id == "durable__parent.trigger__e1g1__78be688116f7da3237b1"


@pytest.mark.clause("X9")
def test_a_deleted_child_is_followed_by_a_fresh_one(airflow: Airflow) -> None:
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
