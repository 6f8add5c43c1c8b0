"""Trigger a dag run and wait for it: the same behaviour, crash-safe, on every supported Airflow.

The public names below are imported on first use, so that ``import trigger_compat`` imports no Airflow:
Airflow reads the provider entry point while it is still initialising.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from trigger_compat.accessor import (
        ChildRun,
        get_dagrun_state,
        trigger_dag_run,
        trigger_dag_runs,
        wait_for_dag_runs,
    )
    from trigger_compat.exceptions import DagIsPaused
    from trigger_compat.links import TriggerDagRunLink
    from trigger_compat.operator import TriggerDagRunOperator

__version__ = "0.1.0"
__all__ = (
    "ChildRun",
    "DagIsPaused",
    "TriggerDagRunLink",
    "TriggerDagRunOperator",
    "__version__",
    "get_dagrun_state",
    "trigger_dag_run",
    "trigger_dag_runs",
    "wait_for_dag_runs",
)

_HOMES: Final = {
    "ChildRun": "trigger_compat.accessor",
    "DagIsPaused": "trigger_compat.exceptions",
    "TriggerDagRunLink": "trigger_compat.links",
    "TriggerDagRunOperator": "trigger_compat.operator",
    "get_dagrun_state": "trigger_compat.accessor",
    "trigger_dag_run": "trigger_compat.accessor",
    "trigger_dag_runs": "trigger_compat.accessor",
    "wait_for_dag_runs": "trigger_compat.accessor",
}


if not TYPE_CHECKING:  # a type checker would take every name for one of this module

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
