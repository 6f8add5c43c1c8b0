"""Kills a task process, and its supervisor, at a chosen point of the product's way to the outside.

The dag of the test imports it, so it acts in the task process alone. What is wrapped is where a try crosses
its border: the messages to the supervisor on Airflow 3, the database on 2.11, the XComs. Supervisor and task
die together, as on a lost host, because until 3.1.2 a supervisor reports a killed task as failed, which is
never retried.
"""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable
from typing import Any, NoReturn

from trigger_compat import TriggerDagRunOperator

Point = str
ACTIVE = ("queued", "running")


def install(point: Point) -> None:
    """Make this process die at the point."""
    if point == "before the decision":
        _before(TriggerDagRunOperator, "execute_resumable", die)
    elif point == "answered, before the XCom":
        _before(_task_instance_class(), "xcom_push", lambda *_, key, **__: key == "trigger_run_id" and die())
    elif point == "noticed, not reported" and os.environ["HARNESS_MODE"] == "defer":
        resumption: Any = importlib.import_module("trigger_compat.task.resumption")
        resumption.end_by_state = _first(die, resumption.end_by_state)
    else:
        _border().die_at(point)


def die(*_: Any, **__: Any) -> NoReturn:
    """End the supervisor, if there is one, and this process."""
    if not _airflow2():
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


class Border:
    """Counts what crosses the border and dies when its turn has come."""

    def __init__(self) -> None:
        self.point = ""
        self.looks = 0

    def die_at(self, point: Point) -> None:
        self.point = point

    def leaving(self, kind: str) -> None:
        """Something is about to leave: ``trigger``, ``look`` or ``defer``."""
        self.looks += kind == "look"
        dies = {
            "recorded, not sent": kind == "trigger",
            "before the first look": kind == "look",
            "mid-wait": kind == "look" and self.looks == 3,
            "deferral not reported": kind == "defer",
        }
        if dies.get(self.point):
            die()

    def back(self, kind: str, state: object = None) -> None:
        """The answer is there."""
        ended = kind == "look" and str(getattr(state, "value", state)) not in ACTIVE
        if {"sent, no answer": kind == "trigger", "noticed, not reported": ended}.get(self.point):
            die()


def _border() -> Border:
    border = Border()
    if _airflow2():
        airflow2: Any = importlib.import_module("trigger_compat.paths.airflow2")
        airflow2.trigger_dag = _around(border, "trigger", airflow2.trigger_dag)
        airflow2.get_state = _around(border, "look", airflow2.get_state)
        _before(TriggerDagRunOperator, "defer", lambda *_, **__: border.leaving("defer"))
        return border
    from airflow.sdk.execution_time.comms import DeferTask, GetDagRunState, TriggerDagRun

    kinds: dict[Any, str] = {TriggerDagRun: "trigger", GetDagRunState: "look", DeferTask: "defer"}
    comms = _comms_class()
    if hasattr(comms, "send"):
        send = comms.send

        def dying_send(self: Any, msg: Any, *rest: Any, **named: Any) -> Any:
            kind = kinds.get(type(msg), "")
            border.leaving(kind)
            answer = send(self, msg, *rest, **named)
            border.back(kind, getattr(answer, "state", None))
            return answer

        comms.send = dying_send
    else:  # until 3.0.3
        send_request, get_message = comms.send_request, comms.get_message
        asked = [""]

        def dying_send_request(self: Any, log: Any, msg: Any) -> None:
            asked[0] = kinds.get(type(msg), "")
            border.leaving(asked[0])
            send_request(self, log, msg)

        def dying_get_message(self: Any) -> Any:
            answer = get_message(self)
            border.back(asked[0], getattr(answer, "state", None))
            return answer

        comms.send_request, comms.get_message = dying_send_request, dying_get_message
    return border


def _around(border: Border, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*given: Any, **named: Any) -> Any:
        border.leaving(kind)
        answer = function(*given, **named)
        border.back(kind, answer)
        return answer

    return wrapped


def _first(act: Callable[[], object], function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*given: Any, **named: Any) -> Any:
        act()
        return function(*given, **named)

    return wrapped


def _before(owner: type, name: str, act: Callable[..., object]) -> None:
    original = getattr(owner, name)

    def wrapped(self: Any, *given: Any, **named: Any) -> Any:
        act(*given, **named)
        return original(self, *given, **named)

    setattr(owner, name, wrapped)


def _airflow2() -> bool:
    try:
        import airflow.sdk  # noqa: F401
    except ImportError:
        return True
    return False


def _task_instance_class() -> type:
    if _airflow2():
        from airflow.models.taskinstance import TaskInstance

        return TaskInstance  # type: ignore[no-any-return, unused-ignore]
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    return RuntimeTaskInstance


def _comms_class() -> Any:
    try:
        from airflow.sdk.execution_time.comms import CommsDecoder
    except ImportError:  # until 3.0.3
        from airflow.sdk.execution_time.task_runner import CommsDecoder
    return CommsDecoder


if planned := os.environ.get("HARNESS_DIES"):
    install(planned)
