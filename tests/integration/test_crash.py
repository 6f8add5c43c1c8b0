"""A worker that dies at any point leaves one child per generation, and its retry ends right (X4, X7)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from trigger_compat.suite.harness import Airflow, Outcome, Parent, Try

MODES: dict[str, dict[str, Any]] = {
    "wait": {"wait_for_completion": True},
    "forget": {},
    "defer": {"wait_for_completion": True, "deferrable": True},
}
EVERYWHERE = (
    "before the decision",
    "recorded, not sent",
    "sent, no answer",
    "answered, before the XCom",
)
WAITING = ("before the first look", "mid-wait", "ended, not noticed", "noticed, not reported")
DEFERRING = ("deferral not reported", "noticed, not reported")
CASES = [
    *((mode, point) for mode in MODES for point in EVERYWHERE),
    *(("wait", point) for point in WAITING),
    *(("defer", point) for point in DEFERRING),
]

pytestmark = [pytest.mark.clause("X4"), pytest.mark.filterwarnings("ignore", "error:::trigger_compat")]


@pytest.fixture
def dies(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Make the next try die at a point, or none of the following."""

    def at(mode: str, point: str) -> None:
        monkeypatch.setenv("HARNESS_IMPORTS", "tests.integration.dying")
        monkeypatch.setenv("HARNESS_MODE", mode)
        monkeypatch.setenv("HARNESS_DIES", point)

    yield at
    monkeypatch.delenv("HARNESS_DIES", raising=False)


def crash(parent: Parent, dies: Callable[[str, str], None], mode: str, point: str) -> Outcome:
    """Run the next try until it dies at the point."""
    airflow = parent.airflow
    if point == "ended, not noticed":
        running = parent.start()
        running.looked()
        task = running._process.report("pid")
        os.kill(task, signal.SIGSTOP)
        airflow.set_state(running.child() if not airflow.active() else airflow.active()[0], "success")
        running.kill_host()
        return running.outcome()
    dies(mode, point)
    if mode == "defer" and point == "noticed, not reported":
        dies(mode, "")
        assert parent.run().state == "deferred"
        dies(mode, point)
        return parent.resume(lambda: airflow.set_state(airflow.active()[0], "success"))
    if point == "noticed, not reported":
        running = parent.start()
        airflow.set_state(running.child(), "success")
        running._process.wait()
        return running.outcome()
    return parent.run()


def end(parent: Parent, mode: str) -> Outcome:
    """Run the retry; the child, if it is still there, succeeds once the retry waits for it."""
    airflow = parent.airflow
    ended = any(child.state == "success" for child in airflow.children())

    def succeed(running: Try) -> None:
        running.until(airflow.active, "an active child")
        running.looked()
        airflow.set_state(airflow.active()[-1], "success")

    outcome = parent.retry(succeed if mode == "wait" and not ended else None)
    if outcome.state == "deferred":
        outcome = parent.resume(lambda: airflow.set_state(airflow.active()[-1], "success"))
    return outcome


@pytest.mark.parametrize(("mode", "point"), CASES)
def test_there_is_one_child(
    airflow: Airflow, dies: Callable[[str, str], None], mode: str, point: str
) -> None:
    parent = airflow.parent(durable=True, retries=2, **MODES[mode])
    died = crash(parent, dies, mode, point)
    assert died.state == "running", "nobody has noticed yet"
    assert len(died.children) == (point not in EVERYWHERE[:2])
    dies(mode, "")
    ended = end(parent, mode)

    assert ended.state == "success"
    assert len(ended.children) == 1
    assert ended.xcoms["trigger_run_id"] == ended.child.run_id
    assert ended.child.clear_number == 0


@pytest.mark.clause("X3")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("point", ["recorded, not sent", "sent, no answer"])
def test_there_is_one_child_per_generation(
    airflow: Airflow, dies: Callable[[str, str], None], mode: str, point: str
) -> None:
    """The child of the first try has failed; the second dies on its way to a new one."""
    parent = airflow.parent(durable=True, retries=3, **MODES[mode])
    first = crash(parent, dies, mode, "sent, no answer")
    airflow.set_state(first.child, "failed")
    dies(mode, point)
    second = parent.retry()
    assert second.state == "running", "nobody has noticed yet"
    dies(mode, "")
    ended = end(parent, mode)

    assert ended.state == "success"
    assert ended.children[0].state == "failed"
    assert len(ended.children) == 2
    assert ended.xcoms["trigger_run_id"] == ended.children[1].run_id
