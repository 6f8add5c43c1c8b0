"""What the matrix consists of: one class for each kind of row, and the whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from packaging.version import Version

from trigger_compat import ranges
from trigger_compat.errors import MatrixError

FILE_NAME: Final = "compat-matrix.yaml"


def release_tuple(airflow: str) -> tuple[int, int, int]:
    """Return a release without its pre-release part: ``3.4.0b2`` is (3, 4, 0)."""
    version = Version(airflow)
    return version.major, version.minor, version.micro


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One supported Airflow release: what pins its dependencies, where it runs, which path it takes."""

    airflow: str
    released: date
    resolve: date
    pythons: tuple[str, ...]
    path: str
    default: bool
    preview: bool

    @property
    def major(self) -> int:
        """Its major version, such as 3."""
        return Version(self.airflow).major

    @property
    def minor(self) -> str:
        """Its minor version, such as ``3.2``."""
        version = Version(self.airflow)
        return f"{version.major}.{version.minor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRelease:
    """A release older than the supported ones; the floor report compares with it."""

    airflow: str
    released: date
    resolve: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A release that exists and is not supported, and why."""

    airflow: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A requirement that a release needs besides its resolve date, and why."""

    airflow: str
    requirement: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Untried:
    """A Python that releases declare and that no run here has tried, and why."""

    python: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """A clause of the contract that a path cannot keep on some releases, and why."""

    id: str
    clause: str
    path: str
    airflow: str
    issue: str | None
    reason: str

    def covers(self, airflow: str) -> bool:
        """Return whether it is declared for this release."""
        return ranges.contains(self.airflow, release_tuple(airflow))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A rule for the oldest Airflow that a package may require."""

    id: str
    rule: str
    months: int
    source: str
    ends: tuple[tuple[str, date], ...] = ()
    """The days on which majors or minors end, for the rule ``end-of-life``."""
    read: date | None = None
    """The day on which somebody read ``ends`` at the source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The whole file. Releases are in order of version."""

    releases: tuple[Release, ...]
    history: tuple[PastRelease, ...]
    excluded: tuple[Exclusion, ...]
    pins: tuple[Pin, ...]
    untried: tuple[Untried, ...]
    deviations: tuple[Deviation, ...]
    policies: tuple[Policy, ...]

    @property
    def defaults(self) -> tuple[Release, ...]:
        """The releases of the default run: the newest of each minor."""
        return tuple(row for row in self.releases if row.default)

    @property
    def final_defaults(self) -> tuple[Release, ...]:
        """The default releases without previews."""
        return tuple(row for row in self.defaults if not row.preview)

    @property
    def upgrades(self) -> tuple[tuple[Release, Release], ...]:
        """The upgrades of the default run: to its newest final release, from the minor and major before."""
        *older, newest = self.final_defaults
        last_of_major = [row for row in older if row.major != newest.major][-1:]
        return tuple((row, newest) for row in dict.fromkeys([*last_of_major, *older[-1:]]))

    def tried(self, row: Release) -> tuple[str, ...]:
        """Return the Pythons of a release without those that no run here has tried."""
        untried = {other.python for other in self.untried}
        return tuple(python for python in row.pythons if python not in untried)

    def release(self, airflow: str) -> Release:
        """Return a row by its version.

        :raises MatrixError: no row has this version; the message gives the reason, or lists the versions.
        """
        for row in self.releases:
            if row.airflow == airflow:
                return row
        for exclusion in self.excluded:
            if exclusion.airflow == airflow:
                raise MatrixError(f"Airflow {airflow} is excluded: {exclusion.reason}")
        known = ", ".join(row.airflow for row in self.releases)
        raise MatrixError(f"Airflow {airflow!r} is not in the matrix; choose one of {known}")

    def requirements(self, row: Release | PastRelease) -> tuple[str, ...]:
        """Return what to install for a release, under its resolve date."""
        pins = (pin.requirement for pin in self.pins if pin.airflow == row.airflow)
        return (f"apache-airflow=={row.airflow}", *pins)

    def deviations_of(self, path: str, airflow: str) -> tuple[Deviation, ...]:
        """Return what a path cannot keep on a release."""
        return tuple(row for row in self.deviations if row.path == path and row.covers(airflow))
