"""One parent task, as the running test asks for it.

The operator and its arguments are data: the harness writes them, as Python source, to the file named by
HARNESS_CASE. Callbacks append what they see, and which paths of the package are loaded, to HARNESS_EVENTS.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

try:
    from airflow.sdk import DAG, BaseOperator, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task  # type: ignore[attr-defined, unused-ignore]
    from airflow.models.baseoperator import BaseOperator

from trigger_compat.suite.harness import subclasses

PATHS = "trigger_compat.paths."


def record(kind: str) -> Callable[[Mapping[str, Any]], None]:
    def callback(context: Mapping[str, Any]) -> None:
        error = context.get("exception")
        event = {
            "callback": kind,
            "error": None if error is None else type(error).__name__,
            "text": str(error),
            "paths": sorted(name[len(PATHS) :] for name in sys.modules if name.startswith(PATHS)),
        }
        with Path(os.environ["HARNESS_EVENTS"]).open("a") as events:
            events.write(json.dumps(event) + "\n")

    return callback


def prepare(modules: str) -> None:
    """Import what a test needs to have in the task process, such as something that kills it."""
    for module in filter(None, modules.split(",")):
        importlib.import_module(module)


@task(task_id="rows")  # type: ignore[untyped-decorator, unused-ignore]
def row(number: int) -> str:
    return f"row {number}"


def parent(case: Mapping[str, Any]) -> DAG:
    """Build the dag of a case."""
    module, _, name = case["OPERATOR"].partition(":")
    operator = getattr(importlib.import_module(module), name)
    if case["SUBCLASS"]:
        operator = getattr(subclasses, case["SUBCLASS"])(operator)
    kinds = ("execute", "success", "failure", "retry", "skipped")
    common: dict[str, Any] = {
        "task_id": "trigger",
        "retry_delay": timedelta(0),
        **{f"on_{kind}_callback": record(kind) for kind in kinds},
    }
    dag = DAG(
        "parent",
        schedule=None,
        start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
        default_args=case["DEFAULT_ARGS"],
        render_template_as_native_obj=case["NATIVE"],
    )

    def trigger() -> None:
        arguments = {**common, **case["KWARGS"]}
        if case["ROWS"]:
            arguments["conf"] = {"rows": row.expand(number=list(range(case["ROWS"])))}
        if case["EXPAND"]:
            operator.partial(**arguments).expand(**case["EXPAND"])
        else:
            operator(**arguments)

    with dag:
        if case["ITERATIONS"]:
            from airflow.sdk import task_group

            body: Any = task_group(group_id="loop", prefix_group_id=False)(trigger)
            body.loop(max_iterations=case["ITERATIONS"])
        else:
            trigger()
        if case["SIBLING"]:
            BaseOperator(task_id="sibling")
    return dag


prepare(os.environ.get("HARNESS_IMPORTS", ""))
dag: Final = parent(runpy.run_path(os.environ["HARNESS_CASE"]))
