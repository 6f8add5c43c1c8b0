"""What an import costs a dag file."""

from __future__ import annotations

import json
import subprocess
import sys

from trigger_compat import dispatch

AIRFLOW3 = dispatch.default_path(dispatch.release()) != "airflow2"
OURS = {
    "trigger_compat",
    *(
        f"trigger_compat.{name}"
        for name in ("_airflow", "dispatch", "errors", "links", "operator", "ranges", "values")
    ),
}
OF_AIRFLOW = {"airflow.sdk.bases.operatorlink", "airflow.sdk.bases.resumablejobmixin"}
if dispatch.within(">=3.0,<3.0.6"):  # there the classes of a dag do not load these yet
    OF_AIRFLOW |= {"airflow.sdk.exceptions", "hmac", "secrets"}


def test_importing_the_package_imports_no_airflow() -> None:
    assert not [name for name in loaded_by("import trigger_compat") if name.partition(".")[0] == "airflow"]


def test_the_provider_entry_point_imports_no_airflow() -> None:
    """It is loaded while Airflow is still initialising: importing Airflow there has crashed all commands."""
    source = """
from importlib.metadata import distribution
[entry] = distribution("trigger-compat").entry_points.select(group="apache_airflow_provider")
info = entry.load()()
assert info["extra-links"] == ["trigger_compat.links.TriggerDagRunLink"], info
"""
    loaded = loaded_by(source)

    assert "trigger_compat.provider_info" in loaded
    assert not [name for name in loaded if name.partition(".")[0] == "airflow"]


def test_importing_the_operator_loads_next_to_nothing_beside_it() -> None:
    """Every parse of a dag file pays for what is loaded here; what runs a task is loaded when one runs."""
    dag = "from airflow.sdk import DAG, BaseOperator"
    if not AIRFLOW3:
        # Airflow 2 keeps these under airflow.models and loads every model with them.
        dag = "from airflow.models import DAG, baseoperator, baseoperatorlink"
    added = loaded_by(f"{dag}\nfrom trigger_compat import TriggerDagRunOperator") - loaded_by(dag)

    ours = {name for name in added if name.partition(".")[0] == "trigger_compat"}
    assert ours | {"trigger_compat"} == OURS, (
        "the package itself is there if Airflow has read its entry point"
    )
    assert added - ours <= OF_AIRFLOW


def loaded_by(source: str) -> set[str]:
    """The modules a new interpreter has loaded after this source."""
    script = f"{source}\nimport json, sys\nprint('MODULES', json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("MODULES "))
    return set(json.loads(line.removeprefix("MODULES ")))
