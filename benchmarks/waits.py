"""Measure many deferred waits on a real Airflow: messages, processor time, and how soon a child is noticed.

A whole Airflow with Postgres runs for each operator in turn. The rows of the deferred parents, of their
triggers and of the child runs are written into its database, since no machine starts a thousand tasks in a
minute. From then on everything is Airflow's own: its triggerer runs the triggers, its scheduler and executor
resume the parents.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from tests.e2e import processes
from tests.e2e.stack import Stack
from trigger_compat import markdown

DAGS: Final = Path(__file__).with_name("waits_dags")
OPERATORS: Final = ("upstream", "own")
POKE: Final = 30
ENDED: Final = 20
"""So many children end during the measurement, one after the other."""
INTERVALS: Final = 3
"""How many poll intervals are measured, after as many in which the waits settle."""

ROWS: Final = Path(__file__).with_name("waits_rows.py")
"""Runs in the environment of the Airflow that is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What so many deferred waits cost, and how late their children were noticed."""

    operator: str
    messages: float
    """Messages of the triggerer about dag runs, on 2.11 queries, in a poll interval."""
    processor: dict[str, float]
    """Processor seconds of each part in a poll interval."""
    noticed: list[float]
    """Seconds from the end of a child until its parent is scheduled again."""
    done: list[float]
    """Seconds from the end of a child until its parent has succeeded."""
    load: float


def measure(python: Path, operator: str, waits: int) -> Figures:
    """Start an Airflow, let so many parents wait, and measure."""
    print(f"{operator}: starting", flush=True)
    config = {
        "core.max_map_length": str(waits),
        "core.max_active_tasks_per_dag": "8",
        "triggerer.capacity": str(2 * waits),
        "triggerer.default_capacity": str(2 * waits),  # on 2.11
        "triggerer.max_trigger_to_select_per_loop": str(waits),  # from 3.2 on it takes 50 at a time
    }
    with tempfile.NamedTemporaryFile() as requests:
        environ = {
            "WAITS": str(waits),
            "WAITS_OPERATOR": operator,
            "WAITS_POKE": str(POKE),
            "WAITS_REQUESTS": requests.name,
            "PYTHONPATH": str(DAGS),
        }
        with Stack(python, DAGS, dag_ids=("waits_parent",), config=config, environ=environ) as stack:
            return _measure(stack, operator, waits, Path(requests.name))


def _measure(stack: Stack, operator: str, waits: int, requests: Path) -> Figures:
    stack.query(
        "insert into slot_pool (pool, slots, include_deferred) values ('waits', 0, false) returning id"
    )
    stack.trigger("waits_parent", "waits")
    _until(lambda: _states(stack).get("scheduled", 0) == waits, "the parents are there", stack)
    children = json.loads(stack.ask(ROWS.read_text()).splitlines()[-1])
    running = "select count(*) as n from trigger where triggerer_id is not null"
    _until(lambda: stack.query(running)[0]["n"] == waits, "the triggerer has the triggers", stack)
    print(f"{operator}: {waits} parents wait", flush=True)
    time.sleep(INTERVALS * POKE)

    began, asked, before = time.monotonic(), _lines(requests), _processor(stack)
    ends: dict[int, float] = {}
    noticed: dict[int, float] = {}
    done: dict[int, float] = {}
    step = INTERVALS * POKE / ENDED
    while (elapsed := time.monotonic() - began) < INTERVALS * POKE:
        if len(ends) < ENDED and elapsed >= len(ends) * step:
            number = (len(ends) + 1) * (waits // (ENDED + 1))
            stack.query(
                "update dag_run set state = 'success', end_date = now() where run_id = %s returning id",
                children[number],
            )
            ends[number] = time.monotonic()
        _look(stack, ends, noticed, done)
        time.sleep(0.1)
    after, asked = _processor(stack), _lines(requests) - asked
    deadline = time.monotonic() + 12 * POKE  # one that cannot keep up notices late
    while len(done) < ENDED and time.monotonic() < deadline:
        _look(stack, ends, noticed, done)
        time.sleep(0.1)
    return Figures(
        operator=operator,
        messages=asked / INTERVALS,
        processor={part: (after[part] - before[part]) / INTERVALS for part in before},
        noticed=[noticed[number] - ends[number] for number in noticed],
        done=[done[number] - ends[number] for number in done],
        load=psutil.getloadavg()[0],
    )


def _look(stack: Stack, ends: dict[int, float], noticed: dict[int, float], done: dict[int, float]) -> None:
    now = time.monotonic()
    sql = "select map_index, state from task_instance where dag_id = 'waits_parent' and state <> 'deferred'"
    for row in stack.query(sql):
        number = row["map_index"]
        if number in ends:
            noticed.setdefault(number, now)
            if row["state"] == "success":
                done.setdefault(number, now)


def _states(stack: Stack) -> dict[str, int]:
    sql = "select state, count(*) as n from task_instance where dag_id = 'waits_parent' group by state"
    return {row["state"]: row["n"] for row in stack.query(sql)}


def _until(condition: Any, what: str, stack: Stack) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"gave up waiting until {what}; the parents are {_states(stack)}")
        time.sleep(0.5)


def _lines(file: Path) -> int:
    return file.read_text().count("\n")


def _processor(stack: Stack) -> dict[str, float]:
    """The processor seconds that each part has used so far."""
    used = {"triggerer": 0.0, "API server": 0.0, "database": 0.0}
    for process in processes.stack_processes(stack.home):
        title = " ".join(process.cmdline())
        part = next((part for part in ("triggerer", "api", "postgres") if part in title), "")
        name = {"api": "API server", "postgres": "database"}.get(part, part)
        if name in used:
            times = process.cpu_times()
            used[name] += times.user + times.system
    return used


def table(figures: Sequence[Figures], waits: int) -> str:
    """Return the figures as a Markdown table."""
    heads = (
        "operator",
        "messages",
        *(f"{part}, s" for part in figures[0].processor),
        "noticed: median, p95, s",
        "succeeded: median, p95, s",
    )
    rows = [
        [
            each.operator,
            f"{each.messages:,.1f}",
            *(f"{seconds:.1f}" for seconds in each.processor.values()),
            _spread(each.noticed),
            _spread(each.done),
        ]
        for each in figures
    ]
    loads = ", ".join(f"{each.load:.1f}" for each in figures)
    head = f"{waits:,} deferred waits, poke interval {POKE} s; per poll interval. Load at the end: {loads}."
    return f"{head}\n\n{markdown.table(heads, rows)}"


def _spread(seconds: Sequence[float]) -> str:
    if len(seconds) < 2:
        return "-"
    return f"{statistics.median(seconds):.1f}, {statistics.quantiles(seconds, n=20)[-1]:.1f} ({len(seconds)})"
