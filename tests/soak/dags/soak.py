"""The parents of a soak, one dag for each kind, and their children. See ``tests/soak/kinds.py``.

A child run carries in its conf who triggered it: dag, run and task instance, with the epoch (the start of the
dag run and ``max_tries``) and the try. So it can be judged without this package's own idea of an identity.
"""

from __future__ import annotations

import json
import os
import time
from datetime import datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

OPERATOR = os.environ["SOAK_OPERATOR"]  # durable, plain or upstream
KINDS: dict[str, dict[str, Any]] = json.loads(os.environ["SOAK_KINDS"])
MARKS = Path(os.environ["AIRFLOW_HOME"], "first-children")
START = datetime(2024, 1, 1, tzinfo=timezone.utc)
POKE_SECONDS = 3
RETRIES = 100


def first(name: str, *modules: str) -> Any:
    """Return a name from the first of these modules that has it."""
    module, *others = modules
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError):
        return first(name, *others)


DAG = first("DAG", "airflow.sdk", "airflow")
task = first("task", "airflow.sdk", "airflow.decorators")
get_current_context = first("get_current_context", "airflow.sdk", "airflow.operators.python")
AirflowFailException = first("AirflowFailException", "airflow.sdk.exceptions", "airflow.exceptions")
EmptyOperator = first(
    "EmptyOperator", "airflow.providers.standard.operators.empty", "airflow.operators.empty"
)
if OPERATOR == "upstream":
    TriggerDagRunOperator = first(
        "TriggerDagRunOperator",
        "airflow.providers.standard.operators.trigger_dagrun",
        "airflow.operators.trigger_dagrun",
    )
else:
    from trigger_compat import TriggerDagRunOperator, trigger_dag_runs


def work(dag_run: Any = None) -> None:
    """Be a child that takes its time, or fails if it is the first one of its epoch and is to."""
    conf = dag_run.conf
    of = conf["of"]
    if conf["fails_first"]:
        MARKS.mkdir(exist_ok=True)
        name = "|".join(str(of[part]) for part in ("dag", "run", "index", "epoch", "start"))
        mark = MARKS / name.replace("/", "_").replace(":", "_")
        try:
            with mark.open("x") as file:
                file.write(dag_run.run_id)
        except FileExistsError:
            pass
        if mark.read_text() in ("", dag_run.run_id):
            raise AirflowFailException("the first child of this epoch fails")
    time.sleep(float(conf["seconds"]))


def conf_of(kind: str) -> dict[str, Any]:
    """Return the conf of a child as a template: who triggers it, and what it is to do."""
    return {
        "of": {
            "dag": "{{ dag.dag_id }}",
            "run": "{{ run_id }}",
            "index": "{{ loop.index }}" if kind == "loop" else "{{ ti.map_index }}",
            "epoch": "{{ ti.max_tries }}",
            "start": "{{ dag_run.start_date.isoformat() }}",
            "try": "{{ ti.try_number }}",
            "key": "0",
        },
        "seconds": "{{ dag_run.conf['seconds'] }}",
        "fails_first": KINDS[kind]["fails_first"],
    }


def fan_out() -> list[str]:
    """Trigger several children, wait for them, and return their run ids."""
    context: Any = get_current_context()
    ti, dag_run = context["ti"], context["dag_run"]
    of = {
        "dag": ti.dag_id,
        "run": ti.run_id,
        "index": ti.map_index,
        "epoch": ti.max_tries,
        "start": dag_run.start_date.isoformat(),
        "try": ti.try_number,
    }
    requests = [
        {
            "trigger_dag_id": "child-function",
            "conf": {
                "of": of | {"key": str(key)},
                "seconds": dag_run.conf["seconds"],
                "fails_first": False,
            },
        }
        for key in range(KINDS["function"]["children"])
    ]
    runs = trigger_dag_runs(requests, poke_interval=POKE_SECONDS, durable=True)
    return [run.run_id for run in runs]


def build(kind: str) -> None:
    """Make the dag of a kind of parents, and of their children."""
    facts = KINDS[kind]
    retried = {"retries": RETRIES, "retry_delay": timedelta(seconds=2)}
    arguments: dict[str, Any] = {
        "task_id": "trigger",
        "trigger_dag_id": f"child-{kind}",
        "conf": conf_of(kind),
        "wait_for_completion": facts["waits"],
        "poke_interval": POKE_SECONDS,
        "deferrable": facts["defers"],
        **retried,
    }
    if facts["pinned"]:
        arguments |= {"trigger_run_id": "pinned__{{ run_id }}", "reset_dag_run": True}
    if OPERATOR == "durable":
        arguments["durable"] = True
    # As many runs as there are parents, and the children of all of them.
    settings = {"schedule": None, "start_date": START, "catchup": False, "max_active_runs": 200}
    with DAG(f"parent-{kind}", max_active_tasks=200, **settings) as globals()[f"parent {kind}"]:
        if kind == "mapped":
            arguments.pop("conf")
            TriggerDagRunOperator.partial(**arguments).expand(conf=[conf_of(kind)] * facts["instances"])
        elif kind == "loop":
            task_group = import_module("airflow.sdk").task_group

            def body() -> None:
                TriggerDagRunOperator(**arguments)

            group = task_group(group_id="body", prefix_group_id=False)(body)
            group.loop(max_iterations=facts["instances"])
        elif kind == "function":
            task(task_id="trigger", **retried)(fan_out)()
        else:
            TriggerDagRunOperator(**arguments)
        EmptyOperator(task_id="sibling")
    with DAG(f"child-{kind}", max_active_tasks=200, **settings) as globals()[f"child {kind}"]:
        task(task_id="work", **retried)(work)()


for name in KINDS:
    build(name)
