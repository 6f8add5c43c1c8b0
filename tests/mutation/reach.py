"""The pytest plugin that measures which tests run which lines, in every process that a test forks.

``-p tests.mutation.reach``, under ``coverage run``. Coverage's own ``dynamic_context = test_function`` looks
for a new call of a test function, which a forked process never makes: it begins in the middle of one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

import pytest
from coverage import Coverage

DURATIONS: Final = "TRIGGER_COMPAT_DURATIONS"
"""The environment variable with the file for the seconds that each test took."""
_RUNNING: list[str] = []
_SECONDS: dict[str, float] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logstart(nodeid: str) -> None:
    _RUNNING[:] = [nodeid]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> object:
    """Count only what the test itself runs: a session's fixture is set up by whichever test comes first."""
    _enter(item.nodeid)
    try:
        return (yield)
    finally:
        _enter("")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.outcome != "failed":
        _SECONDS[report.nodeid] = _SECONDS.get(report.nodeid, 0.0) + report.duration
    if report.failed or report.outcome == "skipped":
        _SECONDS[report.nodeid] = -1.0  # judges nothing


def pytest_sessionfinish() -> None:
    Path(os.environ[DURATIONS]).write_text(json.dumps(_SECONDS), encoding="utf-8")


def _enter(context: str) -> None:
    _RUNNING[:] = [context]
    if measuring := Coverage.current():
        measuring.switch_context(context)


def _in_fork() -> None:
    """Name the test again: coverage's own handler, which runs before, has begun to measure anew."""
    if _RUNNING and (measuring := Coverage.current()):
        measuring.switch_context(_RUNNING[0])


os.register_at_fork(after_in_child=_in_fork)
