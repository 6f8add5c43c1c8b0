"""The run ids of durable children, letter by letter: with others, an upgrade loses them (X4, X13-X15)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from trigger_compat import values
from trigger_compat.contract import Identity, ParentTask, build_request, durable_run_id
from trigger_compat.errors import InvalidRequest

NOW = datetime(2026, 1, 31, 12, 30, 15, 123456, tzinfo=timezone.utc)
PARENT = ParentTask(
    dag_id="parent", run_id="manual__x", task_id="trigger", run_started=NOW, epoch=2, retries=2
)


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose local time is not UTC."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def readable(**changes: Any) -> str:
    """Return the part of a run id that people read."""
    run_id = durable_run_id(replace(PARENT, **changes), "child", 1)
    start, middle, *_ = run_id.split("__")
    assert start == "durable"
    return middle


def test_x4_the_run_id_of_a_parent_never_changes() -> None:
    ids = [
        durable_run_id(PARENT, "child", 1),
        durable_run_id(replace(PARENT, map_index=3, key="eu"), "child", 2),
    ]
    assert ids == [
        "durable__parent.trigger__e2g1__63ef40c1fa5597066764",
        "durable__parent.trigger.3.eu__e2g2__5f25fd85d04f850b3f25",
    ]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "parent.trigger"),
        ({"map_index": 0}, "parent.trigger.0"),
        ({"loop_index": 0}, "parent.trigger.loop0"),
        ({"map_index": 2, "loop_index": 1}, "parent.trigger.2.loop1"),
        ({"key": "k" * 21}, "parent.trigger." + "k" * 20),
        ({"dag_id": "d" * 81, "task_id": "t" * 81}, "d" * 80 + "." + "t" * 80),
        ({"task_id": "é/x y"}, "parent.--x-y"),
        ({"dag_id": ".parent", "task_id": "..a..b."}, "parent.a.b"),
        ({"dag_id": " parent "}, "-parent-.trigger"),
        ({"dag_id": "Xa"}, "Xa.trigger"),
        ({"task_id": "aX"}, "parent.aX"),
    ],
)
def test_x4_the_run_id_names_the_parent(changes: dict[str, Any], text: str) -> None:
    assert readable(**changes) == text


def test_x3_a_generation_is_of_the_same_child_dag() -> None:
    request = build_request(trigger_dag_id="child", durable=True, parent=PARENT)
    second = request.at_generation(2)
    assert (second.run_id, second.generation) == (durable_run_id(PARENT, "child", 2), 2)
    assert second.at_generation(1) == request


def test_x8_a_pinned_run_has_one_generation() -> None:
    request = build_request(trigger_dag_id="child", trigger_run_id="r", durable=True, parent=PARENT)
    assert request.identity is Identity.PINNED
    assert request.at_generation(2) is request
    outside = build_request(trigger_dag_id="child", durable=True)
    assert outside.at_generation(2) is outside


def test_a3_the_key_tells_calls_apart_and_the_task_has_none() -> None:
    parent = replace(PARENT, key="eu")
    assert parent.identity == [*PARENT.identity, "eu"]
    assert parent.task_identity == PARENT.identity


@pytest.mark.usefixtures("far_away")
def test_x13_the_identity_does_not_depend_on_the_local_time_of_the_worker() -> None:
    assert PARENT.identity[2] == "2026-01-31T12:30:15.123456+00:00"
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-5)))
    assert replace(PARENT, run_started=elsewhere).identity == PARENT.identity


@pytest.mark.usefixtures("far_away")
def test_r3_what_is_sent_is_in_utc_whatever_the_local_time_of_the_worker() -> None:
    request = build_request(trigger_dag_id="child", logical_date=NOW, run_after=NOW)
    for sent in (request.logical_date, request.run_after):
        assert sent is not None
        assert (sent, sent.tzinfo) == (NOW, timezone.utc)
    generated = build_request(trigger_dag_id="child")
    assert "+00:00" in generated.run_id
    assert generated.logical_date is not None
    assert abs(generated.logical_date - datetime.now(timezone.utc)) < timedelta(minutes=5)


def test_a_request_knows_its_parent_and_whether_its_author_gave_the_date() -> None:
    assert build_request(trigger_dag_id="child", parent=PARENT).parent is PARENT
    assert build_request(trigger_dag_id="child", logical_date=NOW).gives_date
    assert not build_request(trigger_dag_id="child").gives_date


@pytest.mark.usefixtures("far_away")
def test_r3_the_range_of_dates_is_that_of_utc_whatever_the_local_time_of_the_worker() -> None:
    with pytest.raises(InvalidRequest, match="is out of range in UTC"):
        values.moment("logical_date", "0001-01-01T03:00:00+05:30")


def test_r3_the_first_date_is_one_though_no_local_clock_could_show_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        found = values.moment("logical_date", "0001-01-01T00:00:00+00:00")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found == datetime(1, 1, 1, tzinfo=timezone.utc)
