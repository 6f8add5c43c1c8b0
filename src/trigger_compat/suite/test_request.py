"""Arguments: what is sent, and what never leaves the process (clauses R1-R5, C2, C3)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from trigger_compat.suite.harness import Airflow, Code, HarnessError, Run

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


NARROW = "^(team-[a-z]+|the-parent)$"


@pytest.mark.clause("R1")
@pytest.mark.parametrize(
    "given",
    [{}, {"durable": True}, {"logical_date": "2031-01-02T03:04:05-05:00"}],
    ids=["generated", "computed", "of a date"],
)
def test_a_run_id_that_is_made_up_is_checked_too(
    airflow: Airflow, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN", NARROW)
    outcome = airflow.parent(**given, retries=0).run()

    assert outcome.children == ()
    assert outcome.state == "failed"
    assert "allowed_run_id_pattern" in outcome.failure.text
    assert "\n" not in outcome.failure.text
    assert not [request for request in outcome.requests if "/dag-runs/" in request]


@pytest.mark.clause("R1")
@pytest.mark.parametrize("given", [{"trigger_run_id": "team-one"}, {"logical_date": DAY}], ids=["id", "date"])
def test_an_id_that_fits_a_narrow_pattern_is_accepted(
    airflow: Airflow, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id of a date in UTC has the form that Airflow accepts under any pattern."""
    monkeypatch.setenv("AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN", NARROW)
    outcome = airflow.parent(**given, durable=True, retries=0).run()

    assert outcome.state == "success"
    assert outcome.child.run_id == given.get("trigger_run_id", "manual__2031-01-02T03:04:05+00:00")


@pytest.mark.clause("R1")
@pytest.mark.parametrize("text", ["2026_01_31", "1e5", "20260131", "True", "0x10", "1_000"])
@pytest.mark.parametrize("template", ["{}", "{{{{ '{}' }}}}"], ids=["plain", "template"])
def test_a_run_id_stays_a_text_where_templates_render_to_objects(
    airflow: Airflow, text: str, template: str
) -> None:
    outcome = airflow.parent(trigger_run_id=template.format(text), native=True, retries=0).run()

    assert outcome.state == "success"
    assert outcome.child.run_id == text


@pytest.mark.clause("R1")
def test_a_mapped_run_id_stays_a_text_where_templates_render_to_objects(airflow: Airflow) -> None:
    parent = airflow.parent(expand={"trigger_run_id": ["2026_01_31"]}, native=True, retries=0)
    outcome = parent.run(map_index=0)

    assert outcome.state == "success"
    assert outcome.child.run_id == "2026_01_31"


@pytest.mark.clause("R1")
def test_a_dag_id_of_digits_stays_a_text_where_templates_render_to_objects(airflow: Airflow) -> None:
    outcome = airflow.parent(trigger_dag_id="20_26", native=True, retries=0).run()

    assert outcome.state == "success"
    assert outcome.child.dag_id == "20_26"


@pytest.mark.clause("R3")
@pytest.mark.parametrize("date", ["20310102", "2031-01-02"])
def test_a_date_stays_a_text_where_templates_render_to_objects(airflow: Airflow, date: str) -> None:
    outcome = airflow.parent(logical_date=date, native=True, retries=0).run()

    assert outcome.state == "success"
    assert outcome.child.logical_date == DAY.replace(hour=0, minute=0, second=0)


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


UNSENDABLE: dict[str, Any] = {
    "an integer of 65 bits": '{"culprit": 18446744073709551616}',
    "a negative integer of 65 bits": '{"culprit": -9223372036854775809}',
    "a lone surrogate": '{"culprit": "\\udcff.csv"}',
    "a lone surrogate in a key": '{"culprit": {"\\udcff": 1}}',
    "NUL": {"culprit": "a\0b"},
    "too deep": '{"culprit": ' + "[" * 200 + "]" * 200 + "}",
    "bytes": {"culprit": b"x"},
}


@pytest.mark.clause("R2")
@pytest.mark.parametrize("conf", UNSENDABLE.values(), ids=UNSENDABLE)
def test_what_no_channel_carries_is_refused(airflow: Airflow, conf: Any) -> None:
    outcome = airflow.parent(conf=conf, retries=0).run()

    assert outcome.children == ()
    assert outcome.state == "failed"
    assert "culprit" in outcome.failure.text
    assert "\n" not in outcome.failure.text
    assert not [request for request in outcome.requests if "/dag-runs/" in request]


@pytest.mark.clause("R2")
def test_the_greatest_integers_are_carried(airflow: Airflow) -> None:
    outcome = airflow.parent(conf={"n": [2**64 - 1, -(2**63)]}).run()

    assert outcome.state == "success"
    assert outcome.child.conf == {"n": [2**64 - 1, -(2**63)]}


SUBCLASSES: dict[str, tuple[str, Any]] = {
    "float": ("type('F', (float,), {})(1.5)", 1.5),
    "int": ("type('I', (int,), {})(7)", 7),
    "str": ("type('S', (str,), {})('x')", "x"),
    "enum of int": ("__import__('http').HTTPStatus.OK", 200),
    "list": ("type('L', (list,), {})([1])", [1]),
    "dict": ("type('D', (dict,), {})({'a': 1})", {"a": 1}),
    "range": ("range(3)", [0, 1, 2]),
}


@pytest.mark.clause("R2")
@pytest.mark.parametrize(("code", "sent"), SUBCLASSES.values(), ids=SUBCLASSES)
def test_subclasses_are_sent_as_what_they_are(airflow: Airflow, code: str, sent: Any) -> None:
    outcome = airflow.parent(conf={"value": Code(code)}, retries=0).run()

    assert outcome.state == "success"
    assert outcome.child.conf == {"value": sent}


@pytest.mark.clause("R2")
@pytest.mark.parametrize("native", [False, True])
def test_the_output_of_a_mapped_task_is_sent_as_a_list(airflow: Airflow, native: bool) -> None:
    outcome = airflow.parent(rows=2, native=native).run()

    assert outcome.state == "success"
    assert outcome.child.conf == {"rows": ["row 0", "row 1"]}


@pytest.mark.clause("R2", aspect="params")
def test_a_conf_that_the_params_of_the_child_refuse_ends_the_retries(airflow: Airflow) -> None:
    outcome = airflow.parent(trigger_dag_id="strict_child", conf={"amount": "hunter2"}, retries=2).run()

    assert outcome.children == ()
    assert outcome.state == "failed"
    assert "strict_child" in outcome.failure.text
    assert "amount" in outcome.failure.text
    assert "integer" in outcome.failure.text
    assert "hunter2" not in outcome.failure.text
    assert "\n" not in outcome.failure.text


@pytest.mark.clause("R2")
def test_a_conf_that_the_params_of_the_child_accept_is_sent(airflow: Airflow) -> None:
    outcome = airflow.parent(trigger_dag_id="strict_child", conf={"amount": 3}).run()

    assert outcome.state == "success"
    assert outcome.child.conf == {"amount": 3}


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
@pytest.mark.parametrize(
    ("given", "run_id"),
    [
        ("2031-01-02T03:04:05-05:00", "manual__2031-01-02T03:04:05-05:00"),
        ("2031-01-02T03:04:05.120000+05:30", "manual__2031-01-02T03:04:05.120000+05:30"),
        ("2031-01-02T03:04:05Z", "manual__2031-01-02T03:04:05+00:00"),
        (
            Code("datetime.datetime(2031, 1, 2, 3, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))"),
            "manual__2031-01-02T03:00:00+02:00",
        ),
        (
            Code("__import__('pendulum').datetime(2031, 7, 2, 3, tz='Europe/Berlin')"),
            "manual__2031-07-02T03:00:00+02:00",
        ),
    ],
    ids=["offset", "fraction", "zulu", "datetime", "pendulum"],
)
def test_the_run_id_of_a_date_keeps_its_offset(airflow: Airflow, given: Any, run_id: str) -> None:
    outcome = airflow.parent(logical_date=given).run()

    assert outcome.state == "success"
    assert outcome.child.run_id == run_id
    assert outcome.child.logical_date == datetime.fromisoformat(run_id.removeprefix("manual__"))


@pytest.mark.clause("R3")
@pytest.mark.clause("T3")
def test_a_run_made_of_a_date_with_an_offset_is_reset(airflow: Airflow) -> None:
    date = "2031-01-02T03:04:05-05:00"
    before = [Run(f"manual__{date}", logical_date=datetime.fromisoformat(date))]
    outcome = airflow.parent(logical_date=date, reset_dag_run=True, before=before).run()

    assert outcome.state == "success"
    assert (outcome.child.run_id, outcome.child.clear_number) == (f"manual__{date}", 1)


@pytest.mark.clause("R3")
@pytest.mark.parametrize(
    ("given", "run_id"),
    [
        ("2031-01-02T03:04:05", "manual__2031-01-02T03:04:05-05:00"),
        ("2031-07-02", "manual__2031-07-02T00:00:00-04:00"),
        ("2031-03-09T02:30:00", "manual__2031-03-09T03:30:00-04:00"),
        (Code("datetime.datetime(2031, 1, 2, 3, 4, 5)"), "manual__2031-01-02T03:04:05-05:00"),
        ("{{ ds }}", None),
    ],
    ids=["text", "day", "in the gap", "datetime", "ds"],
)
def test_a_naive_date_is_in_the_default_time_zone(airflow: Airflow, given: Any, run_id: str | None) -> None:
    with airflow.default_timezone("America/New_York"):
        outcome = airflow.parent(logical_date=given).run()

    assert outcome.state == "success"
    date = outcome.child.logical_date
    assert date is not None
    if run_id is None:
        assert (date.minute, date.second) == (0, 0)
        assert date.hour in (4, 5)
    else:
        assert outcome.child.run_id == run_id
        assert date == datetime.fromisoformat(run_id.removeprefix("manual__"))


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
        assert "note needs Airflow" in outcome.log


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
