"""Builds the report: what each floor would let a source delete, and since when a policy allows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

from trigger_compat.floor.report.counts import count
from trigger_compat.floor.report.heatmap import HeatMap, from_matrix
from trigger_compat.floor.report.model import Floor, FloorReport, PolicyStatus
from trigger_compat.floor.report.policy_dates import (
    FirstRelease,
    caveat,
    earliest_day,
    first_releases,
    floor_asked_for,
)
from trigger_compat.floor.scan.model import Category
from trigger_compat.floor.scan.releases import Minor, ReleaseTuple, index_of, minor_of
from trigger_compat.floor.scan.scanner import Scan
from trigger_compat.matrix import Matrix, Policy

_OWN_NAME: Final = "trigger-compat"


def build(
    scan: Scan,
    matrix: Matrix,
    today: date,
    *,
    floors: Sequence[ReleaseTuple] = (),
    policies: Sequence[Policy] | None = None,
    heat_map: HeatMap | None = None,
    folder: Path | None = None,
) -> FloorReport:
    """Build the report on a scan.

    :param today: the day on which the policies are asked.
    :param floors: the floors to report; default: every minor from the declared floor on.
    :param policies: default: those of the matrix.
    :param heat_map: default: for this project itself, where the default path of each release deviates from
        the contract; for another one none, since the contract says nothing about it.
    :param folder: where the files are; None for an installed distribution.
    """
    known = first_releases(matrix)
    declared = scan.source.floor
    minors = sorted({floor[:2] for floor in floors}) or _minors_from(declared, matrix, known)
    chosen = matrix.policies if policies is None else policies
    proven = tuple(removal for removal in scan.removals if removal.category is not Category.RESTATED)
    point = index_of(declared) if declared else 0
    return FloorReport(
        source=scan.source,
        today=today,
        floors=tuple(_floor(minor, known, scan, chosen, matrix) for minor in minors),
        removals=proven,
        undecided=scan.undecided,
        leftovers=tuple(removal for removal in proven if declared and removal.removable_from <= point),
        restated=tuple(removal for removal in scan.removals if removal.category is Category.RESTATED),
        policies=tuple(_status(policy, declared, today, known) for policy in chosen),
        known=known,
        heat_map=heat_map or (from_matrix(matrix) if scan.source.name == _OWN_NAME else None),
        texts={module.file: module.lines for module in scan.source.modules},
        folder=folder,
    )


def _minors_from(declared: ReleaseTuple | None, matrix: Matrix, known: Sequence[FirstRelease]) -> list[Minor]:
    """Return the known minors from the declared floor on; without one, those that the matrix supports."""
    if declared:
        return [first.minor for first in known if first.minor >= declared[:2]]
    supported = {minor_of(row.airflow) for row in matrix.releases}
    return [first.minor for first in known if first.minor in supported]


def _floor(
    minor: Minor, known: Sequence[FirstRelease], scan: Scan, policies: Sequence[Policy], matrix: Matrix
) -> Floor:
    first = next(release for release in known if release.minor == minor)
    counts, dead_files = count(scan, index_of((*minor, 0)))
    return Floor(
        minor=minor,
        released=first.day,
        is_preview=first.is_preview,
        counts=counts,
        dead_files=dead_files,
        allowed={policy.id: earliest_day(policy, minor, known) for policy in policies},
        left_behind=tuple(row.airflow for row in matrix.releases if minor_of(row.airflow) < minor),
    )


def _status(
    policy: Policy, declared: ReleaseTuple | None, today: date, known: Sequence[FirstRelease]
) -> PolicyStatus:
    asks_for = floor_asked_for(policy, today, known)
    if declared is None:
        status = "no floor declared"
    elif declared[:2] == asks_for:
        status = "kept"
    else:
        status = "overdue" if declared[:2] < asks_for else "too early"
    return PolicyStatus(policy=policy, asks_for=asks_for, status=status, caveat=caveat(policy, today))
