"""Runs a soak: parents of every kind all the time, faults by a seeded schedule, everything in a history."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import shutil
import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from tests.e2e.environment import StackError
from tests.e2e.stack import POSTGRES, Stack
from tests.soak import faults, kinds
from tests.soak.checker import END_STATES
from tests.soak.history import FORMAT, Recorder
from tests.soak.kinds import TASK
from tests.soak.proxy import Proxy
from tests.soak.schedule import Planned, schedule

if TYPE_CHECKING:
    from tests.e2e.environment import Environment

DAGS: Final = Path(__file__).with_name("dags")
SETTLE_SECONDS: Final = 600
"""How long parents and children may take to end, once nothing hurts them any more."""
RESTARTING_SECONDS: Final = 60
"""After so long a task that 3.0 has left `restarting` is taken for ended."""
POLL_SECONDS: Final = 1.0
STUCK_SECONDS: Final = 60
"""After so long without a heartbeat a part is killed. On two busy cores a triggerer needs 40 to begin."""
CHILD_SECONDS: Final = (0, 12)

CONFIG: Final = {
    "core.parallelism": "64",
    "scheduler.task_instance_heartbeat_timeout": str(faults.HEARTBEAT_TIMEOUT_SECONDS),
    "scheduler.task_instance_heartbeat_timeout_detection_interval": "5",
    "scheduler.scheduler_zombie_task_threshold": str(faults.HEARTBEAT_TIMEOUT_SECONDS),
    "scheduler.local_task_job_heartbeat_sec": "2",
    "scheduler.zombie_detection_interval": "10",
    # How soon a new scheduler or triggerer takes over from one that is gone.
    "scheduler.scheduler_health_check_threshold": "15",
    "scheduler.orphaned_tasks_check_interval": "10",
    "triggerer.triggerer_health_check_threshold": "15",
    "scheduler.task_queued_timeout": "60",
    "scheduler.task_queued_timeout_check_interval": "15",
    "workers.min_heartbeat_interval": "2",
    # Airflow 3.0 takes a report for a parse that found no dag, and drops those of the file after a while.
    "dag_processor.stale_dag_threshold": "3600",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run.

    :param python: interpreter of the Airflow.
    :param executor: ``local`` or ``celery``.
    :param operator: ``durable``; for the controls ``plain`` (this package without it) or ``upstream``.
    :param path: a path of this package to force; empty: the default.
    :param parents: parent runs at a time.
    """

    python: Path
    executor: str
    operator: str
    path: str
    minutes: float
    parents: int
    seed: int


class SoakRun:
    """One soak, on a stack that runs."""

    def __init__(self, plan: Plan, stack: Stack, proxy: Proxy, recorder: Recorder) -> None:
        self.plan = plan
        self.stack = stack
        self.proxy = proxy
        self.recorder = recorder
        self.down: set[str] = set()
        self.kinds = kinds_of(plan, stack.environment)
        self.faults: Counter[str] = Counter()
        self.loads: list[float] = []
        self._chance = random.Random(plan.seed)
        self._names = self._kind_names()
        self._numbers = itertools.count(1)
        self._dates = itertools.count(int(time.time() * 1000) - 86_400_000)
        self._confs: dict[tuple[str, str], dict[str, Any]] = {}
        self._parents: list[dict[str, Any]] = []
        self._seen: dict[tuple[Any, ...], Any] = {}
        self._announced: set[tuple[str, str]] = set()
        self._over = threading.Event()
        self._ended_at: dict[tuple[str, str], float] = {}

    # --- what the faults ask for ---

    def parents(self) -> list[dict[str, Any]]:
        """Return the task instances of the parents as last seen."""
        return self._parents

    def clear(self, dag: str, run: str, task: str) -> None:
        """Clear a task of a parent's run.

        :raises StackError: Airflow refused it.
        """
        found = {
            str(row["index"]): row["state"]
            for row in self._instances(task)
            if (row["dag"], row["run"]) == (dag, run)
        }
        sent = round(time.time(), 3)
        answered = self._asked(lambda: self.stack.clear(dag, run, task))
        self.recorder.write("clear", dag=dag, run=run, task=task, found=found, sent=sent, answered=answered)

    def recreate(self, dag: str, run: str) -> bool:
        """Delete a parent's run and trigger it again; return whether it was deleted."""
        sent = round(time.time(), 3)
        self._asked(lambda: self.stack.rest("DELETE", f"/dags/{dag}/dagRuns/{run}"))
        if self._exists(dag, run):
            return False  # it was not deleted: the same parent as before
        while not self._exists(dag, run):
            with contextlib.suppress(StackError, OSError):
                self._trigger(dag, run)
        self.recorder.write("recreate", dag=dag, run=run, sent=sent, answered=True)
        return True

    def _asked(self, act: Callable[[], object]) -> bool:
        """Do what may be cut off; return whether there was an answer. A refusal is an error."""
        try:
            act()
        except StackError as error:
            cause = error.__cause__
            if isinstance(cause, urllib.error.HTTPError) and cause.code < 500:
                raise
            return False
        except OSError:
            return False
        return True

    # --- the run ---

    def run(self, report: Callable[[str], None]) -> None:
        """Keep parents going and hurt them until the time is over, then let everything end."""
        began = time.monotonic()
        ends = began + self.plan.minutes * 60
        with ThreadPoolExecutor(16) as pool, self._until_over():
            keeper = pool.submit(self._keep_up)
            hurting = pool.submit(self._hurt, began, pool)
            next_load = began
            while time.monotonic() < ends or not hurting.done():
                self._observe_safely()
                self._start_parents()
                if time.monotonic() > next_load:
                    self.loads.append(round(psutil.getloadavg()[0], 1))
                    next_load += 60
                report(self._progress(f"{max(0, ends - time.monotonic()) / 60:.1f} min left"))
                time.sleep(POLL_SECONDS)
            hurting.result()
            deadline = time.monotonic() + SETTLE_SECONDS
            while (open_ := self._unfinished()) and time.monotonic() < deadline:
                self._observe_safely()
                report(self._progress(f"settling, {open_} to end"))
                time.sleep(POLL_SECONDS)
            self._over.set()
            keeper.result()
        self._observe_safely()
        self._finish()

    @contextlib.contextmanager
    def _until_over(self) -> Iterator[None]:
        """Let the other threads end with this one, also after an error."""
        try:
            yield
        finally:
            self._over.set()

    def _hurt(self, began: float, pool: ThreadPoolExecutor) -> None:
        """Begin each fault at its time, and wait for all of them."""
        can_mount = os.geteuid() == 0
        task_sdk = self.stack.environment.task_sdk
        possible = faults.possible(self.plan.executor, task_sdk=task_sdk, can_mount=can_mount)
        going = []
        for planned in schedule(self.plan.seed, self.plan.minutes * 60, possible):
            if self._over.wait(max(0.0, began + planned.at - time.monotonic())):
                break
            going.append(pool.submit(self._one_fault, planned))
        for each in going:
            each.result()

    def _one_fault(self, planned: Planned) -> None:
        """Carry out a fault; one that cannot be carried out is in the history too, with the reason."""
        why, told = "", False
        try:
            with faults.FAULTS[planned.fault](self, planned.chance) as hurt:
                self.recorder.write("fault", number=planned.number, fault=planned.fault, target=hurt.target)
                told = True
                self.faults[planned.fault] += 1
                time.sleep(hurt.seconds)
        except (faults.Missing, StackError, psutil.Error, TimeoutError, OSError) as error:
            why = str(error).splitlines()[0]
        if told:
            self.recorder.write("fault-over", number=planned.number, why=why)
        else:
            self.faults["skipped"] += 1
            self.recorder.write("fault", number=planned.number, fault=planned.fault, target={})
            self.recorder.write("fault-over", number=planned.number, why=why or "it ended before it began")

    def _keep_up(self) -> None:
        """Bring back what has ended, as a process manager does."""
        while not self._over.wait(2):
            with contextlib.suppress(StackError, psutil.Error, OSError, TimeoutError):
                if POSTGRES not in self.down:
                    # That of 3.0 renders the tracebacks of a lost database for minutes, and answers nobody.
                    self.stack.kill_web_if_it_hangs()
                for part in self.stack.revive(but=self.down):
                    self.recorder.write("part", part=part, up=True)

    def _progress(self, left: str) -> str:
        states = Counter(str(parent["state"]) for parent in self._parents)
        children = sum(1 for key in self._seen if key[0] == "child")
        hurt = sum(self.faults.values()) - self.faults["skipped"]
        shown = ", ".join(f"{state} {number}" for state, number in states.most_common())
        return f"{left}; parents: {shown or 'none'}; children {children}; faults {hurt}"

    # --- parents ---

    def _kind_names(self) -> Iterator[str]:
        """Yield the kinds of the parents to come: rounds of all of them, each in an order of its own."""
        while True:
            names = list(self.kinds)
            self._chance.shuffle(names)
            yield from names

    def _start_parents(self) -> None:
        seen = {(each["dag"], each["run"]) for each in self._parents}
        going = self._running() | (self._announced - seen)
        for _ in range(self.plan.parents - len(going)):
            kind = next(self._names)
            dag, run = f"parent-{kind}", f"{next(self._numbers):04}"
            self._confs[dag, run] = {"seconds": self._chance.randint(*CHILD_SECONDS)}
            with contextlib.suppress(StackError, OSError):
                self._trigger(dag, run)
            if self._exists(dag, run):
                self._announce(dag, run)

    def _announce(self, dag: str, run: str) -> None:
        """Write that there is a parent, once."""
        if (dag, run) not in self._announced:
            self._announced.add((dag, run))
            self.recorder.write("parent", dag=dag, run=run, kind=dag.removeprefix("parent-"))

    def _exists(self, dag: str, run: str) -> bool:
        """Whether a parent's run is there. Asked until it is known."""
        while True:
            with contextlib.suppress(StackError):
                return bool(
                    self.stack.query("select 1 from dag_run where dag_id = %s and run_id = %s", dag, run)
                )
            time.sleep(1)

    def _trigger(self, dag: str, run: str) -> None:
        date = datetime.fromtimestamp(next(self._dates) / 1000, timezone.utc)
        body = {"dag_run_id": run, "logical_date": date.isoformat(), "conf": self._confs[dag, run]}
        self.stack.rest("POST", f"/dags/{dag}/dagRuns", body)

    # --- what is seen ---

    def _instances(self, task: str) -> list[dict[str, Any]]:
        """Return the task instances of the parents' task, or of its sibling."""
        rows = self.stack.query(
            "select ti.*, dr.state as run_state from task_instance ti join dag_run dr"
            " on dr.dag_id = ti.dag_id and dr.run_id = ti.run_id"
            " where ti.dag_id like 'parent-%%' and ti.task_id = %s",
            task,
        )
        # Airflow 3.4 calls the index otherwise, and keeps the rows of earlier tries beside the live one.
        return [
            {
                "dag": row["dag_id"],
                "run": row["run_id"],
                "index": row.get("map_index", row.get("region_index")),
                "state": row["state"],
                "try": row["try_number"],
                "epoch": row["max_tries"],
                "run_state": row["run_state"],
                "attempt": row["id"] if "region_index" in row else None,
            }
            for row in rows
            if row.get("working_set", True)
        ]

    def _observe_safely(self) -> None:
        if not self.stack.home.exists():
            raise StackError("stack", f"{self.stack.home} was deleted by somebody else")
        with contextlib.suppress(StackError):  # while the database is away
            self._observe()

    def _observe(self) -> None:
        now = time.monotonic()
        rows = self._instances(TASK)
        there = self.stack.query("select dag_id, run_id, state from dag_run where dag_id like 'parent-%%'")
        # A run without task instances yet counts as a parent too, or too many would be started.
        known = {(row["dag"], row["run"]) for row in rows}
        bare = {"index": None, "state": None, "try": 0, "epoch": 0}
        self._parents = rows + [
            {"dag": row["dag_id"], "run": row["run_id"], "run_state": row["state"], **bare}
            for row in there
            if (row["dag_id"], row["run_id"]) not in known
        ]
        for row in there:  # a request that was not answered may have been carried out
            self._announce(row["dag_id"], row["run_id"])
        for row in rows:
            key = ("try", row["dag"], row["run"], row["index"])
            value = (row["state"], row["try"], row["epoch"])
            if self._seen.get(key) != value:
                self._seen[key] = value
                names = ("dag", "run", "index", "state", "try", "epoch")
                self.recorder.write("try", **{name: row[name] for name in names})
        for row in self._child_runs():
            child = ("child", row["dag_id"], row["run_id"])
            if self._seen.get(child) != row["state"]:
                self._seen[child] = row["state"]
                self.recorder.write(
                    "child", dag=row["dag_id"], run=row["run_id"], state=row["state"], of=_of(row["conf"])
                )
        for parent in self._parents:
            self._ended_at.setdefault((parent["dag"], parent["run"]), now)
            if parent["state"] != "restarting" and parent["run_state"] in ("queued", "running"):
                self._ended_at[parent["dag"], parent["run"]] = now

    def _child_runs(self) -> list[dict[str, Any]]:
        sql = (
            "select id, dag_id, run_id, state, conf, queued_at, start_date, end_date"
            " from dag_run where dag_id like 'child-%%' order by id"
        )
        return self.stack.query(sql)

    def _running(self) -> set[tuple[str, str]]:
        """Return the runs of parents that go on, without those that 3.0 has left `restarting`."""
        now = time.monotonic()
        runs = {
            (each["dag"], each["run"]) for each in self._parents if each["run_state"] in ("queued", "running")
        }
        return {run for run in runs if now - self._ended_at.get(run, now) <= RESTARTING_SECONDS}

    def _unfinished(self) -> int:
        """Count the parents and children that have still to end."""
        children = [key for key, state in self._seen.items() if key[0] == "child" and state not in END_STATES]
        return len(self._running()) + len(children)

    def _finish(self) -> None:
        """Write how everything is at the end."""
        for row in self._instances(TASK):
            kind = self.kinds[row["dag"].removeprefix("parent-")]
            names = ("dag", "run", "index", "state", "try", "epoch")
            facts = {name: row[name] for name in names}
            named = self._named(row, several=kind.children > 1)
            one = kind.children == kind.instances == 1
            link = self.stack.links(row["dag"], row["run"], TASK).get("Triggered DAG") if one else None
            self.recorder.write("parent-end", **facts, named=named, link=link)
        for row in self._child_runs():
            times = {
                "created": row["queued_at"].timestamp(),
                "started": row["start_date"].timestamp() if row["start_date"] else None,
                "ended": row["end_date"].timestamp() if row["end_date"] else None,
            }
            facts = {"dag": row["dag_id"], "run": row["run_id"], "number": row["id"], "state": row["state"]}
            self.recorder.write("child-end", **facts, **times, of=_of(row["conf"]))
        counts = self.recorder.counts
        numbers = {"parents": counts["parent"], "children": counts["child-end"], "faults": counts["fault"]}
        self.recorder.write("end", **numbers, loads=self.loads)

    def _named(self, parent: dict[str, Any], *, several: bool) -> list[str]:
        """Return the run ids in a parent's XCom."""
        key = "return_value" if several else "trigger_run_id"
        if parent["attempt"]:  # from 3.4 on
            sql = "select value from xcom_v2 where task_instance_id = %s and key = %s"
            rows = self.stack.query(sql, str(parent["attempt"]), key)
        else:
            sql = (
                "select value from xcom"
                " where dag_id = %s and run_id = %s and task_id = %s and map_index = %s and key = %s"
            )
            rows = self.stack.query(sql, parent["dag"], parent["run"], TASK, parent["index"], key)
        for row in rows:
            value = row["value"]
            if isinstance(value, memoryview):  # Airflow 2
                value = bytes(value).decode()
            while isinstance(value, str) and value[:1] in ('"', "["):
                value = json.loads(value)
            return value if isinstance(value, list) else [value]
        return []


def kinds_of(plan: Plan, environment: Environment) -> dict[str, kinds.Kind]:
    """Return the kinds of parents that a plan runs."""
    major, minor = (int(part) for part in environment.airflow.split(".")[:2])
    return kinds.kinds_for((major, minor), durable=plan.operator == "durable")


def _of(conf: Any) -> dict[str, Any] | None:
    """Return who triggered a child, by its conf."""
    if isinstance(conf, memoryview):  # Airflow 2 pickles it
        return _unpickled(bytes(conf))
    conf = json.loads(conf) if isinstance(conf, str) else conf
    of = (conf or {}).get("of")
    return of and {**of, "index": int(of["index"]), "epoch": int(of["epoch"]), "try": int(of["try"])}


def _unpickled(conf: bytes) -> dict[str, Any] | None:
    import pickle  # what a database of our own holds

    return _of(pickle.loads(conf))


@contextlib.contextmanager
def stack_for(
    plan: Plan, report: Callable[[str], None], *, keep: bool = False
) -> Iterator[tuple[Stack, Proxy]]:
    """Start the stack of a plan, with a proxy before what its workers talk to."""
    from tests.e2e.environment import Environment

    environment = Environment.of(plan.python)
    chosen = kinds_of(plan, environment)
    proxy = Proxy(lambda: stack.ports["web" if environment.task_sdk else "postgres"])
    config = dict(CONFIG)
    if environment.task_sdk:
        config["core.execution_api_server_url"] = f"http://127.0.0.1:{proxy.port}/execution/"
    environ = {
        "SOAK_OPERATOR": plan.operator,
        "SOAK_KINDS": json.dumps(kinds.as_data(chosen)),
        **({"TRIGGER_COMPAT_PATH": plan.path} if plan.path else {}),
    }
    dag_ids = [f"{role}-{name}" for name in chosen for role in ("parent", "child")]
    kind: type[Stack] = Stack
    if plan.executor == "celery":
        from tests.e2e.celery import CeleryStack

        kind = CeleryStack
    options: dict[str, Any] = {"needs": ["trigger_compat"], "config": config, "environ": environ}
    stack = kind(plan.python, DAGS, dag_ids=dag_ids, keep=keep, report=report, **options)
    stack.stuck_seconds = STUCK_SECONDS
    if not environment.task_sdk:
        stack.database_port = proxy.port
    try:
        with stack:
            yield stack, proxy
    finally:
        proxy.close()


def _keep_logs(stack: Stack, folder: Path) -> None:
    """Copy what the parts of Airflow have printed: it says more than a history about why a part ended."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for log in stack.home.glob("*.log"):
        shutil.copy(log, folder)


def soak(plan: Plan, file: Path, report: Callable[[str], None], *, keep: bool = False) -> SoakRun:
    """Run a soak, and write its history.

    :param file: the history; may not exist yet.
    :param report: told again and again what goes on.
    :param keep: leave the stack's folder behind.
    :raises StackError: the stack does not start, or does not answer at the end.
    """
    recorder = Recorder(file)
    try:
        with stack_for(plan, report, keep=keep) as (stack, proxy):
            run = SoakRun(plan, stack, proxy, recorder)
            recorder.write(
                "start",
                format=FORMAT,
                airflow=stack.environment.airflow,
                package=stack.ask("import trigger_compat; print(trigger_compat.__version__)"),
                executor=plan.executor,
                path=plan.path or stack.path,
                operator=plan.operator,
                seed=plan.seed,
                minutes=plan.minutes,
                parents=plan.parents,
                kinds=kinds.as_data(run.kinds),
            )
            try:
                run.run(report)
            finally:
                _keep_logs(stack, file.with_name("parts"))
        return run
    finally:
        recorder.close()
