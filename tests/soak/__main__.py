"""``nox -s soak``: run a soak, or judge the history of one. Exit code 1: the history shows a violation."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.e2e.environment import StackError
from tests.soak import checker, history, report
from tests.soak.drive import Plan, soak

LINE_SECONDS: Final = 30
"""How often progress is printed where the output is no terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say and return the exit code."""
    options = _parser().parse_args(arguments)
    console = Console()
    if options.check:
        return _judged(console, options.check)
    if options.python is None:
        console.print("--python: name the interpreter of an Airflow, or a history with --check")
        return 2
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10_000)
    plan = Plan(
        python=options.python,
        executor=options.executor,
        operator=options.control or "durable",
        path=options.path,
        minutes=options.minutes,
        parents=options.parents,
        seed=seed,
    )
    folder: Path = options.output
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "history.jsonl"
    file.unlink(missing_ok=True)
    console.print(f"seed {seed}; history: {file}")
    with _Progress(console) as told:
        try:
            soak(plan, file, told, keep=options.keep)
        except StackError as error:
            console.print(str(error), markup=False)
            return 3
    return _judged(console, file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nox -s soak --", description=__doc__)
    add = parser.add_argument
    add("--python", type=Path, help="interpreter of the Airflow; nox gives it")
    add("--executor", choices=("local", "celery"), default="local")
    add("--minutes", type=float, default=30.0, help="how long there are faults; default: 30")
    add("--parents", type=int, default=8, help="parent runs at a time; default: 8")
    add("--seed", type=int, help="repeats the parents and faults of another soak; default: by chance")
    add("--path", choices=("airflow2", "exception", "accessor"), default="", help="a path to force")
    add(
        "--control",
        choices=("plain", "upstream"),
        help="without durable, or upstream's operator: to be found guilty",
    )
    add(
        "--output",
        type=Path,
        default=Path("soak"),
        metavar="FOLDER",
        help="for history and reports; default: soak",
    )
    add("--keep", action="store_true", help="leave the folder of the stack behind")
    add("--check", type=Path, metavar="FILE", help="judge this history, and run nothing")
    return parser


class _Progress:
    """Shows what goes on: a line that changes in a terminal, else one now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("") if console.is_terminal else None
        self._next = 0.0

    def __enter__(self) -> Callable[[str], None]:
        if self._status:
            self._status.start()
        return self._tell

    def __exit__(self, *error: object) -> None:
        if self._status:
            self._status.stop()

    def _tell(self, text: str) -> None:
        if self._status:
            self._status.update(text)
        elif time.monotonic() > self._next:
            self._next = time.monotonic() + LINE_SECONDS
            self._console.print(text, highlight=False, soft_wrap=True)


def _judged(console: Console, file: Path) -> int:
    """Judge a history, write the reports beside it, and return the exit code."""
    try:
        events = history.read(file)
    except history.HistoryError as error:
        console.print(str(error), markup=False, soft_wrap=True)
        return 1
    verdict = checker.judge(events)
    figures = report.figures(events, verdict)
    file.with_suffix(".md").write_text(report.as_markdown(figures), encoding="utf-8")
    file.with_suffix(".html").write_text(report.as_html(events, figures), encoding="utf-8")
    console.print(report.as_markdown(figures), markup=False, soft_wrap=True, highlight=False)
    console.print(f"reports: {file.with_suffix('.md')}, {file.with_suffix('.html')}")
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())
