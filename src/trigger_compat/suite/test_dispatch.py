"""Which path carries a trigger, and ``dag.test()`` (clauses P1-P5)."""

from __future__ import annotations

import pytest

from trigger_compat import dispatch
from trigger_compat.suite.harness import Airflow, finish


@pytest.mark.own
@pytest.mark.clause("P1")
def test_the_path_is_the_one_chosen(airflow: Airflow, path: str) -> None:
    outcome = airflow.parent().run()

    expected = dispatch.default_path() if path == "default" else path
    assert outcome.callback("success").paths == tuple(sorted({expected, *shared(expected)}))


@pytest.mark.own
@pytest.mark.clause("P1")
def test_a_deferral_is_the_runners_unless_a_path_is_forced(airflow: Airflow, path: str) -> None:
    parent = airflow.parent(wait_for_completion=True, deferrable=True)
    child = parent.run().child
    outcome = parent.resume(lambda: airflow.set_state(child, "success"))

    expected = "exception" if path == "default" and dispatch.default_path() == "accessor" else path
    if expected == "default":
        expected = dispatch.default_path()
    assert outcome.callback("success").paths == tuple(sorted({expected, *shared(expected)}))


@pytest.mark.own
@pytest.mark.clause("P2")
@pytest.mark.parametrize("wanted", [row.name for row in dispatch.PATHS])
def test_the_argument_forces_a_path(airflow: Airflow, wanted: str) -> None:
    carried = next(dispatch.within(row.carries) for row in dispatch.PATHS if row.name == wanted)
    outcome = airflow.parent(path=wanted, retries=0).run()

    if carried:
        assert outcome.state == "success"
        assert outcome.callback("success").paths == tuple(sorted({wanted, *shared(wanted)}))
    else:
        assert outcome.state == "failed"
        assert outcome.children == ()
        assert wanted in outcome.failure.text
        assert outcome.failure.error == "PathUnavailable"


@pytest.mark.own
@pytest.mark.clause("P2")
def test_an_unknown_path_is_refused(airflow: Airflow) -> None:
    outcome = airflow.parent(path="airflow4", retries=0).run()

    assert outcome.state == "failed"
    assert outcome.children == ()
    assert "airflow4" in outcome.failure.text


@pytest.mark.clause("P5")
@pytest.mark.usefixtures("dag_test")
def test_dag_test_runs_a_clean_wait(airflow: Airflow) -> None:
    outcome = airflow.test_dag(finish("success"), wait_for_completion=True, retries=0)

    assert outcome.state == "success"
    assert outcome.xcoms["trigger_run_id"] == outcome.child.run_id


@pytest.mark.clause("P5")
@pytest.mark.usefixtures("dag_test")
def test_dag_test_runs_into_a_failed_child(airflow: Airflow) -> None:
    outcome = airflow.test_dag(finish("failed"), wait_for_completion=True, retries=0)

    assert outcome.state == "failed"


@pytest.mark.clause("P5")
@pytest.mark.usefixtures("dag_test")
def test_dag_test_reports_a_missing_dag(airflow: Airflow) -> None:
    outcome = airflow.test_dag(trigger_dag_id="no_such_dag", retries=0)

    assert outcome.state == "failed"
    assert outcome.children == ()


@pytest.fixture
def dag_test(airflow: Airflow) -> None:
    if not airflow.honours("dag.test"):
        pytest.skip("the dag of the SDK has no test() before Airflow 3.0.2")


def shared(path: str) -> set[str]:
    """What a path loads with it."""
    return set() if path == "airflow2" else {"_task_sdk"}
