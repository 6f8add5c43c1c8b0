"""As much of Airflow 3 as the modules of a running task use, for tests in milliseconds without one.

The clause suite holds the same modules against real ones. Here each test says what the API server answers, so
errors, races and states can be had that a real one seldom gives.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

from jinja2 import Environment


class AirflowException(Exception): ...


class AirflowFailException(AirflowException): ...


class AirflowSkipException(AirflowException): ...


class DagRunAlreadyExists(AirflowException): ...


class DagRunTriggerException(AirflowException):
    """What the task runner catches, with the arguments of 3.1: neither note nor run_after."""

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        dag_run_id: str,
        conf: Any,
        logical_date: Any,
        reset_dag_run: bool,
        skip_when_already_exists: bool,
        wait_for_completion: bool,
        allowed_states: list[str],
        failed_states: list[str],
        poke_interval: float,
        deferrable: bool,
    ) -> None:
        self.arguments = {
            name: value for name, value in locals().items() if name not in ("self", "__class__")
        }


class Deferred(BaseException):
    """What ``defer`` raises."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self.arguments = arguments
        self.trigger = arguments["trigger"]


class ApiError(Exception):
    """Airflow's ``AirflowRuntimeError``: an error answer that the supervisor passes on."""

    def __init__(self, status: int | None, message: str = "no", **detail: Any) -> None:
        super().__init__(message)
        answer = {"status_code": status, "message": message, **detail}
        self.error = SimpleNamespace(error=SimpleNamespace(value="API_SERVER_ERROR"), detail=answer)


class Log:
    """A structlog logger that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.warned: list[str] = []

    def info(self, line: str, **fields: Any) -> None:
        self.said.append((line, fields))

    def warning(self, line: str, **fields: Any) -> None:
        self.info(line, **fields)
        self.warned.append(line)

    @property
    def lines(self) -> list[str]:
        return [line for line, _ in self.said]


class BaseOperator:
    log: Log

    def __init__(self, *, task_id: str, retries: int = 0, execution_timeout: timedelta | None = None) -> None:
        self.task_id, self.retries, self.execution_timeout = task_id, retries, execution_timeout
        self.log = Log()

    def render_template(self, given: Any, context: Mapping[str, Any], _: Any = None) -> Any:
        return Environment(autoescape=False).from_string(given).render(**context)

    def _do_render_template_fields(self, parent: Any, fields: Any, context: Any, *_: Any) -> None:
        for name in fields:
            if isinstance(given := getattr(parent, name), str):
                setattr(self, name, self.render_template(given, context))

    def defer(self, **arguments: Any) -> None:
        raise Deferred(arguments)


class ResumableJobMixin:
    """Airflow 3.3's; in place of its metrics and its span, it keeps what it has decided."""

    decision = "fresh_submit"

    def __init__(self, *, durable: bool = True, **others: Any) -> None:
        super().__init__(**others)
        self.durable = durable

    def execute_resumable(self: Any, context: Mapping[str, Any]) -> Any:
        store = context.get("task_state_store") if self.durable else None
        if store is not None and (known := store.get(self.external_id_key)):
            status = self.get_job_status(known, context)
            self.decision = "terminal_resubmit"
            if self.is_job_active(status):
                self.decision = "reconnect"
                return self.poll_until_complete(known, context)
            if self.is_job_succeeded(status):
                self.decision = "already_succeeded"
                return self.get_job_result(known, context)
        submitted = self.submit_job(context)
        if store is not None:
            store.set(self.external_id_key, submitted)
        self.poll_until_complete(submitted, context)
        return self.get_job_result(submitted, context)


class BaseTrigger:
    def __init__(self) -> None:
        self.log = Log()


@dataclass
class TriggerEvent:
    payload: Any


class BaseOperatorLink:
    xcom_key = "_link_TriggerDagRunLink"


class ArgNotSet: ...


@dataclass
class Run:
    """A dag run on the server."""

    state: str = "queued"
    logical_date: datetime | None = None
    sent: Mapping[str, Any] = field(default_factory=dict)
    resets: int = 0
    then: list[str] = field(default_factory=list)
    """What it will be, one look after the other; "gone": deleted."""


class Server:
    """The API server, and the supervisor before it."""

    def __init__(self) -> None:
        self.runs: dict[tuple[str, str], Run] = {}
        self.paused: set[str] = set()
        self.asked: list[tuple[Any, ...]] = []
        self.fails: list[Exception] = []
        """Raised by the next calls, one each."""
        self.after_trigger: list[Exception] = []
        """Raised once the run has been triggered: the answer is lost."""
        self.new: Callable[[], Run] = Run
        """Makes the runs that are triggered."""
        self.before_trigger: Callable[[], None] = lambda: None
        """What somebody else does while a trigger is on its way."""

    def _call(self, *what: Any) -> None:
        self.asked.append(what)
        assert len(self.asked) < 200, "this goes on for ever"
        if self.fails:
            raise self.fails.pop(0)

    def state(self, dag_id: str, run_id: str) -> Any:
        self._call("state", dag_id, run_id)
        if (dag_id, run_id) not in self.runs:
            raise ApiError(404)
        run = self.runs[dag_id, run_id]
        state, run.state = run.state, run.then.pop(0) if run.then else run.state
        if run.state == "gone":
            del self.runs[dag_id, run_id]
        return SimpleNamespace(value=state)

    def count(self, dag_id: str, logical_dates: Any = None, run_ids: Any = None, states: Any = None) -> int:
        self._call("count", dag_id, tuple(run_ids or ()), tuple(states or ()))
        return sum(
            dag == dag_id
            and (run_ids is None or run_id in run_ids)
            and (states is None or run.state in states)
            and (logical_dates is None or run.logical_date in logical_dates)
            for (dag, run_id), run in self.runs.items()
        )

    def send(self, message: Any) -> Any:
        """Trigger a run, as the execution API does."""
        fields = vars(message)
        self._call("trigger", fields["dag_id"], fields["run_id"])
        self.before_trigger()
        name, date = (fields["dag_id"], fields["run_id"]), fields["logical_date"]
        same_date = date and any(
            run.logical_date == date for (dag, _), run in self.runs.items() if dag == name[0]
        )
        if name in self.runs and fields["reset_dag_run"]:
            self.runs[name].state = "queued"
            self.runs[name].resets += 1
        elif name in self.runs or same_date:
            return SimpleNamespace(error=SimpleNamespace(value="DAGRUN_ALREADY_EXISTS"))
        else:
            run = self.runs[name] = self.new()
            run.logical_date, run.sent = date, fields
        if self.after_trigger:
            raise self.after_trigger.pop(0)
        return SimpleNamespace(ok=True)

    def children(self, dag_id: str = "child") -> list[str]:
        return [run_id for dag, run_id in self.runs if dag == dag_id]

    def triggers(self) -> int:
        return sum(what == "trigger" for what, *_ in self.asked)


class TaskInstance:
    """A running task instance, and what it has published."""

    region_id = None

    def __init__(self, server: Server, task: Any, **facts: Any) -> None:
        self.server, self.task = server, task
        self.dag_id, self.run_id, self.task_id, self.map_index = "parent", "run", "trigger", -1
        self.try_number, self.max_tries = 1, 2
        self.xcoms: dict[str, Any] = {}
        self.__dict__.update(facts)

    def get_dagrun_state(self, dag_id: str, run_id: str) -> Any:
        return self.server.state(dag_id, run_id)

    def get_dr_count(self, **of: Any) -> int:
        return self.server.count(**of)

    def get_dag(self, dag_id: str) -> Any:
        self.server._call("dag", dag_id)
        return SimpleNamespace(is_paused=dag_id in self.server.paused)

    def xcom_push(self, *, key: str, value: Any) -> None:
        self.xcoms[key] = value


class TriggerDagRun(SimpleNamespace):
    """The message of 3.3."""

    model_fields = dict.fromkeys(
        ("dag_id", "run_id", "conf", "logical_date", "run_after", "note", "reset_dag_run")
    )


class Config:
    """``airflow.cfg``: what is set, else the fallback."""

    def __init__(self) -> None:
        self.set: dict[tuple[str, str], Any] = {}

    def get(self, section: str, key: str, *, fallback: Any) -> Any:
        return self.set.get((section, key), fallback)

    getboolean = getfloat = get


CONF = Config()
NOTSET = ArgNotSet()
NOW = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


def _no_task() -> Any:
    raise RuntimeError("no task is running")


def _dagrun_url(*, dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/runs/{run_id}"


async def _in_loop(call: Callable[..., Any], *arguments: Any) -> Any:
    return call(*arguments)


def _sync_to_async(call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: _in_loop(call, *arguments)


_ERRORS = {
    kind.__name__: kind
    for kind in (AirflowException, AirflowFailException, AirflowSkipException, DagRunTriggerException)
}
_MODULES: dict[str, dict[str, Any]] = {
    "airflow": {"__version__": "3.3.2"},
    "airflow.exceptions": {"DagRunAlreadyExists": DagRunAlreadyExists},
    "airflow.sdk": {
        "BaseOperator": BaseOperator,
        "BaseOperatorLink": BaseOperatorLink,
        "ResumableJobMixin": ResumableJobMixin,
        "get_current_context": _no_task,
        "timezone": SimpleNamespace(
            parse=lambda text: datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
        ),
    },
    "airflow.sdk.configuration": {"conf": CONF},
    "airflow.sdk.definitions": {},
    "airflow.sdk.definitions._internal": {},
    "airflow.sdk.definitions._internal.types": {"NOTSET": NOTSET, "ArgNotSet": ArgNotSet},
    "airflow.sdk.exceptions": _ERRORS,
    "airflow.sdk.execution_time": {},
    "airflow.sdk.execution_time.comms": {"TriggerDagRun": TriggerDagRun},
    "airflow.sdk.execution_time.task_runner": {"RuntimeTaskInstance": None, "SUPERVISOR_COMMS": None},
    "airflow.sdk.execution_time.xcom": {"XCom": SimpleNamespace()},
    "airflow.triggers": {},
    "airflow.triggers.base": {"BaseTrigger": BaseTrigger, "TriggerEvent": TriggerEvent},
    "airflow.utils": {},
    "airflow.utils.helpers": {"build_airflow_dagrun_url": _dagrun_url},
    "asgiref": {},
    "asgiref.sync": {"sync_to_async": _sync_to_async},
    "structlog": {"is_configured": lambda: False, "get_logger": lambda name: f"logger of {name}"},
}


def install() -> None:
    """Let this process find the fake in the place of an Airflow."""
    for name, names in _MODULES.items():
        module = sys.modules[name] = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        module.__path__ = []
        vars(module).update(names)
        package, _, last = name.rpartition(".")
        if package:
            setattr(sys.modules[package], last, module)
