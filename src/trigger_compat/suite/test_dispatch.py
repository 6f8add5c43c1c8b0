"""Which path a trigger takes, and ``dag.test()`` (clauses P1-P5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from trigger_compat import dispatch
from trigger_compat.suite.harness import Airflow, HarnessError, Try, finish


@pytest.mark.own
@pytest.mark.clause("P1")
def test_the_path_is_the_one_chosen(airflow: Airflow, path: str) -> None:
    outcome = airflow.parent().run()

    expected = dispatch.default_path(dispatch.release()) if path == "default" else path
    assert outcome.callback("success").paths == tuple(sorted({expected, *shared(expected)}))


@pytest.mark.own
@pytest.mark.clause("P1")
def test_a_deferral_is_the_runners_unless_a_path_is_forced(airflow: Airflow, path: str) -> None:
    parent = airflow.parent(wait_for_completion=True, deferrable=True)
    child = parent.run().child
    outcome = parent.resume(lambda: airflow.set_state(child, "success"))

    expected = (
        "exception" if path == "default" and dispatch.default_path(dispatch.release()) == "accessor" else path
    )
    if expected == "default":
        expected = dispatch.default_path(dispatch.release())
    assert outcome.callback("success").paths == tuple(sorted({expected, *shared(expected)}))


@pytest.mark.own
@pytest.mark.clause("P2")
@pytest.mark.parametrize("wanted", [row.name for row in dispatch.PATHS])
def test_the_argument_forces_a_path(airflow: Airflow, wanted: str) -> None:
    supported = next(dispatch.within(row.supported_on) for row in dispatch.PATHS if row.name == wanted)
    outcome = airflow.parent(path=wanted, retries=0).run()

    if supported:
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
def pretend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dispatch.AirflowVersion], None]]:
    """Make the dispatch take the installed Airflow for another release."""
    caches = (dispatch.within, dispatch.default_path)

    def to_be(release: dispatch.AirflowVersion) -> None:
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
    airflow: Airflow, pretend: Callable[[dispatch.AirflowVersion], None]
) -> None:
    pretend((2, 10, 5))
    with pytest.raises(
        HarnessError, match=rf"Airflow {dispatch.text(dispatch.OLDEST)} or newer, found 2\.10\.5"
    ):
        airflow.parent()


@pytest.mark.own
@pytest.mark.clause("P3")
def test_an_airflow_that_is_newer_than_known_takes_the_newest_path(
    airflow: Airflow, pretend: Callable[[dispatch.AirflowVersion], None]
) -> None:
    pretend((3, 99, 0))
    with pytest.warns(UserWarning, match=r"knows Airflow up to 3\.\d+, found 3\.99\.0") as warned:
        airflow.parent()

    assert len(warned) == 1
    assert dispatch.choose(None, defers=False)[0] == "accessor"
    assert len(warned) == 1


@pytest.mark.own
@pytest.mark.clause("P4")
@pytest.mark.parametrize("wanted", [row.name for row in dispatch.PATHS if dispatch.within(row.supported_on)])
def test_every_path_makes_one_call_and_the_same(airflow: Airflow, wanted: str) -> None:
    """The accessor triggers where the runner does, as the same task, and asks for nothing else."""
    outcome = airflow.parent(path=wanted).run()

    assert outcome.state == "success"
    about_runs = [request for request in outcome.requests if "/dag-runs/" in request]
    others = {request.split("/")[1] for request in outcome.requests} - {"dag-runs"}
    if airflow.has_api:
        assert about_runs == [f"POST /dag-runs/child/{outcome.child.run_id}"]
        assert others == {"task-instances", "xcoms"}
    else:
        assert outcome.requests == ()


@pytest.mark.clause("P5", aspect="trigger")
def test_dag_test_triggers(airflow: Airflow) -> None:
    """Here alone it builds its execution API itself, for seconds; other tests share one."""
    outcome = airflow.test_dag(retries=0, own_api=True)

    assert outcome.state == "success"
    assert [child.state for child in outcome.children] == ["queued"]


@pytest.mark.clause("P5")
@pytest.mark.parametrize(
    ("during", "arguments", "state", "children"),
    [
        (finish("success"), {"wait_for_completion": True}, "success", ["success"]),
        (finish("failed"), {"wait_for_completion": True}, "failed", ["failed"]),
        (None, {"trigger_dag_id": "no_such_dag"}, "failed", []),
    ],
    ids=["a clean wait", "a failed child", "a missing dag"],
)
def test_dag_test(
    airflow: Airflow,
    during: Callable[[Try], None] | None,
    arguments: dict[str, Any],
    state: str,
    children: list[str],
) -> None:
    if not airflow.honours("dag.test"):
        pytest.skip("nothing is triggered there before Airflow 3.0.2: exception-P5-trigger")
    outcome = airflow.test_dag(during, retries=0, **arguments)

    assert outcome.state == state
    assert [child.state for child in outcome.children] == children
    if children:
        assert outcome.xcoms["trigger_run_id"] == outcome.child.run_id


def shared(path: str) -> set[str]:
    """What a path loads with it."""
    return set() if path == "airflow2" else {"_task_sdk"}
