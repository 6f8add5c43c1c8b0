"""Counts what one real task of each mode sends, and when one notices the end of its child.

``python -m benchmarks.messages SUBJECT`` runs in the environment of an Airflow and prints one line of JSON.

The tasks run through the release's own task runner, by the harness of the contract suite. On 3.x a message
is one request of the task process to its supervisor; on 2.11, which has none, a statement on the database.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks import subjects
from trigger_compat.suite.harness import Airflow, Try, configure

POKES: Final = (60, 10)
CHILDREN: Final = (1, 5, 20, 70, 300)
LOOKS: Final = 3
"""Polls of a wait, including the one that sees the end."""


def count(subject: str, airflow: Airflow) -> dict[str, dict[str, int]]:
    """Run a task of every mode that the operator has, and return its messages by kind."""
    modes: dict[str, Callable[[Airflow], Iterator[None]]] = {
        "trigger": _trigger,
        f"wait, {LOOKS} polls": _wait,
        "deferral": _defer,
    }
    if subject == subjects.OURS:
        modes |= {
            "durable, first try": _durable_first,
            f"durable, first try, {LOOKS} polls": _durable_wait,
            f"durable, reconnect, {LOOKS} polls": _durable_reconnect,
        }
    return {name: _messages(airflow, mode) for name, mode in modes.items()}


class NotComparable(Exception):
    """The operator cannot do this in the harness of this release."""


def _messages(airflow: Airflow, mode: Callable[[Airflow], Any]) -> dict[str, int]:
    airflow.reset()
    file = Path(os.environ[subjects.MESSAGES_VARIABLE])
    file.write_text("", encoding="utf-8")
    try:
        with _quiet(mode(airflow)):
            file.write_text("", encoding="utf-8")
    except NotComparable:
        return {}
    return dict(Counter(file.read_text(encoding="utf-8").split("\n")[:-1]))


@contextmanager
def _quiet(steps: Iterator[None]) -> Iterator[None]:
    """Run a mode up to where counting begins, and the rest of it after that."""
    next(steps)
    yield
    with _in_the_task("benchmarks.counting"):
        for _ in steps:
            pass


@contextmanager
def _in_the_task(module: str) -> Iterator[None]:
    """Import a module into the task processes, but not into this one, which parses the dag file too."""
    os.environ["HARNESS_IMPORTS"] = module
    try:
        yield
    finally:
        del os.environ["HARNESS_IMPORTS"]


def _trigger(airflow: Airflow) -> Iterator[None]:
    parent = airflow.parent()
    yield
    assert parent.run().state == "success"


def _after_looks(running: Try) -> None:
    """End the child between the last look but one and the last; looks come a poke_interval apart."""
    running.until(running.airflow.active, "an active child run")
    if running.airflow.version.startswith("2."):  # where looks are statements among others
        running.stays(LOOKS - 0.5)
    else:
        running.until(lambda: _looks() >= LOOKS - 1, f"{LOOKS - 1} looks")
    running.airflow.set_state(running.airflow.active()[0], "success")


def _looks() -> int:
    text = Path(os.environ[subjects.MESSAGES_VARIABLE]).read_text(encoding="utf-8")
    return text.splitlines().count("GetDagRunState")


def _wait(airflow: Airflow, **more: Any) -> Iterator[None]:
    parent = airflow.parent(wait_for_completion=True, poke_interval=1, **more)
    yield
    assert parent.run(_after_looks).state == "success"


def _defer(airflow: Airflow) -> Iterator[None]:
    parent = airflow.parent(wait_for_completion=True, deferrable=True, poke_interval=1)
    yield
    assert parent.run().state == "deferred"
    resumed = parent.resume(lambda: airflow.set_state(airflow.active()[0], "success"))
    if resumed.state != "success":
        print(f"not comparable: resumed, the task ended {resumed.state}\n{resumed.log}", file=sys.stderr)
        raise NotComparable


def _durable_first(airflow: Airflow) -> Iterator[None]:
    parent = airflow.parent(durable=True)
    yield
    assert parent.run().state == "success"


def _durable_wait(airflow: Airflow) -> Iterator[None]:
    return _wait(airflow, durable=True)


def _durable_reconnect(airflow: Airflow) -> Iterator[None]:
    parent = airflow.parent(wait_for_completion=True, durable=True, poke_interval=1)
    parent.crash_while_waiting()
    parent.heal()
    yield
    assert parent.run(_after_looks).state == "success"


def notice(airflow: Airflow, home: Path) -> list[dict[str, float]]:
    """Run tasks on a simulated clock; return when each noticed its child's end, at which look."""
    found = []
    for poke in POKES:
        for seconds in CHILDREN:
            airflow.reset()
            file = home / f"noticed-{poke}-{seconds}"
            os.environ |= {
                subjects.NOTICED_VARIABLE: str(file),
                subjects.CHILD_SECONDS_VARIABLE: str(seconds),
            }
            parent = airflow.parent(wait_for_completion=True, poke_interval=poke)
            with _in_the_task("benchmarks.clock"):
                assert parent.run().state == "success"
            at, looks = file.read_text(encoding="ascii").split()
            found.append({"poke": poke, "child": seconds, "noticed": float(at), "looks": int(looks)})
    return found


def main(subject: str) -> None:
    """Measure, and print one line of JSON."""
    home = Path(tempfile.mkdtemp(prefix="trigger-compat-bench-"))
    try:
        configure(home)
        os.environ[subjects.MESSAGES_VARIABLE] = str(home / "messages")
        airflow = Airflow(home, home / "cache", f"{subjects.home(subject)}:TriggerDagRunOperator")
        measured = {"messages": count(subject, airflow), "notice": notice(airflow, home)}
        print("PROBE", json.dumps(measured), flush=True)
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
