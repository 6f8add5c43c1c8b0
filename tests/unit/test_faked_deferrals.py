"""The trigger of a deferral, and what a task does with its event, beside a fake Airflow."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks import shared
from tests.unit import fake_airflow as fake
from tests.unit.fake_airflow import ApiError, Run
from tests.unit.parents import Parent, event, reaching, release, said
from trigger_compat import triggers
from trigger_compat.triggers import ChildRunTrigger

LAST_TRY = "trigger_compat_last_try"


@pytest.fixture
def config() -> Iterator[dict[tuple[str, str], Any]]:
    yield fake.CONF.set
    fake.CONF.set.clear()


def fired(server: fake.Server, *waits: ChildRunTrigger) -> list[Any]:
    """Let triggers run in one triggerer, by a clock that only sleeps move, and return their payloads."""

    async def first(trigger: ChildRunTrigger) -> Any:
        return (await anext(trigger.run())).payload

    async def every() -> list[Any]:
        return list(await asyncio.gather(*map(first, waits)))

    with reaching(server):
        found: list[Any] = shared.run(every())
    return found


def wait_for(run_id: str = "r1", **changes: Any) -> ChildRunTrigger:
    given: dict[str, Any] = {
        "dag_id": "child",
        "run_ids": [run_id],
        "states": ["success", "failed"],
        "poll_interval": 10.0,
    }
    return ChildRunTrigger(**{**given, **changes})


def test_a_trigger_is_made_again_from_what_the_database_keeps() -> None:
    trigger = wait_for(hold=3.0)
    path, arguments = trigger.serialize()
    assert path == "trigger_compat.triggers.ChildRunTrigger"
    assert arguments == {
        "dag_id": "child",
        "run_ids": ["r1"],
        "states": ["success", "failed"],
        "poll_interval": 10.0,
        "hold": 3.0,
    }
    assert ChildRunTrigger(**arguments).serialize() == (path, arguments)
    assert wait_for().hold == 0.0


@pytest.mark.parametrize("state", ["success", "failed"])
def test_d4_the_event_has_upstreams_form(state: str) -> None:
    server = fake.Server()
    server.runs["child", "r1"] = Run(state)
    trigger = wait_for()
    (payload,) = fired(server, trigger)
    path, arguments = trigger.serialize()
    assert payload == (path, {**arguments, "r1": state})


def test_w4_a_deleted_child_fires_too() -> None:
    ((_, payload),) = fired(fake.Server(), wait_for())
    assert payload["r1"] is None


def test_a_state_that_is_not_waited_for_ends_nothing() -> None:
    server = fake.Server()
    server.runs["child", "r1"] = Run("failed")
    server.runs["child", "r2"] = Run("success")
    ((_, payload),) = fired(server, wait_for("r2", states=["success"]))
    assert payload["r2"] == "success"
    pending = {states for what, *_, states in server.asked if what == "count"}
    assert pending == {("queued", "running", "failed")}


def test_s1_the_waits_of_a_dag_are_polled_together() -> None:
    server = fake.Server()
    for number in range(4):
        server.runs["child", f"r{number}"] = Run("success")
        server.runs["other", f"r{number}"] = Run("success")
    waits = [wait_for(f"r{number}", dag_id=dag) for number in range(4) for dag in ("child", "other")]
    assert len(fired(server, *waits)) == 8
    first = {
        (dag, len(runs)) for what, dag, *runs in server.asked[:1] if what == "count" for runs in runs[:1]
    }
    assert first == {("child", 4)}


def test_w7_a_poll_that_fails_is_said_and_ends_nothing() -> None:
    server = fake.Server()
    server.runs["child", "r1"] = Run("success")
    server.fails = [ApiError(503, "away")]
    trigger = wait_for()
    ((_, payload),) = fired(server, trigger)
    assert payload["r1"] == "success"
    log: Any = trigger.log
    assert log.lines == ["Cannot read the state of dag run r1 of child (away); the triggerer polls on"]
    assert log.said[0][1]["dag_id"] == "child"


def test_d5_a_deferral_is_held_until_its_end_is_reported(config: dict[tuple[str, str], Any]) -> None:
    assert triggers.reporting_time() == 5.0
    config["workers", "min_heartbeat_interval"] = 7.0
    assert triggers.reporting_time() == 12.0
    server = fake.Server()
    server.runs["child", "r1"] = Run("success")

    async def took() -> float:
        began = asyncio.get_running_loop().time()
        await anext(wait_for(hold=12.0).run())
        return asyncio.get_running_loop().time() - began

    with reaching(server):
        assert 11.9 <= shared.run(took()) <= 13.0


# What the task does with the event


class Xcoms:
    """Airflow's own access to XComs."""

    def __init__(self, ti: Any) -> None:
        self.ti = ti

    def get_one(self, *, key: str, run_id: str, dag_id: str, task_id: str, map_index: int) -> Any:
        of = (self.ti.run_id, self.ti.dag_id, self.ti.task_id, self.ti.map_index)
        return self.ti.xcoms.get(key) if (run_id, dag_id, task_id, map_index) == of else None


def resumed(parent: Parent, payload: dict[str, Any], number: int = 1, kept: Any = None) -> Any:
    """Resume a try with the event of its deferral; return the error that ends it, if one does."""
    context = parent.prepare(number)
    parent.ti.xcoms.update(kept or {})
    sys.modules["airflow.sdk.execution_time.xcom"].XCom = Xcoms(parent.ti)  # type: ignore[attr-defined]
    with reaching(parent.server):
        try:
            parent.operator.execute_complete(context, event(payload))
        except fake.AirflowException as error:
            return error
    return None


def payload(state: str | None = "success", **more: Any) -> dict[str, Any]:
    return {"dag_id": "child", "run_ids": ["r1"], "r1": state, **more}


def deferred(**arguments: Any) -> Parent:
    return Parent(wait_for_completion=True, deferrable=True, **arguments)


@pytest.mark.parametrize("durable", [True, False])
def test_d4_an_allowed_state_ends_the_task_well(durable: bool) -> None:
    parent = deferred(durable=durable)
    assert resumed(parent, payload()) is None
    assert parent.operator.trigger_run_id == parent.operator.triggered_run_id == "r1"
    assert said(parent.log, "Dag run r1 of child reached state success")
    named = parent.ti.xcoms.get("trigger_run_id")
    assert named == ("r1" if durable else None), "only what was published by another try can need it"
    assert parent.server.asked == []


def test_d4_the_states_are_those_of_the_operator() -> None:
    parent = deferred(allowed_states=["failed"], failed_states=["success"])
    assert resumed(parent, payload("failed")) is None
    assert str(resumed(parent, payload("success"))) == "child failed with failed state success"


def test_d4_a_failed_child_fails_the_task() -> None:
    error = resumed(deferred(), payload("failed"))
    assert str(error) == "child failed with failed state failed"


def test_d4_a_deleted_child_fails_it_too() -> None:
    parent = deferred(durable=True)
    error = resumed(parent, payload(None))
    assert str(error) == "Dag run r1 of child was deleted while this task was deferred"
    assert not said(parent.log, "reached state")


def test_d4_a_state_that_ends_no_wait_is_an_error() -> None:
    error = resumed(deferred(), payload("running"))
    assert str(error) == (
        "Dag run r1 of child ended the deferral in state 'running', which is neither in allowed_states"
        " ['success'] nor failed_states ['failed']"
    )


@pytest.mark.parametrize("event_of", [{}, {"run_ids": []}, {"run_ids": ["r1", "r2"], "r1": "success"}])
def test_d4_an_event_that_names_not_one_run_is_no_success(event_of: dict[str, Any]) -> None:
    """It may come from a trigger of another package, or of a version before an upgrade."""
    parent = deferred(durable=True)
    error = resumed(parent, event_of)
    assert str(error) == "Dag run  of child was deleted while this task was deferred"
    assert parent.operator.triggered_run_id is None
    assert parent.ti.xcoms == {}
    assert parent.operator.trigger_dag_id == "child"


def test_x16_the_event_says_which_dag_it_was() -> None:
    parent = deferred(durable=True)
    assert resumed(parent, {"dag_id": "c1", "run_ids": ["r1"], "r1": "success"}) is None
    assert parent.operator.trigger_dag_id == "c1"
    assert parent.ti.xcoms["_link_TriggerDagRunLink"] == "/dags/c1/runs/r1"


# Airflow 3.0 resumes the retry with the event of the try before


@pytest.mark.parametrize("version", [(3, 0, 6), (3, 1, 0)])
def test_a_retry_ignores_the_event_of_the_try_before(version: tuple[int, ...]) -> None:
    with release(*version):
        parent = deferred()
        assert resumed(parent, payload("failed")) is not None
        kept = parent.ti.xcoms
        assert kept[LAST_TRY] == 1
        again = resumed(parent, payload("failed"), 2, kept)
        assert isinstance(again, fake.DagRunTriggerException), "it triggers again"
        assert said(parent.log, "Ignoring the event of an earlier try's deferral")
        assert parent.ti.xcoms[LAST_TRY] == 2, "its own deferral has an event of its own"
        error = resumed(parent, payload("failed"), 2, parent.ti.xcoms)
        assert str(error) == "child failed with failed state failed"


def test_a_deferral_that_ends_well_leaves_no_note() -> None:
    with release(3, 0, 6):
        parent = deferred()
        assert resumed(parent, payload()) is None
        assert LAST_TRY not in parent.ti.xcoms
        assert resumed(parent, payload(), 2, {LAST_TRY: "1"}) is None, "no number of this package's"


def test_other_releases_neither_note_nor_ask() -> None:
    for version in ((3, 1, 1), (3, 3, 2)):
        with release(*version):
            parent = deferred()
            assert resumed(parent, payload("failed"), 2, {LAST_TRY: 1}) is not None
            assert parent.ti.xcoms[LAST_TRY] == 1


def test_outside_a_task_an_event_is_just_read() -> None:
    from trigger_compat.task.resumption import resume_from_event

    with release(3, 0, 6):
        parent = deferred()
        parent.prepare()
        assert resume_from_event(parent.operator, {}, event(payload())) is True
        with pytest.raises(fake.AirflowException):
            resume_from_event(parent.operator, {}, event(payload("failed")))


def test_a_retry_that_begins_again_names_its_child() -> None:
    with release(3, 0, 6):
        parent = deferred(durable=True)
        again = resumed(parent, payload("failed"), 2, {LAST_TRY: 1})
        assert again.arguments["dag_run_id"] == parent.operator.triggered_run_id == parent.durable_id()
