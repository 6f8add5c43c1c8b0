"""What a task logs about its trigger: one line per event, in the same words on every Airflow and path.

On 3.x each line also has its fields by name, which Airflow's structured log keeps and shows.
"""

from __future__ import annotations

import logging
from typing import Any, Final, Protocol

from trigger_compat import dispatch

PATH: Final = "Using the {path} path: {why}"
TRIGGERING: Final = "Triggering dag run {run_id} of {dag_id}"
ITS_OWN: Final = "Dag run {run_id} of {dag_id} already exists ({state}); it was triggered by this task"
WAITING: Final = "Waiting for dag run {run_id} of {dag_id} ({state})"
UNDECIDED: Final = (
    "Still waiting for dag run {run_id} of {dag_id}: its state {state} is neither in allowed_states {allowed}"
    " nor in failed_states {failed}"
)
ENDED: Final = "Dag run {run_id} of {dag_id} reached state {state}"

RECONNECT: Final = "Reconnecting to dag run {run_id} of {dag_id} ({state}), triggered by an earlier try"
FRESH: Final = (
    "Dag run {run_id} of {dag_id}, triggered by an earlier try, is in state {state}; triggering another one"
)
RESET: Final = "Dag run {run_id} of {dag_id}, triggered by an earlier try, is in state {state}; resetting it"
NONE_LEFT: Final = "Found no dag run of {dag_id} from an earlier try; triggering one"
CLEARED: Final = "This is the first try after a clear; triggering another dag run of {dag_id}"
OLD_EVENT: Final = "Ignoring the event of an earlier try's deferral, by which that try failed; starting again"

DATE_IS_NOW: Final = (
    "logical_date is the current time, which differs on every try; using run id {run_id} of {dag_id},"
    " computed from this task, so that a retry can find the run"
)
PIN_MAY_MOVE: Final = (
    "{fields} may render to another value on the next try, and durable=True cannot find the child then;"
    " use a value that stays the same over the retries of this task"
)
PIN_NOT_FOUND: Final = (
    "Found no dag run {run_id} of {dag_id}. If an earlier try rendered another run id, logical date or dag"
    " id, its child is not found, and this try triggers a second one"
)
RESET_KEEPS: Final = (
    "Resetting dag run {run_id} of {dag_id}, which keeps its own conf and note; not applied: {dropped}"
)

POLL_FAILED: Final = (
    "Cannot read the state of dag run {run_id} of {dag_id} ({error}); polling on for up to {patience:.0f} s"
)
TRIGGER_POLL_FAILED: Final = (
    "Cannot read the state of dag run {run_id} of {dag_id} ({error}); the triggerer polls on"
)
WAITING_FOR_MANY: Final = "Waiting for {runs} dag runs: {started} triggered, {ended} ended"
MANY_ENDED: Final = "All {runs} dag runs have ended: {states}"
MANY_POLLS_FAILED: Final = (
    "Cannot read the states of the dag runs ({error}); polling on for up to {patience:.0f} s"
)
NO_RECORD: Final = "Cannot {action} the durable record ({error}); a retry finds the child by its run id"
NOT_SUPPORTED: Final = "{argument} needs Airflow {supported_on}, found {found}; triggering the run without it"
DATE_MADE_UP: Final = (
    "Airflow 2 has no dag run without a logical date; using the current time instead of None"
)


class Log(Protocol):
    """Where events go."""

    def info(self, line: str, /, **fields: object) -> None:
        """Log what happened."""

    def warning(self, line: str, /, **fields: object) -> None:
        """Log what happened and may need attention."""


class TaskLog:
    """The log of an operator or a trigger.

    :param log: a structlog logger (3.1+), or one of the standard library (2.11 and 3.0).
    """

    def __init__(self, log: Any) -> None:
        self._log, self._structured = _structured(log)

    def info(self, line: str, /, **fields: object) -> None:
        """Log what happened.

        :param line: one of this module's lines.
        :param fields: the values for its placeholders, and more that only a structured log keeps.
        """
        self._log.info(line.format_map(fields), **self._kept(fields))

    def warning(self, line: str, /, **fields: object) -> None:
        """Log what happened and may need attention."""
        self._log.warning(line.format_map(fields), **self._kept(fields))

    def _kept(self, fields: dict[str, object]) -> dict[str, object]:
        return fields if self._structured else {}


def _structured(log: Any) -> tuple[Any, bool]:
    if not isinstance(log, logging.Logger):
        return log, True
    if dispatch.within(">=3.0"):
        import structlog

        # 3.0 gives operators a plain logger, which drops extra fields, though its task log can hold them.
        # Outside a task, in dag.test(), structlog is not configured. Goes with Airflow 3.0.
        if structlog.is_configured():
            return structlog.get_logger(logger_name=log.name), True
    return log, False
