"""Runs a parent task through the installed Airflow's real task runner, with SQLite and no server.

A test creates a parent with ``Airflow.parent`` and runs its tries. Each try runs in a forked process; the
test's own process plays the rest of the world meanwhile: it finishes or deletes the child, or kills the
task. Scheduling is done by Airflow's own scheduling decisions, so that try numbers and retries are those of
a real scheduler.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from trigger_compat.suite import OPERATOR
from trigger_compat.suite.harness import database
from trigger_compat.suite.harness.backend import AtTrigger, Backend, Files, is_trigger
from trigger_compat.suite.harness.model import NO_DATE, Callback, ChildRun, Event, Outcome, Run
from trigger_compat.suite.harness.process import LIMIT, Forked, HarnessError, Report, unpack

HERE = Path(__file__).resolve().parent.parent
DAGS = HERE / "dags"
AIRFLOW = importlib.metadata.version("apache-airflow")
UPSTREAM = (
    "airflow.providers.standard.operators.trigger_dagrun:TriggerDagRunOperator",
    "airflow.operators.trigger_dagrun:TriggerDagRunOperator",
)
RUN_ID = "the-parent"
CASE_IMPORTS = """\
import datetime

from airflow.utils.state import DagRunState
from trigger_compat.suite.harness import policy

"""
"""What a test's ``Code`` can use."""
ACTIVE = ("queued", "running")


def configure(home: Path) -> None:
    """Point Airflow at this home; must happen before anything imports Airflow."""
    if "airflow" in sys.modules:
        raise HarnessError("airflow was imported before the suite could configure it")
    major = int(AIRFLOW.partition(".")[0])
    os.environ.update(
        AIRFLOW_HOME=str(home),
        AIRFLOW__API_AUTH__JWT_SECRET="x" * 64,
        AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
        AIRFLOW__CORE__DAGS_FOLDER=str(DAGS),
        # Airflow 2 allows no other executor with SQLite, Airflow 3 does not have it; none is ever started.
        AIRFLOW__CORE__EXECUTOR="SequentialExecutor" if major < 3 else "LocalExecutor",
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__PLUGINS_FOLDER=str(HERE / "plugins"),
        AIRFLOW__CORE__UNIT_TEST_MODE="False",
        AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS="False",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home / 'airflow.db'}",
        AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
        # A failed call to the execution API is not repeated, which would take a minute.
        AIRFLOW__WORKERS__EXECUTION_API_RETRIES="1",
        HARNESS_CASE=str(home / "case.py"),
        HARNESS_EVENTS=str(home / "events.jsonl"),
    )


def operator_path(config: pytest.Config) -> str:
    """Return ``module:Class`` of the operator under test.

    :raises pytest.UsageError: it is not given in this form.
    """
    asked: str = config.getoption("--operator", None) or OPERATOR
    if asked == "upstream":
        return next(filter(_is_installed, UPSTREAM))
    if not re.fullmatch(r"[\w.]+:\w+", asked):
        raise pytest.UsageError(f"--operator: {asked!r} is not MODULE:CLASS; write for example {OPERATOR}")
    return asked


def _is_installed(operator: str) -> bool:
    try:
        return importlib.util.find_spec(operator.partition(":")[0]) is not None
    except ModuleNotFoundError:  # a package above it
        return False


class Airflow:
    """The installed Airflow with a database of its own."""

    @staticmethod
    @functools.cache
    def of_session(home: Path, cache: Path, operator: str) -> Airflow:
        """The one Airflow of a pytest run; a process can have no more."""
        return Airflow(home, cache, operator)

    def __init__(self, home: Path, cache: Path, operator: str) -> None:
        from airflow import settings

        settings.initialize()
        database.hurry(settings)
        self.home = home
        self.operator = operator
        self.version = AIRFLOW
        self.backend: Backend = _backend()
        self._tries = 0
        self._forks: list[Forked] = []
        self._template = self._build_template(cache)
        self.backend.before_fork()
        self.not_warm: str | None = self.warm_up()
        # What is there by now stays: no fork has to look through it, which would copy it.
        gc.collect()
        gc.freeze()

    def _build_template(self, cache: Path) -> Path:
        """A database with schema and child dags, built once per release; two runs may do so at once."""
        content = b"".join(
            path.read_bytes() for path in (DAGS / "children.py", *Path(__file__).parent.glob("*.py"))
        )
        key = hashlib.sha256(f"{DAGS}{sys.version}".encode() + content).hexdigest()[:12]
        template = cache / f"airflow-{AIRFLOW}-{key}.db"
        if not template.exists():
            self.backend.create_database()
            self.backend.store(DAGS / "children.py")
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=cache, delete=False) as file:
                database.copy(self.home / "airflow.db", Path(file.name))
            Path(file.name).replace(template)
        return template

    def warm_up(self) -> str | None:
        """Do once what every fork would do again; return why that has failed, if it has.

        Without it the tests take longer, and are no different.
        """
        try:
            self._warm_up()
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not matter
            return f"{type(error).__name__}: {str(error).partition(os.linesep)[0]}"
        finally:
            self.reset()
            self.backend.before_fork()
        return None

    def _warm_up(self) -> None:
        """Run a try, and give its requests to the backend, with a database in which they will do.

        The operator is this package's own: that under test may be one that does not work.
        """
        self.reset()
        running = self.parent(operator=OPERATOR, wait_for_completion=True).start()
        before = self.home / "before-warm-up.db"
        database.copy(self.home / "airflow.db", before)
        outcome = running.finish_with(finish("success"))
        if outcome.state != "success":
            raise HarnessError(f"the try that warms up is {outcome.state}")
        database.copy(before, self.home / "airflow.db")
        self.backend.warm_up(running.requests())

    def reset(self) -> None:
        """Kill what the last test left and give the next one a fresh database."""
        while self._forks:
            self._forks.pop().kill()
        database.copy(self._template, self.home / "airflow.db")

    def parent(
        self,
        *,
        retries: int = 1,
        before: Sequence[Run] = (),
        expand: Mapping[str, Any] | None = None,
        default_args: Mapping[str, Any] | None = None,
        native: bool = False,
        conf_of_parent: Mapping[str, Any] | None = None,
        subclass: str | None = None,
        iterations: int = 0,
        sibling: bool = False,
        rows: int = 0,
        started: datetime | None = None,
        operator: str | None = None,
        **arguments: Any,
    ) -> Parent:
        """Store a dag with one parent task, and a run of it, in the database.

        :param before: child runs that exist already
        :param subclass: a function of ``subclasses`` that makes one of the operator
        :param iterations: of a loop that the parent is in; 0 for none
        :param sibling: another task beside the parent
        :param rows: of a mapped task above the parent, which is given its output as ``conf["rows"]``
        :param started: when the run of the parent began
        :param operator: its ``module:Class``, where it is not the operator under test
        :param expand: arguments to map the parent over
        :param native: ``render_template_as_native_obj`` of the dag
        :param conf_of_parent: conf of the parent's own dag run
        :param arguments: of the operator; by default it triggers ``child`` and polls often
        """
        if operator is None:
            self._applies({**arguments, **(expand or {}), **(default_args or {})})
        arguments = {"trigger_dag_id": "child", "poke_interval": 0.2, "retries": retries, **arguments}
        for mapped in expand or ():
            arguments.pop(mapped, None)
        case = {
            "OPERATOR": operator or self.operator,
            "SUBCLASS": subclass,
            "KWARGS": arguments,
            "EXPAND": expand,
            "DEFAULT_ARGS": default_args or {},
            "NATIVE": native,
            "ITERATIONS": iterations,
            "SIBLING": sibling,
            "ROWS": rows,
        }
        (self.home / "events.jsonl").write_text("")
        parent = Parent(self, case, conf_of_parent or {})
        parent.store()
        with database.open_session() as session:
            for run in before:
                self.add_run(run, session)
        parent.create_run(started)
        for index in range(rows):
            assert parent.start(task_id="rows", map_index=index).finish_with(None).state == "success"
        return parent

    @contextlib.contextmanager
    def default_timezone(self, name: str) -> Iterator[None]:
        """Set ``[core] default_timezone``, which Airflow reads when it starts."""
        _set_timezone(name)
        try:
            yield
        finally:
            _set_timezone("UTC")

    @functools.cached_property
    def operator_class(self) -> Any:
        """The class under test.

        :raises pytest.UsageError: there is no such class.
        """
        module, _, name = self.operator.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise pytest.UsageError(f"--operator: cannot import {self.operator}: {error}") from None

    def _applies(self, arguments: Mapping[str, Any]) -> None:
        """Skip a test of what the operator under test does not claim to have."""
        known = inspect.signature(self.operator_class.__init__).parameters
        if "durable" in arguments and "durable" not in known:
            pytest.skip("not applicable: the operator has no argument durable")

    def add_run(self, run: Run, session: Any) -> None:
        """Create a run of a child dag in the given state."""
        date = None if run.logical_date is NO_DATE else run.logical_date or datetime.now(timezone.utc)
        self.backend.create_run(run.dag_id, run.run_id, conf={}, logical_date=date, session=session)
        database.dag_run(session, run.dag_id, run.run_id).state = run.state

    def test_dag(
        self,
        during: Callable[[Try], None] | None = None,
        *,
        own_api: bool = False,
        date: datetime | None = None,
        **arguments: Any,
    ) -> Outcome:
        """``dag.test()`` of a parent with these arguments.

        :param own_api: let it build an execution API of its own, as it does for a user; it takes seconds
        :param date: the logical date of the test; runs of earlier tests are kept, and none is if it is left
            out
        """
        parent = self.parent(**arguments)
        with database.open_session() as session:
            session.delete(database.dag_run(session, "parent", RUN_ID))
        files = self.files()

        def run(report: Report) -> None:
            self.backend.run_dag(DAGS / "parent.py", files, date, own_api=own_api)

        return Try(parent, run, files).finish_with(during)

    def files(self) -> Files:
        self._tries += 1
        files = Files(
            log=self.home / f"try-{self._tries}.log", requests=self.home / f"try-{self._tries}.requests"
        )
        files.log.touch()
        files.requests.touch()
        return files

    def fork(self, target: Callable[[Report], None]) -> Forked:
        self.backend.before_fork()
        self._forks.append(Forked(target))
        return self._forks[-1]

    def triggerer(self, triggers: Sequence[Any]) -> Triggerer:
        """Run these triggers beside each other."""
        files = self.files()
        return Triggerer(self.fork(lambda report: self.backend.run_triggers(triggers, files, report)), files)

    def children(self, states: Sequence[str] = ()) -> tuple[ChildRun, ...]:
        """All dag runs but the parent's, or those in one of these states, oldest first."""
        from airflow.models.dagrun import DagRun
        from sqlalchemy import select
        from sqlalchemy.orm import joinedload

        query = select(DagRun).where(DagRun.dag_id != "parent").order_by(DagRun.id)
        if states:
            query = query.where(DagRun.state.in_(states))
        with database.open_session() as session:
            found = session.scalars(query.options(joinedload(DagRun.dag_run_note)))
            return tuple(self._child(run) for run in found)

    @contextlib.contextmanager
    def when_changed(self, look: Callable[[], Any]) -> Iterator[Callable[[], Any]]:
        """Give a look at the database that is only taken if anybody has written to it since the last one.

        It returns what it saw last. Do not start a try meanwhile: see ``database.Watch``.
        """
        with contextlib.closing(database.Watch(self.home / "airflow.db")) as watch:
            seen = None

            def look_again() -> Any:
                nonlocal seen
                if watch.changed():
                    seen = look()
                return seen

            yield look_again

    def active(self) -> tuple[ChildRun, ...]:
        """The child runs that are queued or running."""
        return self.children(ACTIVE)

    def _child(self, run: Any) -> ChildRun:
        return ChildRun(
            dag_id=run.dag_id,
            run_id=run.run_id,
            state=database.plain(run.state),
            run_type=database.plain(run.run_type),
            conf=dict(run.conf or {}),
            logical_date=self.backend.logical_date(run),
            run_after=getattr(run, "run_after", None),
            note=run.note,
            clear_number=run.clear_number,
        )

    @property
    def has_api(self) -> bool:
        """Whether tasks talk to an execution API, which Airflow 3 brought, or to the database."""
        return not self.version.startswith("2.")

    def honours(self, feature: str) -> bool:
        """Whether the installed Airflow can do this at all: see ``Backend.honours``."""
        return self.backend.honours(feature)

    def records(self) -> list[Any]:
        """What the parent keeps in the task state store, decoded."""
        return self.backend.records()

    def put_record(self, record: Any) -> None:
        """Replace what the parent keeps in the task state store."""
        self.backend.put_record(record)

    def set_state(self, child: ChildRun, state: str) -> None:
        """Give a child run another state."""
        with database.open_session() as session:
            run = database.dag_run(session, child.dag_id, child.run_id)
            run.state = state

    def break_dag(self, dag_id: str) -> None:
        """Do what the dag processor does when the file of a dag no longer imports."""
        from airflow.models.dag import DagModel

        with database.open_session() as session:
            session.get(DagModel, dag_id).has_import_errors = True

    def delete(self, child: ChildRun) -> None:
        """Delete a child run."""
        with database.open_session() as session:
            session.delete(database.dag_run(session, child.dag_id, child.run_id))


class Parent:
    """A parent task (all its mapped task instances, if it is mapped) and what a scheduler does with it."""

    def __init__(self, airflow: Airflow, case: Mapping[str, Any], conf: Mapping[str, Any]) -> None:
        self.airflow = airflow
        self._case = dict(case)
        self._conf = conf

    def store(self) -> None:
        """Write the dag file, and store what it says."""
        source = "".join(f"{name} = {value!r}\n" for name, value in self._case.items())
        (self.airflow.home / "case.py").write_text(CASE_IMPORTS + source)
        self.airflow.backend.store(DAGS / "parent.py")

    def edit(self, **arguments: Any) -> None:
        """Give the operator other arguments, as an author does who edits the dag file."""
        self._case["KWARGS"] = {**self._case["KWARGS"], **arguments}
        self.store()

    def create_run(self, started: datetime | None = None) -> None:
        """Create the run of the parent, and start it."""
        with database.open_session() as session:
            now = datetime.now(timezone.utc)
            self.airflow.backend.create_run(
                "parent", RUN_ID, conf=self._conf, logical_date=now, session=session
            )
            run = database.dag_run(session, "parent", RUN_ID)
            run.state = "running"
            run.start_date = started or run.start_date

    def create_run_again(self) -> None:
        """Delete the run of the parent, and create another one with the same run id."""
        with database.open_session() as session:
            session.delete(database.parent_run(session))
        self.create_run()

    def run(
        self, during: Callable[[Try], None] | None = None, *, map_index: int = -1, iteration: int = 0
    ) -> Outcome:
        """Run the next try to its end; ``during`` acts meanwhile."""
        return self.start(map_index=map_index, iteration=iteration).finish_with(during)

    def pass_gate(self, iteration: int) -> None:
        """Let the loop go on to its next iteration."""
        gate = self.start(task_id=f"__{database.LOOP}_gate", iteration=iteration).finish_with(None)
        assert gate.state == "success", f"the gate of iteration {iteration} is {gate.state}\n{gate.log}"

    def crash_at_trigger(self, *, map_index: int = -1, iteration: int = 0) -> Outcome:
        """Lose the machine when the child has been created and the task does not know it yet."""
        running = self.start(map_index=map_index, iteration=iteration, at_trigger="freeze")
        running.child()
        running.kill_host()
        return running.outcome()

    def crash_while_waiting(self, *, map_index: int = -1, iteration: int = 0) -> Outcome:
        """Lose the machine in the middle of the wait."""
        running = self.start(map_index=map_index, iteration=iteration)
        running.child()
        running.looked()
        running.kill_host()
        return running.outcome()

    def start(
        self,
        *,
        map_index: int = -1,
        at_trigger: AtTrigger = "go on",
        task_id: str = database.TRIGGER,
        iteration: int = 0,
    ) -> Try:
        """Schedule and start the next try."""
        which: dict[str, Any] = {"map_index": map_index, "task_id": task_id, "iteration": iteration}
        with database.open_session() as session:
            if self._state(**which) != "scheduled":  # a resumed deferral already is
                self._schedule(session)
        with database.open_session() as session:
            task_instance = database.task_instance(session, **which)
            if database.plain(task_instance.state) != "scheduled":
                raise HarnessError(
                    f"the scheduler does not start the parent: it is {database.plain(task_instance.state)}"
                )
            task_instance.state = "queued"
            task_instance.queued_dttm = datetime.now(timezone.utc)
        with database.open_session() as session:
            task_instance = database.task_instance(session, **which)
            session.expunge_all()
        files = self.airflow.files()
        Path(os.environ["HARNESS_EVENTS"]).write_text("")
        backend = self.airflow.backend

        def run(report: Report) -> None:
            backend.run_task(task_instance, files, report, at_trigger=at_trigger)

        return Try(self, run, files, **which)

    def retry(
        self, during: Callable[[Try], None] | None = None, *, map_index: int = -1, iteration: int = 0
    ) -> Outcome:
        """What the scheduler does next: notice a task that died, and run the next try."""
        which: dict[str, Any] = {"map_index": map_index, "iteration": iteration}
        if self._state(**which) == "running":
            self.heal(**which)
        assert self._state(**which) == "up_for_retry", (
            f"no retry is due: the parent is {self._state(**which)}"
        )
        return self.run(during, **which)

    def resume(
        self,
        during: Callable[[], None] | None = None,
        *,
        alter: Callable[[Any], Any] = lambda payload: payload,
        limit: float = LIMIT,
        at_once: bool = True,
    ) -> Outcome:
        """Run the real trigger of the deferred parent until it fires, then the rest of the try.

        :param at_once: do not wait for the moment from which this package's trigger may fire (D5), which is
            about the executor, and there is none here
        :param during: acts while the trigger runs
        :param alter: changes the event of the trigger on its way
        :param limit: seconds within which the trigger must fire
        """
        from airflow.models.trigger import Trigger
        from airflow.triggers.base import TriggerEvent

        with database.open_session() as session:
            trigger_id = database.task_instance(session, -1).trigger_id
            row = session.get(Trigger, trigger_id)
            module, _, name = row.classpath.rpartition(".")
            trigger = getattr(importlib.import_module(module), name)(**row.kwargs)
            if at_once and hasattr(trigger, "hold"):
                trigger.hold = 0.0
        triggerer = self.airflow.triggerer([trigger])
        if during:
            during()
        payload = alter(triggerer.event(0, limit))
        with database.open_session() as session:
            Trigger.submit_event(trigger_id, TriggerEvent(payload), session=session)
        return self.run()

    def heal(self, *, map_index: int = -1, iteration: int = 0) -> None:
        """What the scheduler does when the process of a running task is gone."""
        with database.open_session() as session:
            task_instance = database.task_instance(session, map_index, iteration=iteration)
            task_instance.task = database.serialized_parent(session).get_task(task_instance.task_id)
            task_instance.handle_failure(error="the task process is gone", session=session)

    def clear(self, task_id: str = database.TRIGGER, *, finish_run: bool = False) -> None:
        """Clear the parent, or another task of its dag, as a user does.

        :param finish_run: its run has ended before
        """
        from airflow.models.taskinstance import clear_task_instances

        if finish_run:
            with database.open_session() as session:
                database.parent_run(session).state = "success"
        with database.open_session() as session:
            clear_task_instances([database.task_instance(session, -1, task_id=task_id)], session)
        with database.open_session() as session:
            database.parent_run(session).state = "running"

    def clear_gate(self, iteration: int) -> None:
        """Clear the gate of an iteration of a loop, and so what came after it, as a user does."""
        from airflow.models import taskinstance

        with database.open_session() as session:
            gate = database.task_instance(session, -1, task_id=f"__{database.LOOP}_gate", iteration=iteration)
            clear: Any = getattr(taskinstance, "clear_loop_task_instances")  # noqa: B009 - from 3.4
            clear([gate], session=session)
        with database.open_session() as session:
            database.parent_run(session).state = "running"

    def finish_sibling(self) -> None:
        """Let the task beside the parent succeed."""
        with database.open_session() as session:
            database.task_instance(session, -1, task_id="sibling").state = "success"

    def _state(self, map_index: int, task_id: str = database.TRIGGER, iteration: int = 0) -> str | None:
        with database.open_session() as session:
            found = database.task_instances(session, map_index, task_id=task_id, iteration=iteration)
            return database.plain(found[0].state) if found else None

    def _schedule(self, session: Any) -> None:
        run = database.parent_run(session)
        run.dag = database.serialized_parent(session)
        decision = run.task_instance_scheduling_decisions(session=session)
        run.schedule_tis(decision.schedulable_tis, session=session)


class Try:
    """One try of the parent while it runs. Every wait is bounded, and ends when the try does."""

    def __init__(
        self,
        parent: Parent,
        start: Callable[[Report], None],
        files: Files,
        *,
        map_index: int = -1,
        task_id: str = database.TRIGGER,
        iteration: int = 0,
    ) -> None:
        self.parent = parent
        self.airflow: Airflow = parent.airflow
        self._files = files
        self._which: dict[str, Any] = {"map_index": map_index, "task_id": task_id, "iteration": iteration}
        self._known = {run.run_id for run in self.airflow.active()}
        self._process = self.airflow.fork(start)

    def child(self) -> ChildRun:
        """Wait until a child run is active that was not when the try started, and return it."""
        child: ChildRun = self.until_seen(
            lambda: next((run for run in self.airflow.active() if run.run_id not in self._known), None),
            "an active child run",
        )
        return child

    def xcom(self, key: str) -> Any:
        """Wait until the parent has pushed this XCom and return it."""
        self.until_seen(lambda: key in database.xcoms(self.airflow.backend, **self._which), f"XCom {key!r}")
        return database.xcoms(self.airflow.backend, **self._which)[key]

    def looked(self) -> None:
        """Wait until the parent has looked at its child: a call to the API; on Airflow 2, a log line."""
        self.until(lambda: self._has_looked() or "Waiting for" in self._log(), "a look at the child")

    def stays(self, seconds: float) -> None:
        """Fail if the try ends within this time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process.poll(0.05):
                raise HarnessError(f"the try has ended\n{self._describe()}")

    def ends(self, seconds: float) -> None:
        """Fail if the try does not end within this time."""
        deadline = time.monotonic() + seconds
        while not self._process.poll(0.05):
            if time.monotonic() > deadline:
                self._process.kill()
                raise HarnessError(f"the try has not ended after {seconds} s\n{self._describe()}")

    def outage(self) -> None:
        """Make the next three looks at the child fail for a reason that passes."""
        os.kill(self._process.pid, signal.SIGUSR1)

    def held(self) -> None:
        """Wait until the try is about to trigger; it was started to be held there."""

        def triggers() -> bool:
            if not self.airflow.has_api:
                return "Triggering dag run" in self._log()
            # The supervisor that is held may not have written the log line yet.
            return any(is_trigger(request.partition("\t")[0]) for request in self.requests())

        self.until(triggers, "a try that is about to trigger")

    def release(self) -> None:
        """Let a try that is held go on, and wait for its end, be it that Airflow refuses its report."""
        os.kill(self._process.pid, signal.SIGUSR2)
        self.ends(60)

    def kill_task(self) -> None:
        """SIGKILL the task process; its supervisor, if it has one, lives on."""
        os.kill(self._process.report("pid"), signal.SIGKILL)

    def kill_host(self) -> None:
        """SIGKILL the task process and its supervisor, as the loss of the machine does."""
        self._process.kill()

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        try:
            return self._process.until(condition, what)
        except HarnessError as error:
            raise HarnessError(f"{error}\n{self._describe()}") from None

    def until_seen(self, look: Callable[[], Any], what: str) -> Any:
        """Wait until a look at the database finds something, and return it."""
        with self.airflow.when_changed(look) as look_again:
            return self.until(look_again, what)

    def finish_with(self, during: Callable[[Try], None] | None) -> Outcome:
        """Let ``during`` act, then wait for the end of the try."""
        if during:
            during(self)
        try:
            self._process.wait()
        except HarnessError as error:
            raise HarnessError(f"{error}\n{self._describe()}") from None
        return self.outcome()

    def outcome(self) -> Outcome:
        """The parent as it is now."""
        events = [json.loads(line) for line in Path(os.environ["HARNESS_EVENTS"]).read_text().splitlines()]
        with database.open_session() as session:
            from airflow.models.trigger import Trigger

            task_instance = database.task_instance(session, **self._which)
            trigger = session.get(Trigger, task_instance.trigger_id) if task_instance.trigger_id else None
            return Outcome(
                state=database.plain(task_instance.state),
                try_number=task_instance.try_number,
                max_tries=task_instance.max_tries,
                exit_code=next((r["exit_code"] for r in self._process.reports if "exit_code" in r), None),
                callbacks=tuple(
                    Callback(event["callback"], event["error"], event["text"], tuple(event["paths"]))
                    for event in events
                    if "callback" in event
                ),
                listeners=tuple(
                    Event(event["listener"], event["trigger_run_id"], event["error"], event["text"])
                    for event in events
                    if "listener" in event
                ),
                xcoms=database.xcoms(self.airflow.backend, **self._which),
                children=self.airflow.children(),
                trigger=dict(trigger.kwargs) if trigger else None,
                requests=tuple(line.partition("\t")[0] for line in self.requests()),
                log=self._log(),
            )

    def _log(self) -> str:
        return self._files.log.read_text()

    def requests(self) -> list[str]:
        """The calls to the execution API so far: see ``Files``."""
        return self._files.requests.read_text().splitlines()

    def _has_looked(self) -> bool:
        return any("/dag-runs/" in request and "/state\t" in request for request in self.requests())

    def _describe(self) -> str:
        state = self.parent._state(**self._which)
        return f"parent: {state}; children: {self.airflow.children()}; end of the log:\n{self._log()[-4000:]}"


class Triggerer:
    """Triggers that run in one process, and in one event loop, as in a triggerer."""

    def __init__(self, process: Forked, files: Files) -> None:
        self._process = process
        self._files = files

    def event(self, number: int, limit: float = LIMIT) -> Any:
        """Wait until the trigger of this number has fired, and return the payload."""
        return unpack(self.until(lambda: self._event(number), f"trigger {number} fires", limit))

    def has_fired(self, number: int) -> bool:
        self._process.poll()
        return self._event(number) is not None

    def _event(self, number: int) -> Any:
        return next((fired[1] for fired in self._reported("event") if fired[0] == number), None)

    def _reported(self, key: str) -> list[Any]:
        return [report[key] for report in self._process.reports if key in report]

    def requests(self) -> list[str]:
        """The calls to the execution API so far, on Airflow 2 the queries for runs: see ``Files``."""
        return self._files.requests.read_text().splitlines()

    def until(self, condition: Callable[[], Any], what: str, limit: float = LIMIT) -> Any:
        result = self._process.until(lambda: self._reported("error") or condition(), what, limit)
        if errors := self._reported("error"):
            raise HarnessError(f"triggers raised: {errors}")
        return result


def finish(state: str) -> Callable[[Try], None]:
    """Act as the child dag: once there is an active run, it ends in this state."""
    return lambda running: running.airflow.set_state(running.child(), state)


def delete(running: Try) -> None:
    """Delete the child run as soon as it is there."""
    running.airflow.delete(running.child())


def kill_task(running: Try) -> None:
    """SIGKILL the task process in the middle of the wait; its supervisor lives on."""
    running.child()
    running.looked()
    running.kill_task()


def _set_timezone(name: str) -> None:
    """Do again what Airflow does when it starts, wherever it keeps the time zone."""
    import pendulum
    from airflow import settings

    settings.TIMEZONE = pendulum.timezone(name)
    for home in ("airflow.sdk.timezone", "airflow._shared.timezones.timezone"):  # they keep it from 3.2 on
        with contextlib.suppress(ImportError, AttributeError):
            importlib.import_module(home).initialize(name)


def _backend() -> Backend:
    try:
        import airflow.sdk  # noqa: F401
    except ImportError:  # Airflow 2
        from trigger_compat.suite.harness.airflow2 import Airflow2

        return Airflow2()
    from trigger_compat.suite.harness.airflow3 import Airflow3

    return Airflow3()
