"""Where the operators live: this package's, and upstream's through its history."""

from __future__ import annotations

from typing import Final

OPERATOR: Final = "TriggerDagRunOperator"
OURS: Final = "trigger_compat"
UPSTREAM: Final = (
    "airflow.providers.standard.operators.trigger_dagrun",
    "airflow.operators.trigger_dagrun",
    "airflow.operators.dagrun_operator",
)
"""Upstream's modules, the newest first."""
