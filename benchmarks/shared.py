"""Simulate the deferrals of one triggerer, with the product's own shared poll and its way to count.

The event loop does not sleep: its clock moves to the next timer at once. A message takes a fixed time, in
which the triggerer sends no other, as in a real one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trigger_compat.counting import Batches, Question
from trigger_compat.shared_poll import SharedPoll, Wait

PENDING: Final = ("queued", "running")


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock only a sleep moves."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._selector.select = self._skip  # type: ignore[attr-defined]

    def time(self) -> float:
        """Return the simulated time, in seconds."""
        return self.now

    def _skip(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("nothing would ever happen again")
        self.now += max(timeout, 1e-6) if timeout else 0.0  # a rest of rounding would never be over
        return []


def run(steps: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end, without sleeping."""
    loop = Loop()
    try:
        return loop.run_until_complete(steps)
    finally:
        loop.close()


@dataclass(frozen=True, slots=True)
class Shared:
    """What so many deferred waits cost, once all has settled."""

    messages: float
    """Messages per poll interval."""
    late: float
    """Seconds from the end of a child until its wait ended, on average."""
    busy: float
    """The share of the time in which the triggerer waited for an answer."""


class Triggerer:
    """A stream of deferred parents that wait for runs of one dag, and the answers to their polls."""

    def __init__(self, parents: int, child: float, poke: float, answer: float) -> None:
        self.parents = parents
        self.child = child
        self.poke = poke
        self.answer = answer
        self.ends: dict[str, float] = {}
        self.sent: list[float] = []
        self.late: list[tuple[float, float]] = []
        self._batches = Batches()
        self._shared = SharedPoll(self._find_ended)

    async def _find_ended(self, run_ids: Sequence[str]) -> dict[str, str | None]:
        at = asyncio.get_running_loop().time()
        asked = 0

        def count(some: Sequence[str], states: Sequence[str]) -> int:
            nonlocal asked
            asked += 1
            return sum(("success" if self.ends[run_id] <= at else "running") in states for run_id in some)

        def state(run_id: str) -> str:
            nonlocal asked
            asked += 1
            return "success" if self.ends[run_id] <= at else "running"

        found = Question(count, state, PENDING).ended(run_ids, self._batches)
        self.sent.extend([at] * asked)
        await asyncio.sleep(asked * self.answer)
        return found

    async def parent(self, number: int) -> None:
        """Wait for one child after the other."""
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(self.child * number / self.parents)
        for generation in range(1_000_000):
            # As long as a run id of this package is.
            run_id = f"trigger_compat__parent__2026-11-27T00:00:00+00:00__{number:06}__{generation}"
            end = self.ends[run_id] = clock() + self.child
            await self._shared.until_ended(
                Wait(run_id=run_id, poke_interval=self.poke, missed=lambda _: None)
            )
            self.late.append((clock(), clock() - end))
            del self.ends[run_id]

    async def run(self, seconds: float) -> None:
        """Let all parents wait for so long."""
        parents = [asyncio.ensure_future(self.parent(number)) for number in range(self.parents)]
        await asyncio.sleep(seconds)
        for each in parents:
            each.cancel()
        await asyncio.gather(*parents, return_exceptions=True)


def simulate(parents: int, child: float, poke: float, *, answer: float) -> Shared:
    """Simulate a steady stream of deferred parents, each of which starts anew when its child has ended.

    What is measured begins after two intervals and one length of a child, and takes as long.

    :param child: seconds that a child takes.
    :param answer: seconds that a message takes.
    """
    begin = child + 2 * poke
    triggerer = Triggerer(parents, child, poke, answer)
    run(triggerer.run(2 * begin))
    sent = sum(begin <= at < 2 * begin for at in triggerer.sent)
    late = [seconds for at, seconds in triggerer.late if at >= begin]
    return Shared(
        messages=sent / begin * poke,
        late=sum(late) / len(late) if late else 0.0,
        busy=min(1.0, sent * answer / begin),
    )
