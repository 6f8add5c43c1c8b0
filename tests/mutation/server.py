"""The pytest plugin that judges mutants: everything is imported and set up once, each mutant gets a fork.

``-p tests.mutation.server``. Instead of running the collected tests, it reads jobs from a pipe, one JSON
object a line, and answers each with one line on another.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import psutil
import pytest
from _pytest.runner import runtestprotocol

from tests.mutation import swap

PIPES: Final = "TRIGGER_COMPAT_PIPES"
"""The environment variable with the numbers of the two pipes: jobs, answers."""
WARM_UP: Final = "TRIGGER_COMPAT_WARM_UP"
"""The environment variable with the test that sets up the fixtures of the session, if there are any."""
START_LIMIT: Final = 30.0
"""Seconds for the fork until its first test."""
MEMORY: Final = 8 * 2**30
"""Bytes of address space; a mutant that never stops to collect something shall not take the machine along."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Serve until the input ends."""
    items = {item.nodeid: item for item in session.items}
    # Neither can be a standard stream: pytest replaces those.
    jobs, answers = (int(number) for number in os.environ[PIPES].split(","))
    with os.fdopen(jobs) as asked, os.fdopen(answers, "w", buffering=1) as answered:
        if first := os.environ.get(WARM_UP):
            _run(session, [items[first]], lambda _: None)
        gc.freeze()  # so that collecting in a fork touches, and copies, no page of what is here
        answered.write(json.dumps({"ready": sorted(items)}) + "\n")
        for line in asked:
            answered.write(json.dumps(_judge(session, items, json.loads(line))) + "\n")
    return True


def _judge(session: pytest.Session, items: Mapping[str, pytest.Item], job: Mapping[str, Any]) -> Any:
    """Run the tests of a job in a fork until one fails, or takes longer than its limit."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _in_fork(session, items, job, writer)
    os.close(writer)
    began, test, before, answer = time.monotonic(), "", 0.0, None
    with os.fdopen(reader, "rb", buffering=0) as reports:
        while answer is None:
            limit = job["limits"].get(test, START_LIMIT)
            if not select.select([reports], [], [], limit)[0] and not (
                _is_starved(pid, before, limit) and select.select([reports], [], [], 3 * limit)[0]
            ):
                answer = {"verdict": "hung", "by": test or "start"}
            elif not (line := reports.readline()):
                answer = {"verdict": "killed", "by": test or "start", "why": "the interpreter crashed"}
            else:
                report = json.loads(line)
                test, before = report.get("running", test), _cpu(pid)
                answer = report if "verdict" in report else None
        kill(pid)
    return {**answer, "seconds": round(time.monotonic() - began, 2)}


def _cpu(pid: int) -> float:
    """Return the seconds that a process has computed."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _is_starved(pid: int, before: float, limit: float) -> bool:
    """Return whether a test is late because others use the machine: it gets more time, and no verdict yet."""
    return _cpu(pid) - before < limit / 4


def _in_fork(
    session: pytest.Session, items: Mapping[str, pytest.Item], job: Mapping[str, Any], writer: int
) -> None:
    """Judge in the fork; never returns."""

    def tell(report: Mapping[str, Any]) -> None:
        os.write(writer, json.dumps(report).encode() + b"\n")

    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        if job["dotted"] and not swap.swap(job["dotted"], job["function"], job["source"]):
            tell({"verdict": "cold"})
        elif failed := _run(session, [items[test] for test in job["limits"]], tell):
            tell({"verdict": "killed", **failed})
        else:
            tell({"verdict": "survived"})
    except BaseException:  # noqa: BLE001 - whatever a mutant raises
        tell({"verdict": "killed", "by": "start", "why": traceback.format_exc()[-300:]})
    os._exit(0)


def _run(
    session: pytest.Session, tests: Sequence[pytest.Item], tell: Callable[[Mapping[str, Any]], None]
) -> dict[str, str] | None:
    """Run tests until one fails, and return which and why."""
    for test in tests:
        tell({"running": test.nodeid})
        # The session as the next item: all is torn down but its own fixtures.
        for report in runtestprotocol(test, log=False, nextitem=session):  # type: ignore[arg-type]
            if report.failed:
                return {"by": test.nodeid, "why": report.longreprtext[-300:]}
    return None


def kill(pid: int) -> None:
    """Kill a fork and all that it started, in sessions of their own too."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    os.waitpid(pid, 0)
