"""Trigger from a function: one run for each item of a list, then wait for all of them."""

from __future__ import annotations

from trigger_compat import trigger_dag_run, wait_for_dag_runs

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

with DAG("example_function", schedule=None, tags=["trigger-compat"]):

    @task(retries=2)
    def load() -> list[str]:
        """A retry reconnects to the runs that an earlier try triggered: the key tells them apart."""
        children = [
            trigger_dag_run("example_child", conf={"seconds": seconds}, durable=True, key=str(seconds))
            for seconds in (1, 2, 3)
        ]
        return wait_for_dag_runs(children, poke_interval=30)

    load()
