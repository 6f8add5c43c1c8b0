"""The model of docs/scale.md, held against the simulation."""

from __future__ import annotations

import math

import pytest

from benchmarks import scale


@pytest.mark.parametrize("mode", scale.MODES)
@pytest.mark.parametrize("child", [20.0, 30.0, 70.0, 300.0, 1_800.0])
def test_the_model_is_what_the_simulation_sees(mode: str, child: float) -> None:
    schedule = scale.MODES[mode]
    looks, waited = scale.model(child, scale.POKE, early=schedule is scale.EARLY)
    simulated = scale.simulate(200, child, schedule)
    assert simulated.per_second == pytest.approx(200 * looks / waited, rel=0.25)


@pytest.mark.parametrize("poke", [10.0, 60.0, 600.0])
@pytest.mark.parametrize("child", [1.0, 5.0, 20.0, 70.0, 300.0, 7_200.0])
def test_early_looks_are_a_bounded_number_more(poke: float, child: float) -> None:
    early = scale.looks_in_wait(child, poke, scale.EARLY)
    assert early <= scale.looks_in_wait(child, poke, scale.plain) + 2 * math.log2(poke) + 2


def test_parents_that_start_together_look_together() -> None:
    load = scale.simulate(500, 300.0, scale.EARLY, answer=0.005, at_once=True)
    assert load.busiest == 500
    assert load.longest_answer == pytest.approx(2.5)
