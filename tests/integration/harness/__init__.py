"""Real parent tasks on the installed Airflow, in process: see ``stack``."""

from __future__ import annotations

from tests.integration.harness.model import Callback, ChildRun, Code, Outcome, Run
from tests.integration.harness.process import HarnessError
from tests.integration.harness.stack import (
    AIRFLOW,
    OPERATOR,
    Airflow,
    Parent,
    Try,
    configure,
    delete,
    finish,
    kill_task,
)

__all__ = [
    "AIRFLOW",
    "OPERATOR",
    "Airflow",
    "Callback",
    "ChildRun",
    "Code",
    "HarnessError",
    "Outcome",
    "Parent",
    "Run",
    "Try",
    "configure",
    "delete",
    "finish",
    "kill_task",
]
