"""Clauses of the contract by release: what is kept, and what is not. The data of the heat map."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trigger_compat.errors import SourceError
from trigger_compat.matrix import Matrix
from trigger_compat.suite import clause_order

KEPT: Final = "kept"
DEVIATES: Final = "deviates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A table of clauses and releases.

    :param cells: for a clause and a release what holds there, such as ``kept`` or ``deviates``, and why.
    """

    title: str
    releases: tuple[str, ...]
    clauses: tuple[str, ...]
    cells: Mapping[tuple[str, str], tuple[str, str]]


def of_matrix(matrix: Matrix) -> Drift:
    """Return where the default path of each release deviates, as the matrix declares it."""
    releases = tuple(row.airflow for row in matrix.releases)
    clauses = tuple(sorted({row.clause for row in matrix.deviations}, key=clause_order))
    cells: dict[tuple[str, str], tuple[str, str]] = {}
    for row in matrix.releases:
        found = matrix.deviations_of(row.path, row.airflow)
        for clause in clauses:
            reasons = [each.reason for each in found if each.clause == clause]
            cells[clause, row.airflow] = (DEVIATES, " ".join(reasons)) if reasons else (KEPT, "")
    return Drift(
        title="Clauses that the default path cannot keep", releases=releases, clauses=clauses, cells=cells
    )


def read(path: Path) -> Drift:
    """Read a drift table as ``python -m trigger_compat.suite.drift --format json`` writes it.

    :raises SourceError: it cannot be read, or is none.
    """
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        releases = tuple(str(run["airflow"]) for run in data["runs"])
        operators = ", ".join(dict.fromkeys(str(run["operator"]) for run in data["runs"]))
        rows = {str(row["clause"]): dict(row["cells"]) for row in data["clauses"]}
        cells = {
            (clause, release): found
            for clause, row in rows.items()
            for release, cell in row.items()
            if (found := _state(cell))
        }
    except OSError as error:
        raise SourceError(f"--drift: {path}: {error.strerror}; name a file that can be read") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        made_by = "python -m trigger_compat.suite.drift --format json"
        raise SourceError(f"--drift: {path}: not a drift table ({error}); make it with {made_by}") from error
    title = f"Clauses that {operators} cannot keep"
    return Drift(title=title, releases=releases, clauses=tuple(rows), cells=cells)


def _state(cell: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return what a cell says and why, or None where no test ran."""
    if cell["failed"] or cell["deviates"]:
        return DEVIATES, str(cell["text"])
    return (KEPT, "") if cell["passed"] else None
