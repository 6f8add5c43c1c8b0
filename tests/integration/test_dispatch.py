"""Which path carries a trigger, ``dag.test()``, and what an import costs (clauses P1-P5)."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.integration.harness import Airflow, finish
from trigger_compat import dispatch


@pytest.mark.clause("P1")
def test_the_path_is_the_one_chosen(airflow: Airflow, path: str) -> None:
    outcome = airflow.parent().run()

    expected = dispatch.default_path() if path == "default" else path
    assert outcome.callback("success").paths == tuple(sorted({expected, *shared(expected)}))


@pytest.mark.clause("P1")
def test_a_deferral_is_the_runners_unless_a_path_is_forced(airflow: Airflow, path: str) -> None:
    parent = airflow.parent(wait_for_completion=True, deferrable=True)
    child = parent.run().child
    outcome = parent.resume(lambda: airflow.set_state(child, "success"))

    expected = "exception" if path == "default" and dispatch.default_path() == "accessor" else path
    if expected == "default":
        expected = dispatch.default_path()
    assert outcome.callback("success").paths == tuple(sorted({expected, *shared(expected)}))


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


def test_importing_the_package_imports_no_airflow() -> None:
    assert not [name for name in loaded_by("import trigger_compat") if name.partition(".")[0] == "airflow"]


def test_importing_the_operator_loads_no_more_models_than_a_dag_does() -> None:
    dag = "from airflow.sdk import DAG, BaseOperator"
    if dispatch.default_path() == "airflow2":
        # Airflow 2 keeps these under airflow.models and loads every model with them.
        dag = "from airflow.models import DAG, baseoperator, baseoperatorlink"
    before = loaded_by(dag)
    after = loaded_by(f"{dag}\nfrom trigger_compat import TriggerDagRunOperator")

    assert "trigger_compat.operator" in after
    assert not {name for name in after - before if name.startswith("airflow.models.")}
    assert not {name for name in after - before if name.startswith("trigger_compat.paths.")}


@pytest.fixture
def dag_test(airflow: Airflow) -> None:
    if not airflow.honours("dag.test"):
        pytest.skip("the dag of the SDK has no test() before Airflow 3.0.2")


def shared(path: str) -> set[str]:
    """What a path loads with it."""
    return set() if path == "airflow2" else {"_task_sdk"}


def loaded_by(source: str) -> set[str]:
    """The modules a new interpreter has loaded after this source."""
    script = f"{source}\nimport json, sys\nprint('MODULES', json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("MODULES "))
    return set(json.loads(line.removeprefix("MODULES ")))
