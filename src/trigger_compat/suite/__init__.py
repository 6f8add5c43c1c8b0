"""The contract as a test suite: every clause, on the installed Airflow, for any trigger operator.

Each test names its clause (``docs/contract.md``) and runs a real parent task through the real task runner of
the Airflow that is installed, with SQLite and, on 3.x, the real execution API in the same process::

    pip install 'trigger-compat[suite]'
    python -m trigger_compat.suite --operator upstream
    python -m trigger_compat.suite --operator my_provider.operators:MyTrigger -k "W2 or X"

``pytest -p trigger_compat.suite.plugin --pyargs trigger_compat.suite --operator ...`` does the same inside an
ordinary pytest run, as long as nothing imports Airflow before the suite has given it a database of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OPERATOR: Final = "trigger_compat:TriggerDagRunOperator"
"""The operator under test unless another is asked for."""

CLAUSES: Final[Mapping[str, int]] = {"C": 7, "R": 6, "T": 8, "W": 7, "D": 5, "X": 16, "A": 5, "S": 3, "P": 5}
"""How many clauses the contract has of each kind, in its order."""


def clause_order(clause: str) -> tuple[int, int]:
    """Return what sorts clauses as the contract has them: by kind, then by number (X2 before X10)."""
    return tuple(CLAUSES).index(clause[0]), int(clause[1:])
