"""Run nox sessions side by side, show their progress, and sum them up in a table."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tools.environments import FOLDER, ROOT
from tools.junit import RESULTS, Counts, closing_line, count, results_file

LOGS: Final = FOLDER / "logs"
SUMMARY: Final = RESULTS / "summary.json"
NOX: Final = (sys.executable, "-m", "nox", "--noxfile", str(ROOT / "noxfile.py"), "--session")
LINES_SHOWN: Final = 40
HEARTBEAT_SECONDS: Final = 30.0
"""How often a log, which cannot be redrawn as a terminal can, names the sessions that are running."""


@dataclass(slots=True, kw_only=True)
class Job:
    """One session, and its release, if it has one."""

    session: str
    release: str = "-"
    path: str = "-"
    ok_codes: tuple[int, ...] = (0,)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    seconds: float = 0.0
    code: int | None = None
    counts: Counts = field(default_factory=Counts)

    @property
    def failed(self) -> bool:
        """Whether it has ended with a code that means failure."""
        return self.code is not None and self.code not in self.ok_codes


def longest_first(jobs: Sequence[Job]) -> list[Job]:
    """Order jobs so that none runs alone at the end: those that took longest in the last run come first.

    Without a last run, as in a fresh clone, the rows come first: each takes longer than any check. Rows
    of the ``exception`` path have the fewest tests that run on two paths.
    """
    with contextlib.suppress(OSError):
        last = {row["session"]: row["seconds"] for row in json.loads(SUMMARY.read_text(encoding="utf-8"))}
        if all(job.session in last for job in jobs):
            return sorted(jobs, key=lambda job: -last[job.session])
    return sorted(jobs, key=lambda job: (job.release == "-", job.path == "exception"))


def run(jobs: Sequence[Job], command: Callable[[Job], list[str]], workers: int) -> None:
    """Run all jobs, at most ``workers`` at a time. An interruption ends those that are running."""
    LOGS.mkdir(parents=True, exist_ok=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    waiting, running = list(jobs), list[Job]()
    console, heartbeat = Console(soft_wrap=True, highlight=False), time.monotonic()
    # SIGTERM ends this process as Ctrl-C does, so that no job outlives it.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with console.status("") as status:  # on a terminal, its last line
            while waiting or running:
                while waiting and len(running) < workers:
                    running.append(_start(waiting.pop(0), command))
                    console.print(f"{running[-1].session}: started", markup=False)
                time.sleep(0.2)
                for job in [job for job in running if _has_ended(job)]:
                    running.remove(job)
                    _report(console, job)
                names = ", ".join(f"{job.session} ({job.seconds:.0f} s)" for job in running)
                status.update(f"running: {names}; {len(waiting)} waiting")
                if not console.is_terminal and time.monotonic() - heartbeat > HEARTBEAT_SECONDS:
                    print(f"running: {names}", flush=True)
                    heartbeat = time.monotonic()
    finally:
        for job in running:
            _stop(job)
        signal.signal(signal.SIGTERM, before)


def _log(job: Job) -> Path:
    return LOGS / f"{job.session}.log"


def _start(job: Job, command: Callable[[Job], list[str]]) -> Job:
    results_file(job.session).unlink(missing_ok=True)
    with _log(job).open("wb") as log:
        # In its own process group it can be ended as a whole, and Ctrl-C reaches it only through _stop.
        job.process = subprocess.Popen(
            command(job), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, start_new_session=True
        )
    job.started = time.monotonic()
    return job


def _has_ended(job: Job) -> bool:
    job.seconds = time.monotonic() - job.started
    job.code = job.process.poll() if job.process else None
    if job.code is None:
        return False
    job.counts = count(results_file(job.session), job.code)
    return True


def _stop(job: Job) -> None:
    """End a job and everything in its group, with ever stronger signals."""
    if not job.process:
        return
    for signal_number, patience in ((signal.SIGINT, 15), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(job.process.pid, signal_number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            job.process.wait(patience)
    job.code = job.process.returncode


def _report(console: Console, job: Job) -> None:
    """Print how a job ended, and the end of its log if it failed."""
    tests = f", {closing_line([job.counts])}" if results_file(job.session).is_file() else ""
    lines = [f"{job.session}: {'failed' if job.failed else 'ok'}{tests} in {job.seconds:.0f} s"]
    if job.failed:
        tail = _log(job).read_text(encoding="utf-8", errors="replace").splitlines()[-LINES_SHOWN:]
        lines += [f"--- last lines of {_log(job).relative_to(ROOT)}", *tail, "---"]
    console.print("\n".join(lines), markup=False)


def summarise(jobs: Sequence[Job]) -> None:
    """Print a table of all jobs, and write it as JSON."""
    rows = [
        {"session": job.session, "release": job.release, "path": job.path}
        | asdict(job.counts)
        | {"seconds": round(job.seconds), "exit_code": job.code, "log": str(_log(job).relative_to(ROOT))}
        for job in jobs
    ]
    columns = ("session", "release", "path", "passed", "failed", "xfailed", "skipped", "seconds")
    table = Table(*columns)
    for row in rows:
        table.add_row(*(str(row[column]) for column in columns))
    Console(width=None if sys.stdout.isatty() else 100).print(table)
    SUMMARY.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(f"details: {SUMMARY.relative_to(ROOT)}, {LOGS.relative_to(ROOT)}/", flush=True)
