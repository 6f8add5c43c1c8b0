"""A parent that waits for its child in its own process (clauses W1-W7)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from trigger_compat import dispatch
from trigger_compat.suite import OPERATOR
from trigger_compat.suite.harness import Airflow, Code, HarnessError, Mailbox, Try, delete, finish


@pytest.mark.clause("W1")
def test_success_of_the_child_is_success(airflow: Airflow) -> None:
    outcome = airflow.parent(wait_for_completion=True).run(finish("success"))

    assert outcome.state == "success"
    assert outcome.kinds == ("success",)
    assert outcome.child.state == "success"


@pytest.mark.clause("W1")
def test_any_state_can_be_allowed(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, allowed_states=["failed"], failed_states=[])
    outcome = parent.run(finish("failed"))

    assert outcome.state == "success"


@pytest.mark.clause("W1")
@pytest.mark.clause("R4")
def test_states_may_be_airflows_own(airflow: Airflow) -> None:
    allowed, failed = Code("[DagRunState.FAILED]"), Code("[DagRunState.SUCCESS]")
    parent = airflow.parent(wait_for_completion=True, allowed_states=allowed, failed_states=failed)
    outcome = parent.run(finish("failed"))

    assert outcome.state == "success"


@pytest.mark.clause("W1")
def test_no_allowed_states_are_the_default(airflow: Airflow) -> None:
    outcome = airflow.parent(wait_for_completion=True, allowed_states=[]).run(finish("success"))

    assert outcome.state == "success"


@pytest.mark.clause("W2", aspect="retries")
def test_a_failed_child_is_retried(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True)
    first = parent.run(finish("failed"))

    assert first.state == "up_for_retry"
    assert first.kinds == ("retry",)
    second = parent.retry(finish("success"))
    assert second.state == "success"
    assert [child.state for child in second.children] == ["failed", "success"]
    assert second.xcoms["trigger_run_id"] == second.children[1].run_id


@pytest.mark.clause("W2", aspect="error")
@pytest.mark.parametrize(("retries", "callback"), [(0, "failure"), (1, "retry")])
def test_callbacks_and_listeners_get_the_real_error(airflow: Airflow, retries: int, callback: str) -> None:
    outcome = airflow.parent(wait_for_completion=True, retries=retries).run(finish("failed"))

    for seen in (outcome.callback(callback), outcome.failure):
        assert seen.error == "AirflowException"
        assert seen.text == "child failed with failed state failed"


@pytest.mark.clause("W2", aspect="mail")
@pytest.mark.parametrize("retries", [0, 1])
def test_the_mail_is_about_the_real_error(airflow: Airflow, mailbox: Mailbox, retries: int) -> None:
    addressed: dict[str, Any] = {"email": "ops@example.com", "email_on_failure": True, "email_on_retry": True}
    airflow.parent(wait_for_completion=True, retries=retries, **addressed).run(finish("failed"))

    assert len(mailbox.bodies) == 1
    assert "child failed with failed state failed" in mailbox.bodies[0]


@pytest.mark.clause("W2")
def test_a_retry_policy_sees_the_real_error(airflow: Airflow) -> None:
    policy = Code("policy.no_retry_after('airflow.sdk.exceptions.AirflowException')")
    arguments: dict[str, Any] = {"wait_for_completion": True, "retries": 2, "retry_policy": policy}
    if not airflow.honours("retry_policy"):
        with pytest.raises(HarnessError, match="retry_policy"):
            airflow.parent(**arguments)
        return
    outcome = airflow.parent(**arguments).run(finish("failed"))

    assert outcome.state == "failed"
    assert outcome.kinds == ("failure",)


@pytest.mark.clause("W2")
def test_the_last_failure_fails_the_parent(airflow: Airflow) -> None:
    outcome = airflow.parent(wait_for_completion=True, retries=0).run(finish("failed"))

    assert outcome.state == "failed"
    assert outcome.kinds == ("failure",)
    assert [event.kind for event in outcome.listeners] == ["running", "failed"]


@pytest.mark.clause("W3")
def test_a_state_in_neither_list_is_waited_out(airflow: Airflow) -> None:
    def fail_then_succeed(running: Try) -> None:
        child = running.child()
        airflow.set_state(child, "failed")
        running.stays(1.0)
        airflow.set_state(child, "success")

    outcome = airflow.parent(wait_for_completion=True, failed_states=[]).run(fail_then_succeed)

    assert outcome.state == "success"


@pytest.mark.clause("W4")
def test_a_deleted_child_fails_the_parent(airflow: Airflow) -> None:
    def delete_while_waited_for(running: Try) -> None:
        child = running.child()
        running.looked()
        airflow.delete(child)
        running.ends(15.0)

    outcome = airflow.parent(wait_for_completion=True, trigger_run_id="mine").run(delete_while_waited_for)

    assert outcome.state == "up_for_retry"
    assert "mine" in outcome.failure.text
    assert outcome.children == ()


@pytest.mark.clause("W4")
def test_a_child_deleted_at_once_fails_the_parent(airflow: Airflow) -> None:
    def delete_at_once(running: Try) -> None:
        delete(running)
        running.ends(15.0)

    outcome = airflow.parent(wait_for_completion=True).run(delete_at_once)

    assert outcome.state == "up_for_retry"
    assert outcome.kinds == ("retry",)


@pytest.mark.clause("W5")
def test_execution_timeout_bounds_the_wait(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, execution_timeout=timedelta(seconds=1))
    outcome = parent.run(lambda running: running.ends(5.0))

    assert outcome.state == "up_for_retry"
    assert outcome.failure.error == "AirflowTaskTimeout"
    assert outcome.child.state == "queued"


@pytest.mark.clause("W7")
def test_a_short_outage_does_not_end_the_wait(airflow: Airflow) -> None:
    def outage(running: Try) -> None:
        child = running.child()
        running.looked()
        running.outage()
        running.stays(2.0)
        airflow.set_state(child, "success")

    outcome = airflow.parent(wait_for_completion=True).run(outage)

    assert outcome.state == "success"
    assert outcome.log.count("Cannot read the state of dag run") == 1


@pytest.mark.clause("W6")
def test_a_short_child_is_noticed_long_before_the_poke_interval(airflow: Airflow) -> None:
    """Where the task runner waits, the poke_interval is all there is."""
    runner_waits = airflow.operator == OPERATOR and dispatch.choose(None, defers=False)[0] == "exception"

    def ends_soon(running: Try) -> None:
        child = running.child()
        running.stays(1.0)
        airflow.set_state(child, "success")
        running.ends(30.0)

    poke_interval = 3 if runner_waits else 60
    outcome = airflow.parent(wait_for_completion=True, poke_interval=poke_interval).run(ends_soon)

    assert outcome.state == "success"
