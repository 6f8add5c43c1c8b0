"""Fan out from an asynchronous task (Airflow 3.2+): other coroutines go on while the runs are waited for."""

from __future__ import annotations

from trigger_compat.aio import trigger_dag_runs

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2, which parses this file, but does not run such a task
    from airflow import DAG
    from airflow.decorators import task

with DAG("example_asynchronous", schedule=None, tags=["trigger-compat"]):

    @task(retries=2)
    async def load() -> list[str]:
        """Return the run ids, in the order of the requests."""
        requests = [{"trigger_dag_id": "example_child", "conf": {"seconds": seconds}} for seconds in (1, 2)]
        children = await trigger_dag_runs(requests, poke_interval=30, durable=True)
        return [child.run_id for child in children]

    load()
