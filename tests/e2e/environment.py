"""What the stack has to know about an Airflow environment: asked of it, never guessed from a version."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LOG_LINES: Final = 25
"""How much of a log an error shows."""

# Runs in the Airflow environment, so it is text. It imports no Airflow: that would cost seconds, and would
# fail in ways of its own when the environment is what is broken.
_PROBE: Final = """
import importlib, importlib.metadata as md, importlib.util, json, pathlib, platform, sys
facts = {"python": platform.python_version(), "drivers": [], "modules": []}
try:
    facts["airflow"] = md.version("apache-airflow")
except md.PackageNotFoundError:
    facts["airflow"] = None
folders = [pathlib.Path(p) / "airflow" for p in sys.path if p]
supervisor = [f for d in folders if (f := d / "sdk" / "execution_time" / "supervisor.py").is_file()]
facts["task_sdk"] = bool(supervisor)
facts["retries_killed_process"] = not supervisor or "_should_retry" in supervisor[0].read_text()
for name in ["psycopg2"] + ["asyncpg"] * bool(supervisor):
    try:
        importlib.import_module(name)
    except Exception as error:
        facts["drivers"].append(f"{name} ({error})")
facts["modules"] = [name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]
print(json.dumps(facts))
"""


class StackError(RuntimeError):
    """A part of the stack did not come up, or not do what was asked: which, why, and what it said last."""

    def __init__(self, part: str, reason: str, log: Sequence[str] = ()) -> None:
        self.part = part
        self.reason = reason
        self.log = tuple(log)
        text = f"{part}: {reason}"
        if self.log:
            text += f"\n  last lines of {part}:\n" + "\n".join(f"  | {line}" for line in self.log)
        super().__init__(text)


@dataclass(frozen=True)
class Environment:
    """An interpreter that has Airflow, and what matters about it here."""

    airflow: str
    python: str
    task_sdk: bool
    """Airflow 3: tasks run under the Task SDK's supervisor, API server and DAG processor are programs."""
    retries_killed_process: bool
    """False where a killed task process is reported as failed for good, whatever retries are left."""

    @classmethod
    def of(
        cls, python: Path, environ: Mapping[str, str] = os.environ, needs: Sequence[str] = ()
    ) -> Environment:
        """Ask an interpreter.

        :param needs: modules that must be there besides Airflow and the database drivers.
        :raises StackError: it does not run, or lacks something.
        """
        part = "Airflow environment"
        command = [str(python), "-c", _PROBE, *needs]
        try:
            answer = subprocess.run(
                command, env=dict(environ), capture_output=True, text=True, timeout=60, check=True
            )
            facts = json.loads(answer.stdout)
        except subprocess.CalledProcessError as error:
            log = error.stderr.splitlines()[-LOG_LINES:]
            raise StackError(part, f"{python} does not run", log) from error
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            raise StackError(part, f"{python} does not run: {error}") from error
        if facts["airflow"] is None:
            raise StackError(part, f"apache-airflow is not installed for {python}")
        if facts["drivers"]:
            drivers = ", ".join(facts["drivers"])
            hint = "install tests/e2e/airflow-requirements.txt there"
            raise StackError(part, f"{python} lacks a database driver: {drivers}; {hint}")
        if facts["modules"]:
            raise StackError(part, f"not installed for {python}: {', '.join(facts['modules'])}")
        return cls(facts["airflow"], facts["python"], facts["task_sdk"], facts["retries_killed_process"])
