"""One poll for all deferrals of a triggerer that wait for runs of the same dag (clauses S1-S3).

There is no task in the background that could die or leak. Whichever wait is due polls, for itself and for
all others that are due or will be soon, and wakes those that have ended. If it is cancelled meanwhile, the
others are still due, and the next of them polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from weakref import WeakKeyDictionary

from trigger_compat import dispatch
from trigger_compat.paths import TransientError, load
from trigger_compat.polling import next_shared_poll

States = Mapping[str, str | None]


def _now() -> float:
    return asyncio.get_running_loop().time()


SPACING: Final = 1.0
"""Seconds between two polls of one dag: waits that begin one after the other are polled together."""


@dataclass(eq=False, slots=True, kw_only=True)
class Wait:
    """One wait for one run.

    :param poke_interval: longest time between two polls, in seconds.
    :param missed: told of each poll that failed with an error that can pass.
    :param hold: seconds from now before which the wait does not end (clause D5).
    """

    run_id: str
    poke_interval: float
    missed: Callable[[TransientError], None]
    hold: float = 0.0
    began: float = field(default_factory=_now)
    gap: float = 0.0
    due: float = field(init=False)
    is_over: bool = False
    state: str | None = None
    error: Exception | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.due = self.began + self.hold

    @property
    def spacing(self) -> float:
        """Seconds that have to be between two polls of the dag, for this wait."""
        return min(SPACING, self.poke_interval / 4)

    def is_due(self, now: float) -> bool:
        """Whether it is time for a poll; a timer of an event loop may be early by its resolution."""
        return now >= self.due - 1e-3

    def is_due_soon(self, now: float) -> bool:
        """Whether a poll at this moment serves this wait too: at least half of its gap is over."""
        return now >= self.due - self.gap / 2

    def polled(self, now: float) -> None:
        """Set when the next poll is due."""
        self.due = self.began + next_shared_poll(now - self.began, self.poke_interval)
        self.gap = self.due - now

    def end(self, state: str | None, error: Exception | None = None) -> None:
        """Let the wait end: with this state, None for a deleted run, or with this error."""
        self.is_over, self.state, self.error = True, state, error
        self.news.set()

    def miss(self, error: TransientError) -> None:
        """Let the wait go on after a poll that failed."""
        self.error = error
        self.news.set()


class SharedPoll:
    """The waits for runs of one dag that end in the same states, in one event loop.

    :param find_ended: returns the state of each of these runs that has ended, None for a deleted one.
    """

    def __init__(self, find_ended: Callable[[Sequence[str]], Awaitable[States]]) -> None:
        self._find_ended = find_ended
        self._waits: set[Wait] = set()
        self._polled = -SPACING
        self._polling = asyncio.Lock()

    async def until_ended(self, wait: Wait) -> str | None:
        """Return the state that ends the wait, None if the run was deleted."""
        self._waits.add(wait)
        try:
            while not wait.is_over:
                if await self._heard(wait):
                    continue
                async with self._polling:
                    await asyncio.sleep(self._polled + wait.spacing - _now())
                    if not wait.news.is_set() and wait.is_due(_now()):
                        await self._poll()
        finally:
            self._waits.discard(wait)
        if wait.error is not None:
            raise wait.error
        return wait.state

    @staticmethod
    async def _heard(wait: Wait) -> bool:
        """Sleep until the wait is due, or has news from the poll of another."""
        if not wait.news.is_set():
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(wait.news.wait(), max(0.0, wait.due - _now()))
        if not wait.news.is_set():
            return False
        wait.news.clear()
        if isinstance(wait.error, TransientError):
            wait.missed(wait.error)
            wait.error = None
        return True

    async def _poll(self) -> None:
        now = _now()
        open_waits = [wait for wait in self._waits if not wait.is_over and now >= wait.began + wait.hold]
        waits: dict[str, list[Wait]] = {wait.run_id: [] for wait in open_waits if wait.is_due_soon(now)}
        for wait in open_waits:
            if wait.run_id in waits:
                waits[wait.run_id].append(wait)
        await self._ask(waits)
        self._polled = _now()
        for wait in _all(waits):
            wait.polled(self._polled)

    async def _ask(self, waits: Mapping[str, Sequence[Wait]]) -> None:
        """Poll these runs together; if that fails for good, each alone, so that one hurts no other (S2)."""
        try:
            ended = await self._find_ended(list(waits))
        except TransientError as error:
            for wait in _all(waits):
                wait.miss(error)
        except Exception as error:  # noqa: BLE001 - raised by the waits that it belongs to
            for run_id, same_run in waits.items():
                if len(waits) > 1:
                    await self._ask({run_id: same_run})
                else:
                    for wait in same_run:
                        wait.end(None, error)
        else:
            for run_id, state in ended.items():
                for wait in waits[run_id]:
                    wait.end(state)


def _all(waits: Mapping[str, Sequence[Wait]]) -> Iterable[Wait]:
    return (wait for same_run in waits.values() for wait in same_run)


_SHARED: Final[
    WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, tuple[str, ...]], SharedPoll]]
] = WeakKeyDictionary()


def shared_poll(dag_id: str, pending: tuple[str, ...]) -> SharedPoll:
    """Return the poll that the waits of this event loop for runs of this dag share.

    :param pending: states that do not end the wait.
    """
    polls = _SHARED.setdefault(asyncio.get_running_loop(), {})
    if (dag_id, pending) not in polls:
        from asgiref.sync import sync_to_async  # a dependency of Airflow

        # Every path of one Airflow reads states in the same way.
        path = load(dispatch.default_path(dispatch.release()))
        find_ended = partial(path.find_ended, dag_id)
        polls[dag_id, pending] = SharedPoll(
            lambda run_ids: sync_to_async(find_ended)(run_ids, list(pending), {})
        )
    return polls[dag_id, pending]
