"""Which identities of an author's are taken to change from try to try (clause X16)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from trigger_compat import TriggerDagRunOperator
from trigger_compat.operator import IDENTIFYING_FIELDS
from trigger_compat.task import pins


def ago(seconds: float) -> datetime:
    """A moment before the present one."""
    return datetime.now(timezone.utc) - timedelta(seconds=seconds)


def given(**arguments: Any) -> TriggerDagRunOperator:
    """An operator with these arguments, as if they had been rendered to themselves."""
    operator = TriggerDagRunOperator(task_id="t", **{"trigger_dag_id": "child", **arguments})
    operator.unrendered = {name: arguments.get(name) for name in IDENTIFYING_FIELDS}
    return operator


@pytest.mark.parametrize(
    "template",
    [
        "x-{{ macros.time.time() }}",
        "x-{{ macros.uuid.uuid4() }}",
        "{{ macros.datetime.now().strftime('%H%M') }}",
        "{{ macros.random() }}",
        "{{ ti.start_date }}",
        "{{ task_instance.id }}",
    ],
)
def test_a_template_that_uses_the_time_may_move(template: str) -> None:
    assert pins.moving(given(trigger_run_id=template)) == ["trigger_run_id"]


@pytest.mark.parametrize(
    "template",
    [
        "fixed",
        "time()",
        "{{ run_id }}-{{ ti.try_number }}",
        "{{ dag_run.conf['time'] }}",
        "{{ dag_run.conf['random'] }}-{{ ds }}",
        "{{ dag_run.start_date }}",
        None,
    ],
)
def test_what_a_run_has_does_not(template: str | None) -> None:
    assert pins.moving(given(trigger_run_id=template)) == []


@pytest.mark.parametrize(("seconds", "anew"), [(0, True), (20, True), (3600, False), (-86400, False)])
@pytest.mark.parametrize("as_text", [False, True])
def test_a_date_close_to_now_is_the_current_time(*, seconds: float, anew: bool, as_text: bool) -> None:
    date = ago(seconds)
    operator = given(logical_date=date.isoformat() if as_text else date)

    assert pins.date_is_current_time(operator) is anew


@pytest.mark.parametrize("date", ["2026-01-31", "no date", None])
def test_any_other_date_is_not(date: str | None) -> None:
    assert not pins.date_is_current_time(given(logical_date=date))


def test_a_template_gives_the_current_time_only_if_it_uses_the_time() -> None:
    """``{{ ts }}`` of a run that has just begun is the present too, and stays."""
    operator = given(logical_date=ago(0).isoformat())
    operator.unrendered = {"logical_date": "{{ ts }}"}
    assert not pins.date_is_current_time(operator)
    operator.unrendered = {"logical_date": "{{ macros.datetime.utcnow() }}"}
    assert pins.date_is_current_time(operator)
    assert pins.moving(operator) == []


def test_a_date_that_is_rounded_from_now_may_move() -> None:
    operator = given(logical_date=ago(3 * 3600))
    operator.unrendered = {"logical_date": "{{ macros.datetime.now().date() }}"}
    assert pins.moving(operator) == ["logical_date"]
