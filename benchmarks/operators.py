"""Both operators in one run on one Airflow: repetitions in turn, medians, ratios."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.subjects import OURS, UPSTREAM

ROOT: Final = Path(__file__).parents[1]
LIMIT: Final = 900
"""Seconds that no probe takes."""


def measure(python: str, repetitions: int, *, messages: bool = True) -> dict[str, Any]:
    """Measure both operators in the environment of this interpreter.

    :return: the raw figures of every repetition, by operator, and what the messages and the clock said.
    """
    figures: dict[str, dict[str, list[float]]] = {OURS: {}, UPSTREAM: {}}
    found: dict[str, Any] = {"figures": figures}
    with tempfile.TemporaryDirectory(prefix="trigger-compat-bench-") as home:
        for what in ("cost", "parse"):  # the first time, the bytecode is compiled: not counted
            for subject in figures:
                _probe(python, home, "benchmarks.probe", what, subject)
        for repetition in range(repetitions):
            # In turn, and each as often before the other as after it.
            order = list(figures) if repetition % 2 == 0 else list(figures)[::-1]
            for what in ("cost", "parse"):
                for subject in order:
                    for name, value in _probe(python, home, "benchmarks.probe", what, subject).items():
                        figures[subject].setdefault(name, []).append(value)
        if messages:
            found |= {subject: _probe(python, home, "benchmarks.messages", subject) for subject in figures}
    return found


def _probe(python: str, home: str, module: str, *arguments: str) -> dict[str, Any]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH" and not name.startswith("AIRFLOW_")
    }
    environment |= {
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "PYTHONWARNINGS": "ignore",
    }
    command = [python, "-m", module, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT
    )
    for line in done.stdout.splitlines():
        if line.startswith("PROBE "):
            measured: dict[str, Any] = json.loads(line.removeprefix("PROBE "))
            return measured
    sys.exit(f"{' '.join(command)} measured nothing (exit code {done.returncode}):\n{done.stderr[-3000:]}")


def machine() -> str:
    """Return one line on where and under what load this was measured."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    day = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    model = next((name for name in _processor_names()), platform.machine())
    python = platform.python_version()
    return f"{os.cpu_count()} cores, {model}, {platform.system()}, Python {python}, load {load}, {day} UTC"


def _processor_names() -> Iterator[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            yield value.strip()


FIGURES: Final = (
    ("import_seconds", "import, marginal", "ms", 1e3),
    ("import_wall_seconds", "import, by the wall", "ms", 1e3),
    ("import_modules", "modules", "", 1),
    ("import_bytes", "memory", "MB", 1e-6),
    ("construct_seconds", "construct 1,000", "ms", 1e3),
    ("parse_first_seconds", "parse 200 triggers, first file", "ms", 1e3),
    ("parse_again_seconds", "the same file again", "ms", 1e3),
    ("execute_seconds", "`execute`, nothing sent", "us", 1e6),
)

FLOORS: Final = (
    ("construct_bare_seconds", "a bare `BaseOperator`"),
    ("construct_least_seconds", "with a constructor and these template fields"),
)
"""What an operator cannot take less than."""


def table(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield the report on all releases as Markdown."""
    for airflow, found in results.items():
        yield from (
            "",
            f"### Airflow {airflow}",
            "",
            "| | this package | upstream | ratio |",
            "|---|---|---|---|",
        )
        ours, upstream = found["figures"][OURS], found["figures"][UPSTREAM]
        for key, label, unit, scale in FIGURES:
            a, b = (statistics.median(side[key]) for side in (ours, upstream))
            ratio = f"{a / b:.3f}" if b > 0 else "-"
            yield f"| {label} | {_shown(a * scale)} {unit} | {_shown(b * scale)} {unit} | {ratio} |"
        for key, label in FLOORS:
            least = statistics.median(ours[key] + upstream[key])
            share = least / statistics.median(upstream["construct_seconds"])
            yield f"| {label}, 1,000 | {_shown(least * 1e3)} ms | | {share:.3f} |"
        if OURS in found:
            yield from _messages(found[OURS]["messages"], found[UPSTREAM]["messages"])
            yield from _notice(found[OURS]["notice"], found[UPSTREAM]["notice"])


def _messages(ours: dict[str, dict[str, int]], upstream: dict[str, dict[str, int]]) -> Iterator[str]:
    yield from ("", "| messages | this package | upstream |", "|---|---|---|")
    for mode, kinds in ours.items():
        other = sum(upstream.get(mode, {}).values())
        yield f"| {mode} | {sum(kinds.values())} | {other or '-'} |"


def _notice(ours: Sequence[dict[str, float]], upstream: Sequence[dict[str, float]]) -> Iterator[str]:
    head = "| poke | child takes | this package notices at | polls | upstream at | polls |"
    yield from ("", head, "|---|---|---|---|---|---|")
    for a, b in zip(ours, upstream, strict=True):
        left = f"| {a['poke']:.0f} s | {a['child']:.0f} s | {a['noticed']:.1f} s | {a['looks']:.0f} "
        yield left + f"| {b['noticed']:.1f} s | {b['looks']:.0f} |"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
