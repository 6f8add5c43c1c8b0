"""The in-process wait: poll the child often at first, then less often, until its state ends the wait (W1-W7).

Every path that waits inside ``execute`` uses it. The clock and the sleep are arguments, so that a test can
wait for a day in a millisecond.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from trigger_compat import events
from trigger_compat.contract import TRANSIENT_ERRORS_TOLERATED_FOR, ChildOutcome, TriggerRequest
from trigger_compat.paths import TransientError
from trigger_compat.polling import next_poll

if TYPE_CHECKING:
    from collections.abc import Callable

_TERMINAL: Final = ("success", "failed")
"""States that a dag run leaves only when somebody clears it."""


class ChildGone(Exception):
    """The child run no longer exists (clause W4)."""


class Outage:
    """Polls that fail with transient errors, which a wait tolerates for a time (clause W7)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: float | None = None

    def is_new(self, error: TransientError) -> bool:
        """Return whether this error is the first of the outage.

        :raises TransientError: polls have failed for :data:`TRANSIENT_ERRORS_TOLERATED_FOR` seconds.
        """
        if self._since is None:
            self._since = self._clock()
            return True
        if self._clock() - self._since >= TRANSIENT_ERRORS_TOLERATED_FOR:
            raise error
        return False

    def end(self) -> None:
        """Note a poll that has succeeded."""
        self._since = None


def wait_for(
    request: TriggerRequest,
    poll: Callable[[], str | None],
    log: events.Log,
    *,
    state: str | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Wait until the child is in an allowed or a failed state, and return that state.

    :param poll: returns the child's state, None if there is no such run; raises :class:`TransientError` for
        a failure that can pass. Any other error ends the wait.
    :param state: the child's state, if the caller has just polled it.
    :raises ChildGone: the run does not exist (any more).
    :raises TransientError: polls have failed for :data:`TRANSIENT_ERRORS_TOLERATED_FOR` seconds.
    """
    began = clock()
    due = 0.0
    outage = Outage(clock)
    logged: str | None = None
    while True:
        if state is not None and state != logged:
            logged = state
            _log_state(log, request, state)
        if state is not None and request.classify(state) is not ChildOutcome.PENDING:
            return state
        due = next_poll(max(due, clock() - began), request.poke_interval)
        sleep(max(0.0, due - (clock() - began)))
        try:
            state = poll()
        except TransientError as error:
            state = None
            if outage.is_new(error):
                patience = TRANSIENT_ERRORS_TOLERATED_FOR
                log.warning(events.POLL_FAILED, **request.name, error=str(error), patience=patience)
            continue
        outage.end()
        if state is None:
            raise ChildGone


def _log_state(log: events.Log, request: TriggerRequest, state: str) -> None:
    if request.classify(state) is not ChildOutcome.PENDING:
        log.info(events.ENDED, **request.name, state=state)
    elif state not in _TERMINAL:
        log.info(events.WAITING, **request.name, state=state)
    else:
        states = {"allowed": list(request.allowed_states), "failed": list(request.failed_states)}
        log.info(events.UNDECIDED, **request.name, state=state, **states)
