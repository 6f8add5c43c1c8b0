"""Trigger and forget: the parent succeeds as soon as the child run exists."""

from __future__ import annotations

from trigger_compat import TriggerDagRunOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

with DAG("example_forget", schedule=None, tags=["trigger-compat"]):
    TriggerDagRunOperator(task_id="trigger", trigger_dag_id="example_child", conf={"seconds": 2})
