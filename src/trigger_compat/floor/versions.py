"""Sets of Airflow releases, as bits of an integer.

A condition is not judged for one floor at a time but for every release at once: bit *i* of a set stands for
``GRID[i]``. The grid holds every release there can be of the minors that are known, one minor before them
(so that "always" and "from the oldest on" differ), and some of the future, so that a flag such as ``>= (3,
1, 3)`` falls between two of its points. "Airflow >= floor" is then the tail of the grid, and code is dead
from the first point after the last release that may still run it.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from packaging.version import InvalidVersion, Version

from trigger_compat.dispatch import NEWEST_KNOWN
from trigger_compat.errors import UnknownFloor

Release = tuple[int, int, int]

LAST_OF_2: Final = 11
OLDEST_MAJOR: Final = 2
LATER_PATCH: Final = 99
"""Stands for every patch that is newer than those that have a point of their own."""
_MINORS: Final = (
    (1, 10),
    *((OLDEST_MAJOR, minor) for minor in range(LAST_OF_2 + 1)),
    *((NEWEST_KNOWN[0], minor) for minor in range(NEWEST_KNOWN[1] + 2)),
    (NEWEST_KNOWN[0] + 1, 0),
)
GRID: Final[tuple[Release, ...]] = tuple(
    (major, minor, patch) for major, minor in _MINORS for patch in (*range(10), LATER_PATCH)
)
EVERY: Final = (1 << len(GRID)) - 1
NEVER: Final = len(GRID)
"""What :func:`death` says of code that some release of the future may still run."""
FIRST_UNKNOWN: Final = GRID.index((NEWEST_KNOWN[0], NEWEST_KNOWN[1] + 1, 0))
"""The first point that nobody has seen yet."""


def death(releases: int) -> int:
    """Return the point from which on none of these releases is left, or :data:`NEVER`."""
    return releases.bit_length()


@cache
def from_release(release: Release) -> int:
    """Return every release from this one on."""
    return EVERY & ~((1 << index_of(release)) - 1)


@cache
def index_of(release: Release) -> int:
    """Return the first point that is not older than a release."""
    return next((at for at, point in enumerate(GRID) if point >= release), NEVER)


def between(first: Release, after: Release | None) -> int:
    """Return the releases from the first up to, and without, the one after."""
    return from_release(first) & ~(from_release(after) if after else 0)


def shown(point: int) -> str:
    """Return a point as a version: ``3.0``, or ``3.1.3`` where the patch matters."""
    if point >= NEVER:
        return "never"
    major, minor, patch = GRID[point]
    if patch == LATER_PATCH:
        return shown(point + 1)
    return f"{major}.{minor}.{patch}" if patch else f"{major}.{minor}"


def minor_of(airflow: str) -> tuple[int, int]:
    """Return the minor of a release, such as that of ``3.4.0b2``."""
    version = Version(airflow)
    return version.major, version.minor


def parse_floor(text: str) -> Release:
    """Return a floor such as ``3.1`` or ``3.1.3`` as a release.

    :raises UnknownFloor: it is no version, or none that this program knows of.
    """
    try:
        release = Version(text).release
    except InvalidVersion as error:
        raise UnknownFloor(f"floor: {text!r} is no version; write one such as 3.1") from error
    padded = (*release, 0, 0)
    found = (padded[0], padded[1], padded[2])
    if found[:2] not in _MINORS or not (OLDEST_MAJOR, 0) <= found[:2] <= NEWEST_KNOWN:
        newest = ".".join(map(str, NEWEST_KNOWN))
        raise UnknownFloor(f"floor: Airflow {text} is not known; use one from 2.0 to {newest}")
    return found
