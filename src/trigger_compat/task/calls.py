"""What the functions of :mod:`trigger_compat.accessor` do, for one running task."""

from __future__ import annotations

import logging
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Final, NoReturn, TypeVar

from trigger_compat import contract, dispatch, events, values
from trigger_compat._airflow import AirflowException, AirflowFailException, AirflowSkipException
from trigger_compat.contract import Identity, TriggerRequest
from trigger_compat.errors import InvalidRequest, OutsideTask
from trigger_compat.paths import Path, TransientError, load, task_instance
from trigger_compat.task.attempt import Attempt
from trigger_compat.task.records import STORE
from trigger_compat.task.request import request_of
from trigger_compat.task.steps import Steps
from trigger_compat.task.wait_for_many import wait_for_many

Child = TypeVar("Child")

LOG: Final = logging.getLogger("airflow.task.trigger_compat")


class _Call:
    """One call of ``trigger_dag_run``, in the role of the operator: what a try takes from it."""

    execution_timeout: timedelta | None = None
    is_subclassed = True  # the author's code runs around it
    external_id_key = ""
    path: str | None = None
    generated_run_id: str | None = None
    triggered_run_id: str | None = None
    unrendered: Mapping[str, Any]
    log: Any = LOG

    trigger_dag_id: str
    trigger_run_id: str | None
    logical_date: Any
    allowed_states: list[str]
    failed_states: list[str]
    durable: bool
    openlineage_inject_parent_info: bool

    def __init__(self, given: Mapping[str, Any], retries: int) -> None:
        defaults = {name: argument.default for name, argument in contract.ARGUMENTS.items()}
        self.__dict__.update(defaults, **given, unrendered={})
        self.durable_key: str | None = values.key("key", given.get("key"))
        self.retries: int | None = retries
        if self.durable_key is not None and not self.durable:
            key = values.shown(self.durable_key)
            raise InvalidRequest(f"key: {key} has no meaning without durable=True; set both or none")

    def render_as_text(self, template: str, context: Any) -> str:  # noqa: ARG002 - the operator needs it
        """Return the text as it is: the arguments of a function are no templates."""
        return template

    def defer(self, **_: Any) -> NoReturn:
        """Never called: a call does not wait, so it does not defer either."""
        raise AssertionError


@dataclass(slots=True)
class Calls:
    """The running task, by the path that its calls take: never the one that hands over to the task runner."""

    context: Any
    path: Path
    log: events.TaskLog = field(default_factory=lambda: events.TaskLog(LOG))

    used: ClassVar[tuple[Any, set[tuple[str, str | None]]]] = (None, set())
    """The running try, and the durable calls that it has made: dag and key of each."""

    @classmethod
    def of_running_task(cls, context: Mapping[str, Any] | None) -> Calls:
        """Return the calls of the task that runs in this process.

        :raises OutsideTask: there is none.
        """
        context = context or _current_context()
        if context is None or task_instance(context) is None:
            raise OutsideTask(
                "no task is running here; call it from a task, or pass the context that a callback is given"
            )
        default = dispatch.default_path(dispatch.release())
        # A record for each call is not worth its message: the run id is computed, so a retry finds the run.
        layers: Any = ({STORE: None}, context)
        return cls(ChainMap(*layers), load(default if default == "airflow2" else "accessor"))

    def trigger(self, request: Mapping[str, Any]) -> tuple[str, str]:
        """Trigger one run, or reconnect to that of an earlier try; return its dag id and run id.

        :param request: arguments of the contract, ``key`` and ``openlineage_inject_parent_info``.
        """
        child = self._trigger(request)
        return child.dag_id, child.run_id

    def _trigger(self, given: Mapping[str, Any]) -> TriggerRequest:
        call, request = self._checked(given)
        used = self._used_by(request)
        self._reserve(call, request, set(used))
        attempt = Attempt(call, self.context, request, self.path, self.log, publishes=False)
        attempt.submit()
        child, _ = attempt.settled()
        used.add((request.dag_id, call.durable_key))
        return child

    @staticmethod
    def _reserve(call: _Call, request: TriggerRequest, used: set[tuple[str, str | None]]) -> None:
        """Add the key of a durable call to those that are used.

        :raises InvalidRequest: it is among them.
        """
        if request.durable and (request.dag_id, call.durable_key) in used:
            raise InvalidRequest(
                f"key: {values.shown(call.durable_key)} is used twice for {request.dag_id} in this try, and a"
                " durable call of the same key means the same run; give each call a key of its own"
            )
        used.add((request.dag_id, call.durable_key))

    def _checked(self, given: Mapping[str, Any]) -> tuple[_Call, TriggerRequest]:
        task = getattr(task_instance(self.context), "task", None)
        call = _Call(given, getattr(task, "retries", None) or 0)
        return call, request_of(call, self.context, self.log)

    def state(self, dag_id: str, run_id: str) -> str | None:
        """Return the state of a run, None if there is no such run."""
        return self.path.get_state(_run(dag_id, run_id), self.context)

    def wait(
        self,
        runs: Sequence[tuple[str, str]],
        *,
        poke_interval: float,
        allowed_states: tuple[str, ...],
        failed_states: tuple[str, ...],
    ) -> Steps[list[str]]:
        """Return the steps of a wait until all runs have ended; they return their states."""
        rules: dict[str, Any] = {
            "poke_interval": poke_interval,
            "allowed_states": allowed_states,
            "failed_states": failed_states,
        }
        starts = [partial(replace, _run(dag_id, run_id), **rules) for dag_id, run_id in runs]
        ended = yield from wait_for_many(starts, self.path, self.context, self.log)
        return [state for _, state in ended]

    def fan_out(
        self,
        requests: Sequence[Mapping[str, Any]],
        max_active: int | None,
        returned: Callable[[str, str], Child],
    ) -> Steps[list[Child]]:
        """Return the steps that trigger runs and wait for them, at most so many at a time.

        :param requests: arguments of the contract, ``key`` and ``openlineage_inject_parent_info``.
        :param returned: makes what is returned for a run from its dag id and run id.
        """
        used: set[tuple[str, str | None]] = set()
        for request in requests:  # all are checked before the first is triggered
            self._reserve(*self._checked(request), used)
        triggered: list[TriggerRequest] = []

        def start(request: Mapping[str, Any]) -> TriggerRequest:
            try:
                child = self._trigger(request)
            except AirflowSkipException:
                raise
            except (AirflowException, TransientError) as error:
                before = ", ".join(f"{run.dag_id} {run.run_id}" for run in triggered) or "none"
                kind = AirflowFailException if isinstance(error, AirflowFailException) else AirflowException
                number = len(triggered) + 1
                msg = (
                    f"Cannot trigger dag run {number} of {len(requests)}: {error}; triggered before: {before}"
                )
                raise kind(msg) from error
            triggered.append(child)
            return child

        starts = [partial(start, request) for request in requests]
        runs = yield from wait_for_many(starts, self.path, self.context, self.log, max_active=max_active)
        return [returned(run.dag_id, run.run_id) for run, _ in runs]

    def _used_by(self, request: TriggerRequest) -> set[tuple[str, str | None]]:
        parent = request.parent
        running = parent and (parent.task_identity, parent.try_number)
        if Calls.used[0] != running:
            Calls.used = (running, set())
        return Calls.used[1]


def _run(dag_id: str, run_id: str) -> TriggerRequest:
    return TriggerRequest(dag_id=dag_id, run_id=run_id, identity=Identity.PINNED)


def _current_context() -> Any:
    try:
        from airflow.sdk import get_current_context
    except ImportError:  # until 3.0
        from airflow.operators.python import get_current_context
    try:
        return get_current_context()
    except Exception:  # noqa: BLE001 - RuntimeError on 3.x, AirflowException on 2.11
        return None
