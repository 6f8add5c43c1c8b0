"""Airflow is upgraded while a durable parent waits: the retry under the new one goes back to the same child.

Needs two environments: the Airflow to start from in TRIGGER_COMPAT_E2E_PYTHON_FROM, the one to arrive at in
TRIGGER_COMPAT_E2E_PYTHON.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.demo import UPGRADE_CONFIG
from tests.e2e.parents import CHILD_TASK, DAG_IDS, DAGS, Parent
from tests.e2e.stack import Stack

pytestmark = pytest.mark.fault

RETRY_SECONDS = 30
"""Long enough that a parent which waits to retry still does when the power goes."""

PATIENCE = 180
"""Seconds for a new Airflow, just started, to see what was lost and to retry it."""


def test_upgrade_in_mid_wait(python_from: Path, python: Path) -> None:
    stack = Stack(
        python_from,
        DAGS,
        dag_ids=DAG_IDS,
        needs=["trigger_compat"],
        config=UPGRADE_CONFIG,
        environ={"TRIGGER_COMPAT_RETRY_SECONDS": str(RETRY_SECONDS)},
    )
    with stack:
        old = stack.environment
        parent = Parent(stack, "waiting", "upgraded")
        parent.until(parent.waits)
        parent.until(lambda: stack.task(parent.child, parent.only_child, CHILD_TASK) is not None)
        child = parent.only_child
        if not old.task_sdk:
            # Airflow 3 never heals a task that Airflow 2 has left running, so both workers die before.
            child_task = (parent.child, child, CHILD_TASK)
            parent.until(lambda: stack.is_running(*child_task))
            stack.kill_task(*child_task)
            parent.kill()
            parent.until(lambda: parent.state == "up_for_retry")
            parent.until(lambda: getattr(stack.task(*child_task), "state", None) == "up_for_retry")
        assert parent.state == ("running" if old.task_sdk else "up_for_retry"), parent.seen()
        assert stack.power_cut() > 0

        stack.power_on(python)
        assert stack.environment.airflow != old.airflow
        # Not just try 2: on a machine that is busy with the start, Airflow may lose one.
        parent.until(parent.tried(2), PATIENCE)
        parent.until(lambda: any(child in line for line in parent.log(parent.tries)), PATIENCE)
        assert parent.only_child == child
        parent.succeeds(seconds=PATIENCE)
        assert parent.only_child == child
