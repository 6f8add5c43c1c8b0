"""Airflow's web UI as a user has it before them: who logs in, looks at a task, and clicks.

The pages of Airflow 2 and 3 have nothing in common but what is written on them.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from PIL import Image
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Locator

    from tests.e2e.parents import Parent
    from tests.e2e.stack import Stack

ARGUMENTS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WINDOW: Final = {"width": 1280, "height": 680}
MILLISECONDS: Final = 60_000
"""How long a page may take to show something, on a busy machine."""
COLOURS: Final = 192
"""Of a screenshot: enough for these pages, and a third of the size."""


class WebUI:
    """One tab of a logged-in user.

    :param context: what the tabs of a user share, the login too.
    """

    def __init__(self, stack: Stack, context: BrowserContext) -> None:
        self.stack = stack
        self.page = context.new_page()

    def log_in(self) -> None:
        """Log in with the form that an unknown visitor is sent to."""
        user, password = self.stack.login
        self.page.goto(self.stack.url)
        self.page.get_by_label("Username").fill(user)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "login" not in url)

    def open_task(self, parent: Parent) -> None:
        """Go to the page of a task instance, and to its details."""
        raise NotImplementedError

    @property
    def link(self) -> Locator:
        """The operator link on the page of a task instance."""
        return self.page.get_by_role("link", name="Triggered DAG", exact=True)

    def follow_link(self) -> Page:
        """Click the link, once it is there; return the page that it opens, here or in a tab of its own."""
        expect(self.link).to_be_visible()
        if self.link.get_attribute("target") != "_blank":
            before = self.page.url
            self.link.click()
            self.page.wait_for_url(lambda url: url != before)
            return self.page
        with self.page.expect_popup() as tab:
            self.link.click()
        return tab.value

    def row(self, page: Page, *texts: str) -> Locator:
        """A row that holds all of these texts: tables are drawn before what is in them has come."""
        row = page.get_by_role("row")
        for text in texts:
            row = row.filter(has_text=text)
        return row.first

    def shows_run(self, page: Page, dag_id: str, run_id: str) -> None:
        """Check that a page is the one of a dag run: by its address, and by what is to be seen on it."""
        assert self.run_at(page.url) == (dag_id, run_id)
        self.open_run_details(page)
        expect(page.get_by_text(dag_id, exact=True).filter(visible=True).first).to_be_visible()
        expect(self.row(page, "Run ID", run_id)).to_be_visible()

    def run_at(self, url: str) -> tuple[str, str]:
        """Return the dag id and run id of a page's address."""
        raise NotImplementedError

    def open_run_details(self, page: Page) -> None:
        """Go from the page of a dag run to where its run id is, if that is another tab."""

    def await_tasks(self, page: Page, task_id: str) -> None:
        """Let the page of a dag run come to list a task, if it does."""


class Airflow2UI(WebUI):
    """The webserver of 2.11: the grid, with the details of what is chosen in it."""

    def open_task(self, parent: Parent) -> None:
        index = f"&map_index={parent.map_index}" if parent.map_index >= 0 else ""
        run = f"dag_run_id={quote(parent.run_id)}"
        self.page.goto(f"{self.stack.url}/dags/{parent.dag_id}/grid?{run}&task_id=trigger{index}")
        expect(self.row(self.page, "Run ID", parent.run_id)).to_be_visible()

    def run_at(self, url: str) -> tuple[str, str]:
        parts = urlsplit(url)
        [nothing, dags, dag_id, grid] = parts.path.split("/")
        assert (nothing, dags, grid) == ("", "dags", "grid")
        [run_id] = parse_qs(parts.query)["dag_run_id"]
        return dag_id, run_id


class Airflow3UI(WebUI):
    """The UI of 3.x, where a task instance has a page with tabs."""

    def open_task(self, parent: Parent) -> None:
        index = f"/mapped/{parent.map_index}" if parent.map_index >= 0 else ""
        run = f"{self.stack.url}/dags/{parent.dag_id}/runs/{quote(parent.run_id)}"
        self.page.goto(f"{run}/tasks/trigger{index}")
        self.page.get_by_role("link", name="Details", exact=True).click()
        expect(self.row(self.page, "Run ID", parent.run_id)).to_be_visible()

    def run_at(self, url: str) -> tuple[str, str]:
        [nothing, dags, dag_id, runs, run_id] = urlsplit(url).path.split("/")
        assert (nothing, dags, runs) == ("", "dags", "runs")
        return dag_id, unquote(run_id)

    def open_run_details(self, page: Page) -> None:
        # 3.0 heads the page of a run by its date.
        page.get_by_role("link", name="Details", exact=True).click()

    def await_tasks(self, page: Page, task_id: str) -> None:
        expect(self.row(page, task_id)).to_be_visible()


def save_screenshot(page: Page, file: Path) -> None:
    """Write what a page shows, small enough to keep it with the docs."""
    page.wait_for_load_state("networkidle")
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
