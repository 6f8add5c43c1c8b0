"""Where a condition holds, and which releases come to a place: both as sets of releases.

The scan often does not know an answer. Each type therefore holds two sets, and what is in neither or in both
is undecided.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from trigger_compat.floor.scan.releases import ALL_RELEASES, ReleaseSet


class Truth(NamedTuple):
    """The releases where a condition is surely true, and those where it is surely false."""

    true: ReleaseSet
    false: ReleaseSet

    @property
    def negated(self) -> Truth:
        return Truth(self.false, self.true)


UNKNOWN_TRUTH: Final = Truth(0, 0)


def all_of(truths: Iterable[Truth]) -> Truth:
    """Return where all conditions hold, as ``and`` does."""
    true, false = ALL_RELEASES, 0
    for truth in truths:
        true, false = true & truth.true, false | truth.false
    return Truth(true, false)


def any_of(truths: Iterable[Truth]) -> Truth:
    """Return where one condition or more holds, as ``or`` does."""
    return all_of(truth.negated for truth in truths).negated


@dataclass(frozen=True, slots=True)
class Reach:
    """The releases that come to a statement.

    :param may: the releases that may come there. Code is dead where this is empty.
    :param must: the releases that surely do, once the function around it is entered.
    """

    may: ReleaseSet = ALL_RELEASES
    must: ReleaseSet = ALL_RELEASES

    def where(self, condition: Truth) -> Reach:
        """Return the releases that are left where a condition holds."""
        return Reach(self.may & ~condition.false, self.must & condition.true)

    def perhaps(self) -> Reach:
        """Return the same releases, none of which surely comes: the body of a loop may run zero times."""
        return Reach(self.may, 0)

    def __or__(self, other: Reach) -> Reach:
        """Return the releases that come by either of two ways."""
        return Reach(self.may | other.may, self.must | other.must)

    def __and__(self, other: Reach) -> Reach:
        """Return the releases that come by both of two ways."""
        return Reach(self.may & other.may, self.must & other.must)


NOWHERE: Final = Reach(0, 0)
"""No release goes on from here: what follows a ``return`` or ``raise``."""
