"""The demo's DAGs: a parent that triggers a child and waits, and the child, which only sleeps.

One file for every Airflow. `TRIGGER_COMPAT_DEMO` names the parents to build, separated by spaces; each has a
child of its own, so that counting the child's runs is counting what that parent triggered:

- `demo_parent`: this package's operator, durable.
- `demo_parent_upstream`: the operator that comes with Airflow, for comparison.

A parent's conf may say `seconds`: how long its child sleeps.
"""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta, timezone
from importlib import import_module
from typing import Any


def first(name: str, module: str, older: str) -> Any:
    """A name from where Airflow 3 keeps it, or else from where Airflow 2 does."""
    try:
        return getattr(import_module(module), name)
    except ImportError:
        return getattr(import_module(older), name)


DAG = first("DAG", "airflow.sdk", "airflow")
task = first("task", "airflow.sdk", "airflow.decorators")
START = datetime(2024, 1, 1, tzinfo=timezone.utc)
RETRY_DELAY = timedelta(seconds=float(os.environ.get("TRIGGER_COMPAT_DEMO_RETRY_SECONDS", "1")))


def sleep(dag_run: Any = None) -> None:
    """Be a child that takes its time."""
    time.sleep(float(dag_run.conf["seconds"]))


def operator_for(parent: str) -> tuple[Any, dict[str, Any]]:
    """The operator class of a parent, with the arguments only that parent has."""
    if parent == "demo_parent_upstream":
        standard = "airflow.providers.standard.operators.trigger_dagrun"
        return first("TriggerDagRunOperator", standard, "airflow.operators.trigger_dagrun"), {}

    from trigger_compat import TriggerDagRunOperator

    return TriggerDagRunOperator, {"durable": True}


def build(parent: str) -> None:
    """One parent and its child, as this module's globals, where Airflow looks for DAGs."""
    child = parent.replace("parent", "child")
    operator, arguments = operator_for(parent)
    with DAG(parent, schedule=None, start_date=START, catchup=False) as parent_dag:
        operator(
            task_id="trigger",
            trigger_dag_id=child,
            conf={"seconds": "{{ dag_run.conf.get('seconds', 5) }}"},
            wait_for_completion=True,
            poke_interval=3,
            retries=2,
            retry_delay=RETRY_DELAY,
            **arguments,
        )
    with DAG(child, schedule=None, start_date=START, catchup=False) as child_dag:
        # An upgrade kills the child's worker too.
        task(sleep, retries=3, retry_delay=RETRY_DELAY)()
    globals().update({parent: parent_dag, child: child_dag})


for name in os.environ.get("TRIGGER_COMPAT_DEMO", "demo_parent").split():
    build(name)
