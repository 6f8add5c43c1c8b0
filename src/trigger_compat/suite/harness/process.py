"""A function that runs in a forked process of its own, with a bound on every wait."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import psutil

#: Seconds that no single wait takes; far above what any needs, so that a slow machine does not fail a test.
LIMIT = 60.0
Report = Callable[[dict[str, Any]], None]


class HarnessError(AssertionError):
    """What the test waits for will not happen."""


def import_error(errors: Mapping[str, str]) -> HarnessError:
    """Return the error for a dag file that does not import, what it says first."""
    texts = "\n".join(errors.values())
    return HarnessError(f"the dag does not import: {texts.strip().splitlines()[-1]}\n{texts}")


def pack(value: Any) -> str:
    """Return any value as text that a report can carry; dates stay dates, as in Airflow's database."""
    return pickle.dumps(value).hex()


def unpack(text: str) -> Any:
    """Return what was packed."""
    return pickle.loads(bytes.fromhex(text))


class Forked:
    """One forked process: it may report dicts, and is killed with everything it started."""

    def __init__(self, target: Callable[[Report], None]) -> None:
        self.exit_code: int | None = None
        self.reports: list[dict[str, Any]] = []
        self._buffer = b""
        self._reader, writer = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid: int = os.fork()
        if self.pid == 0:
            os.close(self._reader)
            self._run(target, writer)
        os.close(writer)

    @staticmethod
    def _run(target: Callable[[Report], None], writer: int) -> None:
        """Never returns: neither pytest nor an atexit hook may run in the copy."""
        code = 1
        try:
            os.setsid()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            target(lambda report: _write(writer, report))
            code = 0
        except BaseException:  # noqa: BLE001 - told to the test's process
            _write(writer, {"crash": traceback.format_exc()})
        finally:
            os._exit(code)

    def poll(self, seconds: float = 0.0) -> bool:
        """Read reports for at most these seconds; whether the process has ended."""
        if self.exit_code is not None:
            return True
        self._read(seconds)
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self._drain()
            self.exit_code = os.waitstatus_to_exitcode(status)
        return bool(pid)

    def report(self, key: str, limit: float = LIMIT) -> Any:
        """Wait for the report with this key and return its value."""
        self.until(lambda: any(key in report for report in self.reports), f"report {key!r}", limit)
        return next(report[key] for report in self.reports if key in report)

    def until(self, condition: Callable[[], Any], what: str, limit: float = LIMIT) -> Any:
        """Wait for the condition; an end of the process without it, or too long a wait, is an error."""
        deadline = time.monotonic() + limit
        while True:
            ended = self.poll(0.02)
            if result := condition():
                return result
            if ended:
                raise HarnessError(
                    f"the process ended (exit code {self.exit_code}) without: {what}{self._crash()}"
                )
            if time.monotonic() > deadline:
                self.kill()
                raise HarnessError(f"gave up after {limit:.0f} s waiting for: {what}")

    def wait(self) -> None:
        """Wait for the end of the process; an exception inside it is an error here."""
        deadline = time.monotonic() + LIMIT
        while not self.poll(0.05):
            if time.monotonic() > deadline:
                self.kill()
                raise HarnessError(f"gave up after {LIMIT:.0f} s waiting for: the end of the process")
        if crash := self._crash():
            raise HarnessError(f"the harness failed in its process{crash}")

    def kill(self) -> None:
        """SIGKILL the process and all that it started; on 3.4 a task has a process group of its own."""
        if self.exit_code is None:
            for process in [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            os.waitpid(self.pid, 0)
            self.exit_code = -signal.SIGKILL
            self._drain()

    def _read(self, seconds: float) -> bool:
        """Take reports, waiting at most these seconds for one; whether there was anything to read."""
        if not select.select([self._reader], [], [], seconds)[0]:
            return False
        data = os.read(self._reader, 65536)
        if not data:
            time.sleep(0.002)  # the process is about to end, and until then select() would not wait
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        self.reports += [json.loads(line) for line in lines]
        return bool(data)

    def _drain(self) -> None:
        """Take what was reported before the end, and close the pipe."""
        while self._read(0):
            pass
        os.close(self._reader)

    def _crash(self) -> str:
        return next((":\n" + report["crash"] for report in self.reports if "crash" in report), "")


class Outage:
    """The next looks at a child fail, once the test has sent SIGUSR1 to this process."""

    def __init__(self) -> None:
        self.left: int = 0
        signal.signal(signal.SIGUSR1, self._begin)

    def _begin(self, *_: object) -> None:
        self.left = 3

    def strikes(self) -> bool:
        """Whether this look is to fail."""
        self.left -= 1
        return self.left >= 0


def _write(writer: int, report: dict[str, Any]) -> None:
    os.write(writer, json.dumps(report, default=str).encode() + b"\n")
