"""Arguments: what is sent, and what never leaves the process (clauses R1-R5, C2, C3)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from trigger_compat.suite.harness import Airflow, Code, HarnessError

DAY = datetime(2031, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def refusal(airflow: Airflow, **arguments: Any) -> str:
    """What is said of arguments that are refused, when the dag is parsed or at run time."""
    try:
        parent = airflow.parent(**arguments, retries=0)
    except HarnessError as error:
        return str(error)
    outcome = parent.run(lambda running: running.ends(5.0))
    assert outcome.children == ()
    assert outcome.state == "failed"
    return outcome.failure.text


BAD_RUN_IDS = ["a/../b", "..", "a b", "a\nb", "a?b", "a#b", "a%2fb", "a\\b", "", "x" * 251]


@pytest.mark.clause("R1")
@pytest.mark.parametrize("run_id", BAD_RUN_IDS, ids=lambda run_id: ascii(run_id[:10]))
def test_a_bad_run_id_creates_no_run(airflow: Airflow, run_id: str) -> None:
    outcome = airflow.parent(trigger_run_id=run_id, retries=0).run()

    assert outcome.children == ()
    assert outcome.state == "failed"
    assert "trigger_run_id" in outcome.failure.text
    assert len(outcome.failure.text) < 300
    assert not [request for request in outcome.requests if "/dag-runs/" in request]


@pytest.mark.clause("R1")
@pytest.mark.parametrize("run_id", ["a/b", "a?b", "a#b", "a%2fb", "a\\b", "a\nb", ""], ids=ascii)
def test_what_is_unsafe_in_a_path_is_refused_whatever_the_pattern(
    airflow: Airflow, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN", "(?s).*")
    outcome = airflow.parent(trigger_run_id=run_id, retries=0).run()

    assert outcome.children == ()
    assert outcome.state == "failed"
    assert "trigger_run_id" in outcome.failure.text


@pytest.mark.clause("R1")
@pytest.mark.parametrize(("run_id", "state"), [("team-one", "success"), ("other", "failed")])
def test_the_pattern_of_this_airflow_counts(
    airflow: Airflow, run_id: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN", "^(team-[a-z]+|the-parent)$")
    outcome = airflow.parent(trigger_run_id=run_id, retries=0).run()

    assert outcome.state == state
    assert len(outcome.children) == (state == "success")
    assert state == "success" or "trigger_run_id" in outcome.failure.text


@pytest.mark.clause("C2")
@pytest.mark.clause("R1")
def test_a_run_id_that_renders_to_a_number_is_its_text(airflow: Airflow) -> None:
    parent = airflow.parent(
        trigger_run_id="{{ dag_run.conf['n'] }}", native=True, conf_of_parent={"n": 20260131}
    )
    outcome = parent.run()

    assert outcome.state == "success"
    assert outcome.child.run_id == "20260131"


@pytest.mark.clause("R1")
def test_a_run_id_is_checked_after_rendering(airflow: Airflow) -> None:
    parent = airflow.parent(
        trigger_run_id="{{ dag_run.conf['id'] }}", conf_of_parent={"id": "a/../b"}, retries=0
    )
    outcome = parent.run()

    assert outcome.children == ()
    assert outcome.state == "failed"
    assert "trigger_run_id" in outcome.failure.text


@pytest.mark.clause("R1")
def test_the_longest_run_id_is_accepted(airflow: Airflow) -> None:
    outcome = airflow.parent(trigger_run_id="x" * 250).run()

    assert outcome.state == "success"
    assert outcome.child.run_id == "x" * 250


@pytest.mark.clause("R1")
@pytest.mark.parametrize("dag_id", ["../child", "child/runs", "a b", ""])
def test_a_bad_dag_id_triggers_nothing(airflow: Airflow, dag_id: str) -> None:
    outcome = airflow.parent(trigger_dag_id=dag_id, retries=0).run()

    assert outcome.children == ()
    assert outcome.state == "failed"
    assert "trigger_dag_id" in outcome.failure.text
    assert not [request for request in outcome.requests if "/dag-runs/" in request]


@pytest.mark.clause("R2")
@pytest.mark.parametrize(
    "conf", [{"a": {"b": [1, True, None]}}, '{"a": {"b": [1, true, null]}}'], ids=["dict", "json"]
)
def test_conf_is_a_mapping_or_its_json(airflow: Airflow, conf: Any) -> None:
    outcome = airflow.parent(conf=conf).run()

    assert outcome.state == "success"
    assert outcome.child.conf == {"a": {"b": [1, True, None]}}


@pytest.mark.clause("R2")
def test_conf_is_what_json_makes_of_it(airflow: Airflow) -> None:
    """Airflow 2 stores Python objects, Airflow 3 stores JSON: the child sees the same."""
    outcome = airflow.parent(conf={"a": (2, (3, None))}).run()

    assert outcome.state == "success"
    assert outcome.child.conf == {"a": [2, [3, None]]}


@pytest.mark.clause("R2")
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_conf_holds_no_number_that_json_lacks(airflow: Airflow, number: str) -> None:
    outcome = airflow.parent(conf=f'{{"a": [{number}]}}', retries=0).run()

    assert outcome.children == ()
    assert outcome.state == "failed"
    assert "conf" in outcome.failure.text


@pytest.mark.clause("R2")
def test_conf_that_is_no_json_names_the_key_and_no_value(airflow: Airflow) -> None:
    conf = {"password": "hunter2", "nested": {"culprit": [Code("object()")]}}
    outcome = airflow.parent(conf=conf, retries=0).run()

    assert outcome.children == ()
    assert outcome.state == "failed"
    assert "culprit" in outcome.failure.text
    assert "hunter2" not in outcome.failure.text
    assert "hunter2" not in outcome.log


@pytest.mark.clause("R2")
@pytest.mark.parametrize("conf", ["[1]", "{", "42"])
def test_conf_must_be_an_object(airflow: Airflow, conf: str) -> None:
    outcome = airflow.parent(conf=conf, retries=0).run()

    assert outcome.children == ()
    assert outcome.state == "failed"
    assert "conf" in outcome.failure.text
    assert "\n" not in outcome.failure.text


@pytest.mark.clause("R3")
@pytest.mark.parametrize(
    "given",
    [DAY, DAY.replace(tzinfo=None), DAY.isoformat(), "2031-01-02T03:04:05", "{{ dag_run.conf['date'] }}"],
    ids=["aware", "naive", "iso", "naive iso", "template"],
)
def test_a_logical_date_in_any_form(airflow: Airflow, given: Any) -> None:
    outcome = airflow.parent(logical_date=given, conf_of_parent={"date": DAY.isoformat()}).run()

    assert outcome.state == "success"
    assert outcome.child.logical_date == DAY
    assert outcome.child.run_id == "manual__2031-01-02T03:04:05+00:00"


@pytest.mark.clause("R3")
def test_no_logical_date_given_means_now(airflow: Airflow) -> None:
    before = datetime.now(timezone.utc)
    outcome = airflow.parent().run()

    assert outcome.child.logical_date is not None
    assert before <= outcome.child.logical_date <= datetime.now(timezone.utc)


@pytest.mark.clause("R3")
def test_none_means_no_logical_date_where_there_can_be_none(airflow: Airflow) -> None:
    outcome = airflow.parent(logical_date=None).run()

    assert outcome.state == "success"
    if airflow.honours("no logical date"):
        assert outcome.child.logical_date is None
    else:
        assert outcome.child.logical_date is not None
        assert datetime.now(timezone.utc) - outcome.child.logical_date < timedelta(minutes=5)
        assert "logical date" in outcome.log


@pytest.mark.clause("R3")
@pytest.mark.clause("C3")
def test_run_after_is_honoured_or_refused(airflow: Airflow) -> None:
    outcome = airflow.parent(run_after=DAY, retries=2).run()

    if airflow.honours("run_after"):
        assert outcome.state == "success"
        assert (outcome.child.run_after, outcome.child.logical_date) == (DAY, None)
    else:
        assert outcome.children == ()
        assert outcome.state == "failed"
        assert "run_after" in outcome.failure.text
        assert "3.3" in outcome.failure.text


@pytest.mark.clause("C3")
def test_a_note_is_stored_or_warned_about(airflow: Airflow) -> None:
    outcome = airflow.parent(note="why it runs").run()

    assert outcome.state == "success"
    if airflow.honours("note"):
        assert outcome.child.note == "why it runs"
    else:
        assert outcome.child.note is None
        assert "note is honoured by Airflow" in outcome.log


@pytest.mark.clause("T1")
def test_a_note_that_is_too_long_is_refused(airflow: Airflow) -> None:
    outcome = airflow.parent(note="x" * 1001, retries=0).run()

    assert outcome.children == ()
    assert outcome.state == "failed"
    assert "note" in outcome.failure.text


@pytest.mark.clause("R4")
@pytest.mark.parametrize(
    "states",
    [{"allowed_states": ["nope"]}, {"allowed_states": ["success", "failed"]}],
    ids=["unknown", "in both lists"],
)
def test_bad_states_are_refused(airflow: Airflow, states: dict[str, Any]) -> None:
    assert "allowed_states" in refusal(airflow, **states)


@pytest.mark.clause("R5")
@pytest.mark.parametrize("seconds", [0, -1, Code("float('nan')"), Code("float('inf')")], ids=repr)
def test_a_bad_poke_interval_is_refused(airflow: Airflow, seconds: Any) -> None:
    assert "poke_interval" in refusal(airflow, poke_interval=seconds, wait_for_completion=True)


@pytest.mark.clause("C2")
def test_every_template_field_is_rendered(airflow: Airflow) -> None:
    parent = airflow.parent(
        trigger_dag_id="{{ dag_run.conf['dag'] }}",
        trigger_run_id="{{ dag_run.conf['dag'] }}-{{ ti.task_id }}",
        conf='{"a": {{ dag_run.conf["n"] }}}',
        wait_for_completion="{{ dag_run.conf['wait'] }}",
        conf_of_parent={"dag": "other_child", "n": 7, "wait": False},
    )
    outcome = parent.run(lambda running: running.ends(15.0))

    assert outcome.state == "success"
    assert (outcome.child.dag_id, outcome.child.run_id) == ("other_child", "other_child-trigger")
    assert outcome.child.conf == {"a": 7}
    assert outcome.child.state == "queued"


@pytest.mark.clause("C2")
def test_native_rendering_gives_conf_its_types(airflow: Airflow) -> None:
    parent = airflow.parent(
        conf={"a": "{{ dag_run.conf['n'] }}"}, native=True, conf_of_parent={"n": [1, {"b": 2}]}
    )
    outcome = parent.run()

    assert outcome.state == "success"
    assert outcome.child.conf == {"a": [1, {"b": 2}]}
