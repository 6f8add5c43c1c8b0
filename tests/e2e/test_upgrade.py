"""Airflow is upgraded while a durable parent waits: the retry under the new one goes back to the same child.

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

PARENTS = ("waiting.running", "waiting.due", "deferrable.deferred")

RETRY_SECONDS = 30
"""Long enough that a parent which waits to retry still does when the power goes."""

PATIENCE = 180
"""Seconds for a new Airflow, just started, to see what was lost and to retry it."""


def test_upgrade_in_mid_wait(python_from: Path, python: Path) -> None:
    """One parent is in mid-wait when the power goes, one has lost its worker before, one is deferred."""
    environ = {"TRIGGER_COMPAT_RETRY_SECONDS": str(RETRY_SECONDS)}
    with stack_for(python_from, PARENTS, environ, config=UPGRADE_CONFIG) as stack:
        old = stack.environment.airflow
        parents = {name: Parent(stack, name) for name in PARENTS}
        running, due, deferred = parents.values()
        due.until(due.waits)
        deferred.until(lambda: deferred.state == "deferred")
        for each in parents.values():
            each.until(each.child_runs)
        due.kill()
        due.until(lambda: due.state == "up_for_retry")
        assert running.waits(), running.seen()
        children = {name: parent.only_child for name, parent in parents.items()}
        assert stack.power_cut() > 0

        stack.power_on(python)
        assert stack.environment.airflow != old
        for each in (running, due):
            # Not just try 2: a new Airflow that is still busy with its start may lose one.
            each.until(each.tried(2), PATIENCE)
            each.until(partial(each.names, children[each.name]), PATIENCE)
        for each in parents.values():
            each.succeeds(seconds=PATIENCE)
            assert each.only_child == children[each.name]
        assert deferred.tries == 1
