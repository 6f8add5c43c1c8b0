"""What the path of Airflow 2.11 does to the database, beside a fake Airflow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("sqlalchemy", reason="the unit session has it; every Airflow brings its own")

from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError, ProgrammingError

from tests.unit import fake_airflow as fake
from tests.unit import fake_airflow2
from tests.unit.fake_airflow2 import DagModel, DagRunAlreadyExists, ParamValidationError, TaskInstance, World
from tests.unit.parents import Parent, release
from trigger_compat.contract import Identity, TriggerRequest
from trigger_compat.paths import TransientError

fake_airflow2.install()

airflow2: Any = import_module("trigger_compat.paths.airflow2")

DATE = datetime(2026, 1, 31, tzinfo=timezone.utc)
PLAIN = DATE.replace(tzinfo=None)


@pytest.fixture
def world() -> World:
    return fake_airflow2.world()


@pytest.fixture
def caller() -> Any:
    return SimpleNamespace(log=fake.Log())


def request(**changes: Any) -> TriggerRequest:
    given: dict[str, Any] = {"dag_id": "child", "run_id": "r1", "identity": Identity.PINNED}
    return TriggerRequest(**{**given, "logical_date": DATE, **changes})


def test_t1_a_run_is_created(world: World, caller: Any) -> None:
    assert airflow2.submit(caller, request(conf={"a": 1}), {}) is True
    assert world.triggered == [
        {
            "dag_id": "child",
            "run_id": "r1",
            "conf": {"a": 1},
            "execution_date": DATE,
            "replace_microseconds": False,
        }
    ]
    assert caller.log.lines == []


def test_a_run_without_a_date_gets_the_present_and_the_log_says_so(world: World, caller: Any) -> None:
    assert airflow2.submit(caller, request(logical_date=None), {}) is True
    assert world.triggered[0]["execution_date"] == fake_airflow2.NOW
    assert caller.log.warned == [
        "Airflow 2 has no dag run without a logical date; using the current time instead of None"
    ]
    assert caller.log.said[0][1] == {"dag_id": "child", "run_id": "r1"}


def test_mapped_parents_that_start_together_get_dates_of_their_own(world: World, caller: Any) -> None:
    for number in range(3):
        own = request(run_id=f"r{number}", identity=Identity.GENERATED)
        assert airflow2.submit(caller, own, {}) is True
    dates = sorted(world.runs().values())
    assert dates == [PLAIN, PLAIN + timedelta(microseconds=1), PLAIN + timedelta(microseconds=2)]


@pytest.mark.parametrize("run_id", ["r1", "other"])
def test_t4_a_run_of_this_id_or_date_is_left_alone(world: World, caller: Any, run_id: str) -> None:
    world.run(run_id, date=PLAIN)
    assert airflow2.submit(caller, request(), {}) is False
    assert world.cleared == []
    assert list(world.runs()) == [run_id]


def test_t8_a_run_of_its_own_id_is_left_alone_too(world: World, caller: Any) -> None:
    world.run("r1", date=PLAIN)
    assert airflow2.submit(caller, request(identity=Identity.COMPUTED), {}) is False


def test_t3_a_reset_clears_this_run_and_no_other(world: World, caller: Any) -> None:
    world.run("r1", date=PLAIN)
    world.run("r2", date=PLAIN + timedelta(days=1))
    world.run("r1", date=PLAIN, dag_id="other")
    assert airflow2.submit(caller, request(reset_dag_run=True), {}) is True
    assert world.cleared == [("child", "r1", "dag child")]
    with fake_airflow2.create_session() as session:
        left = [(one.dag_id, one.run_id, one.state) for one in session.query(TaskInstance)]
    assert left == [("child", "r1", None), ("child", "r2", "running"), ("other", "r1", "running")]


def test_t3_a_run_that_is_deleted_before_its_reset_is_created_anew(world: World, caller: Any) -> None:
    world.fails = [DagRunAlreadyExists(SimpleNamespace(run_id="r1"))]
    assert airflow2.submit(caller, request(reset_dag_run=True), {}) is True
    assert world.cleared == []
    assert list(world.runs()) == ["r1"]


def test_t3_the_run_of_another_id_is_not_reset(world: World, caller: Any) -> None:
    world.run("other", date=PLAIN)
    with pytest.raises(fake.AirflowFailException) as error:
        airflow2.submit(caller, request(reset_dag_run=True), {})
    assert str(error.value) == (
        "Cannot trigger dag 'child', run 'r1': its logical date is that of run 'other', and a reset is for"
        " the run of the given id only; use another logical date"
    )
    assert world.cleared == []


def test_t5_an_unknown_dag_is_airflows_error(world: World, caller: Any) -> None:
    with pytest.raises(fake_airflow2.DagNotFound, match="none not found"):
        airflow2.submit(caller, request(dag_id="none"), {})


def test_t5_a_dag_with_import_errors_is_refused(world: World, caller: Any) -> None:
    world.add(DagModel(dag_id="broken", has_import_errors=True))
    with pytest.raises(fake.AirflowException) as error:
        airflow2.submit(caller, request(dag_id="broken"), {})
    assert str(error.value) == "Cannot trigger dag 'broken', run 'r1': the dag has import errors"
    assert world.runs() == {}


def test_r2_params_that_refuse_the_conf_need_no_retry(world: World, caller: Any) -> None:
    cause = ParamValidationError(
        "Invalid input for param a: 7 is bad\nFailed validating 'type'\nOn instance: 7"
    )
    world.fails = [cause]
    with pytest.raises(fake.AirflowFailException) as error:
        airflow2.submit(caller, request(), {})
    assert str(error.value).startswith("Cannot trigger dag 'child', run 'r1': its params refuse conf['a']")
    assert error.value.__cause__ is cause


def test_t8_a_run_that_another_worker_inserts_in_between_exists(world: World, caller: Any) -> None:
    clash = IntegrityError("insert", {}, Exception("unique"))
    world.fails = [clash]
    with pytest.raises(IntegrityError):
        airflow2.submit(caller, request(), {})
    world.run("r1")
    world.fails = [clash]
    assert airflow2.submit(caller, request(), {}) is False


def test_t7_the_pause_of_a_dag(world: World) -> None:
    world.add(DagModel(dag_id="asleep", is_paused=True))
    assert airflow2.is_paused(request(dag_id="asleep"), {}) is True
    assert airflow2.is_paused(request(), {}) is False
    with pytest.raises(fake_airflow2.DagNotFound, match="Dag id none not found in DagModel"):
        airflow2.is_paused(request(dag_id="none"), {})


def test_t6_only_the_run_id_is_published(world: World, caller: Any) -> None:
    ti = fake.TaskInstance(fake.Server(), caller)
    airflow2.publish(caller, request(), {"ti": ti})
    assert ti.xcoms == {"trigger_run_id": "r1"}


def test_t2_a_run_of_this_id_or_of_this_date(world: World) -> None:
    world.run("r1", date=PLAIN, dag_id="elsewhere")
    assert airflow2.find_existing(request(), {}) is None
    world.run("other", date=PLAIN)
    assert airflow2.find_existing(request(), {}) == "other"
    assert airflow2.find_existing(request(logical_date=DATE + timedelta(days=1)), {}) is None
    world.run("r1", date=PLAIN + timedelta(days=2))
    assert airflow2.find_existing(request(), {}) == "r1"


def test_t2_a_parent_that_skips_names_the_run_of_its_date(world: World) -> None:
    world.run("other", date=PLAIN)
    with release(2, 11, 2):
        parent = Parent(logical_date=DATE, trigger_run_id="mine", skip_when_already_exists=True)
        assert str(parent.fails()) == "Dag run other of child already exists"
    assert parent.ti.xcoms == {"trigger_run_id": "other"}
    assert parent.operator.trigger_run_id == parent.operator.triggered_run_id == "other"


def test_a_state_is_plain_text(world: World) -> None:
    world.run("r1", "failed", dag_id="other")
    assert airflow2.get_state(request(), {}) is None
    world.run("r1", "success")
    world.run("r2", "failed")
    assert airflow2.get_state(request(), {}) == "success"


def test_a4_the_runs_that_have_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow2, "_RUNS_PER_QUERY", 2)
    for number, state in enumerate(["running", "success", "failed", "queued", "success"]):
        world.run(f"r{number}", state)
    world.run("r9", "success", dag_id="other")
    names = ["r0", "r1", "r2", "r3", "r4", "r9"]
    found = airflow2.find_ended("child", names, ["queued", "running"], {})
    assert found == {"r1": "success", "r2": "failed", "r4": "success", "r9": None}
    assert airflow2.find_ended("child", ["r0"], ["running"], {}) == {}
    assert airflow2.find_ended("child", [], ["running"], {}) == {}


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_w7_a_database_that_is_away_may_come_back(world: World, kind: Any) -> None:
    looks: list[Callable[[], object]] = [
        lambda: airflow2.get_state(request(), {}),
        lambda: airflow2.find_ended("child", ["r1"], [], {}),
    ]
    for call in looks:
        world.away = kind("select", {}, Exception("connection refused"))
        with pytest.raises(TransientError, match=r"^connection refused$"):
            call()
    world.away = ProgrammingError("select", {}, Exception("no such table"))
    with pytest.raises(ProgrammingError):
        airflow2.get_state(request(), {})


def test_d4_the_state_in_an_event_or_in_the_database(world: World) -> None:
    world.run("r1", "failed")
    assert airflow2.state_from_event(request(), {"r1": "success"}) == "success"
    assert airflow2.state_from_event(request(), {"r1": None}) is None
    assert airflow2.state_from_event(request(), {"r2": "success"}) == "failed"
    assert airflow2.state_from_event(request(run_id="r3"), {}) is None
