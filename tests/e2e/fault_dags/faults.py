"""Durable parents to be hurt, and children that end only when a test lets them.

One file for every Airflow. `TRIGGER_COMPAT_PARENTS` names the parents to build, separated by spaces, each
as `KIND.NAME`: the kind says what the operator is told, the name tells those of one kind apart. A parent is a
DAG `KIND.NAME.parent` with a child of its own, `KIND.NAME.child`, so that the runs of the child are what the
parent triggered. A child runs until its *door* is open: a file `KIND.NAME` that the test makes; it fails if
that says so. So nothing depends on how long a fault takes to be noticed.

A parent's conf may hold:

- `gate`: its first try stops before it does anything, until the file of that name is there;
- `dies`: its first try kills its own `process`, or its whole `host`, as soon as the trigger is answered. No
  test could be that quick from outside: without waiting, the try is over some milliseconds later;
- `after`: it does so after so many triggers; 1 without it.
"""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime, timedelta, timezone
from importlib import import_module, util
from pathlib import Path
from typing import Any

from trigger_compat import TriggerDagRunOperator, trigger_dag_run, trigger_dag_runs, wait_for_dag_runs


def first(name: str, module: str, older: str) -> Any:
    """A name from where Airflow 3 keeps it, or else from where Airflow 2 does."""
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError):
        return getattr(import_module(older), name)


DAG = first("DAG", "airflow.sdk", "airflow")
task = first("task", "airflow.sdk", "airflow.decorators")
get_current_context = first("get_current_context", "airflow.sdk", "airflow.operators.python")
EmptyOperator = first(
    "EmptyOperator", "airflow.providers.standard.operators.empty", "airflow.operators.empty"
)
AirflowFailException = first("AirflowFailException", "airflow.sdk.exceptions", "airflow.exceptions")
START = datetime(2024, 1, 1, tzinfo=timezone.utc)
DOORS = Path(os.environ["AIRFLOW_HOME"], "doors")
RETRY_SECONDS = float(os.environ.get("TRIGGER_COMPAT_RETRY_SECONDS", "1"))
CLONES = 5
MANY = 20
BRIEF = 30
BRIEF_SECONDS = 1

KINDS: dict[str, dict[str, Any]] = {
    "waiting": {},
    "patient": {"retry_delay": timedelta(hours=1)},
    "deferrable": {"deferrable": True},
    "fire": {"wait_for_completion": False},
    "mapped": {},
    # Undisturbed deferrals, some at a time so that the load is low; their children wait at no door.
    "brief": {"deferrable": True, "max_active_tis_per_dagrun": 5},
    "brief-plain": {"deferrable": True, "max_active_tis_per_dagrun": 5, "durable": False},
    # For the links: the operator as it is without `durable`, and the target said in other ways.
    "plain": {"durable": False},
    "templated": {"durable": False, "trigger_dag_id": "{{ dag.dag_id.replace('parent', 'child') }}"},
    "fan-out": {"durable": False},
    # Task functions.
    "many": {},
    "few-at-a-time": {},
    "loop": {},
    # On 3.0 - 3.2 the default is to wait in the task runner; Airflow 2 has no runner that waits.
    "own-wait": {"path": "accessor"} if util.find_spec("airflow.sdk") else {},
}
FUNCTIONS = ("many", "few-at-a-time", "loop")


def wait_for_door(dag_run: Any = None) -> None:
    """Be a child that takes its time, and ends as the test says."""
    door = DOORS / dag_run.conf["door"]
    while not door.exists():
        time.sleep(0.2)
    if door.read_text() == "failed":
        msg = "told to fail"
        raise AirflowFailException(msg)


def be_brief() -> None:
    """Be a child that ends before the end of its parent's first process may have been reported."""
    time.sleep(BRIEF_SECONDS)


def first_try(context: Any) -> None:
    """Do what the parent's conf says, once."""
    conf = context["dag_run"].conf or {}
    if context["ti"].try_number != 1:
        return
    if "gate" in conf:
        DOORS.joinpath(conf["gate"] + ".reached").touch()
        while not DOORS.joinpath(conf["gate"]).exists():
            time.sleep(0.05)
        DOORS.joinpath(conf["gate"] + ".passed").touch()
    if "dies" in conf:
        die_when_triggered(conf["dies"], int(conf.get("after", 1)))


def die_when_triggered(what: str, after: int) -> None:
    """Put the kill behind the call that triggers, wherever this Airflow has it."""
    triggered = 0

    def die() -> None:
        nonlocal triggered
        triggered += 1
        if triggered < after:
            return
        if what == "host":
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    try:
        from airflow.sdk.execution_time import task_runner
    except ImportError:
        airflow2: Any = import_module("trigger_compat.paths.airflow2")
        trigger_dag = airflow2.trigger_dag

        def trigger_and_die(**arguments: Any) -> Any:
            run = trigger_dag(**arguments)
            die()
            return run

        airflow2.trigger_dag = trigger_and_die
        return
    comms: Any = type(task_runner.SUPERVISOR_COMMS)
    send = comms.send

    def send_and_die(self: Any, msg: Any, *rest: Any, **options: Any) -> Any:
        answer = send(self, msg, *rest, **options)
        if type(msg).__name__ == "TriggerDagRun":
            die()
        return answer

    comms.send = send_and_die


def call(kind: str, child: str, parent: str) -> list[str]:
    """Trigger several runs of the child, wait for them, and return their run ids."""
    first_try(get_current_context())
    if kind == "many":  # whose children have nothing to do
        runs = trigger_dag_runs([{"trigger_dag_id": child}] * MANY, poke_interval=3, durable=True)
    elif kind == "few-at-a-time":
        requests = [{"trigger_dag_id": child, "conf": {"door": parent}}] * CLONES
        runs = trigger_dag_runs(requests, max_active=2, poke_interval=3, durable=True)
    else:
        runs = [
            trigger_dag_run(child, conf={"door": f"{parent}.{key}"}, durable=True, key=key) for key in "abc"
        ]
        wait_for_dag_runs(runs, poke_interval=3)
    return [run.run_id for run in runs]


def build(parent: str) -> None:
    """One parent and its child, as this module's globals, where Airflow looks for DAGs."""
    kind = parent.partition(".")[0]
    child, other = f"{parent}.child", f"{parent}.other"
    conf = {"door": parent}
    arguments = {
        "task_id": "trigger",
        "trigger_dag_id": child,
        "wait_for_completion": True,
        "poke_interval": 3,
        "retries": 3,
        "retry_delay": timedelta(seconds=RETRY_SECONDS),
        "durable": True,
        "pre_execute": first_try,
        **KINDS[kind],
    }
    with DAG(f"{parent}.parent", schedule=None, start_date=START, catchup=False) as parent_dag:
        if count := {"mapped": CLONES, "brief": BRIEF, "brief-plain": BRIEF}.get(kind):
            TriggerDagRunOperator.partial(**arguments).expand(conf=[conf] * count)
        elif kind in FUNCTIONS:
            options = {name: arguments[name] for name in ("task_id", "retries", "retry_delay")}
            task(**options)(call)(kind, child, parent)
        elif kind == "fan-out":
            del arguments["trigger_dag_id"]
            TriggerDagRunOperator.partial(conf=conf, **arguments).expand(trigger_dag_id=[child, other])
        else:
            TriggerDagRunOperator(conf=conf, **arguments)
    globals()[f"{parent} parent"] = parent_dag
    for dag_id in (child, other) if kind == "fan-out" else (child,):
        with DAG(dag_id, schedule=None, start_date=START, catchup=False) as globals()[dag_id]:
            if kind == "many":
                EmptyOperator(task_id="nothing")
                continue
            # A fault may hit the child as well; it is not the child's fate that is looked at.
            work = be_brief if kind.startswith("brief") else wait_for_door
            task(work, retries=9, retry_delay=timedelta(seconds=RETRY_SECONDS))()


for name in os.environ["TRIGGER_COMPAT_PARENTS"].split():
    build(name)
