"""Trigger and wait: the parent succeeds or fails as its child does."""

from __future__ import annotations

from datetime import timedelta

from trigger_compat import TriggerDagRunOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

with DAG("example_waiting", schedule=None, tags=["trigger-compat"]):
    TriggerDagRunOperator(
        task_id="trigger",
        trigger_dag_id="example_child",
        wait_for_completion=True,
        poke_interval=30,
        # Limits the wait on 2.11 and 3.3+; on 3.0 - 3.2 only with path="accessor".
        execution_timeout=timedelta(hours=1),
    )
