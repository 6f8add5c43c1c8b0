"""A failed child: one parent accepts it, the other fails, and a clean-up task runs."""

from __future__ import annotations

import logging

from trigger_compat import TriggerDagRunOperator

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

with DAG("example_failure", schedule=None, tags=["trigger-compat"]):
    # Succeeds if the child succeeds or fails.
    tolerant: TriggerDagRunOperator = TriggerDagRunOperator(
        task_id="tolerant",
        trigger_dag_id="example_child",
        conf={"seconds": 1, "fail": True},
        wait_for_completion=True,
        allowed_states=["success", "failed"],
        failed_states=[],
    )

    # The default: allowed_states=["success"], failed_states=["failed"].
    strict: TriggerDagRunOperator = TriggerDagRunOperator(
        task_id="strict",
        trigger_dag_id="example_child",
        conf={"seconds": 1, "fail": True},
        wait_for_completion=True,
    )

    @task(trigger_rule="all_failed")
    def clean_up() -> None:
        logging.getLogger("airflow.task").info("the child of strict has failed")

    tolerant >> strict >> clean_up()
