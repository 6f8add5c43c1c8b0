"""Which path carries a trigger, and ``dag.test()`` (clauses P1-P5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from trigger_compat import dispatch
from trigger_compat.suite.harness import Airflow, HarnessError, finish


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


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dispatch.Release], None]]:
    """Make the dispatch take the installed Airflow for another release."""
    caches = (dispatch.within, dispatch.default_path)

    def to_be(release: dispatch.Release) -> None:
        monkeypatch.setattr(dispatch, "release", lambda: release)
        for cached in caches:
            cached.cache_clear()

    yield to_be
    monkeypatch.undo()
    for cached in caches:
        cached.cache_clear()


@pytest.mark.own
@pytest.mark.clause("P3")
def test_an_airflow_that_is_too_old_is_refused_when_the_dag_is_parsed(
    airflow: Airflow, pretend: Callable[[dispatch.Release], None]
) -> None:
    pretend((2, 10, 5))
    with pytest.raises(HarnessError, match=r"needs Airflow 2\.11 or newer, found 2\.10\.5"):
        airflow.parent()


@pytest.mark.own
@pytest.mark.clause("P3")
def test_an_airflow_that_is_newer_than_known_takes_the_newest_path(
    airflow: Airflow, pretend: Callable[[dispatch.Release], None]
) -> None:
    if airflow.version.startswith("2."):
        pytest.skip("no newer Airflow is like Airflow 2")
    pretend((3, 99, 0))
    with pytest.warns(UserWarning, match=r"knows Airflow up to 3\.\d+, found 3\.99\.0") as warned:
        parent = airflow.parent(path="accessor")

    assert len(warned) == 1
    outcome = parent.run()
    assert outcome.state == "success"
    assert outcome.callback("success").paths == ("_task_sdk", "accessor")


@pytest.mark.own
@pytest.mark.clause("P4")
@pytest.mark.parametrize("wanted", ["exception", "accessor"])
def test_either_path_makes_one_call_and_the_same(airflow: Airflow, wanted: str) -> None:
    """The accessor triggers where the runner does, as the same task, and asks for nothing else."""
    if airflow.version.startswith("2."):
        pytest.skip("there is one path on Airflow 2, and no execution API")
    outcome = airflow.parent(path=wanted).run()

    assert outcome.state == "success"
    about_runs = [request for request in outcome.requests if "/dag-runs/" in request]
    assert about_runs == [f"POST /dag-runs/child/{outcome.child.run_id}"]
    others = {request.split("/")[1] for request in outcome.requests} - {"dag-runs"}
    assert others == {"task-instances", "xcoms"}


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
