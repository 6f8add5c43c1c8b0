"""A listener that writes down what it is told about the parent."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


def record(event: str, task_instance: Any, error: object = None) -> None:
    if task_instance.dag_id != "parent":
        return
    seen = {
        "listener": event,
        "trigger_run_id": getattr(task_instance.task, "trigger_run_id", None),
        "error": None if error is None else type(error).__name__,
        "text": str(error),
    }
    with Path(os.environ["HARNESS_EVENTS"]).open("a") as events:
        events.write(json.dumps(seen) + "\n")


@hookimpl
def on_task_instance_running(previous_state: Any, task_instance: Any) -> None:
    record("running", task_instance)


@hookimpl
def on_task_instance_success(previous_state: Any, task_instance: Any) -> None:
    record("success", task_instance)


@hookimpl
def on_task_instance_failed(previous_state: Any, task_instance: Any, error: Any) -> None:
    record("failed", task_instance, error)


class ListenerPlugin(AirflowPlugin):  # type: ignore[misc]  # untyped on Airflow 2
    name: str = "harness_listener"
    listeners: list[Any] = [sys.modules[__name__]]  # noqa: RUF012 - Airflow's own form
