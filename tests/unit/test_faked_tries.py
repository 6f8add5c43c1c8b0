"""What one try does, state by state, beside a fake Airflow: triggers, reconnects, waits and ends."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit import fake_airflow as fake
from tests.unit.fake_airflow import Run
from tests.unit.parents import Parent, Store, reaching, release, said
from trigger_compat.exceptions import ChildRunExists, DagIsPaused
from trigger_compat.operator import TriggerDagRunOperator

DATE = datetime(2026, 1, 31, tzinfo=timezone.utc)
TODAY = "{{ now() }}"


class Subclass(TriggerDagRunOperator):
    def execute(self, context: Any) -> None:
        super().execute(context)


def ends(*states: str) -> Any:
    """Let each new run go through these states, one look after the other."""
    return lambda: Run(states[0], then=list(states[1:]))


def waiting(**arguments: Any) -> Parent:
    return Parent(wait_for_completion=True, **arguments)


def test_t1_a_run_is_triggered_once_and_published() -> None:
    parent = Parent(conf={"a": 1})
    log = parent.attempt()
    (run_id,) = parent.server.children()
    assert run_id.startswith("manual__")
    assert parent.server.runs["child", run_id].sent["conf"] == {"a": 1}
    assert parent.ti.xcoms == {
        "trigger_run_id": run_id,
        "_link_TriggerDagRunLink": f"/dags/child/runs/{run_id}",
    }
    assert parent.operator.triggered_run_id == parent.operator.trigger_run_id == run_id
    assert parent.operator.generated_run_id == run_id
    assert said(log, "Using the accessor path: the default on Airflow 3.3.2")
    assert said(log, f"Triggering dag run {run_id} of child")
    assert parent.server.asked == [("trigger", "child", run_id)], "and nothing else is asked for"


def test_t1_every_try_triggers_a_run_of_its_own_unless_durable() -> None:
    parent = Parent()
    parent.attempt(1)
    first = parent.operator.trigger_run_id
    parent.attempt(2)
    assert len(parent.server.children()) == 2
    assert parent.operator.trigger_run_id != first


def test_the_same_object_may_be_run_again() -> None:
    """As ``dag.test()`` does with the retries of a task."""
    parent = Parent()
    context = parent.prepare()
    for _ in range(2):
        with reaching(parent.server):
            parent.operator.execute(context)
    assert len(parent.server.children()) == 2


def test_w1_a_wait_ends_with_an_allowed_state() -> None:
    parent = waiting()
    parent.server.new = ends("queued", "running", "running", "success")
    log = parent.attempt()
    assert [line.rpartition(" ")[2] for line in log if line.startswith("Waiting")] == [
        "(queued)",
        "(running)",
    ]
    assert said(log, "reached state success")


def test_w2_a_wait_ends_with_a_failed_state() -> None:
    parent = waiting()
    parent.server.new = ends("running", "failed")
    error = parent.fails()
    assert str(error) == "child failed with failed state failed"
    assert not isinstance(error, fake.AirflowFailException), "a retry may help"


def test_w4_a_child_that_is_deleted_ends_the_wait() -> None:
    parent = waiting()
    parent.server.new = ends("running", "gone")
    error = parent.fails()
    assert said([str(error)], "of child was deleted while this task waited for it")
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_nothing_is_asked_for_without_a_wait() -> None:
    parent = Parent(durable=True)
    parent.attempt()
    assert [what for what, *_ in parent.server.asked] == ["trigger"]


# A run of this id exists


@pytest.mark.parametrize("arguments", [{}, {"durable": True}])
def test_t4_a_run_of_the_given_id_is_somebody_elses(arguments: dict[str, Any]) -> None:
    parent = Parent(trigger_run_id="mine", **arguments)
    parent.server.runs["child", "mine"] = Run("success")
    error = parent.fails()
    assert isinstance(error, ChildRunExists)
    assert str(error) == (
        "Dag run mine of child already exists, or another run has its logical date;"
        " set reset_dag_run or skip_when_already_exists, or trigger another run"
    )
    assert parent.operator.triggered_run_id == "mine"
    assert "trigger_run_id" not in parent.ti.xcoms


def test_t4_a_retry_that_is_not_durable_knows_no_run_of_its_own() -> None:
    parent = Parent(trigger_run_id="mine")
    parent.attempt(1)
    assert isinstance(parent.fails(2), ChildRunExists)


@pytest.mark.parametrize("arguments", [{}, {"durable": True}, {"wait_for_completion": True}])
def test_t2_skips_for_a_run_that_exists(arguments: dict[str, Any]) -> None:
    parent = Parent(trigger_run_id="mine", skip_when_already_exists=True, **arguments)
    parent.server.runs["child", "mine"] = Run("running")
    error = parent.fails()
    assert isinstance(error, fake.AirflowSkipException)
    assert str(error) == "Dag run mine of child already exists"
    assert parent.ti.xcoms["trigger_run_id"] == "mine"
    assert parent.operator.triggered_run_id == parent.operator.trigger_run_id == "mine"
    assert [what for what, *_ in parent.server.asked if what == "count"] == [], "its name is known"


def test_t2_names_no_run_that_airflow_does_not_name() -> None:
    parent = Parent(logical_date=DATE, trigger_run_id="mine", skip_when_already_exists=True)
    parent.server.runs["child", "other"] = Run("running", logical_date=DATE)
    error = parent.fails()
    assert isinstance(error, fake.AirflowSkipException)
    assert str(error) == "A dag run of child with the logical date of mine already exists"
    assert parent.ti.xcoms == {}
    assert parent.operator.trigger_run_id is None
    assert parent.operator.triggered_run_id is None


def test_t2_of_a_date_too_the_run_of_the_id_is_named() -> None:
    parent = Parent(logical_date=DATE, trigger_run_id="mine", skip_when_already_exists=True)
    parent.server.runs["child", "mine"] = Run("running", logical_date=DATE)
    assert str(parent.fails()) == "Dag run mine of child already exists"
    assert parent.ti.xcoms["trigger_run_id"] == "mine"


def test_t3_a_reset_is_for_this_run() -> None:
    parent = Parent(trigger_run_id="mine", reset_dag_run=True)
    parent.server.runs["child", "mine"] = run = Run("failed")
    parent.server.runs["child", "other"] = other = Run("failed")
    log = parent.attempt()
    assert (run.resets, other.resets) == (1, 0)
    assert run.state == "queued"
    assert not said(log, "keeps its own conf"), "there is nothing to keep"


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("skips", [False, True])
@pytest.mark.parametrize("state", ["running", "success"])
def test_x6_a_run_of_an_overlapping_try_is_not_reset(attempt: int, skips: bool, state: str) -> None:
    """It came after this try had looked, and before its trigger arrived."""
    pinned: dict[str, Any] = {"trigger_run_id": "mine", "reset_dag_run": True, "durable": True}
    parent = waiting(skip_when_already_exists=skips, **pinned)
    run = Run(state, then=["success"])
    parent.server.before_trigger = partial(parent.server.runs.update, {("child", "mine"): run})
    log = parent.attempt(attempt)
    assert (run.resets, parent.server.triggers(), parent.server.children()) == (0, 1, ["mine"])
    assert said(log, "Dag run mine of child already exists")
    assert parent.ti.xcoms["trigger_run_id"] == "mine"


def test_x6_a_failed_run_of_an_overlapping_try_fails_this_one() -> None:
    """Only the next try may reset it: this one may have been given up long ago."""
    parent = waiting(trigger_run_id="mine", reset_dag_run=True, durable=True)
    run = Run("failed")
    parent.server.before_trigger = partial(parent.server.runs.update, {("child", "mine"): run})
    assert str(parent.fails()) == "child failed with failed state failed"
    assert run.resets == 0


def test_x6_a_run_that_was_there_before_is_reset() -> None:
    parent = waiting(trigger_run_id="mine", reset_dag_run=True, durable=True)
    run = parent.server.runs["child", "mine"] = Run("success", then=["success", "running", "success"])
    parent.attempt()
    assert (run.resets, parent.server.triggers()) == (1, 1)


def test_x6_another_run_of_the_date_is_not_that_of_an_overlapping_try() -> None:
    parent = Parent(trigger_run_id="mine", logical_date=DATE, reset_dag_run=True, durable=True)
    parent.server.runs["child", "other"] = Run("success", logical_date=DATE)
    assert isinstance(parent.fails(), ChildRunExists)
    assert parent.server.runs["child", "other"].resets == 0


@pytest.mark.parametrize(("arguments", "dropped"), [({"conf": {"a": 1}}, "conf"), ({"note": "n"}, "note")])
def test_t3_says_what_a_reset_run_does_not_take(arguments: dict[str, Any], dropped: str) -> None:
    parent = Parent(trigger_run_id="mine", reset_dag_run=True, **arguments)
    assert not said(parent.attempt(), "keeps its own"), "there is none yet"
    assert said(
        parent.attempt(),
        f"Resetting dag run mine of child, which keeps its own conf and note; not applied: {dropped}",
    )
    parent = Parent(trigger_run_id="mine", **arguments)
    parent.server.runs["child", "mine"] = Run()
    parent.fails()
    assert not said(parent.log, "keeps its own"), "no reset was asked for"


def test_t7_a_paused_dag_fails_the_task_and_is_not_triggered() -> None:
    parent = Parent(fail_when_dag_is_paused=True)
    parent.server.paused.add("child")
    error = parent.fails()
    assert isinstance(error, DagIsPaused)
    assert str(error) == "Dag child is paused"
    assert parent.server.children() == []
    parent = Parent(fail_when_dag_is_paused=True)
    parent.attempt()
    assert len(parent.server.children()) == 1
    parent = Parent()
    parent.server.paused.add("child")
    parent.attempt()
    assert "dag" not in [what for what, *_ in parent.server.asked]


# Durable


def test_x1_a_retry_reconnects_to_a_running_child_and_waits_for_it() -> None:
    parent = waiting(durable=True)
    parent.server.new = ends("running")
    parent.dies()
    parent.server.runs["child", parent.durable_id()].then = ["success"]
    log = parent.attempt(2)
    assert said(log, f"Waiting for dag run {parent.durable_id()} of child (running)"), (
        "as it has just been seen"
    )
    assert parent.server.children() == [parent.durable_id()]
    assert said(
        log, f"Reconnecting to dag run {parent.durable_id()} of child (running), triggered by an earlier try"
    )
    assert said(log, "reached state success")
    assert parent.ti.xcoms["trigger_run_id"] == parent.durable_id()
    assert parent.server.triggers() == 1, "what is found is not triggered again"


def test_x2_a_child_that_succeeded_is_enough() -> None:
    parent = waiting(durable=True)
    parent.server.new = ends("success")
    parent.dies()
    log = parent.attempt(2)
    assert parent.server.triggers() == 1
    assert said(log, "(success), triggered by an earlier try")
    assert parent.operator.triggered_run_id == parent.durable_id()
    assert parent.operator.generated_run_id == parent.durable_id()


def test_x3_a_failed_child_gives_way_to_the_next_generation() -> None:
    parent = waiting(durable=True)
    parent.server.new = ends("failed")
    parent.fails(1)
    parent.server.new = ends("success")
    log = parent.attempt(2)
    assert parent.server.children() == [parent.durable_id(1), parent.durable_id(2)]
    assert said(
        log, f"Dag run {parent.durable_id(1)} of child, triggered by an earlier try, is in state failed;"
    )
    assert parent.ti.xcoms["trigger_run_id"] == parent.durable_id(2)
    parent.server.runs["child", parent.durable_id(2)].state = "failed"
    parent.attempt(3)
    assert parent.server.children()[2:] == [parent.durable_id(3)]


def test_x3_the_newest_generation_counts() -> None:
    parent = waiting(durable=True)
    parent.server.runs["child", parent.durable_id(1)] = Run("failed")
    parent.server.runs["child", parent.durable_id(2)] = Run("success")
    parent.attempt(3)
    assert parent.ti.xcoms["trigger_run_id"] == parent.durable_id(2)
    assert parent.server.triggers() == 0
    assert [run_id for what, _, run_id in parent.server.asked][:1] == [parent.durable_id(2)]


def test_x3_an_older_generation_is_found_if_there_is_no_newer_one() -> None:
    parent = waiting(durable=True)
    parent.server.runs["child", parent.durable_id(1)] = Run("success")
    parent.attempt(3)
    assert parent.server.triggers() == 0


def test_x5_a_clear_begins_again() -> None:
    parent = Parent(durable=True)
    parent.attempt(1)
    log = parent.attempt(2, max_tries=3)
    assert parent.server.children() == [parent.durable_id(1), parent.durable_id(1, epoch=3)]
    assert said(log, "This is the first try after a clear; triggering another dag run of child")
    assert not said(log, "Found no dag run")


def test_a_retry_that_finds_nothing_says_so() -> None:
    parent = Parent(durable=True)
    log = parent.attempt(2)
    assert said(log, "Found no dag run of child from an earlier try; triggering one")
    assert not said(log, "after a clear")
    assert parent.server.children() == [parent.durable_id(1)]
    log = Parent(durable=True, trigger_run_id="mine").attempt(2)
    assert said(log, "Found no dag run mine of child. If an earlier try rendered another run id")
    first = Parent(durable=True)
    first.attempt(1)
    assert not said(first.log, "Found no")
    assert not said(first.log, "after a clear")
    assert [what for what, *_ in first.server.asked] == ["trigger"]


def test_x4_an_edit_of_retries_in_mid_epoch_loses_no_child() -> None:
    """``retries`` were 0 and are 2 now: by the numbers this is a first try."""
    parent = waiting(durable=True)
    run_id = parent.durable_id(epoch=4)
    parent.server.runs["child", run_id] = Run("success")
    parent.attempt(3, max_tries=4)
    assert parent.server.asked == [("state", "child", run_id)]
    parent = waiting(durable=True)
    parent.server.runs["child", parent.durable_id(epoch=3)] = Run("success")
    parent.attempt(2, max_tries=3)
    assert parent.server.triggers() == 0


def test_x3_each_later_generation_is_looked_for() -> None:
    parent = waiting(durable=True)
    for generation in (1, 2):
        parent.server.runs["child", parent.durable_id(generation, epoch=5)] = Run("failed")
    parent.server.new = ends("success")
    parent.attempt(4, max_tries=5)
    assert parent.server.children()[2:] == [parent.durable_id(3, epoch=5)]


def test_x4_a_later_generation_is_found_before_it_is_triggered() -> None:
    parent = waiting(durable=True)
    facts: dict[str, Any] = {"epoch": 4}
    parent.server.runs["child", parent.durable_id(1, **facts)] = Run("failed")
    parent.server.runs["child", parent.durable_id(2, **facts)] = Run("success")
    parent.attempt(3, max_tries=4)
    assert parent.server.triggers() == 0
    assert parent.ti.xcoms["trigger_run_id"] == parent.durable_id(2, **facts)
    first = waiting(durable=True)
    first.server.new = ends("success")
    first.server.runs["child", first.durable_id(1)] = Run("failed")
    first.attempt(2)
    asked = [run_id for what, _, run_id in first.server.asked if what == "state"]
    assert first.durable_id(2) not in asked[:1]
    assert first.server.asked[1] == ("trigger", "child", first.durable_id(2)), "no try can have left it"


def test_t8_a_run_that_exists_under_a_computed_id_is_its_own() -> None:
    """Two tries overlap: the other one triggers between the look and the trigger of this one."""
    parent = waiting(durable=True)
    parent.server.runs["child", parent.durable_id()] = Run("running", then=["success"])
    log = parent.attempt(1)
    assert said(
        log, f"Dag run {parent.durable_id()} of child already exists (running); it was triggered by this task"
    )
    assert said(log, "reached state success")
    assert parent.ti.xcoms["trigger_run_id"] == parent.durable_id()
    failed = waiting(durable=True)
    failed.server.runs["child", failed.durable_id()] = Run("failed")
    failed.server.new = ends("success")
    failed.attempt(1)
    assert failed.server.children() == [failed.durable_id(1), failed.durable_id(2)]


def test_a_date_that_another_run_has_is_no_child_of_its_own() -> None:
    parent = Parent(durable=True)
    context = parent.prepare()
    server: Any = parent.server
    server.send = lambda message: SimpleNamespace(error="dagrun_already_exists")
    with (
        reaching(parent.server),
        pytest.raises(fake.AirflowException, match="another run has its logical date"),
    ):
        parent.operator.execute(context)


@pytest.mark.parametrize(
    ("state", "reset", "resets", "triggered"),
    [("success", True, 0, 0), ("running", True, 0, 0), ("failed", True, 1, 1)],
)
def test_x9_a_pinned_child_of_an_earlier_try(state: str, reset: bool, resets: int, triggered: int) -> None:
    parent = Parent(durable=True, trigger_run_id="mine", reset_dag_run=reset)
    parent.server.runs["child", "mine"] = run = Run(state)
    log = parent.attempt(2)
    assert (run.resets, parent.server.triggers()) == (resets, triggered)
    assert said(log, "resetting it") is (resets == 1)


def test_x9_a_failed_pinned_child_is_refused_without_a_reset() -> None:
    parent = Parent(durable=True, trigger_run_id="mine")
    parent.server.runs["child", "mine"] = Run("failed")
    assert isinstance(parent.fails(2), ChildRunExists)
    assert parent.server.triggers() == 0


def test_x12_a_pinned_run_that_appears_during_a_retry_is_its_own() -> None:
    parent = waiting(durable=True, trigger_run_id="mine", skip_when_already_exists=True)
    answers = iter([fake.ApiError(404)])
    state = parent.server.state

    def state_once_gone(dag_id: str, run_id: str) -> Any:
        for error in answers:
            raise error
        return state(dag_id, run_id)

    parent.server.state = state_once_gone  # type: ignore[method-assign]
    parent.server.runs["child", "mine"] = Run("running", then=["success"])
    log = parent.attempt(2)
    assert said(log, "it was triggered by this task")


# Run ids that move (X16)


def test_x16_the_run_id_of_an_earlier_try_is_rendered_again() -> None:
    parent = waiting(durable=True, trigger_run_id="r{{ ti.try_number }}", conf={"a": 1})
    parent.server.runs["child", "r1"] = Run("running", then=["success"])
    parent.attempt(3)
    assert parent.server.triggers() == 0
    assert parent.ti.xcoms["trigger_run_id"] == "r1"
    asked = [run_id for what, _, run_id in parent.server.asked]
    assert asked[:3] == ["r3", "r2", "r1"], "newest first, each once"


def test_x16_a_failed_one_gives_way_to_the_run_that_the_arguments_now_name() -> None:
    parent = waiting(durable=True, trigger_run_id="r{{ ti.try_number }}", conf={"a": 1})
    parent.server.runs["child", "r1"] = Run("failed")
    parent.server.new = ends("success")
    parent.attempt(2)
    assert parent.server.children() == ["r1", "r2"]
    assert parent.server.runs["child", "r2"].sent["conf"] == {"a": 1}


def test_x16_an_earlier_try_that_could_trigger_nothing_is_passed_over() -> None:
    parent = waiting(
        durable=True, trigger_run_id="{{ 'r/1' if ti.try_number == 2 else 'r%d' % ti.try_number }}"
    )
    parent.server.runs["child", "r1"] = Run("success")
    parent.attempt(3)
    assert parent.ti.xcoms["trigger_run_id"] == "r1"


def test_x16_another_dag_too() -> None:
    parent = waiting(durable=True, trigger_dag_id="child{{ ti.try_number }}")
    run_id = parent.durable_id(1, "child1")
    parent.server.runs["child1", run_id] = Run("success")
    parent.attempt(2)
    assert parent.server.triggers() == 0
    assert parent.operator.trigger_dag_id == "child1"
    assert parent.ti.xcoms["_link_TriggerDagRunLink"] == f"/dags/child1/runs/{run_id}"


def test_x16_says_that_a_pin_may_move() -> None:
    moving: dict[str, Any] = {"trigger_run_id": "r{{ now() }}", "trigger_dag_id": "c{{ today() }}"}
    clock = {"now": lambda: 1, "today": lambda: 2}

    def said_of(store: Store | None = None, **arguments: Any) -> list[str]:
        parent = Parent(**{**moving, **arguments})
        parent.in_context, parent.store = clock, store
        return [line for line in parent.attempt() if "may render to another value" in line]

    assert said_of(durable=True)[0].startswith("trigger_dag_id and trigger_run_id may render")
    assert said_of(durable=True, store=Store()) == []
    assert said_of(durable=False) == []
    assert said_of(durable=True, trigger_run_id="r1", trigger_dag_id="c1") == []


def test_x16_a_date_that_is_now_pins_nothing() -> None:
    now = datetime.now(timezone.utc)

    def says(**arguments: Any) -> bool:
        return said(Parent(**arguments).attempt(), "logical_date is the current time")

    assert says(durable=True, logical_date=now)
    assert not says(durable=True, logical_date=now - timedelta(days=1))
    assert not says(logical_date=now)
    assert not says(durable=True)


def test_x16_the_next_generation_is_of_the_dag_of_the_first_and_has_the_conf() -> None:
    parent = waiting(durable=True, trigger_dag_id="child{{ ti.try_number }}", conf={"a": 1})
    parent.server.runs["child1", parent.durable_id(1, "child1")] = Run("failed")
    parent.server.new = ends("success")
    parent.attempt(2)
    assert parent.server.runs["child1", parent.durable_id(2, "child1")].sent["conf"] == {"a": 1}
    assert parent.server.children("child2") == []


# The record of 3.3+


def test_x10_a_first_try_asks_for_no_record_and_writes_one_before_it_triggers() -> None:
    parent = Parent(durable=True)
    parent.store = store = Store()
    parent.dies()
    assert store.gets == 0
    assert store.rows["trigger_compat_child"]["run_id"] == parent.durable_id()
    parent.attempt(2)
    assert store.gets == 1
    assert parent.server.triggers() == 1


def test_x10_a_store_that_is_away_costs_a_line_and_no_second_child() -> None:
    parent = Parent(durable=True)
    parent.store = Store()
    parent.dies()
    parent.store.error = RuntimeError("no such table")
    log = parent.attempt(2)
    assert said(log, "Cannot read the durable record (no such table); a retry finds the child by its run id")
    assert parent.server.triggers() == 1


def test_x10_a_generation_that_was_deleted_hides_no_later_one() -> None:
    parent = waiting(durable=True)
    parent.store = Store()
    parent.server.new = ends("failed")
    parent.fails(1)
    parent.server.runs["child", parent.durable_id(3)] = Run("success")
    parent.attempt(4)
    assert parent.ti.xcoms["trigger_run_id"] == parent.durable_id(3)
    assert parent.server.triggers() == 1


def test_x11_without_durable_there_is_no_record() -> None:
    parent = Parent()
    parent.store = store = Store()
    parent.attempt(1)
    parent.attempt(2)
    assert (store.rows, store.gets) == ({}, 0)


@pytest.mark.parametrize("state", ["running", "success"])
def test_x16_the_recorded_child_counts_though_its_id_is_rendered_anew(state: str) -> None:
    parent = waiting(durable=True, trigger_run_id="{{ now() }}")
    parent.store, parent.in_context = Store(), {"now": lambda: "r1"}
    parent.server.new = ends(state)
    parent.dies()
    parent.in_context = {"now": lambda: "r2"}
    parent.server.runs["child", "r1"].then = ["success", "success"]
    log = parent.attempt(2)
    assert parent.server.children() == ["r1"]
    assert parent.ti.xcoms["trigger_run_id"] == "r1"
    assert said(log, f"Reconnecting to dag run r1 of child ({state})")
    assert said(log, "Waiting for dag run r1 of child (running)") is (state == "running")
    assert parent.operator.decision == ("reconnect" if state == "running" else "already_succeeded")
    states = [what for what, *_ in parent.server.asked if what == "state"]
    assert len(states) == (1 if state == "success" else 2), (
        "the state that the record led to is not asked for again"
    )


def test_x16_a_recorded_child_that_failed_gives_way() -> None:
    parent = waiting(durable=True, trigger_run_id="{{ now() }}")
    parent.store, parent.in_context = Store(), {"now": lambda: "r1"}
    parent.server.new = ends("failed")
    parent.fails(1)
    parent.in_context, parent.server.new = {"now": lambda: "r2"}, ends("success")
    parent.attempt(2)
    assert parent.server.children() == ["r1", "r2"]


def test_x5_a_record_of_before_a_clear_counts_no_more() -> None:
    parent = waiting(durable=True)
    parent.store = Store()
    parent.server.new = ends("success")
    parent.attempt(1)
    parent.attempt(2, max_tries=3)
    assert parent.server.triggers() == 2


def test_x10_a_record_older_than_the_newest_child_is_no_guide() -> None:
    parent = waiting(durable=True)
    parent.store = Store()
    parent.server.new = ends("failed")
    parent.fails(1)
    parent.server.runs["child", parent.durable_id(2)] = Run("success")
    parent.attempt(3)
    assert parent.server.triggers() == 1, "the second generation is found, though the record names the first"


def test_x10_a_recorded_child_that_is_gone_is_triggered_again() -> None:
    parent = Parent(durable=True)
    parent.store = Store()
    parent.attempt(1)
    parent.server.runs.clear()
    parent.attempt(2)
    assert parent.server.children() == [parent.durable_id()]


# Deferrals


def deferral(parent: Parent, number: int = 1) -> fake.Deferred:
    with pytest.raises(fake.Deferred) as error:
        parent.attempt(number)
    return error.value


def test_d1_a_durable_deferral_waits_for_the_run_id_alone() -> None:
    timeout = timedelta(hours=1)
    parent = waiting(
        durable=True, deferrable=True, allowed_states=["success"], failed_states=["failed", "queued"]
    )
    parent.arguments["execution_timeout"] = timeout
    parent.server.new = ends("running")
    found = deferral(parent)
    _, arguments = found.trigger.serialize()
    assert arguments == {
        "dag_id": "child",
        "run_ids": [parent.durable_id()],
        "states": ["success", "failed", "queued"],
        "poll_interval": parent.arguments["poke_interval"],
        "hold": 5.0,
    }
    assert (found.arguments["method_name"], found.arguments["timeout"]) == ("execute_complete", timeout)
    assert said(parent.log, "Using the accessor path")


def test_d1_a_child_that_has_ended_is_not_deferred_for() -> None:
    parent = waiting(durable=True, deferrable=True)
    parent.server.runs["child", parent.durable_id()] = Run("success")
    parent.attempt(2)
    parent.server.runs["child", parent.durable_id()].state = "running"
    deferral(parent, 2)


def test_d2_deferrable_without_a_wait_defers_nothing() -> None:
    parent = Parent(durable=True, deferrable=True)
    parent.attempt()
    assert len(parent.server.children()) == 1


def test_d1_a_plain_deferral_is_the_task_runners() -> None:
    parent = waiting(deferrable=True)
    with pytest.raises(fake.DagRunTriggerException) as error:
        parent.attempt()
    assert error.value.arguments["deferrable"] is True
    assert said(parent.log, "Using the exception path: the task runner defers on Airflow 3.3.2")


# Which path


def test_c7_code_around_execute_keeps_the_task_runner_out() -> None:
    with release(3, 0, 6):
        parent = Parent(kind=Subclass)
        parent.attempt()
        assert said(parent.log, "Using the accessor path: other code of this task runs around execute()")
        inner = Parent()
        context = inner.prepare()
        inner.ti.task = object()
        with reaching(inner.server):
            inner.operator.execute(context)
        assert said(inner.log, "Using the accessor path")
        with pytest.raises(fake.DagRunTriggerException):
            Parent().attempt()


def test_p2_a_path_can_be_forced() -> None:
    with pytest.raises(fake.DagRunTriggerException):
        Parent(path="exception").attempt()


def test_c3_what_a_release_lacks_fails_the_task_or_is_left_out_with_a_warning() -> None:
    with release(3, 1, 8):
        error = Parent(fail_when_dag_is_paused=True, path="accessor").fails()
        assert isinstance(error, fake.AirflowFailException)
        assert str(error).startswith("fail_when_dag_is_paused needs Airflow !=3.0.*,!=3.1.*, found 3.1.8")
        log = Parent(note="n", path="accessor").attempt()
        assert said(log, "note needs Airflow >=3.2, found 3.1.8; triggering the run without it")
