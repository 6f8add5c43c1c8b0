"""From which day on a policy lets a package require a minor of Airflow."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from packaging.version import Version

from trigger_compat.errors import UnknownFloor
from trigger_compat.floor.scan.releases import Minor, dotted, minor_of
from trigger_compat.matrix import END_OF_LIFE, POLICY_RULES, Matrix, Policy

_MONTHS_OF_A_YEAR: Final = 12
CAVEATS: Final[Mapping[str, str]] = {
    "airflow-providers": (
        "written for Airflow 2, by its own words not settled for Airflow 3, and applied late"
    ),
    "airflow-eol": "upstream ends a major, and has set no day for Airflow 3",
}
"""What is known about a policy, whatever the day."""
DAYS_STALE: Final = 180
"""Days of an end of life that were read so long ago may have been moved since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRelease:
    """The first release of a minor.

    :param is_preview: whether only a pre-release is out. No policy counts from its day.
    """

    minor: Minor
    day: date
    is_preview: bool


def release_days(matrix: Matrix) -> dict[str, date]:
    """Return the day on which each release came out, for all in the matrix and its history."""
    older = {row.airflow: row.released for row in matrix.history}
    return older | {row.airflow: row.released for row in matrix.releases}


def first_releases(matrix: Matrix) -> tuple[FirstRelease, ...]:
    """Return the first release of each minor in the matrix, oldest minor first."""
    found: dict[Minor, FirstRelease] = {}
    for airflow, day in release_days(matrix).items():
        new = FirstRelease(minor=minor_of(airflow), day=day, is_preview=Version(airflow).is_prerelease)
        old = found.get(new.minor)
        if old is None or (old.is_preview, old.day) > (new.is_preview, new.day):
            found[new.minor] = new
    return tuple(found[minor] for minor in sorted(found))


def add_months(day: date, months: int) -> date:
    """Return the same day some months later, or the last day of that month if it has no such day."""
    years, month = divmod(day.month - 1 + months, _MONTHS_OF_A_YEAR)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def allowed_from(policy: Policy, floor: Minor, known: Sequence[FirstRelease]) -> date | None:
    """Return the first day on which a policy lets a package require a minor, or None if nobody knows yet.

    ``drop-after`` drops each older minor some months after that minor came out, so the youngest of them
    decides. 2.11 came out after 3.0. ``newest-at-least`` asks for the age of the floor itself.
    ``end-of-life`` waits for the end of each older minor, or of its major. Without such a day, nobody knows;
    but what is older than all lines with a day has ended before, because vendors shorten their tables.
    """
    own = next((first for first in known if first.minor == floor), None)
    if own is None or own.is_preview:
        return None
    if policy.rule == "newest-at-least":
        return add_months(own.day, policy.months)
    since = min((_minor(line) for line, _ in policy.ends), default=(0, 0))
    older = [_start_of_dropping(policy, first) for first in known if since <= first.minor < floor]
    days = [day for day in older if day is not None]
    if len(days) < len(older):
        return None
    return max(own.day, add_months(max(days), policy.months)) if days else own.day


def _start_of_dropping(policy: Policy, first: FirstRelease) -> date | None:
    """Return the day from which the months of a policy count for a minor that it drops."""
    if policy.rule != END_OF_LIFE:
        return first.day
    ends = dict(policy.ends)
    return ends.get(dotted(first.minor)) or ends.get(str(first.minor[0]))


def _minor(line: str) -> Minor:
    """Return the first minor of a major or a minor."""
    major, _, minor = line.partition(".")
    return int(major), int(minor or 0)


def earliest_day(policy: Policy, floor: Minor, known: Sequence[FirstRelease]) -> date | None:
    """Return the day before which a policy surely does not allow a floor; the minor may not be out yet."""
    own = next((first for first in known if first.minor == floor), None)
    older = [first.day for first in known if first.minor < floor]
    if own and own.is_preview and policy.rule == "drop-after" and older:
        return add_months(max(older), policy.months)
    return allowed_from(policy, floor, known)


def floor_asked_for(policy: Policy, today: date, known: Sequence[FirstRelease]) -> Minor:
    """Return the floor that a policy asks for on a day: the newest minor that it allows then."""
    allowed = [
        first.minor
        for first in known
        if (day := allowed_from(policy, first.minor, known)) is not None and day <= today
    ]
    return max(allowed, default=known[0].minor)


def caveat(policy: Policy, today: date) -> str:
    """Return what a reader must know before acting on a policy; empty: nothing."""
    return "; ".join(filter(None, (CAVEATS.get(policy.id), stale(policy, today))))


def stale(policy: Policy, today: date) -> str:
    """Say that the days of an end of life may have changed since they were read; empty: they may not."""
    if policy.read is None or (days := (today - policy.read).days) <= DAYS_STALE:
        return ""
    return f"its days were read {days} days ago, on {policy.read}: look at {policy.source} again"


def choose(text: str, known: Sequence[Policy]) -> Policy:
    """Return a policy by its id, or a project's own policy, such as ``drop-after:18``.

    :param known: the policies of the matrix and of the settings.
    :raises UnknownFloor: the text is neither.
    """
    policies: Mapping[str, Policy] = {policy.id: policy for policy in known}
    if text in policies:
        return policies[text]
    rules = "|".join(rule for rule in POLICY_RULES if rule != END_OF_LIFE)  # that one needs days
    own = re.fullmatch(rf"({rules}):([1-9]\d?)", text)
    if not own:
        names = ", ".join(policies)
        raise UnknownFloor(
            f"policy: {text!r} is unknown; use {names}, or one of your own such as drop-after:18"
        )
    return Policy(id=text, rule=own[1], months=int(own[2]), source="command line")
