"""Which fault happens when: the same for the same seed, kind of stack and length."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

GAP_SECONDS: Final = 15.0
"""Mean time between the beginnings of two faults."""
FIRST_SECONDS: Final = 10.0
"""No fault before, so that there is something to be hurt."""

WEIGHTS: Final[Mapping[str, int]] = {
    "kill-task": 4,
    "kill-supervisor": 3,
    "kill-host": 3,
    "freeze": 3,
    "cut-refused": 2,
    "cut-dropped-answers": 3,
    "cut-5xx": 2,
    "clear": 4,
    "clear-sibling": 2,
    "recreate": 3,
    "kill-api-server": 2,
    "kill-scheduler": 2,
    "kill-triggerer": 2,
    "kill-dag-processor": 1,
    "kill-postgres": 1,
    "kill-executor": 1,
    "kill-worker": 3,
    "kill-redis": 2,
    "full-disk": 1,
}
"""How often each fault is in a round; a round has all of them, in an order of its own."""

CALM_AFTER: Final[Mapping[str, float]] = {
    "kill-scheduler": 20.0,
    "kill-postgres": 40.0,
    "kill-executor": 20.0,
    "kill-redis": 10.0,
}
"""Seconds that are added after faults which stop everything for a while."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault to come.

    :param at: seconds after the first parents.
    :param chance: a number in [0, 1) that chooses its target among those there are, and its length.
    """

    number: int
    at: float
    fault: str
    chance: float


def schedule(seed: int, seconds: float, faults: frozenset[str]) -> Iterator[Planned]:
    """Yield the faults of a soak of so many seconds, earliest first.

    :param faults: those that can happen to this stack.
    """
    chance = random.Random(seed)
    at, number = FIRST_SECONDS, 0
    bag: list[str] = []
    while at < seconds:
        if not bag:
            bag = [name for name, weight in WEIGHTS.items() if name in faults for _ in range(weight)]
            chance.shuffle(bag)
        name = bag.pop()
        yield Planned(number, round(at, 1), name, chance.random())
        number += 1
        at += chance.uniform(0.3, 1.7) * GAP_SECONDS + CALM_AFTER.get(name, 0.0)
