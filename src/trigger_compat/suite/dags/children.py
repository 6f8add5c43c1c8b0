"""The dags a parent triggers. Nothing runs their tasks: a test sets the state of their runs."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Final

try:
    from airflow.sdk import DAG, BaseOperator
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.models.baseoperator import BaseOperator

START = datetime(2024, 1, 1, tzinfo=timezone.utc)


def child(dag_id: str, *, paused: bool = False) -> DAG:
    dag = DAG(dag_id, schedule=None, start_date=START, is_paused_upon_creation=paused)
    with dag:
        BaseOperator(task_id="noop")
    return dag


child_dag: Final = child("child")
other_dag: Final = child("other_child")
paused_dag: Final = child("paused_child", paused=True)
