"""Counts what the task process sends to its supervisor; HARNESS_IMPORTS brings it into that process.

Airflow 2.11 has no supervisor: there, what is counted is dag runs triggered and looked at.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.subjects import MESSAGES_VARIABLE


def note(kind: str) -> None:
    """Write one message down."""
    with Path(os.environ[MESSAGES_VARIABLE]).open("a", encoding="utf-8") as file:
        file.write(kind + "\n")


def _counted(function: Callable[..., Any], message_at: int) -> Callable[..., Any]:
    def wrapped(*given: Any, **named: Any) -> Any:
        message = given[message_at] if len(given) > message_at else named["msg"]
        note(type(message).__name__)
        return function(*given, **named)

    return wrapped


def install() -> None:
    """Wrap the way out of this process."""
    try:
        from airflow.sdk.execution_time.comms import CommsDecoder
    except ImportError:
        try:
            from airflow.sdk.execution_time.task_runner import CommsDecoder  # until 3.0.3
        except ImportError:
            _install_in_airflow2()
            return
    comms: Any = CommsDecoder
    if hasattr(comms, "send"):
        comms.send = _counted(comms.send, 1)
    else:  # until 3.0.3
        comms.send_request = _counted(comms.send_request, 2)


def _install_in_airflow2() -> None:
    from airflow import settings
    from sqlalchemy import event

    def executing(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        words = statement.split()
        kind = words[0]
        table = words[words.index("FROM") + 1] if kind == "SELECT" and "FROM" in words else words[2]
        if kind in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            note(f"{kind} {table if kind != 'UPDATE' else words[1]}")

    event.listen(settings.engine, "before_cursor_execute", executing)


install()
