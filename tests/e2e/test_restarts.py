"""Durable parents in mid-wait while a part of Airflow, or its database, is killed and comes back.

Heartbeats are Airflow's own here: a part that is away for some seconds must not cost a try by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.parents import Parent, stack_for
from tests.e2e.stack import POSTGRES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.stack import Stack

PARENTS = ("waiting.api-server", "waiting.scheduler", "waiting.postgres", "deferrable.triggerer")

# How soon a new scheduler or triggerer takes over from one that is gone; half a minute by default, and up to
# five until the scheduler looks for orphans again.
TAKE_OVER_CONFIG = {
    "scheduler.scheduler_health_check_threshold": "15",
    "scheduler.orphaned_tasks_check_interval": "5",
    "triggerer.triggerer_health_check_threshold": "15",
}
DOWN_SECONDS = 8
"""Longer than two looks are apart, so that some fail."""


@pytest.fixture(scope="module")
def stack(python: Path) -> Iterator[Stack]:
    with stack_for(python, PARENTS, {}, config=TAKE_OVER_CONFIG) as stack:
        yield stack


def succeeds_with_all_parts_up(parent: Parent) -> None:
    """Airflow may give a part up that had no database; as in production, something starts it again."""

    def ended() -> bool:
        parent.stack.revive()
        return parent.ended()

    parent.open()
    parent.until(ended, seconds=180)
    parent.succeeds()


def test_api_server_killed_in_mid_wait(stack: Stack) -> None:
    """Of Airflow 2 the webserver, which its workers do without: they talk to the database."""
    part = stack.web_part
    parent = Parent(stack, "waiting.api-server")
    parent.until(parent.waits)
    child = parent.only_child
    stack.kill_part(part)
    parent.stays_down(DOWN_SECONDS)
    assert stack.revive() == [part]

    # An in-process wait survives it (W7). A wait in the task runner may not; then the retry reconnects.
    parent.succeeds(on_try=None if stack.path == "exception" else 1)
    assert parent.only_child == child


def test_triggerer_killed_while_deferred(stack: Stack) -> None:
    parent = Parent(stack, "deferrable.triggerer")
    parent.until(lambda: parent.state == "deferred" and [run.state for run in parent.children] == ["running"])
    child = parent.only_child
    stack.kill_part("triggerer")
    assert stack.revive() == ["triggerer"]

    parent.succeeds(on_try=1)
    assert parent.only_child == child


def test_scheduler_killed_in_mid_wait(stack: Stack) -> None:
    """The new scheduler cannot adopt tasks of a local executor: it starts them again, beside the old ones."""
    parent = Parent(stack, "waiting.scheduler")
    parent.until(parent.waits)
    child = parent.only_child
    stack.kill_part("scheduler")
    assert stack.revive() == ["scheduler"]

    parent.until(parent.tried(2))
    parent.succeeds(on_try=2)
    assert parent.only_child == child


def test_postgres_killed_in_mid_wait(stack: Stack) -> None:
    """Last, because it takes every part along that does not live without a database."""
    parent = Parent(stack, "waiting.postgres")
    parent.until(parent.waits)
    child = parent.only_child
    stack.kill_part(POSTGRES)
    parent.stays_down(DOWN_SECONDS)
    assert POSTGRES in stack.revive()

    succeeds_with_all_parts_up(parent)
    assert parent.only_child == child
