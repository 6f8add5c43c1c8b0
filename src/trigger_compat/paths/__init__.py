"""The three ways to trigger a dag run, each a module with the functions of :class:`Path`.

Same names, same order, in every path; what they have to do is said here, how they do it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from trigger_compat.contract import TriggerRequest
    from trigger_compat.operator import TriggerDagRunOperator

Context = Mapping[str, Any]


def task_instance(context: Context) -> Any:
    """Return the running task instance, None in a call from outside a task."""
    return context.get("ti") or context.get("task_instance")


class Path(Protocol):
    """What a path module provides."""

    @staticmethod
    def is_paused(request: TriggerRequest, context: Context) -> bool:
        """Say whether the target dag is paused (T7)."""

    @staticmethod
    def publish(operator: TriggerDagRunOperator, request: TriggerRequest, context: Context) -> None:
        """Push ``trigger_run_id`` and, where Airflow keeps it as an XCom, the operator link (T6)."""

    @staticmethod
    def submit(operator: TriggerDagRunOperator, request: TriggerRequest, context: Context) -> bool:
        """Trigger the run, or reset it if it exists and the request says so (T1, T3).

        :return: False if the run exists and was left alone. A path whose runner triggers the run
            does not return.
        """

    @staticmethod
    def holder(request: TriggerRequest, context: Context) -> str | None:
        """Return the id of the run that is in this request's way, by its id or by its logical date (T2).

        :return: None if there is no such run, an empty text if there is one and Airflow does not say which.
        """

    @staticmethod
    def look(request: TriggerRequest, context: Context) -> str | None:
        """Return the state of the child, None if there is no such run. Works in the triggerer too.

        :raises trigger_compat.wait.PassingFailure: the look failed for a reason that may pass (W7).
        """

    @staticmethod
    def resumed(request: TriggerRequest, event: Mapping[str, Any]) -> str | None:
        """Return the child's state after a deferral, None if the event holds none (D4)."""
