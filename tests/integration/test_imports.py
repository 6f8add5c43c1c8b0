"""What an import costs a dag file."""

from __future__ import annotations

import json
import subprocess
import sys

from trigger_compat import dispatch


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


def loaded_by(source: str) -> set[str]:
    """The modules a new interpreter has loaded after this source."""
    script = f"{source}\nimport json, sys\nprint('MODULES', json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("MODULES "))
    return set(json.loads(line.removeprefix("MODULES ")))
