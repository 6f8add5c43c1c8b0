"""The durable record of 3.3+ in ``task_state_store``, whose loss never fails a try (clause X10).

The child's run id is computed, so a retry finds the child without the record too. The record adds what
users see: the entry in the UI, the metrics and the span of ``ResumableJobMixin``. And it knows the child
whose run id the author's template has rendered differently since (X16).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trigger_compat import events

if TYPE_CHECKING:
    from trigger_compat.paths import Context

STORE: Final = "task_state_store"


class Records:
    """A task state store whose outage fails no try, and which is not called for what it has already."""

    def __init__(self, store: Any, log: events.Log, *, empty: bool = False) -> None:
        self._store = store
        self._log = log
        self._empty = empty
        self._kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """Return what is stored, None if there is nothing or the store is out of reach."""
        if self._empty:
            return None
        try:
            self._kept[key] = self._store.get(key)
        except Exception as error:  # noqa: BLE001 - a backend may raise anything
            self._warn("read", error)
        return self._kept.get(key)

    def set(self, key: str, value: Any) -> None:
        """Store a value, unless the store has it already."""
        if key in self._kept and self._kept[key] == value:
            return
        try:
            self._store.set(key, value)
        except Exception as error:  # noqa: BLE001 - a backend may raise anything
            self._warn("write", error)
        self._kept[key] = value

    def _warn(self, action: str, error: Exception) -> None:
        # Not a failing store but a broken pipe: the supervisor is gone, and with it the task.
        if isinstance(error, (OSError, EOFError)):
            raise error
        self._log.warning(events.NO_RECORD, action=action, error=str(error))


def with_records(context: Context, log: events.Log, *, empty: bool = False) -> Any:
    """Return the context with its store wrapped; the same context where there is no store.

    :param empty: nothing can be stored yet: on the very first try, do not ask as Airflow's mixin would.
    """
    store = context.get(STORE)
    return context if store is None else {**context, STORE: Records(store, log, empty=empty)}
