"""The dags a parent triggers. Nothing runs their tasks: a test sets the state of their runs."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Final

try:
    from airflow.sdk import DAG, BaseOperator, Param
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.models.baseoperator import BaseOperator
    from airflow.models.param import Param

START = datetime(2024, 1, 1, tzinfo=timezone.utc)


def child(dag_id: str, *, paused: bool = False, **arguments: Any) -> DAG:
    dag = DAG(dag_id, schedule=None, start_date=START, is_paused_upon_creation=paused, **arguments)
    with dag:
        BaseOperator(task_id="noop")
    return dag


child_dag: Final = child("child")
other_dag: Final = child("other_child")
paused_dag: Final = child("paused_child", paused=True)
digits_dag: Final = child("20_26")
amount: Any = Param(1, type="integer", minimum=0)  # noqa: AIR311 - the SDK's, where there is one
strict_dag: Final = child("strict_child", params={"amount": amount})
