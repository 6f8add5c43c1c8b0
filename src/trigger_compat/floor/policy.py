"""From which day on a policy lets a package require at least some minor of Airflow."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from packaging.version import Version

from trigger_compat.errors import UnknownFloor
from trigger_compat.matrix import POLICY_RULES, Matrix, Policy

Minor = tuple[int, int]
MONTHS_OF_A_YEAR: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """When a minor came out first.

    :param provisional: only a pre-release is out, so the day is not the one that counts.
    """

    minor: Minor
    day: date
    provisional: bool


def released(matrix: Matrix) -> dict[str, date]:
    """Return the day of each release that the matrix knows, older ones included."""
    older = {row.airflow: row.released for row in matrix.history}
    return older | {row.airflow: row.released for row in matrix.releases}


def beginnings(matrix: Matrix) -> tuple[Beginning, ...]:
    """Return the first release of each minor that the matrix knows, oldest minor first."""
    found: dict[Minor, Beginning] = {}
    for airflow, day in released(matrix).items():
        version = Version(airflow)
        minor = (version.major, version.minor)
        new = Beginning(minor=minor, day=day, provisional=version.is_prerelease)
        old = found.get(minor)
        if old is None or (old.provisional, old.day) > (new.provisional, new.day):
            found[minor] = new
    return tuple(found[minor] for minor in sorted(found))


def add_months(day: date, months: int) -> date:
    """Return the same day some months later; a day that the month lacks becomes its last."""
    years, month = divmod(day.month - 1 + months, MONTHS_OF_A_YEAR)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def allowed_from(policy: Policy, floor: Minor, known: Sequence[Beginning]) -> date | None:
    """Return the first day on which a policy lets a package require a minor, or None: nothing says when.

    ``drop-after`` lets go of each older minor for itself, so the one that came out last decides: 2.11 is
    younger than 3.0. ``newest-at-least`` asks for the age of the floor itself.
    """
    own = next((each for each in known if each.minor == floor), None)
    if own is None or own.provisional:
        return None
    if policy.rule == "newest-at-least":
        return add_months(own.day, policy.months)
    older = [each.day for each in known if each.minor < floor]
    return max(own.day, add_months(max(older), policy.months)) if older else own.day


def earliest(policy: Policy, floor: Minor, known: Sequence[Beginning]) -> date | None:
    """Return the day before which a policy does not let it happen, also where the minor is not out yet."""
    own = next((each for each in known if each.minor == floor), None)
    older = [each.day for each in known if each.minor < floor]
    if own and own.provisional and policy.rule == "drop-after" and older:
        return add_months(max(older), policy.months)
    return allowed_from(policy, floor, known)


def required(policy: Policy, today: date, known: Sequence[Beginning]) -> Minor:
    """Return the floor that a policy asks for on a day: the newest minor that it allows."""
    allowed = [
        each.minor
        for each in known
        if (day := allowed_from(policy, each.minor, known)) is not None and day <= today
    ]
    return max(allowed, default=known[0].minor)


def choose(text: str, matrix: Matrix) -> Policy:
    """Return a policy by its id in the matrix, or a project's own, such as ``drop-after:18``.

    :raises UnknownFloor: it is neither.
    """
    policies: Mapping[str, Policy] = {policy.id: policy for policy in matrix.policies}
    if text in policies:
        return policies[text]
    own = re.fullmatch(rf"({'|'.join(POLICY_RULES)}):([1-9]\d?)", text)
    if not own:
        known = ", ".join(policies)
        raise UnknownFloor(
            f"policy: {text!r} is unknown; use {known}, or one of your own such as drop-after:18"
        )
    return Policy(id=text, rule=own[1], months=int(own[2]), source="command line")
