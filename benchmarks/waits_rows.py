"""Write the rows of deferred parents, their triggers and the runs that they wait for; print the run ids.

Runs in the environment of the Airflow that is measured, and imports nothing of this project.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.models import DagRun, Pool, TaskInstance, Trigger
from airflow.utils.session import create_session
from sqlalchemy import select

own = os.environ["WAITS_OPERATOR"] == "own"
number = int(os.environ["WAITS"])
poke = float(os.environ["WAITS_POKE"])
is_airflow_3 = hasattr(DagRun, "run_after")

now = datetime.now(timezone.utc)
dates = [now - timedelta(days=1, seconds=n) for n in range(number)]
run_ids = [f"trigger_compat__waits_parent__{date.isoformat()}__{n:05}" for n, date in enumerate(dates)]


def trigger(n: int) -> Trigger:
    """Return the trigger of a parent, as the operator would have made it."""
    arguments: dict[str, Any] = {"dag_id": "waits_child", "states": ["success", "failed"]}
    arguments["poll_interval"] = poke
    if own:
        arguments |= {"run_ids": [run_ids[n]], "hold": 10.0}
        return Trigger(classpath="trigger_compat.triggers.ChildRunTrigger", kwargs=arguments)
    if is_airflow_3:
        path = "airflow.providers.standard.triggers.external_task.DagStateTrigger"
        return Trigger(classpath=path, kwargs=arguments | {"run_ids": [run_ids[n]], "execution_dates": None})
    path = "airflow.triggers.external_task.DagStateTrigger"
    return Trigger(classpath=path, kwargs=arguments | {"execution_dates": [dates[n]]})


with create_session() as session:
    for date, run_id in zip(dates, run_ids, strict=True):
        fields: dict[str, Any] = {"run_type": "manual", "state": "running"}
        fields |= {"logical_date": date, "run_after": date} if is_airflow_3 else {"execution_date": date}
        run = DagRun(dag_id="waits_child", run_id=run_id, **fields)
        run.start_date = now
        session.add(run)
with create_session() as session:
    parents = session.scalars(select(TaskInstance).where(TaskInstance.dag_id == "waits_parent"))
    for parent in parents:
        row = trigger(parent.map_index)
        session.add(row)
        session.flush()
        parent.state, parent.trigger_id, parent.try_number, parent.start_date = "deferred", row.id, 1, now
        parent.next_method, parent.next_kwargs = "execute_complete", {}
with create_session() as session:
    session.scalars(select(Pool).where(Pool.pool == "waits")).one().slots = 8
print(json.dumps(run_ids))
