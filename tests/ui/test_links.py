"""The link "Triggered DAG" in the web UI: there while the child runs, it lands on the child's page.

The parents start together and wait for children that end when a test lets them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import expect

from tests.e2e.parents import CHILD_TASK, Parent
from tests.ui.browser import save_screenshot
from tests.without_package import without_package

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.stack import Stack
    from tests.ui.browser import WebUI

CASES: Final = {
    "plain": "plain.orders",
    "templated": "templated.orders",
    "mapped, first": "fan-out.orders",
    "mapped, second": "fan-out.orders",
    "deferred": "deferrable.orders",
    "durable, reconnected": "waiting.orders",
}
"""The parent of each case. The mapped ones are one task, mapped over two dags to trigger."""


@pytest.fixture(scope="module")
def parents(stack: Stack) -> dict[str, Parent]:
    """All parents, in mid-wait."""
    started = {name: Parent(stack, name) for name in dict.fromkeys(CASES.values())}
    parents = {case: started[name] for case, name in CASES.items()}
    fan_out = parents["mapped, first"]
    parents["mapped, first"], parents["mapped, second"] = fan_out.sibling(0), fan_out.sibling(1)
    parents["mapped, second"].child = "fan-out.orders.other"
    for case, parent in parents.items():
        parent.until(parent.deferred if case == "deferred" else parent.waits)
    return parents


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def state_of(parent: Parent) -> str:
    [state] = [run.state for run in parent.children]
    return state


def test_the_link_lands_on_the_child_that_still_runs(
    case: str, parents: dict[str, Parent], ui: WebUI, screenshots: Path | None
) -> None:
    parent = parents[case]
    if case == "durable, reconnected":
        parent.kill()
        parent.until(parent.tried(2), seconds=180)
        # Published by the new try: an earlier one's XComs are gone on 3.x.
        parent.until(lambda: parent.recorded == parent.only_child)
    airflow = parent.stack.environment.airflow
    ui.open_task(parent)
    expect(ui.link).to_be_visible()
    if screenshots and case == "plain":
        save_screenshot(ui.page, screenshots / f"{airflow}-task.png")

    page = ui.follow_link()
    if screenshots and case == "plain":
        ui.await_tasks(page, CHILD_TASK)
        save_screenshot(page, screenshots / f"{airflow}-child.png")

    ui.shows_run(page, parent.child, parent.only_child)
    assert state_of(parent) == "running"


def test_the_link_still_lands_there_when_the_child_has_ended(
    case: str, parents: dict[str, Parent], ui: WebUI
) -> None:
    parent = parents[case]
    parent.open()
    parent.until(parent.ended)
    assert parent.state == "success", parent.seen()
    ui.open_task(parent)

    page = ui.follow_link()

    ui.shows_run(page, parent.child, parent.only_child)
    assert state_of(parent) == "success"


def test_a_webserver_without_the_package_works(
    stack: Stack, python: Path, parents: dict[str, Parent], ui: WebUI
) -> None:
    """On 3.x the worker has made the link; on 2.11 the webserver does, and without the package has none.

    Last, because a try that waits may not survive that the API server is away.
    """
    bare = without_package(python, stack.home / "bare")
    web = "api-server" if stack.environment.task_sdk else "webserver"
    stack.kill_part(web)
    assert stack.revive(python=bare) == [web]
    parent = parents["plain"]
    ui.open_task(parent)

    if stack.environment.task_sdk:
        ui.shows_run(ui.follow_link(), parent.child, parent.only_child)
    else:
        expect(ui.page.get_by_text("TriggerDagRunOperator", exact=True).first).to_be_visible()
        expect(ui.link).to_have_count(0)
