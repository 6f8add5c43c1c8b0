"""When to poll a child: often at first, then less often (clauses W6, S1, S3).

The in-process waits and the deferrals keep to it. Airflow's own operators poll at one interval.
"""

from __future__ import annotations

from typing import Final

FIRST_GAP: Final = 2.0
"""Seconds before the first poll, and the shortest gap between early polls."""


def next_poll(elapsed: float, poke_interval: float) -> float:
    """Return when to poll next, in seconds since the wait began (clause W6).

    Gaps grow with the time waited: a child that ends after d seconds is noticed by max(1.5 d, d + 2). No gap
    is longer than ``poke_interval``, and there is a poll at every multiple of it, so polling at that interval
    alone never notices earlier.
    """
    gap = max(FIRST_GAP, elapsed / 2)
    # Half a millisecond later: rounding must not make the same multiple due twice.
    multiple = ((elapsed + 5e-4) // poke_interval + 1) * poke_interval
    return max(min(elapsed + gap, multiple), elapsed + min(5e-4, poke_interval))


def next_shared_poll(elapsed: float, poke_interval: float) -> float:
    """Return when to poll next, in seconds since the wait began, if the poll is shared with others (S1).

    As :func:`next_poll` for the first two intervals. From then on one interval later, whenever the poll was:
    waits that were polled together once stay together, however far apart they began.
    """
    return next_poll(elapsed, poke_interval) if elapsed < 2 * poke_interval else elapsed + poke_interval
