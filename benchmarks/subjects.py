"""The operators that are measured, and what a dag file imports anyway."""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import Any, Final

OURS: Final = "ours"
UPSTREAM: Final = "upstream"
BARE: Final = "bare"
"""An operator with no code of its own: what Airflow itself takes for any."""
LEAST: Final = "least"
"""An operator with a constructor and the template fields of a trigger, which keeps nothing else."""

MESSAGES_VARIABLE: Final = "BENCHMARK_MESSAGES"
"""Names the file into which a task process writes what it sends."""

CHILD_SECONDS_VARIABLE: Final = "BENCHMARK_CHILD_SECONDS"
"""Says for how long the child of a task on the simulated clock runs."""

NOTICED_VARIABLE: Final = "BENCHMARK_NOTICED"
"""Names the file into which such a task writes when it has seen the end, and at which look."""


def baseline() -> tuple[Any, Any]:
    """Import what every dag file does: ``DAG`` and ``BaseOperator``."""
    try:
        from airflow.sdk import DAG, BaseOperator
    except ImportError:  # until 3.0
        from airflow import DAG
        from airflow.models.baseoperator import BaseOperator
    return DAG, BaseOperator


def home(subject: str) -> str:
    """Return the module of an operator; that of the standard provider, where it is installed."""
    if subject == OURS:
        return "trigger_compat"
    try:
        importlib.metadata.version("apache-airflow-providers-standard")
    except importlib.metadata.PackageNotFoundError:
        return "airflow.operators.trigger_dagrun"
    return "airflow.providers.standard.operators.trigger_dagrun"


def load(subject: str) -> Any:
    """Return the operator class."""
    if subject == BARE:
        _, base = baseline()
        return type("BareOperator", (base,), {"execute": lambda self, context: None})
    if subject == LEAST:
        return _least()
    return importlib.import_module(home(subject)).TriggerDagRunOperator


def _least() -> Any:
    _, base = baseline()

    class LeastOperator(base):  # type: ignore[misc, valid-type, unused-ignore]
        template_fields = tuple(load(OURS).template_fields)

        def __init__(self, *, trigger_dag_id: str, wait_for_completion: bool = False, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            given = {"trigger_dag_id": trigger_dag_id, "wait_for_completion": wait_for_completion}
            self.__dict__.update(dict.fromkeys(self.template_fields), **given)

        def execute(self, context: Any) -> None:
            """Do nothing."""

    return LeastOperator


def arguments(subject: str) -> dict[str, Any]:
    """Return arguments that a trigger in a dag file has."""
    return {} if subject == BARE else {"trigger_dag_id": "child", "wait_for_completion": True}
