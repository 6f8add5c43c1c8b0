"""What is triggered, and what happens when it exists already or cannot be (clauses T1-T7)."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from trigger_compat.suite.harness import NO_DATE, Airflow, Mailbox, Run, finish

DAY = datetime(2024, 5, 5, tzinfo=timezone.utc)
OTHER_DAY = datetime(2024, 6, 6, tzinfo=timezone.utc)


@pytest.mark.clause("T1")
def test_fire_and_forget(airflow: Airflow) -> None:
    outcome = airflow.parent().run()

    assert outcome.state == "success"
    assert outcome.kinds == ("success",)
    assert outcome.child.state == "queued"
    assert outcome.child.dag_id == "child"
    assert outcome.child.conf == {}
    assert outcome.xcoms["trigger_run_id"] == outcome.child.run_id


@pytest.mark.clause("T1")
def test_the_run_is_what_was_asked_for(airflow: Airflow) -> None:
    conf = {"nested": {"list": [1, None, "ü"]}}
    outcome = airflow.parent(
        trigger_dag_id="other_child", trigger_run_id="mine", conf=conf, logical_date=DAY
    ).run()

    child = outcome.child
    assert (child.dag_id, child.run_id, child.conf, child.logical_date) == ("other_child", "mine", conf, DAY)


@pytest.mark.clause("T2")
def test_an_existing_run_makes_the_parent_skip(airflow: Airflow) -> None:
    parent = airflow.parent(trigger_run_id="mine", skip_when_already_exists=True, before=[Run("mine")])
    outcome = parent.run()

    assert outcome.state == "skipped"
    assert "skipped" in outcome.kinds
    assert outcome.xcoms["trigger_run_id"] == "mine"
    assert (outcome.child.state, outcome.child.clear_number) == ("success", 0)


@pytest.mark.clause("T2", aspect="date")
@pytest.mark.parametrize("given", [{"trigger_run_id": "mine"}, {}], ids=["id and date", "date"])
def test_a_run_that_only_shares_the_date_makes_the_parent_skip_and_is_not_misnamed(
    airflow: Airflow, given: dict[str, Any]
) -> None:
    """Airflow 2 knows which run that is, the execution API of Airflow 3 does not say."""
    before = [Run("nightly", logical_date=DAY)]
    parent = airflow.parent(logical_date=DAY, skip_when_already_exists=True, before=before, **given)
    outcome = parent.run()

    assert outcome.state == "skipped"
    assert outcome.child.run_id == "nightly"
    assert outcome.xcoms.get("trigger_run_id") in (None, "nightly")
    assert outcome.xcoms.get("_link_TriggerDagRunLink") in (None, "")
    assert airflow.has_api or outcome.xcoms["trigger_run_id"] == "nightly"


@pytest.mark.clause("T2")
@pytest.mark.clause("T6")
def test_a_new_run_of_a_date_does_not_skip_and_is_named(airflow: Airflow) -> None:
    outcome = airflow.parent(logical_date=DAY, skip_when_already_exists=True).run()

    assert outcome.state == "success"
    assert outcome.xcoms["trigger_run_id"] == outcome.child.run_id == f"manual__{DAY.isoformat()}"


@pytest.mark.clause("T2")
def test_a_new_run_does_not_skip(airflow: Airflow) -> None:
    outcome = airflow.parent(trigger_run_id="mine", skip_when_already_exists=True).run()

    assert outcome.state == "success"
    assert outcome.child.run_id == "mine"


@pytest.mark.clause("T3")
def test_reset_clears_that_run_and_no_other(airflow: Airflow) -> None:
    before = [
        Run("mine", logical_date=DAY),
        Run("another", logical_date=OTHER_DAY),
        Run("mine", dag_id="other_child"),
    ]
    parent = airflow.parent(
        trigger_run_id="mine", reset_dag_run=True, wait_for_completion=True, before=before
    )
    outcome = parent.run(finish("success"))

    assert outcome.state == "success"
    cleared = {(child.dag_id, child.run_id): child.clear_number for child in outcome.children}
    assert cleared == {("child", "mine"): 1, ("child", "another"): 0, ("other_child", "mine"): 0}


@pytest.mark.clause("T3")
def test_reset_of_one_run_among_several(airflow: Airflow) -> None:
    """The same date is none; Airflow 2 allows no two runs of a dag with one date."""
    dates = [NO_DATE] * 3 if airflow.honours("no logical date") else [DAY, OTHER_DAY, None]
    names = ("mine", "another", "a-third")
    before = [Run(run_id, logical_date=date) for run_id, date in zip(names, dates, strict=True)]
    outcome = airflow.parent(trigger_run_id="mine", reset_dag_run=True, before=before).run()

    assert outcome.state == "success"
    cleared = {child.run_id: (child.state, child.clear_number) for child in outcome.children}
    assert cleared == {"mine": ("queued", 1), "another": ("success", 0), "a-third": ("success", 0)}


@pytest.mark.clause("T1")
@pytest.mark.clause("T3")
@pytest.mark.parametrize("exists", [{}, {"reset_dag_run": True}], ids=["plain", "reset"])
def test_a_run_that_only_shares_the_date_is_left_alone(airflow: Airflow, exists: dict[str, Any]) -> None:
    before = [Run("another", logical_date=DAY)]
    parent = airflow.parent(trigger_run_id="mine", logical_date=DAY, retries=0, before=before, **exists)
    outcome = parent.run()

    assert outcome.state == "failed"
    assert (outcome.child.run_id, outcome.child.state, outcome.child.clear_number) == (
        "another",
        "success",
        0,
    )


@pytest.mark.clause("T3")
def test_reset_waits_for_the_cleared_run(airflow: Airflow) -> None:
    before = [Run("mine", state="success")]
    parent = airflow.parent(
        trigger_run_id="mine", reset_dag_run=True, wait_for_completion=True, retries=0, before=before
    )
    outcome = parent.run(finish("failed"))

    assert outcome.state == "failed"
    assert outcome.xcoms["trigger_run_id"] == "mine"


@pytest.mark.clause("T3")
@pytest.mark.parametrize(
    ("given", "dropped"),
    [
        ({"conf": {"a": 1}}, "conf"),
        ({"note": "why"}, "note"),
        ({"conf": {"a": 1}, "note": "why"}, "conf, note"),
    ],
    ids=["conf", "note", "both"],
)
def test_reset_says_what_it_drops(airflow: Airflow, given: dict[str, Any], dropped: str) -> None:
    outcome = airflow.parent(trigger_run_id="mine", reset_dag_run=True, before=[Run("mine")], **given).run()

    assert outcome.state == "success"
    assert (outcome.child.clear_number, outcome.child.conf) == (1, {})
    assert f"not applied: {dropped}" in outcome.log


@pytest.mark.clause("T3")
def test_reset_of_no_run_drops_nothing(airflow: Airflow) -> None:
    outcome = airflow.parent(trigger_run_id="mine", reset_dag_run=True, conf={"a": 1}).run()

    assert outcome.child.conf == {"a": 1}
    assert "not applied" not in outcome.log


@pytest.mark.clause("T3")
def test_reset_of_no_run_triggers_one(airflow: Airflow) -> None:
    outcome = airflow.parent(trigger_run_id="mine", reset_dag_run=True).run()

    assert outcome.state == "success"
    assert (outcome.child.run_id, outcome.child.clear_number) == ("mine", 0)


@pytest.mark.clause("T4")
def test_an_existing_run_fails_the_parent_for_good(airflow: Airflow) -> None:
    outcome = airflow.parent(trigger_run_id="mine", retries=2, before=[Run("mine")]).run()

    assert outcome.state == "failed"
    assert outcome.kinds == ("failure",)
    assert (outcome.child.state, outcome.child.clear_number) == ("success", 0)


@pytest.mark.clause("T5")
def test_a_missing_dag_fails_like_any_error(airflow: Airflow) -> None:
    outcome = airflow.parent(trigger_dag_id="no_such_dag").run()

    assert outcome.state == "up_for_retry"
    assert outcome.kinds == ("retry",)
    assert "no_such_dag" in outcome.failure.text
    assert [event.kind for event in outcome.listeners] == ["running", "failed"]
    assert outcome.children == ()


@pytest.mark.clause("T5", aspect="mail")
def test_the_mail_about_a_missing_dag_names_it(airflow: Airflow, mailbox: Mailbox) -> None:
    airflow.parent(trigger_dag_id="no_such_dag", email="ops@example.com", email_on_retry=True).run()

    assert len(mailbox.bodies) == 1
    assert "no_such_dag" in mailbox.bodies[0]


@pytest.mark.clause("T5")
def test_a_dag_that_no_longer_imports_fails_like_any_error(airflow: Airflow) -> None:
    parent = airflow.parent()
    airflow.break_dag("child")
    outcome = parent.run()

    assert outcome.state == "up_for_retry"
    assert outcome.kinds == ("retry",)
    assert "child" in outcome.failure.text
    assert outcome.children == ()


@pytest.mark.clause("T6")
def test_the_run_id_is_an_xcom_while_the_child_runs(airflow: Airflow) -> None:
    running = airflow.parent(wait_for_completion=True).start()
    child = running.child()

    assert running.xcom("trigger_run_id") == child.run_id
    assert airflow.active() == (child,)
    airflow.set_state(child, "success")
    assert running.finish_with(None).xcoms["trigger_run_id"] == child.run_id


@pytest.mark.clause("T6")
def test_the_link_is_there_while_the_child_runs(airflow: Airflow) -> None:
    """Airflow 3 keeps the link itself; the webserver of Airflow 2 makes it from the run id."""
    key, end = ("_link_TriggerDagRunLink", "/dags/child/runs/") if airflow.has_api else ("trigger_run_id", "")
    running = airflow.parent(wait_for_completion=True).start()
    child = running.child()
    link = running.xcom(key)

    assert airflow.active() == (child,)
    assert link.endswith(f"{end}{child.run_id}")
    airflow.set_state(child, "success")
    assert running.finish_with(None).xcoms[key] == link


@pytest.mark.clause("T6")
@pytest.mark.parametrize(("state", "event"), [("success", "success"), ("failed", "failed")])
def test_listeners_see_the_run_id(airflow: Airflow, state: str, event: str) -> None:
    outcome = airflow.parent(wait_for_completion=True).run(finish(state))

    assert (outcome.listeners[-1].kind, outcome.listeners[-1].trigger_run_id) == (event, outcome.child.run_id)


@pytest.mark.clause("T7")
@pytest.mark.clause("C3")
def test_a_paused_dag_is_not_triggered(airflow: Airflow) -> None:
    outcome = airflow.parent(trigger_dag_id="paused_child", fail_when_dag_is_paused=True).run()

    assert outcome.children == ()
    if airflow.honours("fail_when_dag_is_paused"):
        assert outcome.state == "up_for_retry"
        assert outcome.failure.error == "DagIsPaused"
        assert "paused_child" in outcome.failure.text
    else:
        assert outcome.state == "failed"
        assert "fail_when_dag_is_paused" in outcome.failure.text


@pytest.mark.clause("T7")
def test_a_dag_that_is_not_paused_is_triggered(airflow: Airflow) -> None:
    outcome = airflow.parent(fail_when_dag_is_paused=True).run()

    if airflow.honours("fail_when_dag_is_paused"):
        assert outcome.state == "success"
        assert outcome.child.state == "queued"
    else:
        assert outcome.state == "failed"
        assert outcome.children == ()


@pytest.mark.clause("T7")
def test_a_paused_dag_is_triggered_by_default(airflow: Airflow) -> None:
    outcome = airflow.parent(trigger_dag_id="paused_child").run()

    assert outcome.state == "success"
    assert outcome.child.state == "queued"


@pytest.mark.clause("T8")
def test_a_repeated_trigger_meets_its_own_run(airflow: Airflow) -> None:
    """Airflow 2 has no API whose answer could be lost, so nothing is repeated there."""
    running = airflow.parent(wait_for_completion=True).start(at_trigger="repeat")
    outcome = running.finish_with(finish("success"))

    assert outcome.state == "success"
    assert outcome.xcoms["trigger_run_id"] == outcome.child.run_id


@pytest.mark.clause("T4")
def test_a_repeated_trigger_of_a_foreign_run_still_fails(airflow: Airflow) -> None:
    running = airflow.parent(trigger_run_id="mine", before=[Run("mine")]).start(at_trigger="repeat")
    outcome = running.finish_with(None)

    assert outcome.state == "failed"
    assert outcome.child.clear_number == 0
