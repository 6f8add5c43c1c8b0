"""Wait without a worker: the triggerer looks at the child, and the slot of the parent is free meanwhile."""

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
        # Deferred, a wait is safe by itself; this holds for the moments before and after.
        retries=2,
        durable=True,
    )
