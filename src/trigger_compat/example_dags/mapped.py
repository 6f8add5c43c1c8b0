"""One child per conf: mapped parents, each with its own child, to which its retry reconnects."""

from __future__ import annotations

from trigger_compat import TriggerDagRunOperator

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

with DAG("example_mapped", schedule=None, tags=["trigger-compat"]):

    @task
    def confs() -> list[dict[str, int]]:
        return [{"seconds": 1}, {"seconds": 2}, {"seconds": 3}]

    TriggerDagRunOperator.partial(
        task_id="trigger",
        trigger_dag_id="example_child",
        wait_for_completion=True,
        poke_interval=30,
        retries=2,
        durable=True,
    ).expand(conf=confs())
