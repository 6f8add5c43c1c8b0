"""Airflow is upgraded while a durable parent waits: the retry under the new one reconnects to the same child.

Needs two environments: the Airflow to start from in TRIGGER_COMPAT_E2E_PYTHON_FROM, the one to arrive at in
TRIGGER_COMPAT_E2E_PYTHON.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.e2e.demo import UPGRADE_CONFIG
from tests.e2e.parents import Parent, stack_for

pytestmark = pytest.mark.upgrade

RUNNING, DUE, DEFERRED = PARENTS = ("waiting.running", "waiting.due", "deferrable.deferred")

RETRY_SECONDS = 30
"""Long enough that a parent which waits to retry still does when the power goes."""

PATIENCE = 180
"""Seconds for a new Airflow, just started, to see what was lost and to retry it."""


def test_upgrade_in_mid_wait(python_from: Path, python: Path) -> None:
    """One parent is in mid-wait when the power goes, one has lost its worker before, one is deferred."""
    environ = {"TRIGGER_COMPAT_RETRY_SECONDS": str(RETRY_SECONDS)}
    with stack_for(python_from, PARENTS, environ, config=UPGRADE_CONFIG) as stack:
        old = stack.environment
        # What Airflow 2 leaves running, Airflow 3 may queue without a dag_version_id, and then not run
        # until [scheduler] task_queued_timeout, 10 minutes. So it is left nothing, not even children.
        names = PARENTS if old.task_sdk else [name for name in PARENTS if name != RUNNING]
        parents = {name: Parent(stack, name) for name in names}
        for name, each in parents.items():
            each.until(each.deferred if name == DEFERRED else each.waits)
            each.until(each.child_runs)
        parents[DUE].kill()
        for each in () if old.task_sdk else parents.values():
            each.kill_child()
        parents[DUE].until(lambda: parents[DUE].state == "up_for_retry")
        assert RUNNING not in parents or parents[RUNNING].waits(), parents[RUNNING].seen()
        children = {name: parent.only_child for name, parent in parents.items()}
        assert stack.power_cut() > 0

        stack.power_on(python)
        assert stack.environment.airflow != old.airflow
        for name in parents.keys() - {DEFERRED}:
            # Not just try 2: a new Airflow that is still busy with its start may lose one.
            parents[name].until(parents[name].tried(2), PATIENCE)
            parents[name].until(partial(parents[name].names, children[name]), PATIENCE)
        for name, each in parents.items():
            each.succeeds(seconds=PATIENCE)
            assert each.only_child == children[name]
        assert parents[DEFERRED].tries == 1
