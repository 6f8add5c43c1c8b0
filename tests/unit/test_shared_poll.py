"""One poll for many deferrals, in an event loop whose clock only a sleep moves (S1-S3). No Airflow."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import shared
from trigger_compat.paths import TransientError
from trigger_compat.polling import next_shared_poll
from trigger_compat.shared_poll import SPACING, SharedPoll, Wait


def run(steps: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end, at most a simulated day."""
    return shared.run(asyncio.wait_for(steps, 86_400))


class Server:
    """Knows when each child ends, and answers polls."""

    def __init__(self, ends: dict[str, float], state: str | None = "success") -> None:
        self.ends = ends
        self.state = state
        self.polls: list[tuple[float, int]] = []
        self.fails: list[Exception] = []
        self.takes = 0.0
        self.shared = SharedPoll(self.find_ended)

    async def find_ended(self, run_ids: Sequence[str]) -> dict[str, str | None]:
        now = asyncio.get_running_loop().time()
        self.polls.append((now, len(run_ids)))
        await asyncio.sleep(self.takes)
        if self.fails:
            raise self.fails.pop(0)
        return {run_id: self.state for run_id in run_ids if self.ends[run_id] <= now}

    async def wait(
        self, run_id: str, *, start: float = 0.0, poke: float = 60.0, hold: float = 0.0, missed: Any = None
    ) -> float:
        """Return for how long a wait took that begins at this second."""
        await asyncio.sleep(start)
        began = asyncio.get_running_loop().time()
        wait = Wait(run_id=run_id, poke_interval=poke, missed=missed or (lambda _: None), hold=hold)
        assert await self.shared.until_ended(wait) == self.state
        return asyncio.get_running_loop().time() - began


def test_s1_waits_that_began_apart_are_polled_together() -> None:
    server = Server({str(n): 1e9 for n in range(1000)})

    async def steps() -> None:
        waits = [asyncio.ensure_future(server.wait(str(n), start=n * 0.06)) for n in range(1000)]
        await asyncio.sleep(600)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    run(steps())
    late = [(at, runs) for at, runs in server.polls if at > 300]
    assert 4 <= len(late) <= 6, "one poll a minute, for all"
    assert {runs for _, runs in late} == {1000}
    early = [at for at, _ in server.polls if at <= 180]
    assert len(early) <= 181, "at most one a second while they are young"


@given(
    st.lists(st.tuples(st.floats(0, 300), st.floats(0, 900)), min_size=1, max_size=12),
    st.sampled_from([1.0, 10.0, 60.0]),
)
def test_s3_each_notices_as_early_as_alone(children: list[tuple[float, float]], poke: float) -> None:
    server = Server({str(n): start + took for n, (start, took) in enumerate(children)})

    async def steps() -> list[float]:
        waits = [server.wait(str(n), start=start, poke=poke) for n, (start, _) in enumerate(children)]
        return list(await asyncio.gather(*waits))

    for (_, took), waited in zip(children, run(steps()), strict=True):
        assert took - 1e-6 <= waited <= min(took + poke, max(1.5 * took, took + 2)) + SPACING + 1e-3


def test_d5_none_ends_before_its_hold_and_then_at_once() -> None:
    server = Server({"a": 0, "b": 0})

    async def steps() -> list[float]:
        return list(await asyncio.gather(server.wait("a", hold=10), server.wait("b")))

    held, free = run(steps())
    assert free == 0
    assert 10 <= held <= 10 + SPACING


def test_s2_the_cancelled_leader_of_a_poll_disturbs_no_other() -> None:
    server = Server({"a": 0, "b": 0})
    server.takes = 5.0

    async def steps() -> float:
        leader = asyncio.ensure_future(server.wait("a"))
        await asyncio.sleep(0.1)
        other = asyncio.ensure_future(server.wait("b"))
        await asyncio.sleep(1)
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        return await other

    assert run(steps()) <= 5 + 1 + SPACING
    assert [runs for _, runs in server.polls] == [1, 1]


def test_s2_one_that_fails_for_good_fails_alone() -> None:
    server = Server({"a": 0, "b": 0, "c": 0})

    async def find_ended(run_ids: Sequence[str]) -> dict[str, str | None]:
        if "b" in run_ids:
            raise ValueError("b is refused")
        return await server.find_ended(run_ids)

    server.shared = SharedPoll(find_ended)

    async def steps() -> list[Any]:
        return await asyncio.gather(*(server.wait(run_id) for run_id in "abc"), return_exceptions=True)

    first, second, third = run(steps())
    assert max(first, third) <= SPACING
    assert str(second) == "b is refused"


def test_w7_an_outage_is_told_to_each_wait_and_ends_none() -> None:
    server = Server({"a": 3, "b": 3})
    server.fails = [TransientError("HTTP 503"), TransientError("HTTP 503")]
    told: list[str] = []

    async def steps() -> list[float]:
        waits = (
            server.wait(run, missed=lambda error, run=run: told.append(f"{run}: {error}")) for run in "ab"
        )
        return list(await asyncio.gather(*waits))

    assert max(run(steps())) <= 3 + 3
    assert sorted(told) == ["a: HTTP 503"] * 2 + ["b: HTTP 503"] * 2


def test_s2_two_parents_may_wait_for_one_child_and_each_keeps_its_interval() -> None:
    server = Server({"a": 200})

    async def steps() -> list[float]:
        return list(await asyncio.gather(server.wait("a", poke=10), server.wait("a", poke=300)))

    fast, slow = run(steps())
    assert fast <= 210 + SPACING
    assert slow == fast, "a poll is for all that it can serve"
    assert {runs for _, runs in server.polls} == {1}


def test_w4_a_deleted_run_ends_the_wait() -> None:
    assert run(Server({"a": 0}, state=None).wait("a")) == 0


def test_s1_a_short_interval_is_kept_and_a_long_one_does_not_hurry() -> None:
    async def spacing(poke: float) -> float:
        return Wait(run_id="a", poke_interval=poke, missed=lambda _: None).spacing

    assert [run(spacing(poke)) for poke in (2.0, 4.0, 60.0)] == [0.5, 1.0, 1.0]


def test_s1_when_a_poll_serves_a_wait() -> None:
    wait = Wait(run_id="a", poke_interval=60.0, missed=lambda _: None, hold=6.0, began=4.0)
    assert (wait.is_due(9.9), wait.is_due(10 - 1e-3), wait.is_due(10)) == (False, True, True)
    wait.gap = 4.0
    assert (wait.is_due_soon(7.9), wait.is_due_soon(8.0)) == (False, True)
    wait.polled(30.0)
    assert wait.due == 4 + next_shared_poll(26.0, 60.0)
    assert wait.gap == wait.due - 30


def test_s1_two_polls_of_a_dag_are_a_second_apart() -> None:
    server = Server({"a": 100, "b": 100})

    async def steps() -> None:
        await asyncio.gather(server.wait("a"), server.wait("b", start=0.5))

    run(steps())
    times = [at for at, _ in server.polls]
    assert times[0] == 0
    assert min(later - at for at, later in pairwise(times)) >= SPACING - 1e-6


def test_d5_a_hold_is_kept_though_another_waits_for_the_same_run() -> None:
    server = Server({"a": 0})

    async def steps() -> list[float]:
        return list(await asyncio.gather(server.wait("a"), server.wait("a", hold=10)))

    free, held = run(steps())
    assert free == 0
    assert 10 <= held <= 10 + SPACING


def test_s2_of_two_that_are_polled_together_one_may_fail() -> None:
    async def find_ended(run_ids: Sequence[str]) -> dict[str, str | None]:
        if "b" in run_ids:
            raise ValueError("b is refused")
        return dict.fromkeys(run_ids, "success")

    server = Server({})
    server.shared = SharedPoll(find_ended)

    async def steps() -> list[Any]:
        return [*await asyncio.gather(server.wait("a"), server.wait("b"), return_exceptions=True)]

    first, second = run(steps())
    assert first <= SPACING
    assert str(second) == "b is refused"
