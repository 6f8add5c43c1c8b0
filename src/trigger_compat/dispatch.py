"""Which path a trigger takes: the only module that compares Airflow versions."""

from __future__ import annotations

import os
import warnings
from functools import cache
from typing import Final, NamedTuple

from packaging.version import Version

from trigger_compat import ranges
from trigger_compat.errors import PathUnavailable, UnsupportedAirflow

AirflowVersion = tuple[int, int, int]
FORCING_VARIABLE: Final = "TRIGGER_COMPAT_PATH"
OLDEST: Final = (2, 11)
NEWEST_KNOWN: Final = (3, 4)


class PathRow(NamedTuple):
    """One path: the Airflow releases that support it, and those where it is the default (P1, P2)."""

    name: str
    supported_on: str
    default_for: str


PATHS: Final = (
    PathRow("airflow2", ">=2.11,<3", ">=2.11,<3"),
    PathRow("exception", ">=3.0", ">=3.0,<3.3"),
    PathRow("accessor", ">=3.0", ">=3.3"),
)


@cache
def release() -> AirflowVersion:
    """Return the version of the running Airflow, without its pre-release part (3.4.0b2 is 3.4.0)."""
    from airflow import __version__

    version = Version(__version__)
    return version.major, version.minor, version.micro


@cache
def within(specifier: str, of: AirflowVersion | None = None) -> bool:
    """Return whether an Airflow version (default: the running one) is in a range."""
    return ranges.contains(specifier, of or release())


def text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


@cache
def default_path(of: AirflowVersion) -> str:
    """Return the default path of an Airflow version (P1).

    :raises UnsupportedAirflow: the version is older than 2.11 (P3).
    """
    if of[:2] < OLDEST:
        msg = f"trigger-compat needs Airflow {text(OLDEST)} or newer, found {text(of)}; upgrade Airflow"
        raise UnsupportedAirflow(msg)
    name = next(row.name for row in PATHS if within(row.default_for, of))
    if of[:2] > NEWEST_KNOWN:
        known = f"trigger-compat knows Airflow up to {text(NEWEST_KNOWN)}, found {text(of)}"
        # Once per process, because the result is cached.
        warnings.warn(f"{known}; using the {name!r} path", stacklevel=2)
    return name


def choose(
    forced: str | None, *, defers: bool, wrapped: bool = False, of: AirflowVersion | None = None
) -> tuple[str, str]:
    """Return the path a trigger takes, and the reason for the log.

    The argument ``path`` comes first, then the environment variable (P2), then the default (P1).

    :param forced: the argument ``path``.
    :param defers: the trigger defers and is not durable: on 3.x the task runner does that. (A durable
        deferral needs its child's id before the trigger leaves, so on 3.3+ the operator defers itself.)
    :param wrapped: code of the author runs around ``execute``; the task runner's exception would end it (C7).
    :raises PathUnavailable: the path is unknown, or this Airflow does not support it.
    """
    default = default_path(of := of or release())
    source, name = ("path", forced) if forced else (FORCING_VARIABLE, os.environ.get(FORCING_VARIABLE))
    needs = {row.name: row.supported_on for row in PATHS}
    if not name and wrapped and default != "airflow2":
        return "accessor", "other code of this task runs around execute()"
    if not name and defers and default == "accessor":
        return "exception", f"the task runner defers on Airflow {text(of)}"
    if not name:
        return default, f"the default on Airflow {text(of)}"
    if name not in needs:
        raise PathUnavailable(f"{source}: {name!r} is not a known path; use one of {', '.join(needs)}")
    if not within(needs[name], of):
        raise PathUnavailable(f"{source}: {name!r} needs Airflow {needs[name]}, found {text(of)}; drop it")
    return name, f"forced by {source}={name}"
