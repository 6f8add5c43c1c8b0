"""Many deferred parents, and the runs that they wait for. The benchmark writes their rows."""

from __future__ import annotations

import importlib
import importlib.util
import os

if os.environ["WAITS_OPERATOR"] == "own":
    home = "trigger_compat"
elif importlib.util.find_spec("airflow.providers.standard"):
    home = "airflow.providers.standard.operators.trigger_dagrun"
else:  # Airflow 2 without the provider
    home = "airflow.operators.trigger_dagrun"
try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

with DAG("waits_child", schedule=None, is_paused_upon_creation=True):
    pass

with DAG("waits_parent", schedule=None):
    importlib.import_module(home).TriggerDagRunOperator.partial(
        task_id="trigger",
        trigger_dag_id="waits_child",
        wait_for_completion=True,
        deferrable=True,
        pool="waits",
    ).expand(conf=[{"number": number} for number in range(int(os.environ["WAITS"]))])
