"""What ``--check`` complains about."""

from __future__ import annotations

from collections.abc import Iterator

from trigger_compat.floor.report.counts import outermost
from trigger_compat.floor.report.model import FloorReport
from trigger_compat.floor.report.render.wording import declared, place, verdict
from trigger_compat.floor.scan.model import Category
from trigger_compat.floor.scan.releases import dotted
from trigger_compat.matrix import Policy


def problems(report: FloorReport, policy: Policy | None, *, allow_older: bool) -> list[str]:
    """Return one line for each reason to fail.

    A reason is dead code below the declared floor, or a floor that the policy does not ask for. Code that
    only a comment announces is not a reason, because nothing proves the comment.

    :param policy: the policy to check; None: none.
    :param allow_older: whether a floor below the one that the policy asks for is accepted.
    """
    return [*_policy(report, policy, allow_older=allow_older), *_leftovers(report)]


def _policy(report: FloorReport, policy: Policy | None, *, allow_older: bool) -> Iterator[str]:
    accepted = ("kept", "overdue") if allow_older else ("kept",)
    for status in report.policies:
        if policy and status.policy.id == policy.id and status.status not in accepted:
            yield (
                f"floor {declared(report)}: {policy.id} asks for {dotted(status.asks_for)}"
                f" on {report.today} ({verdict(status)})"
            )
            return


def _leftovers(report: FloorReport) -> Iterator[str]:
    proven = [removal for removal in report.leftovers if removal.category is not Category.ANNOUNCED]
    for removal in outermost(proven):
        yield f"{place(removal)}: left below the declared floor {declared(report)}: {removal.reason}"
