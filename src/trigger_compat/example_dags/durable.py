"""Wait, and survive a crash: a retry reconnects to the child that an earlier try triggered."""

from __future__ import annotations

from datetime import timedelta

from trigger_compat import TriggerDagRunOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

with DAG("example_durable", schedule=None, tags=["trigger-compat"]):
    TriggerDagRunOperator(
        task_id="trigger",
        trigger_dag_id="example_child",
        wait_for_completion=True,
        poke_interval=30,
        # Without retries, no try can reconnect.
        retries=2,
        retry_delay=timedelta(seconds=30),
        durable=True,
    )
