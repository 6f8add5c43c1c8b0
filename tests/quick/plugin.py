"""A plugin of pytest (``-p tests.quick.plugin``) that runs no more tests when its time is over."""

from __future__ import annotations

import os
import time
from itertools import zip_longest
from typing import Final

import pytest

BUDGET_VARIABLE: Final = "QUICK_SECONDS"
BUDGET_SECONDS: Final = 40.0
"""For the tests of one environment. With the start of pytest and of Airflow that is about a minute."""


class Budget:
    """Runs no more tests when its time is over, and says how many were left."""

    def __init__(self, seconds: float) -> None:
        self.ends = time.monotonic() + seconds
        self.seconds = seconds
        self.left = 0

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Let the files take turns, so that a budget that ends leaves none of them out."""
        files: dict[str, list[pytest.Item]] = {}
        for item in items:
            files.setdefault(item.nodeid.partition("::")[0], []).append(item)
        items[:] = [item for turn in zip_longest(*files.values()) for item in turn if item is not None]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Pass a test over if the time is over: to stop the run would look like a failure."""
        if time.monotonic() < self.ends:
            return None
        self.left += 1
        return True

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was not run."""
        if self.left:
            terminalreporter.line(f"{self.seconds:.0f} s are over: {self.left} tests were not run")


def pytest_configure(config: pytest.Config) -> None:
    """Add the budget."""
    config.pluginmanager.register(Budget(float(os.environ.get(BUDGET_VARIABLE, BUDGET_SECONDS))))
