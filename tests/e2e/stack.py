"""A real Airflow in a temporary home, for one `with` block: scheduler, API server, triggerer, Postgres.

The tool side (this module, the demo, the tests) runs in an interpreter of its own and needs no Airflow; the
Airflow under test is whatever `python` belongs to. States are read from the database by SQL, which costs the
scheduler nothing and shows every change; actions go through the REST API.

A stack can be hurt in all the ways a real one is: a task's process or its whole worker killed or frozen, a
part killed and brought back, the power cut - and afterwards the same home and database under another Airflow.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import psutil
import psycopg2
import psycopg2.extras

from tests.e2e import postgres, processes
from tests.e2e.environment import LOG_LINES, Environment, StackError

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

Report = Callable[[str], None]
"""Called again and again with what is being waited for; the caller decides how to show it."""

START_SECONDS: Final = 180
"""From an empty folder to parsed DAGs. Usually 20-30 s; migrations on a busy machine take the longest."""

PARTS: Final = ("scheduler", "dag-processor", "api-server", "webserver", "triggerer")
"""What `airflow standalone` starts; the subcommands, and the marks of their lines in its output."""

JOBS: Final = {"scheduler": "SchedulerJob", "dag-processor": "DagProcessorJob", "triggerer": "TriggererJob"}
"""The part's row in the table `job`, where it has one."""

POSTGRES: Final = "Postgres"

STUCK_SECONDS: Final = 30
"""How long after its last sign a part is taken for dead; they give one every 5."""


@dataclass(frozen=True)
class Run:
    """One dag run, as the database has it."""

    run_id: str
    state: str


@dataclass(frozen=True)
class Task:
    """One task instance, as the database has it. `pid` is the task process itself on every Airflow."""

    state: str | None
    try_number: int
    pid: int | None


class Stack:
    """`with Stack(python, dags) as stack:` runs Airflow until the block ends, however it ends.

    :param python: interpreter of the environment Airflow is installed in.
    :param dags: the DAG folder.
    :param dag_ids: DAGs that must be parsed before the stack counts as up.
    :param needs: modules the Airflow environment must have for those DAGs.
    :param config: Airflow options, as `{"section.option": "value"}`, over the ones a stack needs.
    :param environ: environment variables of the Airflow processes, over a minimal environment.
    :param keep: leave the folder (logs, database) behind for a look; processes end all the same.
    :param report: progress.
    """

    PORTS: ClassVar[Sequence[str]] = ("postgres", "web", "task_logs", "trigger_logs", "health")

    def __init__(
        self,
        python: Path,
        dags: Path,
        *,
        dag_ids: Sequence[str] = (),
        needs: Sequence[str] = (),
        config: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        keep: bool = False,
        report: Report = lambda text: None,
    ) -> None:
        # Not resolve(): the python of a virtual environment is a symlink out of that environment.
        self.python = Path.cwd() / python
        self.dags = dags.resolve()
        self.dag_ids = tuple(dag_ids)
        self.needs = tuple(needs)
        self.keep = keep
        self.home = Path()
        self.ports: dict[str, int] = {}
        self.environment: Environment
        self._config = dict(config or {})
        self._extra_environ = dict(environ or {})
        self._report = report
        self._password = secrets.token_urlsafe(16)
        # What is encrypted in the database has to be readable after an upgrade, and by every part.
        self._fernet_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        self._token = ""
        self._started: list[subprocess.Popen[bytes]] = []
        self._guard: subprocess.Popen[bytes] | None = None
        self._connection: Any = None
        self.stuck_seconds = STUCK_SECONDS
        self.database_port: int | None = None
        """Where Airflow finds its database, if that is not the port of Postgres itself."""
        self.left: list[str] = []
        """What withstood the teardown; empty, or something is wrong with it."""

    # --- life ---

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self.left and error is None:
            raise StackError("teardown", "left behind: " + ", ".join(self.left))

    def start(self) -> None:
        """Bring everything up, or raise `StackError` naming the part that did not come."""
        deadline = time.monotonic() + START_SECONDS
        # Resolved, because the kernel reports working directories that way.
        self.home = Path(tempfile.mkdtemp(prefix="trigger-compat-e2e-")).resolve()
        self._guard = processes.start_guard(self.home, keep=self.keep)
        self.home.chmod(0o711)  # Postgres may run under another account
        for folder in (processes.cwd(self.home), processes.data(self.home), self.home / "tmp", self._logs):
            folder.mkdir()
        # A copy, so that Airflow leaves no bytecode in the original.
        shutil.copytree(
            self.dags, self.home / "dags", ignore=shutil.ignore_patterns("__pycache__", self.home.name)
        )
        self.ports = processes.free_ports(self.PORTS)

        self._report("looking at the Airflow environment")
        self.environment = Environment.of(self.python, self._environ(), self.needs)
        self._report("starting Postgres")
        try:
            postgres.create(self.home, self._password)
        except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
            raise StackError(POSTGRES, str(error), _tail(postgres.log_file(self.home))) from error
        self._start_postgres(deadline, "postgres")
        with self._connection.cursor() as cursor:
            cursor.execute("create database airflow")
        self._connection.close()
        self._connection = self._connect("airflow")
        self._report("starting Airflow")
        self._start_airflow(deadline)

    def stop(self) -> None:
        """End every process and remove the folder. May be called again."""
        if self._guard is None:
            return
        with processes.uninterrupted():
            if self._connection is not None:
                self._connection.close()
            left = processes.sweep(self.home, keep=self.keep)
            for process in self._started:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=1)
            ports = self.ports.items()
            left += [f"port {port} ({name})" for name, port in ports if processes.listening(port)]
            self.left = left
            processes.release_guard(self._guard)
            self._guard = None

    # --- what a test or the demo asks ---

    def query(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Rows of the metadata database."""
        try:
            if self._connection.closed:  # by a server that was killed and is back
                self._connection = self._connect("airflow")
            with self._connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                cursor.execute(sql, values)
                return [dict(row) for row in cursor.fetchall()]
        except psycopg2.Error as error:
            raise StackError(POSTGRES, str(error).strip(), _tail(postgres.log_file(self.home))) from error

    def runs(self, dag_id: str) -> list[Run]:
        """Every run of a DAG, oldest first."""
        rows = self.query("select run_id, state from dag_run where dag_id = %s order by id", dag_id)
        return [Run(row["run_id"], row["state"]) for row in rows]

    def task(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Task | None:
        """A task instance, or None while the scheduler has not made it yet."""
        rows = self.query(
            "select * from task_instance where dag_id = %s and run_id = %s and task_id = %s",
            *(dag_id, run_id, task_id),
        )
        for row in rows:
            # Airflow 3.4 calls the index otherwise, and keeps the rows of earlier tries beside the live one.
            index = row.get("map_index", row.get("region_index"))
            if index == map_index and row.get("working_set", True):
                return Task(row["state"], row["try_number"], row["pid"])
        return None

    def rest(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Call the public REST API: `path` is what follows `/api/v1` (Airflow 2) or `/api/v2`."""
        headers = {"Authorization": self._authorization()}
        if body is not None:  # Airflow 2 refuses a request that promises JSON and has none
            headers["Content-Type"] = "application/json"
        api = "/api/v2" if self.environment.task_sdk else "/api/v1"
        return self._http(method, api + path, body, headers)

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, object] | None = None) -> str:
        """Start a run of a DAG, as the UI would."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        body = {"dag_run_id": run_id, "logical_date": now, "conf": dict(conf or {})}
        self.rest("POST", f"/dags/{dag_id}/dagRuns", body)
        return run_id

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear a task instance, as the UI would."""
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "only_failed": False}
        body["reset_dag_runs"] = True  # the default of Airflow 3 alone
        self.rest("POST", f"/dags/{dag_id}/clearTaskInstances", body)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str) -> Any:
        """An XCom value, or None when there is none (yet)."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return (self._rest_or_none(path) or {}).get("value")

    def links(self, dag_id: str, run_id: str, task_id: str) -> dict[str, str | None]:
        """The extra links of a task instance, by name."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links"
        answer = self._rest_or_none(path) or {}
        return dict(answer.get("extra_links", answer))

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[str]:
        """The messages a try has logged so far; empty before its first."""
        folder = self._logs / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        try:
            lines = (folder / f"attempt={try_number}.log").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []
        return [_message(line) for line in lines]

    def ask(self, code: str) -> str:
        """What a piece of Python prints in the Airflow environment, configured as this stack is."""
        answer = subprocess.run(
            [str(self.python), "-c", code],
            cwd=processes.cwd(self.home),
            env=self._environ(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if answer.returncode:
            raise StackError("Airflow environment", f"failed: {code}", _last(answer.stderr.splitlines()))
        return str(answer.stdout).strip()

    @property
    def url(self) -> str:
        """Where the web UI is."""
        return f"http://127.0.0.1:{self.ports['web']}"

    @property
    def web_part(self) -> str:
        """The part that answers there."""
        return "api-server" if self.environment.task_sdk else "webserver"

    @property
    def login(self) -> tuple[str, str]:
        """Name and password of a user who may do everything, as `airflow standalone` made them."""
        if self.environment.task_sdk:
            passwords = (self.home / "simple_auth_manager_passwords.json.generated").read_text()
            return "admin", str(json.loads(passwords)["admin"])
        return "admin", (self.home / "standalone_admin_password.txt").read_text().strip()

    @property
    def path(self) -> str:
        """The path that the package takes on this Airflow where none is forced."""
        code = "from trigger_compat import dispatch; print(dispatch.default_path(dispatch.release()))"
        return self.ask(code).splitlines()[-1]

    def task_process(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> psutil.Process:
        """The process that runs a task instance right now; an error rather than a guess when in doubt.

        The database has its pid on every Airflow. That alone is not enough to kill by: the pid must also be a
        process of this stack, below a supervisor that belongs to the executor.
        """
        task = self.task(dag_id, run_id, task_id, map_index)
        name = f"{dag_id}.{task_id} [{map_index}]"
        if task is None or task.state != "running" or not task.pid:
            raise StackError("task process", f"{name} is not running: {task}")
        process = next((p for p in processes.stack_processes(self.home) if p.pid == task.pid), None)
        if process is None:
            raise StackError("task process", f"pid {task.pid} of {name} is no process of this stack")
        if not self._supervises(above := _supervisor(process)):
            raise StackError("task process", f"pid {task.pid} of {name} runs below {_title(above)!r}")
        return process

    def is_running(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> bool:
        """Whether a task runs in a process that is known."""
        task = self.task(dag_id, run_id, task_id, map_index)
        return task is not None and task.state == "running" and bool(task.pid)

    def kill_task(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> list[int]:
        """SIGKILL the process of a task (out of memory, say); its supervisor lives and reports it."""
        return processes.kill([self.task_process(dag_id, run_id, task_id, map_index)])

    def kill_host(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> list[int]:
        """SIGKILL supervisor and task: a machine that is gone. Only heartbeats that stay away tell of it."""
        return processes.kill(self.task_host(dag_id, run_id, task_id, map_index))

    def task_host(
        self, dag_id: str, run_id: str, task_id: str, map_index: int = -1
    ) -> tuple[psutil.Process, psutil.Process]:
        """The supervisor of a running task, and the task's process."""
        process = self.task_process(dag_id, run_id, task_id, map_index)
        return _supervisor(process), process

    def task_processes(self) -> list[psutil.Process]:
        """Every process of the local executor, and of the tasks below it."""
        found = [each for each in processes.stack_processes(self.home) if _runs_tasks(each)]
        for process in found:  # which grows: the children's children as well
            with contextlib.suppress(psutil.NoSuchProcess):
                found += [child for child in process.children() if child not in found]
        return found

    def kill_part(self, part: str) -> list[int]:
        """SIGKILL one of :data:`PARTS`, or Postgres, with all that belongs to it, until :meth:`revive`.

        Tasks go on without their scheduler, as those of any executor but the local one would.
        """
        running = self._part_processes()
        if part not in running:
            raise StackError(part, f"is not running; there are {sorted(running)}")
        doomed = [running[part]]
        for process in doomed:  # which grows: the children's children as well
            with contextlib.suppress(psutil.NoSuchProcess):
                doomed += [each for each in process.children() if "LocalExecutor" not in _title(each)]
        ports = self._database_ports(doomed)
        killed = processes.kill(doomed)
        self._reap()
        if part != POSTGRES:
            # A worker of the local executor has inherited its scheduler's connection: left open by it, the
            # dead scheduler's transaction would keep its rows locked, and the new one would skip them.
            sql = "select pg_terminate_backend(pid) from pg_stat_activity where client_port = any(%s)"
            self.query(sql, ports)
        return killed

    def revive(self, python: Path | None = None, *, but: Container[str] = ()) -> list[str]:
        """Start every part that has ended, Postgres too, as it was; return which, once they are up.

        :param python: interpreter of another environment with the same Airflow for these parts.
        :param but: parts to leave as they are. While Postgres is one of them and down, nothing is started.

        A process manager would do that for a part that Airflow itself gives up, as its scheduler does some
        seconds after the database was away; its probe would also end a part that lives but does nothing any
        more, as that scheduler does for as long as a task of its local executor runs.
        """
        deadline = time.monotonic() + START_SECONDS
        if POSTGRES in (running := self._part_processes()):
            for part in sorted(part for part in self._stuck() & running.keys() if part not in but):
                with contextlib.suppress(StackError):  # it has just ended by itself
                    self.kill_part(part)
        running = self._part_processes()
        if POSTGRES in but and POSTGRES not in running:
            return []
        absent = [part for part in (POSTGRES, *self._parts) if part not in running and part not in but]
        if POSTGRES in absent:
            self._start_postgres(deadline, "airflow")
        for part in absent:
            if part != POSTGRES:
                self._start_part(deadline, part, python)
        return absent

    def kill_web_if_it_hangs(self) -> None:
        """SIGKILL the API server if it lives and does not answer, as a liveness probe would."""
        if self.web_part in self._part_processes() and not self._web_answers():
            self.kill_part(self.web_part)

    def power_cut(self) -> int:
        """SIGKILL every process at once; return how many. Folder and database stay for :meth:`power_on`."""
        killed = 0
        while running := processes.stack_processes(self.home):
            killed += len(processes.kill(running))
        self._reap()
        self._connection.close()
        return killed

    def power_on(self, python: Path | None = None) -> None:
        """Start again on the same folder and database; with another interpreter, that upgrades Airflow.

        :param python: interpreter of the new Airflow's environment; None is the one there was.
        """
        deadline = time.monotonic() + START_SECONDS
        self.python = Path.cwd() / (python or self.python)
        self._token = ""
        # All options come from the environment; this file only has the old version's defaults, which the new
        # one would take for choices.
        self.home.joinpath("airflow.cfg").unlink(missing_ok=True)
        self.environment = Environment.of(self.python, self._environ(), self.needs)
        self._start_postgres(deadline, "airflow")
        self._report(f"migrating the database to Airflow {self.environment.airflow}")
        self._migrate(deadline)
        # The scheduler last, as in production, because there are tasks to run from its first moment on. Begun
        # before the API server answers, a try ends at once; and a migration from Airflow 2 forgets what was
        # parsed.
        for part in sorted(self._parts, key=lambda name: name == "scheduler"):
            self._start_part(deadline, part)
            if part == "dag-processor":
                self._await_dags(deadline)

    # --- starting ---

    @property
    def _logs(self) -> Path:
        return self.home / "logs"

    def _dsn(self, database: str, port: int | None = None) -> str:
        login = f"{postgres.USER}:{self._password}"
        return f"postgresql://{login}@127.0.0.1:{port or self.ports['postgres']}/{database}"

    @property
    def _parts(self) -> tuple[str, ...]:
        """The parts that this Airflow has."""
        if self.environment.task_sdk:
            return ("api-server", "scheduler", "dag-processor", "triggerer")
        return ("webserver", "scheduler", "triggerer")

    def _part_processes(self) -> dict[str, psutil.Process]:
        """The topmost live process of each part, and of Postgres."""
        found: dict[str, psutil.Process] = {}
        running = processes.stack_processes(self.home)
        of_postgres = {process.pid for process in running if processes.is_postgres(process)}
        for process in running:
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.pid in of_postgres and process.ppid() not in of_postgres:
                    found[POSTGRES] = process
                elif part := self._part_of(process):
                    above = process.parent()
                    if above is None or self._part_of(above) != part:
                        found[part] = process
        return found

    def _part_of(self, process: psutil.Process) -> str | None:
        return _part_of(process)

    def _supervises(self, process: psutil.Process) -> bool:
        """Whether a process above a task's is its supervisor."""
        title = _title(process)
        return "LocalExecutor" in title or "airflow task supervisor" in title

    def _database_ports(self, of: Sequence[psutil.Process]) -> list[int]:
        """The near ends of the connections to the database that these processes have."""
        to = self.ports["postgres"]
        found = []
        for process in of:
            with contextlib.suppress(psutil.Error):
                connections = process.net_connections(kind="tcp")
                found += [c.laddr.port for c in connections if getattr(c.raddr, "port", None) == to]
        return found

    def _connect(self, database: str) -> Any:
        connection = psycopg2.connect(self._dsn(database), connect_timeout=5)
        connection.autocommit = True
        return connection

    def _connects(self, database: str) -> bool:
        with contextlib.suppress(psycopg2.OperationalError):
            self._connection = self._connect(database)
            return True
        return False

    def _start_postgres(self, deadline: float, database: str) -> None:
        log = postgres.log_file(self.home)
        try:
            server = postgres.start(self.home, self.ports["postgres"])
        except OSError as error:
            raise StackError(POSTGRES, str(error), _tail(log)) from error
        self._started.append(server)
        while not self._connects(database):
            if server.poll() is not None:
                raise StackError(POSTGRES, f"ended with code {server.returncode}", _tail(log))
            self._wait(deadline, POSTGRES, "starting Postgres", log)

    def _popen(self, log: Path, *command: str, python: Path | None = None) -> subprocess.Popen[bytes]:
        """Start an `airflow` command."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(python or self.python), "-m", "airflow", *command],
                cwd=processes.cwd(self.home),
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def _start_part(self, deadline: float, part: str, python: Path | None = None) -> None:
        before = self._newest_job() if part in JOBS else 0
        log = self._new_log(part)
        process = self._popen(log, part, python=python)
        while not (self._runs(JOBS[part], before) if part in JOBS else self._web_answers()):
            if process.poll() is not None:
                raise StackError(part, f"ended with code {process.returncode}", _tail(log))
            self._wait(deadline, part, f"starting the {part}", log)

    def _migrate(self, deadline: float) -> None:
        self._finish(deadline, "migration", "db", "migrate")

    def _finish(self, deadline: float, name: str, *command: str) -> None:
        """Run an `airflow` command to its end."""
        log = self._new_log(name)
        process = self._popen(log, *command)
        while process.poll() is None:
            self._wait(deadline, name, f"airflow {' '.join(command[:2])}", log)
        if process.returncode:
            raise StackError(name, f"ended with code {process.returncode}", _tail(log))

    def _stuck(self) -> set[str]:
        """The parts whose newest job has ended, or has not been heard of for a while."""
        rows = self.query(
            "select distinct on (job_type) job_type, state = 'running' and latest_heartbeat > now()"
            " - make_interval(secs => %s) as lives from job order by job_type, id desc",
            self.stuck_seconds,
        )
        dead = {row["job_type"] for row in rows if not row["lives"]}
        return {part for part, job in JOBS.items() if job in dead}

    def _reap(self) -> None:
        """Let go of what has ended: Postgres takes the zombie of a server for one that runs."""
        self._started = [process for process in self._started if process.poll() is None]

    def _new_log(self, name: str) -> Path:
        number = sum(1 for _ in self.home.glob(f"{name}-*.log")) + 1
        return self.home / f"{name}-{number}.log"

    def _newest_job(self) -> int:
        return int(self.query("select coalesce(max(id), 0) as id from job")[0]["id"])

    def _runs(self, job: str, after: int) -> bool:
        """Whether there is a running job of a type, started after another one: the killed stay `running`."""
        sql = "select 1 from job where state = 'running' and job_type = %s and id > %s"
        return bool(self.query(sql, job, after))

    def _environ(self) -> dict[str, str]:
        """The environment of every Airflow process: nothing of the caller's that changes what is tested.

        The options are those of every Airflow at once; an option that a release does not know is not read.
        """
        web = self.url
        config = {
            "core.dags_folder": str(self.home / "dags"),
            "core.executor": "LocalExecutor",
            "core.parallelism": "8",
            "core.fernet_key": self._fernet_key,
            "core.load_examples": "False",
            "core.dags_are_paused_at_creation": "False",
            "core.execution_api_server_url": f"{web}/execution/",
            "core.hostname_callable": "socket.gethostname",  # the default asks DNS
            "database.sql_alchemy_conn": self._dsn("airflow", self.database_port).replace(
                "postgresql:", "postgresql+psycopg2:"
            ),
            "logging.base_log_folder": str(self._logs),
            "logging.worker_log_server_port": str(self.ports["task_logs"]),
            "logging.trigger_log_server_port": str(self.ports["trigger_logs"]),
            "scheduler.scheduler_health_check_server_port": str(self.ports["health"]),
            "scheduler.zombie_detection_interval": "2",  # how soon Airflow 2 sees a killed task
            "usage_data_collection.enabled": "False",
            "api.host": "127.0.0.1",
            "api.port": str(self.ports["web"]),
            "api.base_url": web,
            "api.workers": "1",
            "api.secret_key": self._password,
            "api.auth_backends": "airflow.providers.fab.auth_manager.api.auth.backend.basic_auth",
            "api_auth.jwt_secret": self._password * 4,
            "webserver.web_server_host": "127.0.0.1",
            "webserver.web_server_port": str(self.ports["web"]),
            "webserver.base_url": web,
            "webserver.workers": "1",
            "webserver.secret_key": self._password,
            **self._config,
        }
        return {
            # `airflow standalone` starts its parts by the name `airflow`.
            "PATH": os.pathsep.join([str(self.python.parent), os.environ.get("PATH", os.defpath)]),
            "HOME": str(self.home),
            "TMPDIR": str(self.home / "tmp"),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",
            "AIRFLOW_HOME": str(self.home),
            "SCARF_ANALYTICS": "false",
            "DO_NOT_TRACK": "1",
            **{f"AIRFLOW__{name.upper().replace('.', '__', 1)}": value for name, value in config.items()},
            **self._extra_environ,
        }

    def _start_airflow(self, deadline: float) -> None:
        log = self._new_log("airflow")
        airflow = self._popen(log, "standalone")
        parts: dict[int, str] = {}
        while waiting := self._not_ready(log):
            part, text = waiting
            if airflow.poll() is not None:
                reason = f"`airflow standalone` ended with code {airflow.returncode}"
                raise StackError(part, reason, _tail(log))
            if ended := _ended_part(airflow.pid, parts):
                raise StackError(ended, "its process ended", _tail(log, ended))
            self._wait(deadline, part, text, log)

    def _not_ready(self, log: Path) -> tuple[str, str] | None:
        """The first part that is not there yet, with what to say about it; None when all are."""
        if "Database ready" not in log.read_text(errors="replace"):
            return "migration", "migrating the database"
        jobs = {part: job for part, job in JOBS.items() if part in self._parts}
        absent = [part for part, job in jobs.items() if not self._runs(job, 0)]
        if not self._web_answers():
            absent.append(self._parts[0])
        if absent:
            return absent[0], f"waiting for {', '.join(absent)}"
        return self._not_parsed()

    def _not_parsed(self) -> tuple[str, str] | None:
        """The part that parses, with what it has not parsed yet; None when that is nothing."""
        parser = "dag-processor" if "dag-processor" in self._parts else "scheduler"
        if errors := self.query("select filename, stacktrace from import_error"):
            trace = _last(str(errors[0]["stacktrace"]).splitlines())
            raise StackError(parser, f"cannot import {errors[0]['filename']}", trace)
        parsed = {row["dag_id"] for row in self.query("select dag_id from serialized_dag")}
        if unparsed := [dag_id for dag_id in self.dag_ids if dag_id not in parsed]:
            return parser, f"waiting for {', '.join(unparsed)} to be parsed"
        return None

    def _await_dags(self, deadline: float) -> None:
        while waiting := self._not_parsed():
            self._wait(deadline, *waiting, self.home / f"{waiting[0]}-1.log")

    def _wait(self, deadline: float, part: str, text: str, log: Path) -> None:
        if time.monotonic() > deadline:
            raise StackError(part, f"not up after {START_SECONDS} s ({text})", _tail(log, part))
        self._report(text)
        time.sleep(0.3)

    # --- the REST API ---

    def _web_answers(self) -> bool:
        """Whether the API server, on 2.11 the webserver, answers within half a minute."""
        with contextlib.suppress(OSError, StackError):
            self._http("GET", "/api/v2/version" if self.environment.task_sdk else "/health")
            return True
        return False

    def _authorization(self) -> str:
        user, password = self.login
        if not self._token and self.environment.task_sdk:
            body, json_body = {"username": user, "password": password}, {"Content-Type": "application/json"}
            self._token = "Bearer " + self._http("POST", "/auth/token", body, json_body)["access_token"]
        elif not self._token:
            self._token = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        return self._token

    def _http(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, content, dict(headers or {}), method=method)
        # No proxy: a proxy of the caller's would be asked for 127.0.0.1 too.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as response:
                return None if response.status == 204 else json.load(response)
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace")[:500]
            raise StackError("REST API", f"{method} {path} answered {error.code}: {detail}") from error

    def _rest_or_none(self, path: str) -> Any:
        try:
            return self.rest("GET", path)
        except StackError as error:
            if isinstance(error.__cause__, urllib.error.HTTPError) and error.__cause__.code == 404:
                return None
            raise


def _ended_part(standalone: int, parts: dict[int, str]) -> str | None:
    """The part whose process has ended; `airflow standalone` itself goes on without it, and does not say.

    :param parts: the parts by process, as seen so far: a process that has ended does not tell what it was.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(standalone).children():
            if child.status() == psutil.STATUS_ZOMBIE and child.pid in parts:
                return parts[child.pid]
            if part := _part_of(child):
                parts[child.pid] = part
    return None


def _title(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def _part_of(process: psutil.Process) -> str | None:
    """Which part a process is, by its title."""
    title = _title(process).replace("_", "-")
    return next((part for part in PARTS if f"airflow {part}" in title), None)


def _runs_tasks(process: psutil.Process) -> bool:
    title = _title(process)
    return "LocalExecutor" in title or "airflow task" in title


def _supervisor(process: psutil.Process) -> psutil.Process:
    parent = process.parent()
    if parent is None:
        raise StackError("task process", f"pid {process.pid} has no supervisor")
    return parent


def _last(lines: Sequence[str]) -> Sequence[str]:
    return lines[-LOG_LINES:]


def _tail(log: Path, part: str = "") -> Sequence[str]:
    """The last lines of a log: of those marked as a part's by `airflow standalone`, if there are any."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return _last([line for line in lines if part and line.startswith(part)] or lines)


def _message(line: str) -> str:
    """What a log line says: Airflow 3 writes JSON, Airflow 2 text like `[time] {file:1} INFO - message`."""
    with contextlib.suppress(ValueError, AttributeError):
        return str(json.loads(line).get("event", line))
    return re.sub(r"^\[[^]]*\] \{[^}]*\} [A-Z]+ - ", "", line)
