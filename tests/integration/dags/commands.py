"""The operator in each of its forms, for the `airflow` commands."""

from __future__ import annotations

from datetime import datetime, timezone
from importlib import import_module
from typing import Any

from trigger_compat import TriggerDagRunOperator


def first(name: str, module: str, older: str) -> Any:
    """A name from where Airflow 3 keeps it, or else from where Airflow 2 does."""
    try:
        return getattr(import_module(module), name)
    except ImportError:
        return getattr(import_module(older), name)


DAG = first("DAG", "airflow.sdk", "airflow")
EmptyOperator = first(
    "EmptyOperator", "airflow.providers.standard.operators.empty", "airflow.operators.empty"
)
WAITING: Any = {"trigger_dag_id": "child", "wait_for_completion": True, "poke_interval": 0.5}
OPTIONS: Any = {"schedule": None, "start_date": datetime(2024, 1, 1, tzinfo=timezone.utc), "catchup": False}

with DAG("parent", params={"target": "child"}, **OPTIONS) as parent:
    TriggerDagRunOperator(task_id="plain", trigger_dag_id="child")
    TriggerDagRunOperator(
        task_id="templated", trigger_dag_id="{{ params.target }}", conf={"asked": "{{ ds }}"}
    )
    TriggerDagRunOperator(task_id="waiting", **WAITING)
    TriggerDagRunOperator(task_id="durable", durable=True, **WAITING)
    TriggerDagRunOperator.partial(task_id="mapped").expand(trigger_dag_id=["child", "other"])

with DAG("deferring", **OPTIONS) as deferring:
    TriggerDagRunOperator(task_id="deferrable", deferrable=True, **WAITING)

for dag_id in ("child", "other"):
    with DAG(dag_id, **OPTIONS) as globals()[dag_id]:
        EmptyOperator(task_id="nothing")
