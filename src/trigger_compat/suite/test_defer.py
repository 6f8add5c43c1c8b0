"""A parent that gives its slot back while the child runs (clauses D1-D5)."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import pytest

from trigger_compat.suite.harness import Airflow, HarnessError, Outcome, Parent, Run, finish

pytestmark: Final = pytest.mark.defers
REPORTED_WITHIN: Final = 7.0
"""Seconds within which an executor has told the scheduler of the process that deferred, as measured."""


def deferred(airflow: Airflow, **arguments: Any) -> tuple[Parent, Outcome]:
    parent = airflow.parent(wait_for_completion=True, deferrable=True, **arguments)
    outcome = parent.run()
    assert outcome.state == "deferred"
    assert outcome.kinds == ()
    return parent, outcome


@pytest.mark.clause("D1")
def test_success_of_the_child_is_success(airflow: Airflow) -> None:
    parent, outcome = deferred(airflow)
    resumed = parent.resume(partial(airflow.set_state, outcome.child, "success"))

    assert resumed.state == "success"
    assert resumed.kinds == ("success",)
    assert resumed.try_number == outcome.try_number
    assert resumed.child.run_id == outcome.child.run_id


@pytest.mark.clause("D1", aspect="date")
def test_it_waits_for_the_run_id_alone(airflow: Airflow) -> None:
    _, outcome = deferred(airflow)

    assert outcome.trigger is not None
    if outcome.trigger.get("run_ids"):
        assert outcome.trigger["run_ids"] == [outcome.child.run_id]
        assert not outcome.trigger.get("execution_dates")
    else:  # the trigger of an Airflow 2 without the standard provider knows dates only; there they are unique
        assert outcome.trigger["execution_dates"] == [outcome.child.logical_date]


@pytest.mark.clause("D1")
def test_a_failed_child_is_a_failure_with_retries(airflow: Airflow) -> None:
    parent, outcome = deferred(airflow)
    resumed = parent.resume(partial(airflow.set_state, outcome.child, "failed"))

    assert resumed.state == "up_for_retry"
    assert resumed.kinds == ("retry",)
    assert resumed.failure.error == "AirflowException"
    assert resumed.failure.text == "child failed with failed state failed"


@pytest.mark.clause("D1", aspect="error")
def test_callbacks_get_the_real_error(airflow: Airflow) -> None:
    parent, outcome = deferred(airflow)
    resumed = parent.resume(partial(airflow.set_state, outcome.child, "failed"))

    assert resumed.callback("retry").error == "AirflowException"
    assert resumed.callback("retry").text == "child failed with failed state failed"


@pytest.mark.clause("D1", aspect="retry")
def test_the_retry_triggers_a_new_child(airflow: Airflow) -> None:
    parent, outcome = deferred(airflow)
    parent.resume(partial(airflow.set_state, outcome.child, "failed"))
    second = parent.retry()

    assert second.state == "deferred"
    assert [child.state for child in second.children] == ["failed", "queued"]
    third = parent.resume(partial(airflow.set_state, second.children[1], "success"))
    assert third.state == "success"


@pytest.mark.clause("T6")
def test_the_run_id_is_known_after_the_deferral(airflow: Airflow) -> None:
    parent, outcome = deferred(airflow)
    assert outcome.xcoms["trigger_run_id"] == outcome.child.run_id
    resumed = parent.resume(partial(airflow.set_state, outcome.child, "success"))

    assert resumed.xcoms["trigger_run_id"] == outcome.child.run_id
    assert (resumed.listeners[-1].kind, resumed.listeners[-1].trigger_run_id) == (
        "success",
        outcome.child.run_id,
    )


@pytest.mark.clause("D2")
def test_without_waiting_it_completes_at_once(airflow: Airflow) -> None:
    outcome = airflow.parent(deferrable=True, wait_for_completion=False).run()

    assert outcome.state == "success"
    assert outcome.trigger is None
    assert outcome.child.state == "queued"


@pytest.mark.clause("D3")
def test_a_reset_run_ends_the_deferral(airflow: Airflow) -> None:
    parent, outcome = deferred(airflow, trigger_run_id="mine", reset_dag_run=True, before=[Run("mine")])

    assert (outcome.child.state, outcome.child.clear_number) == ("queued", 1)
    resumed = parent.resume(partial(airflow.set_state, outcome.child, "success"))
    assert resumed.state == "success"


@pytest.mark.clause("D4")
@pytest.mark.parametrize("state", ["running", None])
def test_resumed_with_no_final_state_it_fails(airflow: Airflow, state: str | None) -> None:
    parent, outcome = deferred(airflow, trigger_run_id="mine")

    def went_on(event: Any) -> Any:
        """The child was cleared (or deleted) after the trigger had seen it end."""
        class_path, payload = event
        if state:
            airflow.set_state(outcome.child, state)
        else:
            airflow.delete(outcome.child)
        payload = {key: value for key, value in payload.items() if key != "mine"}
        return (class_path, {**payload, "mine": state} if state else payload)

    resumed = parent.resume(partial(airflow.set_state, outcome.child, "success"), alter=went_on)

    assert resumed.state == "up_for_retry"
    assert resumed.kinds == ("retry",)


@pytest.mark.clause("W4", aspect="deferred")
def test_a_deleted_child_ends_the_deferral(airflow: Airflow) -> None:
    parent, outcome = deferred(airflow)
    resumed = parent.resume(partial(airflow.delete, outcome.child), limit=3.0)

    assert resumed.state == "up_for_retry"


@pytest.mark.clause("X7")
def test_a_durable_parent_defers_to_the_child_it_has(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, deferrable=True, durable=True)
    first = parent.crash_at_trigger()
    second = parent.retry()

    assert second.state == "deferred"
    assert second.child.run_id == first.child.run_id
    resumed = parent.resume(partial(airflow.set_state, second.child, "success"))
    assert resumed.state == "success"
    assert resumed.child.clear_number == 0
    assert resumed.xcoms["trigger_run_id"] == first.child.run_id


@pytest.mark.clause("X6")
def test_a_try_presumed_lost_resets_no_pinned_child(airflow: Airflow) -> None:
    """It had found no run, and was held up before its trigger; a later try has triggered that run since."""
    pinned: dict[str, Any] = {"trigger_run_id": "mine", "reset_dag_run": True, "retries": 2}
    parent = airflow.parent(wait_for_completion=True, deferrable=True, durable=True, **pinned)
    lost = parent.start(at_trigger="hold")
    lost.held()
    parent.heal()
    second = parent.retry()
    lost.release()

    assert second.state == "deferred"
    resumed = parent.resume(partial(airflow.set_state, second.child, "success"))
    assert resumed.state == "success"
    assert [(child.run_id, child.clear_number) for child in resumed.children] == [("mine", 0)]


@pytest.mark.clause("D5")
def test_the_trigger_leaves_the_executor_time_to_report(airflow: Airflow) -> None:
    """The scheduler fails a try whose task is queued again before it has heard of its first end."""
    if not airflow.has_api:
        pytest.skip("Airflow 2 notices the end of a task process at once")
    parent, outcome = deferred(airflow)
    airflow.set_state(outcome.child, "success")

    try:
        parent.resume(limit=REPORTED_WITHIN, at_once=False)
    except HarnessError as error:
        fired = "gave up" not in str(error)
    else:
        fired = True
    assert not fired


@pytest.mark.clause("P5", aspect="deferral")
def test_dag_test_of_a_deferral(airflow: Airflow) -> None:
    """Airflow runs the trigger in the same process, and the parent again with its event."""
    if not airflow.honours("dag.test"):
        pytest.skip("nothing is triggered there before Airflow 3.0.2: exception-P5-trigger")
    outcome = airflow.test_dag(finish("success"), retries=0, wait_for_completion=True, deferrable=True)

    assert outcome.state == "success"
    assert [child.state for child in outcome.children] == ["success"]
