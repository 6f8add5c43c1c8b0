"""What a task says about its trigger: one line per event, in the same words on every Airflow and path.

On 3.x each line also has its fields by name, as Airflow's structured log keeps and shows them.
"""

from __future__ import annotations

import logging
from typing import Any, Final, Protocol

from trigger_compat import dispatch

PATH: Final = "Taking the {path} path: {why}"
TRIGGERING: Final = "Triggering dag run {run_id} of {dag_id}"
ITS_OWN: Final = "Dag run {run_id} of {dag_id} exists already and is this task's own"
WAITING: Final = "Waiting for dag run {run_id} of {dag_id}: it is {state}"
UNDECIDED: Final = (
    "Waiting for dag run {run_id} of {dag_id}: it is {state}, neither in {allowed} nor in {failed}"
)
ENDED: Final = "Dag run {run_id} of {dag_id} is {state}"

RECONNECT: Final = "Going back to dag run {run_id} of {dag_id}, which an earlier try triggered: it is {state}"
FRESH: Final = "Dag run {run_id} of {dag_id}, which an earlier try triggered, is {state}; a fresh one follows"
RESET: Final = "Dag run {run_id} of {dag_id}, which an earlier try triggered, is {state}; it is reset"
NONE_LEFT: Final = "No dag run of {dag_id} is left of an earlier try; a fresh one follows"
CLEARED: Final = "This try starts over, as the first one after a clear, with a dag run of {dag_id} of its own"
OLD_EVENT: Final = "The deferral of an earlier try ended, which has failed by it; starting over"

DATE_MADE_ANEW: Final = (
    "logical_date is the present and so another one on every try: the run id {run_id} of {dag_id} is computed"
    " from this task instead, so that a retry finds it"
)
PIN_MAY_MOVE: Final = (
    "{fields} may have another value on the next try: durable=True cannot find the child again then."
    " Give one value that stays the same over the retries of this task"
)
PIN_NOT_FOUND: Final = (
    "No dag run {run_id} of {dag_id} is left of an earlier try. If the run id, logical date or dag id"
    " of that try was another one, its child is not found, and this try triggers a second one"
)
RESET_KEEPS: Final = (
    "Dag run {run_id} of {dag_id} exists and is reset: it keeps its own conf and note, and {dropped} of this"
    " task is dropped"
)

LOOK_FAILED: Final = "Cannot look at dag run {run_id} of {dag_id} ({error}); going on for {patience:.0f} s"
TRIGGER_LOOK_FAILED: Final = "Cannot look at dag run {run_id} of {dag_id} ({error}); the triggerer goes on"
NO_RECORD: Final = "The durable record cannot be {deed} ({error}); the child is found by its run id"
NOT_HONOURED: Final = (
    "{argument} is honoured by Airflow {honoured}, found {found}; the run is triggered without it"
)
DATE_MADE_UP: Final = "Airflow 2 has no dag run without a logical date; now is used instead of None"


class Log(Protocol):
    """Where events go."""

    def info(self, words: str, /, **fields: object) -> None:
        """Say what happened."""

    def warning(self, words: str, /, **fields: object) -> None:
        """Say what happened, and should not have."""


class TaskLog:
    """The log of a task, an operator's or a trigger's.

    :param log: a structlog logger (3.1+), or one of the standard library (2.11 and 3.0).
    """

    def __init__(self, log: Any) -> None:
        self._log, self._structured = _structured(log)

    def info(self, words: str, /, **fields: object) -> None:
        """Say what happened.

        :param words: one of this module's lines.
        :param fields: what fills it in, and more that only a structured log keeps.
        """
        self._log.info(words.format_map(fields), **self._kept(fields))

    def warning(self, words: str, /, **fields: object) -> None:
        """Say what happened, and should not have."""
        self._log.warning(words.format_map(fields), **self._kept(fields))

    def _kept(self, fields: dict[str, object]) -> dict[str, object]:
        return fields if self._structured else {}


def _structured(log: Any) -> tuple[Any, bool]:
    if not isinstance(log, logging.Logger):
        return log, True
    if dispatch.within(">=3.0"):
        import structlog

        # 3.0 gives operators a plain logger and drops its extra fields, though its task log has a place for
        # them. Outside a task, in dag.test(), nobody has set structlog up. Goes with Airflow 3.0.
        if structlog.is_configured():
            return structlog.get_logger(logger_name=log.name), True
    return log, False
