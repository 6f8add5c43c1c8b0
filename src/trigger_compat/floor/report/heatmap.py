"""The data of the heat map: which clauses of the contract each release keeps."""

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
class HeatMap:
    """A table of clauses and releases.

    :param cells: for a clause and a release, the state ``kept`` or ``deviates``, and the reason. A pair that
        is not there is unknown.
    """

    title: str
    releases: tuple[str, ...]
    clauses: tuple[str, ...]
    cells: Mapping[tuple[str, str], tuple[str, str]]


def from_matrix(matrix: Matrix) -> HeatMap:
    """Return where the default path of each release deviates, as the matrix declares it."""
    releases = tuple(row.airflow for row in matrix.releases)
    clauses = tuple(sorted({row.clause for row in matrix.deviations}, key=clause_order))
    cells: dict[tuple[str, str], tuple[str, str]] = {}
    for row in matrix.releases:
        found = matrix.deviations_of(row.path, row.airflow)
        for clause in clauses:
            reasons = [deviation.reason for deviation in found if deviation.clause == clause]
            cells[clause, row.airflow] = (DEVIATES, " ".join(reasons)) if reasons else (KEPT, "")
    return HeatMap(
        title="Clauses that the default path cannot keep", releases=releases, clauses=clauses, cells=cells
    )


def from_file(path: Path) -> HeatMap:
    """Read a drift table as ``python -m trigger_compat.suite.drift --format json`` writes it.

    :raises SourceError: the file cannot be read, or is not a drift table.
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
    return HeatMap(title=title, releases=releases, clauses=tuple(rows), cells=cells)


def _state(cell: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the state of a cell and the reason, or None if no test ran."""
    if cell["failed"] or cell["deviates"]:
        return DEVIATES, str(cell["text"])
    return (KEPT, "") if cell["passed"] else None
