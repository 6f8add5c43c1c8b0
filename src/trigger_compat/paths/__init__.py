"""The three ways to trigger a dag run. Each is a module with the functions of :class:`Path`.

The functions have the same names and the same order in every path. What each has to do is said here, how it
does it is said there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from trigger_compat.contract import TriggerRequest

Context = Mapping[str, Any]


class TransientError(Exception):
    """A call failed for a reason that can pass: HTTP 5xx, refused connection, database away (clause W7)."""


class Caller(Protocol):
    """What a path needs of the operator that triggers; the operator link reads the two ids."""

    log: Any
    trigger_dag_id: str
    triggered_run_id: str | None


class Path(Protocol):
    """What a path module provides."""

    @staticmethod
    def is_paused(request: TriggerRequest, context: Context) -> bool:
        """Return whether the target dag is paused (T7)."""

    @staticmethod
    def publish(caller: Caller, request: TriggerRequest, context: Context) -> None:
        """Push ``trigger_run_id`` and, where Airflow keeps it as an XCom, the operator link (T6)."""

    @staticmethod
    def submit(caller: Caller, request: TriggerRequest, context: Context) -> bool:
        """Trigger the run, or reset it if it exists and the request says so (T1, T3).

        :return: False if the run exists and was left alone. Where the task runner triggers, this does not
            return: it raises the runner's exception.
        """

    @staticmethod
    def find_existing(request: TriggerRequest, context: Context) -> str | None:
        """Return the id of the run that has this request's run id or logical date (T2).

        :return: None if there is no such run, an empty text if there is one and Airflow does not say which.
        """

    @staticmethod
    def get_state(request: TriggerRequest, context: Context) -> str | None:
        """Return the state of the child, None if there is no such run. Works in the triggerer too.

        :raises TransientError: the state could not be read for a reason that can pass (W7).
        """

    @staticmethod
    def find_ended(
        dag_id: str, run_ids: Sequence[str], pending: Sequence[str], context: Context
    ) -> Mapping[str, str | None]:
        """Return the state of each of these runs that is in none of the pending states (A4, S1).

        None stands for a run that does not exist. Works in the triggerer too. Costs one query on 2.11, and
        on 3.x a message per some hundred runs, plus a few per run that is returned.

        :raises TransientError: as for :meth:`get_state`.
        """

    @staticmethod
    def state_from_event(request: TriggerRequest, event: Mapping[str, Any]) -> str | None:
        """Return the child's state from the event that ended a deferral, None if it holds none (D4)."""


def load(name: str) -> Path:
    """Import a path.

    :param name: what :func:`trigger_compat.dispatch.choose` returned.
    """
    return cast("Path", import_module(f"{__name__}.{name}"))


def task_instance(context: Context) -> Any:
    """Return the running task instance, None in a call from outside a task."""
    return context.get("ti") or context.get("task_instance")
