"""Fan out with a limit: many runs of one dag, at most two at a time, and all of them after a crash."""

from __future__ import annotations

from trigger_compat import trigger_dag_runs

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

with DAG("example_fan_out", schedule=None, tags=["trigger-compat"]):

    @task(retries=2)
    def load() -> list[str]:
        """Return the run ids, in the order of the requests."""
        requests = [
            {"trigger_dag_id": "example_child", "conf": {"seconds": seconds}} for seconds in (1, 2, 3, 4)
        ]
        children = trigger_dag_runs(requests, max_active=2, poke_interval=30, durable=True)
        return [child.run_id for child in children]

    load()
