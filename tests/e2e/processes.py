"""The processes, ports and folder of a stack: how they are found again, and how all of them end.

Every process of a stack is started with its working directory in a folder that nothing else uses. That finds
them whatever they were renamed to and whoever adopted them, and can never find a process of anyone else.

Run as a program, this module is the guard: it does the teardown should the tool itself be killed.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STOP_SECONDS: Final = 30
ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Below the ephemeral ports (32768 on Linux): the stack's own outgoing connections can then not take a port
# that was found free here but is bound by Airflow only seconds later.
PORTS: Final = range(15000, 32000)


def cwd(home: Path) -> Path:
    """The working directory of every Airflow process of a stack."""
    return home / "cwd"


def data(home: Path) -> Path:
    """The data directory of a stack's Postgres, which is where its processes work."""
    return home / "data"


def stack_processes(home: Path) -> list[psutil.Process]:
    """Every live process of the stack in `home`: those working in its two folders, and all below them.

    Not by parent alone (a killed supervisor's child has another parent), and not by name or environment
    (Airflow renames its processes, which overwrites both). The folders are the stack's own, so a shell that
    looks at logs is no match.
    """
    folders = {str(cwd(home)), str(data(home))}
    parents: dict[int, int] = {}
    found: set[int] = set()
    processes: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            parents[process.pid] = process.ppid()
            processes[process.pid] = process
            if process.cwd() in folders:
                found.add(process.pid)
    while below := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= below
    return [processes[pid] for pid in sorted(found - {os.getpid()})]


def sweep(home: Path, *, keep: bool) -> list[str]:
    """End every process of the stack in `home`, then remove the folder; return what withstood.

    Airflow is killed outright: its database is thrown away. Postgres is asked first, because killed it would
    leave a shared memory segment behind.
    """
    deadline = time.monotonic() + STOP_SECONDS
    asked: set[int] = set()
    while (processes := stack_processes(home)) and time.monotonic() < deadline:
        airflow = [process for process in processes if not is_postgres(process)]
        patient = not airflow and time.monotonic() < deadline - STOP_SECONDS / 2
        pids = {process.pid for process in processes}
        for process in airflow or processes:
            with contextlib.suppress(psutil.Error):
                if not patient:
                    process.kill()
                elif process.ppid() not in pids and process.pid not in asked:
                    process.send_signal(signal.SIGINT)  # the postmaster: roll back, disconnect, end
                    asked.add(process.pid)
        time.sleep(0.1)
    left = [f"process {process.pid}" for process in processes]
    if not keep:
        shutil.rmtree(home, ignore_errors=True)
        left += [str(home)] if home.exists() else []
    return left


def kill(processes: Sequence[psutil.Process], until_gone: float = STOP_SECONDS) -> list[int]:
    """SIGKILL processes and return their pids, once the kernel is done with all of them.

    All are stopped first, so that none can see another's end and do something about it.

    :raises TimeoutError: some are still there.
    """
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
    deadline = time.monotonic() + until_gone
    while left := [process.pid for process in processes if alive(process)]:
        if time.monotonic() > deadline:
            msg = f"killed, and still there after {until_gone:.0f} s: {left}"
            raise TimeoutError(msg)
        time.sleep(0.05)
    return [process.pid for process in processes]


def alive(process: psutil.Process) -> bool:
    """A zombie is not: whoever adopted it has not looked yet, which in a container may be never."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def free_ports(names: Sequence[str]) -> dict[str, int]:
    """A free port for each name, all different."""
    found: dict[str, int] = {}
    for port in random.SystemRandom().sample(PORTS, 500):
        if len(found) == len(names):
            break
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            found[names[len(found)]] = port
    return found


def listening(port: int) -> bool:
    """Whether anything accepts connections on a loopback port."""
    with contextlib.closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C and its like off: an impatient second Ctrl-C must not leave half a teardown."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    saved = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in saved.items():
            signal.signal(number, handler)


def start_guard(home: Path, *, keep: bool) -> subprocess.Popen[bytes]:
    """Start a process that cleans up should this one be killed: its input ends when this process does."""
    return subprocess.Popen(
        [sys.executable, __file__, str(home), *(["--keep"] if keep else [])],
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def release_guard(guard: subprocess.Popen[bytes]) -> None:
    """Let the guard go, once there is nothing left to guard."""
    if guard.stdin is not None:
        guard.stdin.close()
    guard.wait(timeout=STOP_SECONDS)


def _guard(home: Path, *, keep: bool) -> None:
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    if home.exists():
        sweep(home, keep=keep)


def is_postgres(process: psutil.Process) -> bool:
    """Whether a process is one of the database server's."""
    with contextlib.suppress(psutil.Error):
        return process.name() in {"postgres", "initdb"}
    return False


if __name__ == "__main__":
    _guard(Path(sys.argv[1]), keep="--keep" in sys.argv)
