"""What a task logs: one line per event, the same words on every release and path, with fields on 3.x."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

import pytest

from trigger_compat import dispatch, events
from trigger_compat.suite.harness import Airflow, Outcome, Try

STRUCTURED = dispatch.within(">=3.0")


def _pattern(words: str) -> str:
    parts = string.Formatter().parse(words)
    return "".join(re.escape(before) + (r".+?" if field else "") for before, field, _, _ in parts)


LINES = {name: re.compile(_pattern(words)) for name, words in vars(events).items() if name.isupper()}


def said(outcome: Outcome) -> list[tuple[str, str]]:
    """The names of the lines of this package in the log of a try, in order, and the lines."""
    found = []
    for line in outcome.log.splitlines():
        # The longest words that fit: one line may begin as another does.
        fits = [name for name, pattern in LINES.items() if pattern.search(line)]
        if fits:
            found.append((max(fits, key=lambda name: len(LINES[name].pattern)), line))
    return found


def names(outcome: Outcome) -> list[str]:
    return [name for name, _ in said(outcome)]


def runs_then(state: str, airflow: Airflow) -> Callable[[Try], None]:
    """The child is queued, runs, and ends; each for as long as several polls take."""

    def during(running: Try) -> None:
        child = running.child()
        running.until(lambda: "(queued)" in running._log(), "the line about the queued child")
        airflow.set_state(child, "running")
        running.until(lambda: "(running)" in running._log(), "the line about the running child")
        running.stays(1.0)
        airflow.set_state(child, state)

    return during


@pytest.fixture
def in_process_wait(path: str) -> None:
    """Only where this package waits itself; the task runner's words are Airflow's."""
    if dispatch.choose(None if path == "default" else path, defers=False)[0] == "exception":
        pytest.skip("the task runner waits on this path")


@pytest.mark.usefixtures("in_process_wait")
def test_a_wait_logs_each_state_once(airflow: Airflow) -> None:
    outcome = airflow.parent(wait_for_completion=True, poke_interval=0.2).run(runs_then("success", airflow))

    assert outcome.state == "success"
    assert names(outcome) == ["PATH", "TRIGGERING", "WAITING", "WAITING", "ENDED"]
    states = [re.search(r"(?:\(|state )(queued|running|success)", line) for _, line in said(outcome)[2:]]
    assert [state[1] for state in states if state] == ["queued", "running", "success"]


def test_a_trigger_logs_the_path_the_reason_and_the_run_id(airflow: Airflow, path: str) -> None:
    outcome = airflow.parent().run()

    assert names(outcome) == ["PATH", "TRIGGERING"]
    (_, chosen), (_, triggering) = said(outcome)
    if path == "default":
        taken, why = dispatch.choose(None, defers=False)
    else:
        taken, why = path, f"forced by {dispatch.FORCING_VARIABLE}={path}"
    assert f"Using the {taken} path: {why}" in chosen
    assert f"Triggering dag run {outcome.child.run_id} of child" in triggering


def test_fields_have_names_where_the_log_is_structured(airflow: Airflow) -> None:
    outcome = airflow.parent(durable=True).run()

    (_, chosen), (_, triggering) = said(outcome)
    assert ("durable=True" in chosen) is STRUCTURED
    assert (f"run_id='{outcome.child.run_id}'" in triggering) is STRUCTURED
    assert ("identity='computed'" in triggering) is STRUCTURED


def test_a_retry_logs_that_it_reconnects(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, durable=True)
    first = parent.crash_while_waiting()
    airflow.set_state(first.child, "success")
    second = parent.retry()

    assert names(second) == ["PATH", "RECONNECT"]
    assert f"Reconnecting to dag run {first.child.run_id} of child" in second.log
    assert "(success), triggered by an earlier try" in second.log


def test_a_retry_logs_why_it_triggers_another_run(airflow: Airflow) -> None:
    parent = airflow.parent(wait_for_completion=True, durable=True, retries=3)
    first = parent.crash_while_waiting()
    airflow.set_state(first.child, "failed")
    parent.heal()
    second = parent.crash_while_waiting()
    assert names(second)[:3] == ["PATH", "FRESH", "TRIGGERING"]
    assert (
        f"Dag run {first.child.run_id} of child, triggered by an earlier try, is in state failed"
        in second.log
    )

    for child in airflow.children():
        airflow.delete(child)
    parent.heal()
    third = parent.crash_while_waiting()
    assert names(third)[:3] == ["PATH", "NONE_LEFT", "TRIGGERING"]


def test_a_cleared_task_logs_that_it_starts_again(airflow: Airflow) -> None:
    parent = airflow.parent(durable=True)
    parent.run()
    parent.clear()
    second = parent.run()

    assert names(second) == ["PATH", "CLEARED", "TRIGGERING"]
    assert len(second.children) == 2
