"""Undisturbed deferrals of children that end at once (clause D5): one try and one child each.

Where the task runner's own trigger waits, D5 is a declared deviation. How many tries that costs is a matter
of luck, so it is measured and printed; of the children, only the most that this allows is checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from tests.e2e.celery import CeleryStack
from tests.e2e.parents import END_STATES, Parent, stack_of
from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COUNT: Final = 30
"""As in `fault_dags/faults.py`."""
KINDS: Final = ("brief.durable", "brief-plain.not-durable")
SECONDS: Final = 600


class Figures(NamedTuple):
    """What became of the deferrals of one run."""

    parents: int
    succeeded: int
    tries: int
    children: int


def deferrals(stack: Stack, name: str) -> Figures:
    """Run 30 deferrals, and count parents, tries and children once all have ended."""
    parent = Parent(stack, name)
    siblings = [parent.sibling(index) for index in range(COUNT)]
    parent.until(lambda: all(sibling.ended() for sibling in siblings), SECONDS)
    parent.until(lambda: all(run.state in END_STATES for run in parent.children), SECONDS)
    tasks = [task for sibling in siblings if (task := sibling.task)]
    succeeded = sum(task.state == "success" for task in tasks)
    return Figures(len(tasks), succeeded, sum(task.try_number for task in tasks), len(parent.children))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(Stack, id="local"),
        pytest.param(CeleryStack, id="celery", marks=pytest.mark.celery),
    ],
)
def stack(python: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    with stack_of(request.param, python, KINDS, {}) as stack:
        yield stack


@pytest.mark.parametrize("name", KINDS)
def test_one_try_and_one_child_for_each_deferral(
    stack: Stack, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    durable = name == KINDS[0]
    keeps = not stack.environment.task_sdk or (durable and stack.path == "accessor")
    figures = deferrals(stack, name)
    with capsys.disabled():
        print(f"\n{type(stack).__name__}, Airflow {stack.environment.airflow}, {name}: {figures}")
    if keeps:
        assert figures == Figures(COUNT, COUNT, COUNT, COUNT)
        return
    # exception-D5: tries may be lost, each has three retries; not durable, each try may have a child.
    assert (figures.parents, figures.succeeded) == (COUNT, COUNT)
    assert COUNT <= figures.children <= (COUNT if durable else figures.tries)
