"""Which path carries a trigger: the only place that compares versions. Airflow is imported when asked for."""

from __future__ import annotations

import os
import warnings
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from packaging.version import Version

from trigger_compat import ranges
from trigger_compat.errors import PathUnavailable, UnsupportedAirflow

if TYPE_CHECKING:
    from trigger_compat.paths import Path

Release = tuple[int, int, int]
FORCING_VARIABLE: Final = "TRIGGER_COMPAT_PATH"
OLDEST: Final = (2, 11)
NEWEST_KNOWN: Final = (3, 4)


class PathRow(NamedTuple):
    """One path: the Airflow releases that can carry it, and those where it is the default (P1, P2)."""

    name: str
    carries: str
    default_for: str


PATHS: Final = (
    PathRow("airflow2", ">=2.11,<3", ">=2.11,<3"),
    PathRow("exception", ">=3.0", ">=3.0,<3.3"),
    PathRow("accessor", ">=3.0", ">=3.3"),
)


@cache
def release() -> Release:
    """Return the running Airflow's release, without its pre-release part (3.4.0b2 is 3.4.0)."""
    from airflow import __version__

    version = Version(__version__)
    return version.major, version.minor, version.micro


@cache
def within(specifier: str, of: Release | None = None) -> bool:
    """Say whether a release (default: the running one) is in a range of releases."""
    return ranges.contains(specifier, of or release())


def text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


@cache
def default_path(of: Release) -> str:
    """Return the path a release takes by itself; below 2.11, raise UnsupportedAirflow (P1, P3)."""
    if of[:2] < OLDEST:
        msg = f"trigger-compat needs Airflow {text(OLDEST)} or newer, found {text(of)}; upgrade Airflow"
        raise UnsupportedAirflow(msg)
    name = next(row.name for row in PATHS if within(row.default_for, of))
    if of[:2] > NEWEST_KNOWN:
        known = f"trigger-compat knows Airflow up to {text(NEWEST_KNOWN)}, found {text(of)}"
        warnings.warn(f"{known}; it goes on with the {name!r} path", stacklevel=2)  # once, being cached
    return name


def choose(
    forced: str | None, *, defers: bool, wrapped: bool = False, of: Release | None = None
) -> tuple[str, str]:
    """Return the path a trigger takes, and why: by argument, by environment variable (P2) or by default (P1).

    A deferral is left to the runner on 3.x (no durable one on 3.3+: ``defers`` is false), nothing where
    an author's code is wrapped around ``execute``: an exception would end it (C7).
    Raise PathUnavailable for an unfit path.
    """
    default = default_path(of := of or release())
    source, name = ("path", forced) if forced else (FORCING_VARIABLE, os.environ.get(FORCING_VARIABLE))
    carries = {row.name: row.carries for row in PATHS}
    if not name and wrapped and default != "airflow2":
        return "accessor", "code of this task's own is wrapped around execute()"
    if not name and defers and default == "accessor":
        return "exception", f"a deferral is the task runner's on Airflow {text(of)}"
    if not name:
        return default, f"it is the default on Airflow {text(of)}"
    if name not in carries:
        raise PathUnavailable(f"{source}: {name!r} is no path; use one of {', '.join(carries)}")
    if not within(carries[name], of):
        raise PathUnavailable(f"{source}: {name!r} needs Airflow {carries[name]}, found {text(of)}; drop it")
    return name, f"{source}={name} forces it"


def load(name: str) -> Path:
    """Import a path, by the name that :func:`choose` returned."""
    return cast("Path", import_module(f"trigger_compat.paths.{name}"))
