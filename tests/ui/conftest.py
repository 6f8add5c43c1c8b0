"""The stack whose web UI is looked at, and the browser that does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.e2e.conftest import python
from tests.e2e.parents import stack_for
from tests.ui import chromium
from tests.ui.browser import ARGUMENTS, MILLISECONDS, WINDOW, Airflow2UI, Airflow3UI, WebUI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext

    from tests.e2e.stack import Stack

__all__ = ("python",)

PARENTS = ("plain.orders", "templated.orders", "fan-out.orders", "deferrable.orders", "waiting.orders")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run choose its browser, and write the pictures of the docs."""
    parser.addoption("--screenshots", type=Path, metavar="FOLDER", help="write pictures of the pages here")
    parser.addoption("--chromium", default="", metavar="PATH", help="default: the one on PATH")


@pytest.fixture(scope="module")
def stack(python: Path) -> Iterator[Stack]:
    config = {
        "core.parallelism": "32",  # all parents and children at once
        # Airflow 3.0 only retries a task whose host is lost, and that takes 5 minutes by default. Much less,
        # and it gives up a task that a busy machine is slow with.
        "scheduler.task_instance_heartbeat_timeout": "60",
        "scheduler.task_instance_heartbeat_timeout_detection_interval": "2",
    }
    with stack_for(python, PARENTS, {}, config=config) as stack:
        yield stack


@pytest.fixture(scope="module")
def context(request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A browser. Not having one is an error: a skipped suite would look green."""
    try:
        program = chromium.find(request.config.getoption("--chromium"))
    except FileNotFoundError as error:
        pytest.exit(str(error), returncode=1)
    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        context = browser.new_context(viewport=WINDOW, locale="en-US", timezone_id="UTC")
        context.set_default_timeout(MILLISECONDS)
        yield context
        browser.close()


@pytest.fixture(scope="module")
def ui(stack: Stack, context: BrowserContext) -> WebUI:
    """The web UI of this stack, logged in."""
    ui = (Airflow3UI if stack.environment.task_sdk else Airflow2UI)(stack, context)
    ui.log_in()
    return ui


@pytest.fixture(scope="session")
def screenshots(request: pytest.FixtureRequest) -> Path | None:
    """Where pictures of the pages go, if they are asked for."""
    folder: Path | None = request.config.getoption("--screenshots")
    return folder
