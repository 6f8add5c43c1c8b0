"""Real parent tasks on the installed Airflow, in process: see ``stack``."""

from __future__ import annotations

from trigger_compat.suite.harness.mailbox import Mailbox
from trigger_compat.suite.harness.model import NO_DATE, Callback, ChildRun, Code, Outcome, Run
from trigger_compat.suite.harness.process import HarnessError
from trigger_compat.suite.harness.stack import (
    AIRFLOW,
    Airflow,
    Parent,
    Triggerer,
    Try,
    configure,
    delete,
    finish,
    kill_task,
    operator_path,
)

__all__ = [
    "AIRFLOW",
    "NO_DATE",
    "Airflow",
    "Callback",
    "ChildRun",
    "Code",
    "HarnessError",
    "Mailbox",
    "Outcome",
    "Parent",
    "Run",
    "Triggerer",
    "Try",
    "configure",
    "delete",
    "finish",
    "kill_task",
    "operator_path",
]
