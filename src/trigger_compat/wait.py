"""The own wait: look at the child early, then ever more rarely, until its state decides (W1-W7).

Shared by every path that waits inside ``execute``. The clock and the sleep are arguments, so that a
day of waiting is a millisecond of testing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from trigger_compat import events
from trigger_compat.contract import PASSING_FAILURES_TOLERATED_FOR, Outcome, TriggerRequest

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_GAP = 2.0
"""Seconds up to the first look, and least gap between early looks."""


_TERMINAL: Final = ("success", "failed")
"""States that a dag run leaves only if somebody clears it."""


class PassingFailure(Exception):
    """A look failed for a reason that may pass (5xx, refused connection, database away): clause W7."""


class ChildGone(Exception):
    """The child run no longer exists (clause W4)."""


def next_look(elapsed: float, poke_interval: float) -> float:
    """Return when to look next, in seconds since the wait began (clause W6).

    Gaps grow with the time waited, so a child that takes d seconds is noticed by max(1.5 d, d + 2).
    No gap is longer than ``poke_interval``, and every multiple of it is a look, so plain polling is
    never earlier.
    """
    gap = max(FIRST_GAP, elapsed / 2)
    # Half a millisecond past: a multiple that rounding puts just below itself is not due again.
    multiple = ((elapsed + 5e-4) // poke_interval + 1) * poke_interval
    return max(min(elapsed + gap, multiple), elapsed + min(5e-4, poke_interval))


def wait_for(
    request: TriggerRequest,
    look: Callable[[], str | None],
    log: events.Log,
    *,
    state: str | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Wait until the child is in an allowed or a failed state, and return that state.

    :param look: returns the child's state, None if there is no such run; raises
        :class:`PassingFailure` for a failure that may pass. Any other error ends the wait.
    :param state: the child's state where the caller has just looked.
    :raises ChildGone: the run does not exist (any more).
    :raises PassingFailure: looks have failed for :data:`PASSING_FAILURES_TOLERATED_FOR` seconds.
    """
    began = clock()
    due = 0.0
    failing_since: float | None = None
    said: str | None = None
    while True:
        if state is not None and state != said:
            said = state
            _say(log, request, state)
        if state is not None and request.classify(state) is not Outcome.PENDING:
            return state
        due = next_look(max(due, clock() - began), request.poke_interval)
        sleep(max(0.0, due - (clock() - began)))
        try:
            state = look()
        except PassingFailure as error:
            state = None
            if failing_since is None:
                failing_since = clock()
                log.warning(
                    events.LOOK_FAILED,
                    **request.name,
                    error=str(error),
                    patience=PASSING_FAILURES_TOLERATED_FOR,
                )
            elif clock() - failing_since >= PASSING_FAILURES_TOLERATED_FOR:
                raise
            continue
        failing_since = None
        if state is None:
            raise ChildGone


def _say(log: events.Log, request: TriggerRequest, state: str) -> None:
    if request.classify(state) is not Outcome.PENDING:
        log.info(events.ENDED, **request.name, state=state)
    elif state not in _TERMINAL:
        log.info(events.WAITING, **request.name, state=state)
    else:
        states = {"allowed": list(request.allowed_states), "failed": list(request.failed_states)}
        log.info(events.UNDECIDED, **request.name, state=state, **states)
