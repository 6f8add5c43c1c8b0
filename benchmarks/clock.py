"""A simulated clock for one task process, whose child takes so many seconds; brought in by HARNESS_IMPORTS.

The in-process wait runs, upstream's or this package's: only ``time.sleep`` returns at once, and the state of
the child depends on the time slept so far.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from benchmarks.subjects import CHILD_SECONDS_VARIABLE, NOTICED_VARIABLE


class Clock:
    """Seconds since the wait began, and when the end of the child was seen first."""

    def __init__(self, child_takes: float, file: Path) -> None:
        self.child_takes = child_takes
        self.file = file
        self.now = 0.0
        self.looks = 0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def look(self) -> bool:
        """Whether the child has ended, at a look now."""
        self.looks += 1
        ended = self.now >= self.child_takes
        if ended and not self.file.exists():
            self.file.write_text(f"{self.now} {self.looks}", encoding="ascii")
        return ended


def install() -> None:
    """Put the clock in place of the real one."""
    from trigger_compat.task import wait

    clock = Clock(float(os.environ[CHILD_SECONDS_VARIABLE]), Path(os.environ[NOTICED_VARIABLE]))
    defaults: Any = wait.wait_for.__kwdefaults__
    defaults.update(clock=lambda: clock.now, sleep=clock.sleep)
    time.sleep = clock.sleep  # type: ignore[assignment]
    try:
        import airflow.sdk  # noqa: F401
    except ImportError:
        _end_the_child_in_the_database(clock, defaults)
        return
    _answer_for_the_supervisor(clock)


def _answer_for_the_supervisor(clock: Clock) -> None:
    from airflow.sdk.api.datamodels._generated import DagRunState
    from airflow.sdk.execution_time.comms import DagRunStateResult, GetDagRunState

    try:
        from airflow.sdk.execution_time.comms import CommsDecoder
    except ImportError:  # until 3.0.3
        from airflow.sdk.execution_time.task_runner import CommsDecoder
    comms: Any = CommsDecoder

    def answer() -> Any:
        return DagRunStateResult(state=DagRunState("success" if clock.look() else "running"))

    if hasattr(comms, "send"):
        send = comms.send
        comms.send = lambda self, msg: answer() if isinstance(msg, GetDagRunState) else send(self, msg)
        return
    send_request, get_message = comms.send_request, comms.get_message
    asked: list[Any] = [None]

    def keep_request(self: Any, log: Any, msg: Any) -> None:
        asked[0] = msg
        if not isinstance(msg, GetDagRunState):
            send_request(self, log, msg)

    comms.send_request = keep_request
    comms.get_message = lambda self: answer() if isinstance(asked[0], GetDagRunState) else get_message(self)


def _end_the_child_in_the_database(clock: Clock, defaults: dict[str, Any]) -> None:
    """On 2.11 a wait looks when it has slept, so that is when the state has to be right."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import update

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.look():
            with create_session() as session:
                session.execute(update(DagRun).where(DagRun.dag_id == "child").values(state="success"))

    defaults["sleep"] = time.sleep = sleep  # type: ignore[assignment]


install()
