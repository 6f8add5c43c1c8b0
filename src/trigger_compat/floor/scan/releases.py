"""Sets of Airflow releases, as bits of an integer.

The scan judges a condition for all releases at once instead of for one floor at a time. Bit *i* of a
``ReleaseSet`` stands for ``GRID[i]``. The grid holds

* every possible release of the known minors, so that ``>= (3, 1, 3)`` begins at a point of its own;
* a pre-release of each minor, since ``3.1.0rc1`` is older than 3.1.0 and is 3.1.0 for most flags;
* a release and a minor before them, so that "always" and "from the oldest known release on" differ;
* two minors that do not exist yet, because code for a future Airflow must not count as dead.

"Airflow >= floor" is a tail of the grid. Code is dead from the first point after the last release that may
still run it.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from packaging.version import InvalidVersion, Version

from trigger_compat.dispatch import NEWEST_KNOWN
from trigger_compat.errors import UnknownFloor

ReleaseTuple = tuple[int, int, int]
Minor = tuple[int, int]
ReleaseSet = int
"""Bit *i* is set if ``GRID[i]`` is in the set."""
Point = int
"""An index of ``GRID``, or ``NEVER``."""

LAST_MINOR_OF_2: Final = 11
OLDEST_MAJOR: Final = 2
LATER_PATCH: Final = 99
"""Stands for every patch release after those that have a point of their own."""
_PRE: Final = -1
"""Stands for the patch of a pre-release, which comes before the patch 0."""
_MINORS: Final = (
    (1, 10),
    *((OLDEST_MAJOR, minor) for minor in range(LAST_MINOR_OF_2 + 1)),
    *((NEWEST_KNOWN[0], minor) for minor in range(NEWEST_KNOWN[1] + 2)),
    (NEWEST_KNOWN[0] + 1, 0),
)
GRID: Final[tuple[ReleaseTuple, ...]] = (
    (0, 0, 0),
    *((major, minor, patch) for major, minor in _MINORS for patch in (_PRE, *range(11), LATER_PATCH)),
)
ALL_RELEASES: Final[ReleaseSet] = (1 << len(GRID)) - 1
NEVER: Final[Point] = len(GRID)
"""The point of code that some future release may still run."""
FIRST_UNKNOWN: Final[Point] = GRID.index((NEWEST_KNOWN[0], NEWEST_KNOWN[1] + 1, _PRE))
"""The first point of a minor that does not exist yet."""
LAST_FLOOR: Final[Point] = GRID.index((*_MINORS[-1], 0))
"""The last point that can be a floor: what changes later would change in each later minor too."""
PRE_RELEASES: Final[ReleaseSet] = sum(1 << point for point, release in enumerate(GRID) if release[2] == _PRE)


def first_without(releases: ReleaseSet) -> Point:
    """Return the first point from which on none of these releases is left, or :data:`NEVER`."""
    return releases.bit_length()


def gone_from(releases: ReleaseSet, of: ReleaseSet) -> Point:
    """Return the first point from which on none of these releases is left of those that come to the code.

    It is the first point of all if none of them ever was, though code comes there: a test in a branch that
    has the same answer already.
    """
    return first_without(releases) or int(of > 0)


@cache
def from_release(release: ReleaseTuple) -> ReleaseSet:
    """Return this release and all later ones."""
    return ALL_RELEASES & ~((1 << index_of(release)) - 1)


@cache
def index_of(release: ReleaseTuple) -> Point:
    """Return the first point that is not older than a release."""
    return next((point for point, known in enumerate(GRID) if known >= release), NEVER)


def between(first: ReleaseTuple, after: ReleaseTuple | None) -> ReleaseSet:
    """Return the releases from ``first`` on and before ``after``; None: with no end."""
    return from_release(first) & ~(from_release(after) if after else 0)


def floor_name(point: Point) -> str:
    """Return a point as a version: ``3.0``, or ``3.1.3`` where the patch matters."""
    if point >= NEVER:
        return "never"
    major, minor, patch = GRID[point]
    if patch in (LATER_PATCH, _PRE):
        return floor_name(point + 1)
    return f"{major}.{minor}.{patch}" if patch else f"{major}.{minor}"


def base_of(release: ReleaseTuple) -> ReleaseTuple:
    """Return a release of the grid as three numbers: those of 3.1.0 for a pre-release of it."""
    major, minor, patch = release
    return major, minor, max(patch, 0)


def version_of(release: ReleaseTuple) -> str:
    """Return a release of the grid as its version: ``3.1.0``, or ``3.1.0rc1`` for a pre-release of it."""
    return dotted(base_of(release)) + ("rc1" if release[2] == _PRE else "")


def dotted(numbers: tuple[int, ...]) -> str:
    """Return a minor or a release as text: ``3.1``."""
    return ".".join(map(str, numbers))


def minor_of(airflow: str) -> Minor:
    """Return the minor of a release as numbers: ``(3, 4)`` for ``3.4.0b2``."""
    version = Version(airflow)
    return version.major, version.minor


def parse_floor(text: str) -> ReleaseTuple:
    """Return a floor such as ``3.1`` or ``3.1.3`` as a release.

    :raises UnknownFloor: the text is not a version, or not one between 2.0 and the newest known minor.
    """
    try:
        release = Version(text).release
    except InvalidVersion as error:
        raise UnknownFloor(f"floor: {text!r} is not a version; write one such as 3.1") from error
    major, minor, patch = (*release, 0, 0)[:3]
    if (major, minor) not in _MINORS or not (OLDEST_MAJOR, 0) <= (major, minor) <= NEWEST_KNOWN:
        newest = dotted(NEWEST_KNOWN)
        raise UnknownFloor(f"floor: Airflow {text} is not known; use one from 2.0 to {newest}")
    return major, minor, patch
