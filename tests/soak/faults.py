"""The faults of a soak: each hurts a stack, leaves it hurt for a while, and heals it."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import psutil

from tests.e2e import processes
from tests.e2e.environment import StackError
from tests.e2e.stack import POSTGRES
from tests.soak.checker import END_STATES
from tests.soak.kinds import SIBLING, TASK

if TYPE_CHECKING:
    from tests.e2e.stack import Stack
    from tests.soak.history import Recorder
    from tests.soak.proxy import Proxy

HEARTBEAT_TIMEOUT_SECONDS: Final = 15
"""After so long without a heartbeat Airflow gives up a task in these stacks."""
TARGET_SECONDS: Final = 20.0
"""How long a fault waits for something to hurt."""


class Missing(Exception):
    """There was nothing to hurt, or this machine cannot do it; says which."""


class Soak(Protocol):
    """What the faults need of a running soak."""

    stack: Stack
    proxy: Proxy
    recorder: Recorder
    down: set[str]
    """Parts that are not to be brought back yet."""

    def parents(self) -> list[dict[str, Any]]:
        """Return the task instances of the parents as last seen."""

    def recreate(self, dag: str, run: str) -> bool:
        """Delete a parent's run and trigger it again; return whether it was deleted."""

    def clear(self, dag: str, run: str, task: str) -> None:
        """Clear a task of a parent's run."""


@dataclass(frozen=True, slots=True)
class Hurt:
    """What was hurt, and for how many seconds."""

    target: dict[str, Any]
    seconds: float = 0.0


Fault = Callable[[Soak, float], AbstractContextManager[Hurt]]
"""Called with a chance in [0, 1); the stack is hurt inside the block and healed after it."""
FAULTS: dict[str, Fault] = {}


def fault(*names: str) -> Callable[[Callable[..., Iterator[Hurt]]], Callable[..., Iterator[Hurt]]]:
    """Register a generator under names; one of several is told its name as the last argument."""

    def keep(function: Callable[..., Iterator[Hurt]]) -> Callable[..., Iterator[Hurt]]:
        managed = contextmanager(function)
        for name in names:
            FAULTS[name] = (
                managed if len(names) == 1 else lambda soak, chance, name=name: managed(soak, chance, name)  # type: ignore[misc]
            )
        return function

    return keep


def possible(executor: str, *, task_sdk: bool, can_mount: bool) -> frozenset[str]:
    """Return the faults that can happen to a kind of stack."""
    found = set(FAULTS)
    if executor == "celery":
        found.discard("kill-executor")
    else:
        found -= {"kill-worker", "kill-redis"}
    if not task_sdk:  # the scheduler parses; workers talk to the database, not to an API
        found -= {"kill-dag-processor", "cut-5xx"}
    if not can_mount:
        found.discard("full-disk")
    return frozenset(found)


def _chosen(soak: Soak, chance: float, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + TARGET_SECONDS
    while not (found := [parent for parent in soak.parents() if wanted(parent)]):
        if time.monotonic() > deadline:
            raise Missing("no parent was in a state that this fault needs")
        time.sleep(0.5)
    found.sort(key=lambda each: (each["dag"], each["run"], each["index"]))
    return found[int(chance * len(found))]


def _running(soak: Soak, chance: float) -> tuple[dict[str, Any], psutil.Process, psutil.Process]:
    """Choose a parent that runs; return it with its supervisor and its process."""
    deadline = time.monotonic() + TARGET_SECONDS
    while True:
        parent = _chosen(soak, chance, lambda each: each["state"] == "running")
        try:
            supervisor, process = soak.stack.task_host(parent["dag"], parent["run"], TASK, parent["index"])
            return _target(parent), supervisor, process
        except (StackError, psutil.Error):
            if time.monotonic() > deadline:
                raise Missing("no parent ran in a process that is known") from None
            time.sleep(0.5)


def _target(parent: dict[str, Any]) -> dict[str, Any]:
    return {name: parent[name] for name in ("dag", "run", "index", "try")}


@fault("kill-task", "kill-supervisor", "kill-host")
def _kill(soak: Soak, chance: float, name: str) -> Iterator[Hurt]:
    target, supervisor, process = _running(soak, chance)
    doomed = {"kill-task": [process], "kill-supervisor": [supervisor], "kill-host": [supervisor, process]}
    # Killed one by one: a supervisor that is stopped first could not lose its task alone.
    for each in doomed[name]:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    yield Hurt(target)


@fault("freeze")
def _freeze(soak: Soak, chance: float) -> Iterator[Hurt]:
    target, supervisor, process = _running(soak, chance)
    frozen = (supervisor, process)
    for each in frozen:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.suspend()
    try:
        yield Hurt(target, HEARTBEAT_TIMEOUT_SECONDS + 5 + 10 * chance)
    finally:
        for each in reversed(frozen):  # the task first: it may have its trigger on the way
            with contextlib.suppress(psutil.NoSuchProcess):
                each.resume()


@fault("cut-refused", "cut-dropped-answers", "cut-5xx")
def _cut(soak: Soak, chance: float, name: str) -> Iterator[Hurt]:
    mode = name.removeprefix("cut-")
    soak.proxy.cut(mode)
    try:
        yield Hurt(
            {"connection": "API server" if soak.stack.environment.task_sdk else "database"}, 3 + 9 * chance
        )
    finally:
        soak.proxy.cut("pass")


@fault("clear")
def _clear(soak: Soak, chance: float) -> Iterator[Hurt]:
    parent = _chosen(
        soak, chance, lambda each: each["state"] in (*END_STATES, "running", "up_for_retry", "deferred")
    )
    soak.clear(parent["dag"], parent["run"], TASK)
    yield Hurt(_target(parent))


@fault("clear-sibling")
def _clear_sibling(soak: Soak, chance: float) -> Iterator[Hurt]:
    parent = _chosen(soak, chance, lambda each: each["state"] in ("running", "deferred", "up_for_retry"))
    soak.clear(parent["dag"], parent["run"], SIBLING)
    yield Hurt(_target(parent))


@fault("recreate")
def _recreate(soak: Soak, chance: float) -> Iterator[Hurt]:
    parent = _chosen(soak, chance, lambda each: each["run_state"] in ("success", "failed"))
    if not soak.recreate(parent["dag"], parent["run"]):
        raise Missing("Airflow did not delete the run")
    yield Hurt(_target(parent))


_PARTS: Final = {
    "kill-api-server": None,  # whichever answers the web
    "kill-scheduler": "scheduler",
    "kill-triggerer": "triggerer",
    "kill-dag-processor": "dag-processor",
    "kill-postgres": POSTGRES,
    "kill-redis": "redis",
    "kill-worker": "worker",
}


@fault(*_PARTS)
def _kill_part(soak: Soak, chance: float, name: str) -> Iterator[Hurt]:
    part = _PARTS.get(name) or soak.stack.web_part
    if part == "worker":
        part = "worker-1" if chance < 0.5 else "worker-2"
    soak.down.add(part)
    try:
        soak.stack.kill_part(part)
        soak.recorder.write("part", part=part, up=False)
        yield Hurt({"part": part}, 2 + 8 * chance)
    finally:
        soak.down.discard(part)


@fault("kill-executor")
def _kill_executor(soak: Soak, chance: float) -> Iterator[Hurt]:
    """The scheduler with its local executor and all tasks: a machine that is gone."""
    soak.down.add("scheduler")
    try:
        soak.stack.kill_part("scheduler")
        soak.recorder.write("part", part="scheduler", up=False)
        processes.kill(soak.stack.task_processes())
        yield Hurt({"part": "scheduler", "with": "all tasks"}, 2 + 8 * chance)
    finally:
        soak.down.discard("scheduler")


@fault("full-disk")
def _full_disk(soak: Soak, chance: float) -> Iterator[Hurt]:
    """Tasks cannot write their logs: a file system without space lies over the folder."""
    folder = soak.stack.home / "logs"
    command = ["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=40", "soak", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        raise Missing("mounting a file system needs root")
    with contextlib.suppress(OSError):
        (folder / "filler").write_bytes(b"\0" * 65536)
    try:
        yield Hurt({"folder": "logs"}, 5 + 10 * chance)
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=True)
