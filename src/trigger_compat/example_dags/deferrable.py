"""Wait without a worker: the triggerer polls the child, and the worker slot is free during the wait."""

from __future__ import annotations

from trigger_compat import TriggerDagRunOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

with DAG("example_deferrable", schedule=None, tags=["trigger-compat"]):
    TriggerDagRunOperator(
        task_id="trigger",
        trigger_dag_id="example_child",
        wait_for_completion=True,
        deferrable=True,
        poke_interval=30,
        # A deferred wait survives a crash anyway; durable covers the time before and after it.
        retries=2,
        durable=True,
    )
