"""The contract object: validation, meaning of states, identity, resume decision. No Airflow."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trigger_compat import contract, values
from trigger_compat.contract import Action, ChildOutcome, Identity, ParentTask, build_request, durable_run_id
from trigger_compat.errors import InvalidRequest, InvalidRequestType

NOW = datetime(2026, 1, 31, 12, 30, 15, 123456, tzinfo=timezone.utc)
PARENT = ParentTask(
    dag_id="parent", run_id="manual__x", task_id="trigger", run_started=NOW, epoch=2, retries=2
)


def build(**arguments: Any) -> contract.TriggerRequest:
    return build_request(**{"trigger_dag_id": "child", "now": NOW, **arguments})


@pytest.mark.parametrize(
    "run_id",
    [
        "a/../b",
        "..",
        ".",
        "a..b",
        "a/b",
        "a\\b",
        "a%2Fb",
        "a?b",
        "a#b",
        "a b",
        "a\nb",
        "a\n",
        "\x00",
        "",
        "x" * 251,
        "é",
        ["a"],
    ],
)
def test_r1_refuses_run_ids_no_airflow_should_see(run_id: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        build(trigger_run_id=run_id)
    message = str(refused.value)
    assert message.startswith("trigger_run_id: ")
    assert "\n" not in message
    assert len(message) < 250


@pytest.mark.parametrize("dag_id", ["", "a b", "a/b", "a..b", "x" * 251, None, 7, "a+b"])
def test_r1_refuses_dag_ids(dag_id: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^trigger_dag_id: "):
        build(trigger_dag_id=dag_id)


@pytest.mark.parametrize("run_id", ["manual__2024-01-01T00:00:00+00:00", "fixed", "a.b~c:d+e-f_1", "x" * 250])
def test_r1_accepts_what_every_airflow_accepts(run_id: str) -> None:
    assert build(trigger_run_id=run_id).run_id == run_id


def test_r1_follows_the_configured_pattern() -> None:
    assert build(trigger_run_id="team one", run_id_pattern=r"^team \w+$").run_id == "team one"
    with pytest.raises(InvalidRequest, match="allowed_run_id_pattern"):
        build(trigger_run_id="other", run_id_pattern=r"^team \w+$")
    built_in = "manual__2024-01-01T00:00:00+00:00"
    assert build(trigger_run_id=built_in, run_id_pattern="").run_id == built_in


def test_r2_conf_becomes_plain_json() -> None:
    given_conf = {"a": (1, 2.5, None, True), 3: {"b": "x"}}
    assert build(conf=given_conf).conf == {"a": [1, 2.5, None, True], "3": {"b": "x"}}
    assert build(conf='{"a": {"b": [1]}}').conf == {"a": {"b": [1]}}
    assert build(conf=None).conf is None
    assert build(conf={}).conf == {}


SECRET = "hunter2-secret"


@pytest.mark.parametrize(
    ("conf", "where"),
    [
        ({"a": {"b": [1, {"c": object()}]}, "k": SECRET}, "conf['a']['b'][1]['c']"),
        ({"password": SECRET.encode()}, "conf['password']"),
        ({"when": NOW, "k": SECRET}, "conf['when']"),
        ({"n": float("nan")}, "conf['n']"),
        ({"n": {(1, 2): SECRET}}, "conf['n']"),
        (f"{{'k': '{SECRET}'}}", "not JSON"),
        (f'["{SECRET}"]', "list"),
        (SECRET, "not JSON"),
        ("", "not JSON"),
        ([SECRET], "list"),
        ("[" * 100_000, "not JSON"),
        ({"n": 2**64, "k": SECRET}, "conf['n'] is an integer of more than 64 bits"),
        ({"n": -(2**63) - 1}, "conf['n'] is an integer of more than 64 bits"),
        ({"s": "\ud800", "k": SECRET}, "conf['s'] holds a lone surrogate"),
        ({"a": {"\ud800": SECRET}}, "a key in conf['a'] holds a lone surrogate"),
        ({"s": ["a\0b"]}, "conf['s'][0] holds a NUL character"),
        ('{"d": ' + "[" * 160 + "]" * 160 + "}", "is nested more than 150 levels deep"),
    ],
)
def test_r2_names_the_place_and_never_the_value(conf: object, where: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        build(conf=conf)
    message = str(refused.value)
    assert where in message
    assert SECRET not in message
    assert "\n" not in message
    assert SECRET not in repr(refused.value.__cause__)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_r2_subclasses_become_plain_and_any_sequence_a_list() -> None:
    class Real(float):
        pass

    class Whole(int):
        pass

    class Lazy(Sequence[str]):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: Any) -> Any:
            return ("a", "b")[index]

    conf = build(conf={"f": Real(1.5), "i": Whole(2), "l": Lazy(), "b": True}).conf
    assert conf == {"f": 1.5, "i": 2, "l": ["a", "b"], "b": True}
    assert [type(value) for value in conf.values()] == [float, int, list, bool]


REFUSED_BY_PARAMS = f"""Invalid input for param a: '{SECRET}' is not of type 'integer'

Failed validating 'type' in schema:
    {{'type': 'integer'}}

On instance:
    '{SECRET}'"""


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            REFUSED_BY_PARAMS,
            "its params refuse conf['a']: Failed validating 'type' in schema: {'type': 'integer'}",
        ),
        ("Something else\nand more", "Something else"),
    ],
)
def test_r2_what_the_params_refuse_is_said_without_the_value(message: str, shown: str) -> None:
    assert values.params_refusal(message) == shown


def test_r2_refuses_a_value_inside_itself() -> None:
    conf: dict[str, Any] = {}
    conf["me"] = [conf]
    with pytest.raises(InvalidRequest, match="inside itself"):
        build(conf=conf)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T00:00:00+00:00", datetime(2026, 1, 31, tzinfo=timezone.utc)),
        ("2026-01-31T00:00:00Z", datetime(2026, 1, 31, tzinfo=timezone.utc)),
        ("2026-01-31 02:00:00+02:00", datetime(2026, 1, 31, tzinfo=timezone.utc)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=timezone.utc)),
        ("2026-01-31T00:00:00", datetime(2026, 1, 31, tzinfo=timezone.utc)),
    ],
)
def test_r3_reads_dates_in_utc(text: str, expected: datetime) -> None:
    request = build(logical_date=text)
    assert request.logical_date == expected
    assert request.identity is Identity.PINNED


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-01-31T00:00:00Z", "2026-01-31T00:00:00+00:00"),
        ("2026-01-31 02:00:00+02:00", "2026-01-31T02:00:00+02:00"),
        ("2026-01-31T02:00:00.5-05:30", "2026-01-31T02:00:00.500000-05:30"),
        ("2026-01-31", "2026-01-31T00:00:00+00:00"),
    ],
)
def test_r3_the_run_id_of_a_date_keeps_its_offset(text: str, written: str) -> None:
    assert build(logical_date=text).run_id == f"manual__{written}"
    assert build(run_after=text).run_id.startswith(f"manual__{written}_")


def test_r3_a_naive_date_is_what_airflow_makes_of_it() -> None:
    zone = timezone(timedelta(hours=-5))
    request = build(logical_date="2026-01-31", localize=lambda naive: naive.replace(tzinfo=zone))
    assert request.logical_date == datetime(2026, 1, 31, 5, tzinfo=timezone.utc)
    assert request.run_id == "manual__2026-01-31T00:00:00-05:00"


@pytest.mark.parametrize("durable", [False, True])
def test_r1_a_made_up_run_id_is_checked_with_a_remedy(durable: bool) -> None:
    with pytest.raises(
        InvalidRequest, match=r"allowed_run_id_pattern .*; give a trigger_run_id that it allows"
    ):
        build(durable=durable, parent=PARENT, run_id_pattern="^team-[a-z]+$")


def test_r3_unset_none_and_run_after() -> None:
    assert build().logical_date == NOW
    assert build(logical_date=None).logical_date is None
    later = NOW + timedelta(days=1)
    request = build(run_after=later)
    assert (request.logical_date, request.run_after) == (None, later)
    assert re.fullmatch(rf"manual__{re.escape(later.isoformat())}_[A-Za-z0-9]{{8}}", request.run_id)
    naive = build(logical_date=datetime(2026, 1, 31))  # noqa: DTZ001 - naive on purpose
    assert naive.logical_date == datetime(2026, 1, 31, tzinfo=timezone.utc)


@pytest.mark.parametrize("value", ["tomorrow", "", "None", "2026-13-01", "P1D"])
@pytest.mark.parametrize("field", ["logical_date", "run_after"])
def test_r3_refuses_text_that_is_no_date(field: str, value: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{field}: "):
        build(**{field: value})


def test_r3_refuses_other_types_as_upstream_does() -> None:
    with pytest.raises(TypeError, match=r"Expected str, datetime\.datetime, or None for parameter"):
        build(logical_date=12345)


def test_r4_states() -> None:
    assert values.states("allowed_states", ["success", "queued"]) == ("success", "queued")
    with pytest.raises(InvalidRequest, match=r"^failed_states: 'done' is not a dag run state"):
        values.states("failed_states", ["done"])
    with pytest.raises(InvalidRequest, match="allowed_states and failed_states both hold 'failed'"):
        values.check_states(("success", "failed"), ("failed",))
    values.check_states(("success", "failed"), ())


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), "60", None, True])
def test_r5_refuses_what_cannot_be_waited_for(value: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^poke_interval: "):
        build(poke_interval=value)


@pytest.mark.parametrize(("rendered", "meant"), [("False", False), ("true", True), ("0", False), (1, True)])
def test_c2_a_rendered_boolean_means_what_it_says(rendered: object, meant: bool) -> None:
    assert build(wait_for_completion=rendered).wait_for_completion is meant
    assert build(skip_when_already_exists=rendered).skip_when_already_exists is meant


def test_c2_a_rendered_boolean_that_says_nothing_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"^wait_for_completion: 'perhaps'"):
        build(wait_for_completion="perhaps")


def test_note_is_text_of_airflows_length() -> None:
    assert build(note="n" * 1000).note == "n" * 1000
    with pytest.raises(InvalidRequest, match=r"^note: has 1001 characters"):
        build(note="n" * 1001)
    with pytest.raises(InvalidRequestType, match=r"^note: expected text, got int"):
        build(note=1)


def test_x11_generated_run_ids_have_upstreams_form() -> None:
    assert build().run_id == f"manual__{NOW.isoformat()}"
    assert build(parent=replace(PARENT, map_index=-1)).run_id == f"manual__{NOW.isoformat()}"


def test_mapped_parents_in_one_instant_get_distinct_children() -> None:
    ids = {build(parent=replace(PARENT, map_index=index)).run_id for index in range(100)}
    assert len(ids) == 100
    assert all(run_id.startswith(f"manual__{NOW.isoformat()}_") for run_id in ids)


def test_w1_w2_w3_states_are_classified() -> None:
    request = build(allowed_states=("success",), failed_states=("failed",))
    assert request.classify("success") is ChildOutcome.ALLOWED
    assert request.classify("failed") is ChildOutcome.FAILED
    assert request.classify("queued") is ChildOutcome.PENDING
    assert replace(request, failed_states=()).classify("failed") is ChildOutcome.PENDING


@pytest.mark.parametrize(
    ("state", "computed", "pinned", "pinned_with_reset"),
    [
        (None, Action.SUBMIT, Action.SUBMIT, Action.SUBMIT),
        ("queued", Action.RECONNECT, Action.RECONNECT, Action.RECONNECT),
        ("running", Action.RECONNECT, Action.RECONNECT, Action.RECONNECT),
        ("success", Action.ALREADY_SUCCEEDED, Action.ALREADY_SUCCEEDED, Action.ALREADY_SUCCEEDED),
        ("failed", Action.NEXT_GENERATION, Action.REFUSE, Action.SUBMIT),
    ],
)
def test_x1_x2_x3_x9_resume_decision(
    state: str | None, computed: Action, pinned: Action, pinned_with_reset: Action
) -> None:
    assert build(durable=True, parent=PARENT).next_action(state) is computed
    assert build(durable=True, parent=PARENT, trigger_run_id="fixed").next_action(state) is pinned
    with_reset = build(durable=True, parent=PARENT, trigger_run_id="fixed", reset_dag_run=True)
    assert with_reset.next_action(state) is pinned_with_reset


def test_x6_a_computed_run_is_never_reset() -> None:
    assert not build(durable=True, parent=PARENT, reset_dag_run=True).reset_dag_run
    assert build(durable=True, parent=PARENT, trigger_run_id="fixed", reset_dag_run=True).reset_dag_run


def test_x4_identity_is_the_same_for_every_try_of_an_epoch() -> None:
    first = build(durable=True, parent=PARENT)
    later = build(durable=True, parent=replace(PARENT, try_number=3), now=NOW + timedelta(hours=1))
    assert first.identity is Identity.COMPUTED
    assert first.run_id == later.run_id


@pytest.mark.parametrize(
    "change",
    [
        {"dag_id": "other"},
        {"run_id": "other"},
        {"task_id": "other"},
        {"map_index": 0},
        {"epoch": 3},
        {"loop_index": 0},
        {"region_id": "01a21dd5-3668-79c7-9fbc-8484931b94ef"},
        {"run_started": NOW + timedelta(microseconds=1)},
        {"run_started": None},
        {"run_number": 7},
    ],
)
def test_x5_identity_changes_with_each_part_of_the_parent(change: dict[str, Any]) -> None:
    assert durable_run_id(replace(PARENT, **change), "child", 1) != durable_run_id(PARENT, "child", 1)


@pytest.mark.parametrize(
    "change",
    [
        {"try_number": 2},
        {"retries": 7},
        {"run_started": NOW.astimezone(timezone(timedelta(hours=-5)))},
    ],
)
def test_x15_nothing_else_changes_the_identity(change: dict[str, Any]) -> None:
    assert durable_run_id(replace(PARENT, **change), "child", 1) == durable_run_id(PARENT, "child", 1)


def test_x3_identity_changes_with_target_and_generation() -> None:
    ids = {durable_run_id(PARENT, dag, generation) for dag in ("a", "b") for generation in (1, 2, 3)}
    assert len(ids) == 6


def test_x8_identity_is_pinned_by_value() -> None:
    """A change of the formula would lose every child that is waited for while a worker is upgraded."""
    assert durable_run_id(PARENT, "child", 1) == "durable__parent.trigger__e2g1__63ef40c1fa5597066764"


AIRFLOW_IDS = st.text(string.ascii_letters + string.digits + "_.-éß漢", min_size=1, max_size=250)


@given(
    dag_id=AIRFLOW_IDS,
    task_id=AIRFLOW_IDS,
    run_id=st.text(max_size=250),
    map_index=st.integers(-1, 100_000),
    epoch=st.integers(0, 1000),
    generation=st.integers(1, 99),
)
def test_identity_is_a_valid_run_id_for_any_parent(
    *, dag_id: str, task_id: str, run_id: str, map_index: int, epoch: int, generation: int
) -> None:
    parent = ParentTask(dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index, epoch=epoch)
    computed = durable_run_id(parent, "child", generation)
    assert len(computed) <= 250
    assert build(trigger_run_id=computed).run_id == computed
    assert not re.match("(manual|scheduled|backfill|dataset_triggered|asset|operator_triggered)", computed)


def test_identity_is_distinct_for_100_000_mapped_parents() -> None:
    ids = {durable_run_id(replace(PARENT, map_index=index), "child", 1) for index in range(100_000)}
    assert len(ids) == 100_000


@pytest.mark.parametrize(
    ("try_number", "epoch", "retries", "earlier"),
    [
        (1, 2, 2, 0),  # first try of a task with two retries
        (2, 2, 2, 1),
        (3, 2, 2, 2),
        (4, 5, 2, 0),  # cleared after three tries: max_tries = 3 + 2
        (5, 5, 2, 1),
        (2, 1, 0, 0),  # cleared after one try without retries
        (2, 3, 0, 0),  # retries lowered by an edit: nothing is known of earlier tries
        (2, 1, 5, 1),  # retries raised by an edit: never more than the tries there were
    ],
)
def test_earlier_tries_of_the_epoch(try_number: int, epoch: int, retries: int, earlier: int) -> None:
    parent = replace(PARENT, try_number=try_number, epoch=epoch, retries=retries)
    assert parent.earlier_tries == earlier
    assert build(parent=parent).first_try is (earlier == 0)


def test_x5_a_record_is_recalled_in_its_own_epoch_only() -> None:
    request = build(durable=True, parent=PARENT).at_generation(2)
    record = json.loads(json.dumps(request.record()))
    assert build(durable=True, parent=PARENT).from_record(record) == request
    assert build(durable=True, parent=replace(PARENT, epoch=5)).from_record(record) is None
    assert build(durable=True, parent=replace(PARENT, loop_index=1)).from_record(record) is None
    assert build(durable=True, parent=replace(PARENT, run_started=None)).from_record(record) is None
    wrong: list[object] = [None, "x", [], {}, {**record, "generation": "2"}, {**record, "run_id": 1}]
    for damaged in wrong:
        assert build(durable=True, parent=PARENT).from_record(damaged) is None


def test_x16_a_record_counts_though_the_identity_has_another_value_by_now() -> None:
    record = build(durable=True, parent=PARENT, trigger_run_id="x-1").record()
    recalled = build(durable=True, parent=PARENT, trigger_run_id="x-2", trigger_dag_id="other").from_record(
        record
    )
    assert recalled is not None
    assert recalled.name == {"dag_id": "child", "run_id": "x-1"}


def test_x16_a_date_that_is_made_anew_pins_nothing() -> None:
    request = build(durable=True, parent=PARENT, logical_date=NOW, date_is_current_time=True)
    assert request.identity is Identity.COMPUTED
    assert (request.run_id, request.logical_date) == (durable_run_id(PARENT, "child", 1), NOW)
    assert build(parent=PARENT, logical_date=NOW, date_is_current_time=True).identity is Identity.PINNED


def test_x3_a_failed_child_settles_nothing_where_a_newer_one_can_exist() -> None:
    request = build(durable=True, parent=replace(PARENT, try_number=3))
    assert request.parent is not None
    assert request.parent.earlier_tries == 2
    assert not request.at_generation(1).is_latest("failed")
    assert request.at_generation(2).is_latest("failed")
    for state in ("success", "running", "queued"):
        assert request.at_generation(1).is_latest(state)


def test_t8_only_a_pinned_run_can_be_somebody_elses() -> None:
    assert build().owns_run
    assert build(durable=True, parent=PARENT).owns_run
    assert not build(trigger_run_id="fixed").owns_run
    assert not build(logical_date="2026-01-31").owns_run


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@given(st.dictionaries(TEXT, JSON))
def test_r2_plain_json_goes_through_unchanged(conf: dict[str, Any]) -> None:
    assert build(conf=conf).conf == conf
    assert build(conf=json.dumps(conf)).conf == json.loads(json.dumps(conf))


@given(st.text(max_size=300))
def test_r1_a_run_id_is_safe_or_refused(run_id: str) -> None:
    assume(run_id)
    safe = re.fullmatch(r"[A-Za-z0-9_.~:+-]{1,250}", run_id) and ".." not in run_id and run_id != "."
    if safe:
        assert build(trigger_run_id=run_id).run_id == run_id
    else:
        with pytest.raises(InvalidRequest) as refused:
            build(trigger_run_id=run_id)
        assert "\n" not in str(refused.value)
