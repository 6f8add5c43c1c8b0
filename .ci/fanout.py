"""Run nox sessions side by side, show how they get on, and sum them up in a table."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

from rich.console import Console
from rich.live import Live
from rich.table import Table

from tally import RESULTS, Counts, closing_line, count, results_file

ROOT: Final = Path(__file__).parents[1]
LOGS: Final = ROOT / ".nox" / "logs"
SUMMARY: Final = RESULTS / "summary.json"
LINES_SHOWN: Final = 40
SIGN_OF_LIFE: Final = 30.0
"""Seconds after which a terminal that cannot be redrawn is told what still runs."""


@dataclass(slots=True, kw_only=True)
class Job:
    """One session, and the release it stands for, if any."""

    session: str
    release: str = "-"
    path: str = "-"
    fine: tuple[int, ...] = (0,)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    seconds: float = 0.0
    code: int | None = None
    counts: Counts = field(default_factory=Counts)

    @property
    def failed(self) -> bool:
        """Whether it has ended, with a code that is not fine."""
        return self.code is not None and self.code not in self.fine

    @property
    def log(self) -> Path:
        return LOGS / f"{self.session}.log"

    @property
    def results(self) -> Path:
        return results_file(self.session)


def run(jobs: Sequence[Job], command: Callable[[Job], list[str]], workers: int) -> None:
    """Run all jobs, as many at a time as there are workers; an interruption ends those that run."""
    LOGS.mkdir(parents=True, exist_ok=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    waiting, running = list(jobs), list[Job]()
    with _interruptible(), _display(jobs) as show:
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    running.append(_start(waiting.pop(0), command))
                    show(running[-1], "started")
                time.sleep(0.2)
                for job in [job for job in running if _ended(job)]:
                    running.remove(job)
                    show(job, "ended")
                show(None, "waiting")
        finally:
            for job in running:
                _stop(job)


def _start(job: Job, command: Callable[[Job], list[str]]) -> Job:
    job.results.unlink(missing_ok=True)
    with job.log.open("wb") as log:
        # A process group of its own: it can be ended as a whole, and Ctrl-C reaches it through us alone.
        job.process = subprocess.Popen(
            command(job), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, start_new_session=True
        )
    job.started = time.monotonic()
    return job


def _ended(job: Job) -> bool:
    job.seconds = time.monotonic() - job.started
    job.code = job.process.poll() if job.process else None
    if job.code is None:
        return False
    job.counts = count(job.results, job.code)
    return True


def _stop(job: Job) -> None:
    """End a job and everything in its group: politely, then firmly."""
    if not job.process:
        return
    for number, patience in ((signal.SIGINT, 15), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(job.process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            job.process.wait(patience)
    job.code = job.process.returncode


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Take a request to end (SIGTERM) like Ctrl-C, so that no job is left behind."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


Show = Callable[["Job | None", str], None]


@contextlib.contextmanager
def _display(jobs: Sequence[Job]) -> Iterator[Show]:
    console = Console()
    if console.is_terminal:
        with Live(_progress(jobs), console=console, refresh_per_second=4, transient=True) as live:

            def redraw(job: Job | None, event: str) -> None:
                if job and event == "ended":
                    _say(live.console, job, _verdict(job))
                live.update(_progress(jobs))

            yield redraw
        return

    started = spoken = time.monotonic()

    def speak(job: Job | None, event: str) -> None:
        nonlocal spoken
        now = time.monotonic()
        if job:
            _say(console, job, _verdict(job) if event == "ended" else event, at=now - started)
        elif now - spoken > SIGN_OF_LIFE:
            names = ", ".join(one.session for one in jobs if one.process and one.code is None)
            print(f"{now - started:5.0f} s  running: {names}", flush=True)
        else:
            return
        spoken = now

    yield speak


def _say(console: Console, job: Job, text: str, at: float | None = None) -> None:
    when = "" if at is None else f"{at:5.0f} s  "
    console.print(f"{when}{job.session}: {text}", markup=False, highlight=False, soft_wrap=True)
    if job.failed:
        tail = job.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LINES_SHOWN:]
        for line in (f"--- last lines of {job.log.relative_to(ROOT)}", *tail, "---"):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _verdict(job: Job) -> str:
    counts = job.counts
    tests = f", {closing_line([counts])}" if job.results.is_file() else ""
    return f"{'failed' if job.failed else 'ok'}{tests} in {job.seconds:.0f} s"


def _progress(jobs: Sequence[Job]) -> Table:
    table = Table("session", "state", "seconds", "last line of its log", box=None, pad_edge=False)
    for job in jobs:
        state = "waiting" if not job.process else "running" if job.code is None else _verdict(job)
        last = _last_line(job.log) if state == "running" else ""
        seconds = f"{job.seconds:.0f}" if job.process else ""
        table.add_row(job.session, state, seconds, last[:60])
    return table


def _last_line(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 2000))
        lines = stream.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


def summarise(jobs: Sequence[Job]) -> None:
    """Print the table at the end of a run and write the same as JSON."""
    table = Table("session", "release", "path", "passed", "failed", "xfailed", "skipped", "seconds")
    rows: list[dict[str, Any]] = []
    for job in jobs:
        counts = job.counts
        numbers = (counts.passed, counts.failed, counts.xfailed, counts.skipped, round(job.seconds))
        table.add_row(job.session, job.release, job.path, *map(str, numbers))
        names = ("passed", "failed", "xfailed", "skipped", "seconds")
        row = {"session": job.session, "release": job.release, "path": job.path, "exit_code": job.code}
        rows.append(row | dict(zip(names, numbers, strict=True)) | {"log": str(job.log.relative_to(ROOT))})
    Console(width=None if sys.stdout.isatty() else 100).print(table)
    SUMMARY.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(f"details: {SUMMARY.relative_to(ROOT)}, {LOGS.relative_to(ROOT)}/", flush=True)
