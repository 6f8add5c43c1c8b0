"""Three minutes of parents of every kind, and faults by chance: every child is accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.soak import checker, history, report
from tests.soak.drive import Plan, soak

SEED: Final = 4
"""One with many kinds of faults in its first minutes."""


def test_three_minutes_of_faults(python: Path, tmp_path: Path) -> None:
    plan = Plan(python=python, executor="local", operator="durable", path="", minutes=3, parents=6, seed=SEED)
    file = tmp_path / "history.jsonl"
    soak(plan, file, lambda text: None)
    events = history.read(file)
    verdict = checker.judge(events)
    figures = report.figures(events, verdict)
    print(report.as_markdown(figures))
    assert not verdict.violations, report.as_markdown(figures)
    assert verdict.instances >= 12
    assert sum(figures.numbers.values()) >= 4
