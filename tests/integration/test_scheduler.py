"""What Airflow's scheduler does with a lost task: the retry that `durable=True` needs begins there."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from packaging.version import Version
from sqlalchemy.exc import IntegrityError

from trigger_compat.suite.harness import Airflow, database
from trigger_compat.suite.harness.stack import AIRFLOW

UPSTREAM = "airflow.providers.standard.operators.trigger_dagrun:TriggerDagRunOperator"
LONG_AGO = timedelta(hours=1)


def give_up_lost_tasks() -> None:
    """Do what a scheduler does every some seconds with the tasks that sent no heartbeat for too long."""
    from airflow.callbacks.database_callback_sink import DatabaseCallbackSink
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    job: Any = Job()
    runner: Any = SchedulerJobRunner(job=job)
    with database.open_session() as session:
        session.add(job)
        session.flush()
        task_instance = database.task_instance(session, -1)
        task_instance.queued_by_job_id = job.id
        task_instance.last_heartbeat_at = datetime.now(timezone.utc) - LONG_AGO
    for executor in runner.executors:
        executor.callback_sink = DatabaseCallbackSink()
    runner._find_and_purge_task_instances_without_heartbeats()


@pytest.mark.skipif(
    Version(AIRFLOW).release < (3, 4),
    reason="until 3.3 the scheduler decides that with the executor's events",
)
@pytest.mark.xfail(
    Version(AIRFLOW).release[:2] == (3, 4),
    raises=IntegrityError,
    strict=True,
    reason="3.4.0b2 archives the try in a session that sending the callback has closed: UNIQUE constraint",
)
def test_a_lost_task_of_upstreams_operator_waits_to_be_retried(stack: Airflow) -> None:
    stack.reset()
    parent = stack.parent(operator=UPSTREAM, wait_for_completion=True)
    running = parent.start()
    running.child()
    running.kill_host()

    give_up_lost_tasks()

    with database.open_session() as session:
        assert database.plain(database.task_instance(session, -1).state) == "up_for_retry"
