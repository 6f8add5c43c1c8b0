"""The durable record of 3.3+: kept in ``task_state_store``, useful, and never in the way (clause X10).

The child's run id is computed, so a retry finds the child without the record too. What the record
adds is what users see: the entry in the UI, the standard metrics and span of ``ResumableJobMixin``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trigger_compat import events

if TYPE_CHECKING:
    from trigger_compat.paths import Context

STORE: Final = "task_state_store"


class Records:
    """A task state store that costs no try when it is away, and no call when nothing has changed."""

    def __init__(self, store: Any, log: events.Log, *, empty: bool = False) -> None:
        self._store = store
        self._log = log
        self._empty = empty
        self._kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """Return what is stored, None if nothing is or the store is away."""
        if self._empty:
            return None
        try:
            self._kept[key] = self._store.get(key)
        except Exception as error:  # noqa: BLE001 - a backend may raise anything
            self._give_up("read", error)
        return self._kept.get(key)

    def set(self, key: str, value: Any) -> None:
        """Store a value, unless it is what the store has already."""
        if key in self._kept and self._kept[key] == value:
            return
        try:
            self._store.set(key, value)
        except Exception as error:  # noqa: BLE001 - a backend may raise anything
            self._give_up("written", error)
        self._kept[key] = value

    def _give_up(self, deed: str, error: Exception) -> None:
        # A broken pipe is no failing store: the supervisor is gone, and with it the task.
        if isinstance(error, (OSError, EOFError)):
            raise error
        self._log.warning(events.NO_RECORD, deed=deed, error=str(error))


def with_records(context: Context, log: events.Log, *, empty: bool = False) -> Any:
    """Return the context with its store wrapped; the same context where there is no store.

    :param empty: nothing can have been stored: the first try of all need not ask, as Airflow's mixin does.
    """
    store = context.get(STORE)
    return context if store is None else {**context, STORE: Records(store, log, empty=empty)}
