"""What ``--check`` complains about."""

from __future__ import annotations

from collections.abc import Iterator

from trigger_compat.floor.model import Category
from trigger_compat.floor.render.text import declared, place
from trigger_compat.floor.report import Report, outermost, spell
from trigger_compat.matrix import Policy


def problems(report: Report, policy: Policy | None, *, allow_older: bool) -> list[str]:
    """Return one line for each reason to fail: dead code below the declared floor, or a broken policy.

    What only a comment announces is no reason: it is not proven.
    """
    return [*_policy(report, policy, allow_older=allow_older), *_dead(report)]


def _policy(report: Report, policy: Policy | None, *, allow_older: bool) -> Iterator[str]:
    verdict = next((each for each in report.verdicts if policy and each.policy.id == policy.id), None)
    if verdict is None:
        return
    accepted = ("kept", "overdue") if allow_older else ("kept",)
    if verdict.verdict not in accepted:
        yield (
            f"floor {declared(report)}: {verdict.policy.id} asks for {spell(verdict.asks_for)}"
            f" on {report.today} ({verdict.verdict})"
        )


def _dead(report: Report) -> Iterator[str]:
    proven = [each for each in report.leftovers if each.category is not Category.ANNOUNCED]
    for each in outermost(proven):
        yield f"{place(each)}: left below the declared floor {declared(report)}: {each.reason}"
