"""An interpreter that has imported Airflow, and is forked for each command that is to run in it.

Importing Airflow takes seconds, and so does building the execution API for a command that runs a task. Both
are done before the fork; what commands read (dags, plugins, the database) is not read yet.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import select
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Done(NamedTuple):
    """What has become of a command."""

    returncode: int
    stdout: str
    stderr: str


class WarmInterpreter:
    """The interpreter, as the tests see it."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._log = folder / "warm.log"
        with self._log.open("wb") as log:
            # Isolated: otherwise the modules beside this file could be imported by their bare names.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-W", "ignore", __file__],
                cwd=folder,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def run(self, arguments: Sequence[str], seconds: float) -> Done:
        """Run ``python`` with these arguments, which are ``-m airflow …`` or ``-c …``.

        :raises AssertionError: it takes longer than this, or the interpreter is gone.
        """
        assert self._process.stdin
        assert self._process.stdout
        out, err = self._folder / "command.out", self._folder / "command.err"
        command = {"arguments": arguments, "out": str(out), "err": str(err)}
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        in_time = select.select([self._process.stdout], [], [], seconds)[0]
        assert in_time, f"{arguments} takes longer than {seconds} s"
        code = self._process.stdout.readline()
        assert code, f"the warm interpreter has ended\n{self._log.read_text()[-3000:]}"
        return Done(int(code), out.read_text(), err.read_text())

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


def serve() -> None:
    """Run the commands that come in, one a line, and answer each with its exit code."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # nothing else may get among the answers
    warm_up()
    for line in sys.stdin:
        answers.write(f"{fork(**json.loads(line))}\n")


def warm_up() -> None:
    from airflow import settings

    settings.initialize()
    import airflow.cli.commands.task_command
    import airflow.models.dagbag
    import airflow.providers_manager  # noqa: F401
    from airflow.cli.cli_parser import get_parser

    get_parser()
    try:
        from airflow.sdk.execution_time import supervisor, task_runner  # noqa: F401
    except ImportError:  # Airflow 2
        pass
    else:
        share_api(supervisor)
    assert settings.engine
    settings.engine.dispose()
    gc.collect()
    gc.freeze()


def share_api(supervisor: Any) -> None:
    """Build the execution API as Airflow does, for the tasks that commands run; no two run in one process."""
    from airflow.api_fastapi.execution_api.app import InProcessExecutionAPI

    from trigger_compat.suite.harness.airflow3 import call_app

    api = InProcessExecutionAPI()
    asyncio.run(call_app(api.app, "GET", "/health"))
    supervisor.in_process_api_server = lambda: api


def fork(arguments: list[str], out: str, err: str) -> int:
    """Run a command in a fork, with its output in these files, and return its exit code."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    try:
        for number, name in ((0, os.devnull), (1, out), (2, err)):
            file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(file, number)
        code = run(arguments)
    except BaseException:  # noqa: BLE001 - as an interpreter does
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run(arguments: list[str]) -> int:
    """Run a command here, and return its exit code as an interpreter does."""
    try:
        if arguments[0] == "-c":
            exec(arguments[1], {"__name__": "__main__"})
        else:
            assert arguments[:2] == ["-m", "airflow"], arguments
            from airflow import __main__ as airflow

            sys.argv = [str(airflow.__file__), *arguments[2:]]
            airflow.main()
    except SystemExit as end:
        if isinstance(end.code, int):
            return end.code
        if end.code is not None:
            print(end.code, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    serve()
