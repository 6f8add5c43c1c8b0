"""A real Airflow with the CeleryExecutor: a stack with Redis and two workers besides, each a part of it."""

from __future__ import annotations

import contextlib
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar, Final

import psutil

from tests.e2e import processes, redis
from tests.e2e.environment import StackError
from tests.e2e.redis import REQUIREMENTS
from tests.e2e.stack import Stack, _tail, _title

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = ["CONFIG", "REDIS", "REQUIREMENTS", "WORKERS", "CeleryStack"]

REDIS: Final = "redis"
WORKERS: Final = ("worker-1", "worker-2")

CONFIG: Final[Mapping[str, str]] = {
    "core.executor": "CeleryExecutor",
    # One worker has to hold five parents and their children, should the other one be lost.
    "celery.worker_concurrency": "12",
    "core.parallelism": "24",
    # A message that Redis has forgotten: how soon the scheduler sends another one. Ten minutes by default.
    "scheduler.task_queued_timeout": "20",
    "scheduler.task_queued_timeout_check_interval": "5",
    # Longer than any test: a message that is delivered again is a fault of its own.
    "celery_broker_transport_options.visibility_timeout": "3600",
}
"""Airflow options under the caller's own."""


class CeleryStack(Stack):
    """As `Stack`, with the parts `redis`, `worker-1` and `worker-2` besides.

    `kill_part` takes a worker with its pool and its tasks, and Redis with all that it knows. On 3.x the
    process of the pool is the supervisor of its task; on 2.11 there is a supervisor between them.
    """

    PORTS: ClassVar[Sequence[str]] = (*Stack.PORTS, REDIS)

    def __init__(
        self,
        python: Path,
        dags: Path,
        *,
        config: Mapping[str, str] | None = None,
        needs: Iterable[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(
            python, dags, config={**CONFIG, **(config or {})}, needs=[*needs, "celery"], **options
        )

    def warm_shutdown(self, worker: str) -> psutil.Process:
        """SIGTERM a worker, which then takes no new task and ends after those it has; return its process.

        It goes on as long as its tasks do: see :func:`tests.e2e.processes.alive`.
        """
        process = self._worker(worker)
        process.terminate()
        return process

    def worker_of(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
        """The worker that a running task is on."""
        task = self.task_process(dag_id, run_id, task_id, map_index)
        for process in task.parents():
            if (part := self._part_of(process)) in WORKERS:
                return str(part)
        raise StackError("task process", f"pid {task.pid} is below no worker")

    def kill_pool_process(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> list[int]:
        """SIGKILL the process of the worker's pool alone that a task runs below; what it started goes on."""
        worker = self._worker(self.worker_of(dag_id, run_id, task_id, map_index))
        above = self.task_process(dag_id, run_id, task_id, map_index).parents()
        return processes.kill([process for process in above if process.ppid() == worker.pid])

    # --- starting ---

    @property
    def _parts(self) -> tuple[str, ...]:
        return (REDIS, *super()._parts, *WORKERS)

    def _environ(self) -> dict[str, str]:
        broker = {"AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{self.ports[REDIS]}/0"}
        backend = self._dsn("airflow").replace("postgresql:", "db+postgresql:")
        return {**super()._environ(), **broker, "AIRFLOW__CELERY__RESULT_BACKEND": backend}

    def _start_airflow(self, deadline: float) -> None:
        """Part by part, and side by side from the migration on: `airflow standalone` has its own executor."""
        self._start_part(deadline, REDIS)
        self._migrate(deadline)
        if not self.environment.task_sdk:
            self._create_user(deadline)
        others = [part for part in self._parts if part != REDIS]
        with ThreadPoolExecutor(len(others)) as pool:
            for _ in pool.map(lambda part: self._start_part(deadline, part), others):
                pass
        self._await_dags(deadline)

    def _create_user(self, deadline: float) -> None:
        """On 2.11, where :attr:`login` expects them; 3.x does it by itself."""
        name, password = "admin", self._password
        (self.home / "standalone_admin_password.txt").write_text(password)
        user = ("--username", name, "--role", "Admin", "--password", password)
        names = ("--firstname", name, "--lastname", name, "--email", "admin@example.com")
        self._finish(deadline, "user", "users", "create", *user, *names)

    def _start_part(self, deadline: float, part: str, python: Path | None = None) -> None:
        if part not in (REDIS, *WORKERS):
            super()._start_part(deadline, part, python)
            return
        log = self._new_log(part)
        process = self._start_redis(log) if part == REDIS else self._start_worker(part, log, python)
        while not (redis.answers(self.ports[REDIS]) if part == REDIS else _is_ready(log)):
            if process.poll() is not None:
                raise StackError(part, f"ended with code {process.returncode}", _tail(log))
            self._wait(deadline, part, f"starting {part}", log)

    def _start_redis(self, log: Path) -> subprocess.Popen[bytes]:
        try:
            server = redis.start(processes.cwd(self.home), self.ports[REDIS], log)
        except (OSError, RuntimeError) as error:
            raise StackError(REDIS, str(error)) from error
        self._started.append(server)
        return server

    def _start_worker(self, worker: str, log: Path, python: Path | None) -> subprocess.Popen[bytes]:
        # It is found again by its pid file. --celery-hostname would do harm with older providers: the worker
        # then opens a connection before it forks, and its pool hangs (apache/airflow#59707). Without mingling
        # and gossip nobody minds that both workers have the same name.
        command = ["celery", "worker", "--pid", str(self.home / f"{log.stem}.pid"), "--skip-serve-logs"]
        command += ["--without-mingle", "--without-gossip"]
        return self._popen(log, *command, python=python)

    # --- processes ---

    def _worker(self, worker: str) -> psutil.Process:
        process = self._part_processes().get(worker)
        if process is None:
            raise StackError(worker, "is not running")
        return process

    def _part_of(self, process: psutil.Process) -> str | None:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() == redis.NAME:
                return REDIS
        # Celery repeats the arguments in the name of the worker itself, not in those of its pool.
        if found := re.search(r"celery worker --pid \S+/(worker-\d)-\d+\.pid", _title(process)):
            return found[1]
        return super()._part_of(process)

    def _supervises(self, process: psutil.Process) -> bool:
        """Any process below a worker: Airflow renames those of the pool as it likes."""
        return any(self._part_of(each) in WORKERS for each in process.parents())


def _is_ready(log: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return bool(re.search(r"celery@\S+ ready\b", log.read_text(errors="replace")))
    return False
