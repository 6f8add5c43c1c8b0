"""Many deferrals in one triggerer, at the price of one (clauses S1-S3)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from trigger_compat.suite.harness import Airflow, Run, Triggerer

pytestmark = pytest.mark.own

MANY = 40
EVER = 3600.0


@pytest.fixture
def airflow(stack: Airflow) -> Iterator[Airflow]:
    """Without a path: a triggerer polls in one way."""
    stack.reset()
    yield stack
    stack.reset()


def wait(airflow: Airflow, *runs: Run, poke: float = 2.0, **more: Any) -> Triggerer:
    """Let a trigger wait for each of these runs."""
    from trigger_compat.triggers import ChildRunTrigger

    airflow.parent(before=list(dict.fromkeys(runs)))
    arguments = {"states": ["success", "failed"], "poll_interval": poke, **more}
    return airflow.triggerer(
        [ChildRunTrigger(dag_id=run.dag_id, run_ids=[run.run_id], **arguments) for run in runs]
    )


def running(number: int, dag_id: str = "child") -> Run:
    return Run(f"run-{number}", state="running", dag_id=dag_id)


def polls(triggerer: Triggerer) -> list[str]:
    """The messages that ask for all runs of a dag."""
    return [line for line in triggerer.requests() if line.startswith(("GET /dag-runs/count", "SELECT"))]


def end(airflow: Airflow, number: int, state: str = "success") -> None:
    airflow.set_state(airflow.children()[number], state)


def polled_together(airflow: Airflow, triggerer: Triggerer) -> None:
    """Wait until two polls in a row were for all waits."""
    if airflow.has_api:
        triggerer.until(lambda: _named(triggerer)[-2:] == [MANY, MANY], "two polls for all")
    else:
        triggerer.until(lambda: len(polls(triggerer)) >= 3, "three polls")


def _named(triggerer: Triggerer) -> list[int]:
    return [line.count("run_ids=") for line in polls(triggerer)]


@pytest.mark.clause("S1")
def test_all_waits_for_a_dag_are_one_message(airflow: Airflow) -> None:
    triggerer = wait(airflow, *(running(number) for number in range(MANY)), poke=EVER)
    polled_together(airflow, triggerer)

    assert polls(triggerer) == triggerer.requests(), "and nothing else is sent"
    assert len(polls(triggerer)) <= 6


@pytest.mark.clause("S1")
def test_a_child_that_ended_costs_a_few_more(airflow: Airflow) -> None:
    triggerer = wait(airflow, *(running(number) for number in range(MANY)), poke=EVER)
    polled_together(airflow, triggerer)
    before = len(triggerer.requests())
    end(airflow, 17)

    assert triggerer.event(17)[1]["run-17"] == "success"
    assert not any(triggerer.has_fired(number) for number in range(MANY) if number != 17)
    asked = triggerer.requests()[before:]
    if airflow.has_api:
        narrowing = [line for line in asked if line.count("run_ids=") < MANY - 1]
        assert len(narrowing) <= math.ceil(math.log2(MANY)) + 1
        assert sum(line.startswith("GET /dag-runs/child/run-17/state") for line in asked) == 1
    else:
        assert set(asked) == {polls(triggerer)[0]}, "one query for all"


@pytest.mark.clause("S1")
def test_each_dag_is_polled_for_itself(airflow: Airflow) -> None:
    runs = [running(number, dag_id) for number in range(3) for dag_id in ("child", "paused_child")]
    triggerer = wait(airflow, *runs, poke=EVER)
    triggerer.until(lambda: len(polls(triggerer)) >= 6, "three polls of two dags")

    if airflow.has_api:
        assert {line.count("run_ids=") for line in polls(triggerer)[2:]} == {3}


@pytest.mark.clause("S2")
def test_a_run_that_is_deleted_disturbs_no_other(airflow: Airflow) -> None:
    triggerer = wait(airflow, *(running(number) for number in range(5)))
    triggerer.until(lambda: polls(triggerer), "a poll")
    airflow.delete(airflow.children()[2])

    assert triggerer.event(2)[1]["run-2"] is None
    assert not any(triggerer.has_fired(number) for number in (0, 1, 3, 4))
    end(airflow, 0)
    assert triggerer.event(0)[1]["run-0"] == "success"


@pytest.mark.clause("S2")
def test_a_dag_that_is_not_there_disturbs_no_other(airflow: Airflow) -> None:
    from trigger_compat.triggers import ChildRunTrigger

    airflow.parent(before=[running(0)])
    arguments: dict[str, Any] = {"states": ["success", "failed"], "poll_interval": 2.0}
    triggerer = airflow.triggerer(
        [
            ChildRunTrigger(dag_id="no_such_dag", run_ids=["run-0"], **arguments),
            ChildRunTrigger(dag_id="child", run_ids=["run-0"], **arguments),
        ]
    )
    assert triggerer.event(0)[1]["run-0"] is None
    end(airflow, 0)
    assert triggerer.event(1)[1]["run-0"] == "success"


@pytest.mark.clause("S1")
@pytest.mark.clause("S2")
def test_each_wait_keeps_its_own_states(airflow: Airflow) -> None:
    from trigger_compat.triggers import ChildRunTrigger

    airflow.parent(before=[running(0)])
    states = (["success"], ["success", "failed"])
    triggerer = airflow.triggerer(
        [
            ChildRunTrigger(dag_id="child", run_ids=["run-0"], states=some, poll_interval=2.0)
            for some in states
        ]
    )
    end(airflow, 0, "failed")
    assert triggerer.event(1)[1]["run-0"] == "failed"
    assert not triggerer.has_fired(0)
    end(airflow, 0, "success")
    assert triggerer.event(0)[1]["run-0"] == "success"


@pytest.mark.clause("S3")
def test_a_short_child_is_noticed_long_before_the_poke_interval(airflow: Airflow) -> None:
    triggerer = wait(airflow, *(running(number) for number in range(3)), poke=EVER)
    triggerer.until(lambda: polls(triggerer), "a poll")
    end(airflow, 1)
    assert triggerer.event(1)[1]["run-1"] == "success"
