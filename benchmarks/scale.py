"""The load of many waiting parents on the API server: a model, and a simulation that checks it.

The simulation runs the product's own polling schedule (``wait.next_poll``) for every parent, event by event,
in front of one queue. The model knows only rates. Deferrals are simulated by ``shared``, and measured by
``waits``. ``docs/scale.md`` explains all.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import shared
from trigger_compat.polling import FIRST_GAP, next_poll

POKE: Final = 60.0
HEARTBEAT: Final = 5.0
"""Seconds between two heartbeats of a running task on 3.x, ``[workers] min_heartbeat_interval``."""

PARENTS: Final = (100, 1_000, 10_000)
CHILDREN: Final = (30.0, 300.0, 1_800.0)
"""Seconds that a child takes."""

DEFERRED: Final = (
    (100, 30.0),
    (100, 300.0),
    (100, 1_800.0),
    (1_000, 30.0),
    (1_000, 300.0),
    (1_000, 1_800.0),
    (10_000, 300.0),
)
"""Parents, and seconds that a child takes; the last takes minutes to simulate."""
ANSWER: Final = 0.05
"""Seconds that a triggerer waits for an answer, as measured: see ``waits``."""

Schedule = Callable[[float, float], float]


def plain(elapsed: float, poke: float) -> float:
    """Return the next poll of plain polling: a task-runner wait, or upstream's in every mode."""
    return (math.floor(elapsed / poke + 1e-9) + 1) * poke


EARLY: Final[Schedule] = next_poll
MODES: Final[dict[str, Schedule]] = {"early polls": EARLY, "plain polling": plain}
"""Early polls: an in-process wait, on the paths accessor and airflow2 and of every durable retry."""


def looks_in_wait(child: float, poke: float, schedule: Schedule) -> int:
    """Return how many polls a wait takes whose child runs for so long."""
    elapsed, looks = 0.0, 0
    while elapsed < child:
        elapsed = schedule(elapsed, poke)
        looks += 1
    return looks


def model(child: float, poke: float, *, early: bool) -> tuple[float, float]:
    """Return polls per wait and seconds waited, in closed form.

    Early polls come two seconds apart up to four seconds, then each half as long again after the last, until
    two of them are a ``poke_interval`` apart, at ``2 * poke``; from there on it is plain polling. The
    multiples of ``poke`` that fall between them are polls too.
    """
    waited = math.ceil(child / poke) * poke
    if not early:
        return waited / poke, waited
    linear = 2 * FIRST_GAP
    if child <= linear:
        few = math.ceil(child / FIRST_GAP)
        return few, few * FIRST_GAP
    grown = min(child, 2 * poke)
    looks = 2 + math.log(grown / linear, 1.5) + (grown > poke)
    if child <= 2 * poke:
        return looks + 0.5, child * 1.2  # on average half a step late: a step is half of what has passed
    return looks + (waited - 2 * poke) / poke, waited


@dataclass(frozen=True, slots=True)
class Load:
    """What the API server saw."""

    looks: int
    per_second: float
    """Polls, on average over the time measured."""
    busiest: int
    """Polls that came within one second."""
    longest_answer: float
    """Seconds that a look waited for its answer, at most."""


def simulate(
    parents: int, child: float, schedule: Schedule, *, answer: float = 0.0, at_once: bool = False
) -> Load:
    """Simulate so many parents in front of one server that takes ``answer`` seconds for a look.

    :param at_once: all start in the same second, and end; otherwise each starts anew when its child has
        ended, they are spread evenly, and what is measured is three lengths of a child, once all has settled.
    """
    length = model(child, POKE, early=schedule is EARLY)[1]
    begin, end = (0.0, math.inf) if at_once else (2 * length, 2 * length + 3 * child)
    waiting = [(0.0 if at_once else length * number / parents, number, 0.0) for number in range(parents)]
    events = [(start + schedule(0.0, POKE), number, start) for start, number, _ in waiting]
    heapq.heapify(events)
    free, longest, seconds = 0.0, 0.0, Counter[int]()
    while events:
        now, number, began = heapq.heappop(events)
        if now > end:
            break
        free = max(free, now) + answer
        if now >= begin:
            seconds[int(now)] += 1
            longest = max(longest, free - now)
        elapsed = free - began
        if elapsed >= child:
            if at_once:
                continue
            began, elapsed = free, 0.0
        heapq.heappush(events, (began + schedule(elapsed, POKE), number, began))
    total = sum(seconds.values())
    span = (max(seconds) + 1) if at_once else end - begin
    return Load(total, total / span, max(seconds.values()), longest)


def report(chart: Path | None) -> tuple[dict[str, Any], list[str]]:
    """Return all figures, and the report as lines of Markdown; draw the chart if there is a file for it."""
    steady = list(_steady())
    bursts = list(_bursts())
    lines = [
        f"poke_interval {POKE:.0f} s; model and simulation of a steady stream of triggers:",
        "",
        "| parents | child takes | wait | triggers/s | polls per wait | polls/s | simulated | heartbeats/s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['parents']:,} | {row['child']:,.0f} s | {row['mode']} "
        f"| {row['triggers']:,.1f} | {row['looks']} | {row['model']:.1f} | {row['simulated']:.1f} "
        f"| {row['heartbeats']:,.0f} |"
        for row in steady
    ]
    lines += [
        "",
        "All started in the same second; a child takes 300 s, one server answers a poll in 5 ms:",
        "",
        "| parents | wait | total polls | busiest second | longest wait for an answer |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['parents']:,} | {row['mode']} | {row['looks']:,} | {row['busiest']:,} "
        f"| {row['longest_answer']:.1f} s |"
        for row in bursts
    ]
    if chart:
        chart.write_text(draw(), encoding="utf-8")
    deferred = list(_deferred())
    lines += [
        "",
        f"Deferrals, polled together, poke_interval {POKE:.0f} s; a message takes {1000 * ANSWER:.0f} ms:",
        "",
        "| parents | child takes | messages per interval | one by one | noticed after | triggerer busy |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['parents']:,} | {row['child']:,.0f} s | {row['messages']:,.0f} | {row['parents']:,} "
        f"| {row['late']:.1f} s | {row['busy']:.0%} |"
        for row in deferred
    ]
    return {"steady": steady, "bursts": bursts, "deferred": deferred}, lines


def _steady() -> Iterator[dict[str, Any]]:
    for parents in PARENTS:
        for child in CHILDREN:
            for mode, schedule in MODES.items():
                looks, waited = model(child, POKE, early=schedule is EARLY)
                yield {
                    "parents": parents,
                    "child": child,
                    "mode": mode,
                    "triggers": parents / waited,
                    "looks": looks_in_wait(child, POKE, schedule),
                    "model": parents * looks / waited,
                    "simulated": simulate(parents, child, schedule).per_second,
                    "heartbeats": parents / HEARTBEAT,
                }


def _bursts() -> Iterator[dict[str, Any]]:
    for parents in PARENTS:
        for mode, schedule in MODES.items():
            load = simulate(parents, 300.0, schedule, answer=0.005, at_once=True)
            yield {"parents": parents, "mode": mode, **asdict(load)}


def _deferred() -> Iterator[dict[str, Any]]:
    for parents, child in DEFERRED:
        print(f"simulating {parents:,} deferrals, children of {child:,.0f} s", flush=True)
        load = shared.simulate(parents, child, POKE, answer=ANSWER)
        yield {"parents": parents, "child": child, **asdict(load)}


WIDTH: Final = 720
HEIGHT: Final = 320
LEFT: Final = 70
BOTTOM: Final = 40


def draw() -> str:
    """Return a chart of polls per second over the length of a child, for 10,000 waiting parents, as SVG."""
    lengths = [10 * 1.35**step for step in range(20)]
    curves: dict[str, list[tuple[float, float]]] = {}
    for mode, schedule in MODES.items():
        curves[mode] = [(length, simulate(1_000, length, schedule).per_second * 10) for length in lengths]
    top = max(value for curve in curves.values() for _, value in curve) * 1.05

    def at(length: float, value: float) -> tuple[float, float]:
        share = math.log(length / lengths[0]) / math.log(lengths[-1] / lengths[0])
        return LEFT + share * (WIDTH - LEFT - 20), HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - 30)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="18">polls per second of 10,000 waiting parents, poke_interval 60 s</text>',
    ]
    for mark in (10, 30, 100, 300, 1000, 3000):
        x, y = at(mark, 0)
        parts.append(f'<text x="{x:.0f}" y="{y + 18:.0f}" text-anchor="middle">{mark} s</text>')
    parts.append(f'<text x="{WIDTH - 20}" y="{HEIGHT - 4}" text-anchor="end">the child takes</text>')
    for mark in range(0, int(top), 500):
        x, y = at(lengths[0], mark)
        parts.append(f'<line x1="{x:.0f}" y1="{y:.0f}" x2="{WIDTH - 20}" y2="{y:.0f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 6:.0f}" y="{y + 4:.0f}" text-anchor="end">{mark}</text>')
    for (mode, curve), colour in zip(curves.items(), ("#0b6", "#888"), strict=True):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in curve))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = at(*curve[len(curve) // 3 if mode == "early polls" else 1])
        parts.append(f'<text x="{x + 8:.0f}" y="{y - 8:.0f}" fill="{colour}">{mode}</text>')
    beats = 10_000 / HEARTBEAT
    (x, y), (end, _) = at(lengths[0], beats), at(lengths[-1], beats)
    parts.append(
        f'<line x1="{x:.0f}" y1="{y:.0f}" x2="{end:.0f}" y2="{y:.0f}" stroke="#c33" stroke-dasharray="5"/>'
    )
    parts.append(f'<text x="{end:.0f}" y="{y - 8:.0f}" text-anchor="end" fill="#c33">heartbeats, 3.x</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
