"""Airflow's side of a trigger in memory: dag runs, the parent's tries, XComs, the store, and what goes wrong.

The operator under test is the real one, on the installed Airflow, and so is its path. Only what leaves the
process is replaced (``Border``), so hundreds of schedules take seconds. A schedule is made of plans: what a
try lives through, by the number of the border point at which it happens. There is a point before and after
each call that the try makes, and an overlapping try runs inside a point of the one that is believed lost.

What goes against the contract is collected in ``World.broken`` where it happens, because the operator may
handle an error that is raised inside it.
"""

from __future__ import annotations

import contextlib
import enum
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import note

from trigger_compat import TriggerDagRunOperator, dispatch
from trigger_compat._airflow import AirflowException, AirflowFailException, AirflowSkipException
from trigger_compat.paths import TransientError
from trigger_compat.task import wait
from trigger_compat.task.resumption import RESUMES_AGAIN

if TYPE_CHECKING:
    import pytest

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # until 3.2
    from airflow.exceptions import TaskDeferred
Away: Any
Failure: Any
try:
    from airflow.sdk.exceptions import AirflowRuntimeError
except ImportError:  # until 3.0
    from sqlalchemy.exc import DBAPIError, OperationalError

    Away, Failure = OperationalError, DBAPIError
else:
    Away = Failure = AirflowRuntimeError

T = TypeVar("T")
LIVE = ("queued", "running")
FINISHED = ("success", "failed", "skipped")
WAITS_FOR_RETRY = "up_for_retry"
LOGICAL_DATE = datetime(2025, 1, 1, tzinfo=timezone.utc)
LIMIT = 40
"""No schedule gives a try this many looks to make, so one that makes them would look for ever."""

HAS_STORE = ">=3.3"
RUNNER_RETRIES_A_FAILED_CHILD = ">=3.3"
"""Below, the runner ends the task for good when the child fails (deviation exception-W2-retries)."""


class Crash(BaseException):
    """The try's process is gone, with everything in it."""


class Endless(BaseException):
    """The try was stopped because it makes no progress."""


class Event(enum.Enum):
    """What can happen at a border point."""

    CRASH = "the process dies"
    AWAY = "the other side does not answer"
    SUCCEEDS = "the live children succeed"
    FAILS = "the live children fail"
    DELETED = "somebody deletes the live children"
    CLEANED = "somebody deletes the children that have ended"
    FOREIGN = "somebody else creates the run"
    FORGOTTEN = "the store is emptied"
    SIBLING = "another task of the run is cleared"


@dataclass(frozen=True)
class Plan:
    """What a try lives through.

    :param events: by the number of the border point, from 0.
    :param fate: what becomes of the child: ``success``, ``failed`` or ``deleted``.
    :param looks: how many times the child is seen alive before that.
    """

    events: Mapping[int, Event | Overlap] = field(default_factory=dict)
    fate: str = "success"
    looks: int = 3


@dataclass(frozen=True)
class Overlap:
    """The try is believed lost though it is alive, and the next one runs; the old one then goes on.

    :param cleared: the parent is cleared before the next try.
    """

    plan: Plan
    cleared: bool = False


@dataclass(frozen=True)
class Setup:
    """The parent's arguments and its Airflow."""

    path: str
    wait: bool = True
    deferrable: bool = False
    pinned: str = ""  # or "trigger_run_id", or "logical_date"
    exists: str = "fail"  # what to do about a run that exists: or "skip", or "reset"
    retries: int = 2
    store: bool = False

    def operator(self, retries: int) -> TriggerDagRunOperator:
        """Return a new object, as each process has."""
        given: dict[str, Any] = {"trigger_run_id": "pinned", "logical_date": "2025-01-01"}
        return TriggerDagRunOperator(
            task_id="trigger",
            trigger_dag_id="child",
            path=self.path,
            durable=True,
            wait_for_completion=self.wait,
            deferrable=self.deferrable,
            reset_dag_run=self.exists == "reset",
            skip_when_already_exists=self.exists == "skip",
            retries=retries,
            poke_interval=10,
            openlineage_inject_parent_info=False,
            **{name: value for name, value in given.items() if name == self.pinned},
        )

    @property
    def pinned_run_id(self) -> str:
        """The only id the child can have, empty if not pinned."""
        ids = {"trigger_run_id": "pinned", "logical_date": "manual__2025-01-01T00:00:00+00:00"}
        return ids.get(self.pinned, "")


@dataclass(eq=False)
class Run:
    """A dag run of the child dag."""

    run_id: str
    #: The clear epoch of the parent that it was created or reset for, None if somebody else created it.
    epoch: int | None
    #: The try that created or reset it.
    by: int
    state: str = "queued"
    deleted: bool = False
    resets: int = 0

    @property
    def live(self) -> bool:
        """Whether it exists and has not ended."""
        return not self.deleted and self.state in LIVE


@dataclass(eq=False)
class Try:
    """One execution of the parent."""

    number: int
    max_tries: int
    epoch: int
    first: bool
    plan: Plan
    points: int = 0
    looks: int = 0
    seen: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Deferral:
    """What the triggerer waits for; Airflow's own trigger never notices that a run is gone."""

    run_id: str
    notices_deletion: bool


def away(status: int = 503) -> Any:
    """Return what a call fails with while the API server, or the database of Airflow 2, is away."""
    if dispatch.within("<3"):
        return Away("SELECT", {}, Exception("away"))
    from airflow.sdk.exceptions import ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    return Away(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": status}))


def end(run: Run, fate: str) -> None:
    """Let a child meet its fate."""
    if fate == "deleted":
        run.deleted = True
    else:
        run.state = fate


class TaskInstance:
    """The part of a running task instance that the operator uses."""

    dag_id, run_id, task_id, map_index = "parent", "the-parent", "trigger", -1
    stats_tags: Mapping[str, str] = {}

    def __init__(self, world: World, running: Try) -> None:
        self.try_number = running.number
        self.max_tries = running.max_tries
        self.region_id = world.region_id
        self._world = world
        self._running = running

    def xcom_push(self, key: str, value: Any) -> None:
        self._world.call(f"xcom_push({key})", lambda: self._world.push(self._running, key, value))

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        state = self._world.look(run_id)
        if state is None:
            raise away(404)
        return state

    def get_dr_count(self, dag_id: str, logical_dates: list[datetime]) -> int:
        """Count the runs of a date, which have no other id here."""
        return 0


class Store:
    """The parent's ``task_state_store``, which outlives tries and clears."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, key: str) -> Any:
        found = self._world.call("store.get", lambda: self._world.store.get(key))
        return None if found is None else json.loads(found)

    def set(self, key: str, value: Any) -> None:
        self._world.call("store.set", lambda: self._world.store.update({key: json.dumps(value)}))


class World:
    """One parent task instance, its children, and what Airflow knows of them."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.runs: list[Run] = []
        self.broken: list[str] = []
        self.state = "scheduled"
        self.try_number = 0
        self.retries = setup.retries
        self.max_tries = self.retries
        self.epoch = 0
        self.run_started = datetime(2026, 1, 1, tzinfo=timezone.utc)
        self.clear_number = 0
        self.iteration: int | None = None
        self.region_id = uuid.UUID(int=0)
        self.fresh = True  # no try of this epoch has started
        self.xcoms: dict[str, Any] = {}
        self.store: dict[str, str] = {}
        self.store_fails = False
        self.clock = 0.0
        self._epochs = {(self.run_started, self.max_tries)}
        self._overwritten = False  # the XComs are those of a try that is believed lost
        self._running: list[Try] = []  # innermost last: an overlapping try runs inside the old one
        self._current: Try | None = None  # the one whose end Airflow accepts
        self._deferral: Deferral | None = None
        self._event: tuple[str, Mapping[str, Any]] | None = None

    # Airflow's side of the parent.

    @property
    def startable(self) -> bool:
        """Whether a try can start, once a lost one has been noticed."""
        return self.state in ("scheduled", WAITS_FOR_RETRY) or (
            self.state == "lost" and self.try_number <= self.max_tries
        )

    @property
    def replays(self) -> bool:
        """Whether the next try is resumed with the event of an earlier one (Airflow until 3.1.1)."""
        return self._event is not None and dispatch.within(RESUMES_AGAIN)

    def start(self, plan: Plan) -> None:
        """Run the next try to its end, by the real operator."""
        if self.state == "lost":
            self.notice_loss()
        self.try_number += 1
        if not self.replays:
            self._event = None
            self._overwritten = False
            self.xcoms.clear()
        self._run(plan, self._event)

    def resume(self, plan: Plan) -> bool:
        """Let the child meet its fate and the triggerer notice it; say whether that resumed the parent."""
        assert self._deferral is not None
        run = self.existing(self._deferral.run_id)
        if run and run.live:
            end(run, plan.fate)
        gone = run is None or run.deleted
        if gone and not self._deferral.notices_deletion:
            return False
        state = None if run is None or gone else run.state
        run_id = self._deferral.run_id
        self._event = ("the trigger", {"run_ids": [run_id], run_id: state})
        self._run(plan, self._event)
        return True

    def clear(self, *, run_ended: bool = False) -> None:
        """Clear the parent, as its user may unless it is running.

        :param run_ended: the run has ended before, and so begins again.
        """
        max_tries = self.try_number + self.retries
        # With ``retries`` lowered, max_tries may be that of an earlier epoch: in a run that goes on nothing
        # tells the first try after such a clear from a retry.
        if run_ended or (self.run_started, max_tries) in self._epochs:
            self.begin_run()
        note(f"the parent is cleared{', and its run begins again' if run_ended else ''}")
        self.max_tries = max_tries
        self._new_epoch()

    def begin_run(self) -> None:
        """Let the parent's run begin, at a moment of its own."""
        self.run_started += timedelta(microseconds=1)

    def create_run_again(self) -> None:
        """Delete the parent's run and create it anew under the same run id, and leave its store as it was."""
        note("the run of the parent is deleted, and created again")
        self.begin_run()
        self._new_task_instance()

    def next_iteration(self) -> None:
        """Let the loop that the parent is in go on, as 3.4 does: with task instances of the same names."""
        self.iteration = 0 if self.iteration is None else self.iteration + 1
        self.region_id = self.region_id if self.region_id.int else uuid.UUID(int=1)
        note(f"iteration {self.iteration} begins")
        self._new_task_instance()

    def run_iteration_anew(self) -> None:
        """Let a clear of an earlier gate archive this iteration; it runs anew in another region."""
        self.region_id = uuid.UUID(int=self.region_id.int + 1)
        note(f"iteration {self.iteration} is run anew")
        self._new_task_instance()

    def edit_retries(self, retries: int) -> None:
        """Edit the dag file."""
        note(f"retries={retries} from now on")
        self.retries = retries

    def _new_task_instance(self) -> None:
        self.try_number = 0
        self.max_tries = self.retries
        self.xcoms.clear()
        self._current = None
        self._new_epoch()

    def _new_epoch(self) -> None:
        self.epoch += 1
        self._epochs.add((self.run_started, self.max_tries))
        self.fresh = True
        self.state = "scheduled"
        self._event = self._deferral = None

    def notice_loss(self) -> None:
        """Let the scheduler find that a try's heartbeat has stopped."""
        self._current = None
        self.state = self.failed()

    def failed(self) -> str:
        """Return what becomes of the parent when its try fails."""
        return WAITS_FOR_RETRY if self.try_number <= self.max_tries and self.retries else "failed"

    def _run(self, plan: Plan, event: tuple[str, Mapping[str, Any]] | None) -> None:
        running = Try(self.try_number, self.max_tries, self.epoch, self.fresh, plan)
        self.fresh = self.fresh and event is not None
        self._current = running
        self.state = "running"
        self._running.append(running)
        try:
            state = self._outcome(running, event)
        finally:
            self._running.pop()
        note(
            f"try {running.number} is {state}" + ("" if self._current is running else ", which nobody hears")
        )
        if self._current is running:
            self._current = None
            self.state = state
            self._check_end(running)

    def _outcome(self, running: Try, event: tuple[str, Mapping[str, Any]] | None) -> str:
        try:
            return self._execute(running, event)
        except (Crash, Endless):
            return "lost"

    def _execute(self, running: Try, event: tuple[str, Mapping[str, Any]] | None) -> str:
        operator = self.setup.operator(self.retries)
        dag_run = SimpleNamespace(
            start_date=self.run_started, logical_date=LOGICAL_DATE, clear_number=self.clear_number
        )
        context: dict[str, Any] = {"ti": TaskInstance(self, running), "dag_run": dag_run}
        if self.iteration is not None:
            context["loop"] = SimpleNamespace(index=self.iteration)
        if self.setup.store:
            context["task_state_store"] = Store(self)
        try:
            if event is None:
                # Airflow lets nobody but its runner call execute(); this is what the runner reaches.
                TriggerDagRunOperator.execute.__wrapped__(operator, context)  # type: ignore[attr-defined]
            else:
                operator.execute_complete(context, event)
        except TaskDeferred as deferral:
            return self._defer(running, deferral.trigger.serialize()[1]["run_ids"][0], notices_deletion=True)
        except AirflowSkipException:
            return "skipped"
        except AirflowFailException:
            return "failed"
        except (AirflowException, TransientError, Failure) as error:
            if type(error).__name__ == "DagRunTriggerException":
                return self._hand_over(running, error, context["ti"])
            note(f"try {running.number} fails: {error!r}")
            return self.failed()
        return "success"

    def _hand_over(self, running: Try, asked: Any, ti: TaskInstance) -> str:
        """Do what the task runner does about a ``DagRunTriggerException``."""
        try:
            if not self.trigger(asked.dag_run_id, reset=asked.reset_dag_run):
                return "skipped" if asked.skip_when_already_exists else "failed"
            ti.xcom_push("trigger_run_id", asked.dag_run_id)
            if asked.wait_for_completion and asked.deferrable:
                return self._defer(running, asked.dag_run_id, notices_deletion=False)
            while asked.wait_for_completion:
                state = ti.get_dagrun_state("child", asked.dag_run_id)
                if state in asked.failed_states:
                    return self.failed() if dispatch.within(RUNNER_RETRIES_A_FAILED_CHILD) else "failed"
                if state in asked.allowed_states:
                    break
        except Away:
            return "lost"  # it escapes the runner, and the process dies
        return "success"

    def _defer(self, running: Try, run_id: str, *, notices_deletion: bool) -> str:
        if running is self._current:
            self._deferral = Deferral(run_id, notices_deletion)
        return "deferred"

    # What a try can reach.

    def call(self, name: str, effect: Callable[[], T]) -> T:
        """Cross the border: a point before and a point after the effect on the other side."""
        self.point(f"before {name}")
        if self.store_fails and name.startswith("store"):
            raise RuntimeError("the store fails")
        answer = effect()
        self.point(f"after {name}")
        return answer

    def point(self, name: str) -> None:
        """Let happen what the running try's plan holds for this moment."""
        running = self._running[-1]
        event = running.plan.events.get(running.points)
        running.points += 1
        if event is None:
            return
        note(f"try {running.number}, {name}: {event.value if isinstance(event, Event) else 'a new try'}")
        if event is Event.CRASH:
            raise Crash
        if event is Event.AWAY:
            raise away()
        if isinstance(event, Overlap):
            self._overlap(event)
        else:
            self.happen(event)

    def happen(self, event: Event) -> None:
        """Let something happen that no try sees at once."""
        fates = {Event.SUCCEEDS: "success", Event.FAILS: "failed", Event.DELETED: "deleted"}
        if event in fates:
            for run in self.runs:
                if run.live:
                    end(run, fates[event])
        elif event is Event.CLEANED:
            for run in self.runs:
                run.deleted |= not run.live
        elif event is Event.FORGOTTEN:
            self.store.clear()
        elif event is Event.SIBLING:
            self.clear_number += 1
        elif (run_id := self.setup.pinned_run_id) and self.existing(run_id) is None:
            self.runs.append(Run(run_id, epoch=None, by=0))

    def _overlap(self, overlap: Overlap) -> None:
        if self.state == "running":
            self.notice_loss()
        if overlap.cleared and self.state in (WAITS_FOR_RETRY, *FINISHED):
            self.clear()
        if self.startable:
            self.start(overlap.plan)

    def push(self, running: Try, key: str, value: Any) -> None:
        """Keep an XCom. A try that is believed lost may still write over those of the next one."""
        self.xcoms[key] = value
        self._overwritten = running is not self._current

    def look(self, run_id: str) -> str | None:
        """Return the state of a run, None if there is none."""
        running = self._running[-1]
        running.looks += 1
        if running.looks > LIMIT:
            self.broken.append(f"try {running.number} looks for ever")
            raise Endless

        def effect() -> str | None:
            run = self.existing(run_id)
            if run and run.live:
                running.seen[run_id] += 1
                if running.seen[run_id] > running.plan.looks:
                    end(run, running.plan.fate)
            return None if run is None or run.deleted else run.state

        return self.call(f"look({run_id})", effect)

    def trigger(self, run_id: str, *, reset: bool) -> bool:
        """Create a run or reset it; False if it exists. One step, as it is for an API server."""

        def effect() -> bool:
            if self.create(run_id):
                return True
            if reset:
                self.reset(run_id)
            return reset

        return self.call(f"trigger({run_id})", effect)

    def create(self, run_id: str) -> bool:
        """Create a run; False if it exists. No other child of this epoch may live or have succeeded."""
        if self.existing(run_id):
            return False
        running = self._running[-1]
        # A first try does not look back: one that is lost and goes on brings back what somebody has deleted.
        brought_back = running is not self._current and any(run.run_id == run_id for run in self.runs)
        for run in () if brought_back else self.runs:
            if run.epoch == running.epoch and not run.deleted and run.state != "failed":
                self.broken.append(
                    f"try {running.number} creates {run_id} though {run.run_id} of its epoch is {run.state}"
                )
        self.runs.append(Run(run_id, running.epoch, running.number))
        return True

    def reset(self, run_id: str) -> None:
        """Clear a run. Only an overlapping try may lose one that lives or has succeeded by that.

        And only a pinned one: under a computed id there is nothing but this parent's own.
        """
        running = self._running[-1]
        run = self.existing(run_id)
        if run is None:
            return  # deleted meanwhile: then there is nothing to clear
        if not self.setup.pinned:
            self.broken.append(f"try {running.number} resets {run_id}, which is its own")
        if run.epoch == running.epoch and run.by < running.number and run.state != "failed":
            self.broken.append(f"try {running.number} resets its own {run_id}, which is {run.state}")
        run.epoch = max(running.epoch, -1 if run.epoch is None else run.epoch)
        run.by = max(running.number, run.by)
        run.state = "queued"
        run.resets += 1

    def existing(self, run_id: str) -> Run | None:
        """Return the run of this id, if there is one."""
        return next((run for run in reversed(self.runs) if run.run_id == run_id and not run.deleted), None)

    # What must hold.

    def _check_end(self, running: Try) -> None:
        """Check the child that Airflow has been told of when a try ends well."""
        if self.state not in ("success", "deferred", "skipped") or self._overwritten:
            return
        told = self.xcoms.get("trigger_run_id")
        child = next((run for run in reversed(self.runs) if run.run_id == told), None)
        if told is None and self.state == "skipped" and not any(run.live for run in self.runs):
            return  # the run it skips for is gone again, so none is named
        if child is None:
            self.broken.append(f"try {running.number} is {self.state}, but trigger_run_id is {told!r}")
        elif self.state == "skipped":
            return
        elif self.setup.wait and self.state == "success" and child.state != "success":
            self.broken.append(f"try {running.number} succeeds with {told} {child.state}")
        elif self.setup.pinned and child.deleted:
            return  # before its reset or after it: nobody can tell
        elif child.epoch != running.epoch and (running.first or not self.setup.pinned):
            self.broken.append(f"try {running.number} adopts {told}, which is not of its epoch")
        if self.state == "deferred" and self._deferral and self._deferral.run_id != told:
            self.broken.append(
                f"try {running.number} publishes {told}, but waits for {self._deferral.run_id}"
            )

    def check_live(self) -> None:
        """Check that no epoch has two live children."""
        live = Counter(run.epoch for run in self.runs if run.live)
        for epoch, count in live.items():
            if epoch is not None and count > 1:
                self.broken.append(f"epoch {epoch} has {count} live children")


class Border:
    """Stands where calls leave the process, and leads them to the world of the running schedule."""

    world: World

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        defaults: Any = wait.wait_for.__kwdefaults__
        monkeypatch.setitem(defaults, "clock", lambda: self.world.clock)
        monkeypatch.setitem(defaults, "sleep", self._sleep)
        if dispatch.within("<3"):
            self._stand_before_the_database(monkeypatch)
        else:
            self._stand_before_the_supervisor(monkeypatch)

        # The operator's own words, among what happens in the schedule that hypothesis prints.
        log = dict.fromkeys(
            ("debug", "info", "warning"), lambda text, *given, **_: note(f"    {text % given}")
        )
        monkeypatch.setattr(TriggerDagRunOperator, "log", SimpleNamespace(**log))

    def _sleep(self, seconds: float) -> None:
        self.world.clock += seconds

    def _stand_before_the_supervisor(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from airflow.sdk.execution_time import task_runner
        from airflow.sdk.execution_time.xcom import XCom

        supervisor = SimpleNamespace(send=self._send)
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
        monkeypatch.setattr(XCom, "get_one", lambda **asked: self.world.xcoms.get(asked["key"]))

    def _send(self, message: Any) -> Any:
        from airflow.sdk.exceptions import ErrorType
        from airflow.sdk.execution_time.comms import ErrorResponse

        assert type(message).__name__ == "TriggerDagRun"
        if not self.world.trigger(message.run_id, reset=message.reset_dag_run):
            return ErrorResponse(error=ErrorType.DAGRUN_ALREADY_EXISTS)

    def _stand_before_the_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        path = "trigger_compat.paths.airflow2"
        monkeypatch.setattr(f"{path}.trigger_dag", self._trigger_dag)
        monkeypatch.setattr(f"{path}.create_session", self._session)
        monkeypatch.setattr(f"{path}.DagModel", SimpleNamespace(get_current=lambda *_: None))
        monkeypatch.setattr(f"{path}.SerializedDagModel", SimpleNamespace(get_dag=lambda *_, **__: None))
        monkeypatch.setattr(f"{path}.clear_task_instances", self._clear)

    def _trigger_dag(self, *, dag_id: str, run_id: str, **given: Any) -> None:
        """Look and insert in two steps, as Airflow 2 does: another worker may come between."""
        from airflow.exceptions import DagRunAlreadyExists
        from sqlalchemy.exc import IntegrityError

        world = self.world
        if world.call(f"trigger_dag({run_id})", lambda: world.existing(run_id)):
            exists: Any = DagRunAlreadyExists  # it has other arguments on 3.x
            raise exists(SimpleNamespace(dag_id=dag_id, run_id=run_id), given["execution_date"], run_id)
        if not world.call("the insert", lambda: world.create(run_id)):
            raise IntegrityError("INSERT", {}, Exception("unique"))

    def _clear(self, task_instances: list[str], *given: Any, **named: Any) -> None:
        for run_id in task_instances:
            self.world.call("the reset", partial(self.world.reset, run_id))

    @contextlib.contextmanager
    def _session(self) -> Iterator[Any]:
        def run_id(query: Any) -> Any:
            named = (value for name, value in query.compile().params.items() if name.startswith("run_id"))
            return next(named, None)

        def scalar(query: Any) -> Any:
            """Return the state of a run; none has the logical date of another here."""
            return self.world.look(run_id(query)) if run_id(query) else None

        def scalars(query: Any) -> Any:
            """Return the task instances of a run; each has one here, known by the run's id."""
            found = [run_id(query)] if self.world.existing(run_id(query)) else []
            return SimpleNamespace(all=lambda: found)

        yield SimpleNamespace(scalar=scalar, scalars=scalars)
