"""Follow docs/quickstart.md literally, from an empty folder to the last block, and see what it says one sees.

    python tests/e2e/follow.py VERSION [--port PORT]

One shell is the first terminal, which ends in `airflow standalone`; another is the second. Replaced are
only the chosen release (the page shows one of several), the home folder, and, where 8080 is taken, the port.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run as a script, this is not in a package yet
sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "src"))

from tests.docs.blocks import QUICKSTART, ROOT, Tier, Unit, rule_of, units
from tests.e2e import processes
from tests.shells import newcomer
from trigger_compat import matrix

STANDALONE: Final = "airflow standalone"
CHOICE: Final = re.compile(r"export VERSION=\S+ DAY=\S+")
LIMIT: Final = 300
"""Seconds that no step takes, also on a slow machine."""


class PageError(RuntimeError):
    """What the page says does not happen."""


class Follower:
    """A newcomer with two terminals."""

    def __init__(self, release: matrix.Release, home: Path, port: int) -> None:
        self.release = release
        self.folder = home / "trigger-quickstart"
        self.log = home / "standalone.log"
        self.environ = {**newcomer(), "HOME": str(home), **_on_port(port)}
        for cache in ("UV_CACHE_DIR", "PIP_CACHE_DIR"):
            default = Path.home() / ".cache" / cache.partition("_")[0].lower()
            self.environ.setdefault(cache, str(default))
        self.began = time.monotonic()

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    def follow(self) -> None:
        """Do all that the page says.

        :raises PageError: something is not as the page says.
        """
        first, second = self.terminals()
        with self.log.open("w") as log:
            standalone = subprocess.Popen(
                ["bash", "-e", "-c", "\n".join(first)],
                cwd=ROOT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self.until(lambda: "Airflow is ready" in self.log.read_text(), "Airflow is ready", standalone)
            self.play(second)
        except PageError as error:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])
            raise PageError(f"{error}\nend of the first terminal:\n{tail}") from None
        finally:
            _end(standalone)

    def terminals(self) -> tuple[list[str], list[str]]:
        """The commands of the first terminal, and those of the second."""
        commands = [self._chosen(unit) for unit in units() if unit.page == QUICKSTART and self._applies(unit)]
        at = commands.index(STANDALONE) + 1
        return commands[:at], commands[at:]

    def _applies(self, unit: Unit) -> bool:
        rule = rule_of(unit)
        if rule is None or (rule.tier is not Tier.FOLLOWED and rule.name != "airflow"):
            return False  # the demo has a session of its own
        if "--constraint" in unit.text:
            return False  # one of two ways; this one needs GitHub
        return unit.of_major in (None, self.release.airflow.partition(".")[0])

    def _chosen(self, unit: Unit) -> str:
        chosen = f"export VERSION={self.release.airflow} DAY={self.release.resolve}"
        return CHOICE.sub(chosen, unit.text)

    def play(self, commands: Sequence[str]) -> None:
        """Type the commands of the second terminal, and look at what they did."""
        prologue, *rest = commands
        for command in rest:
            self.say(command.splitlines()[0])
            typed = subprocess.run(
                ["bash", "-e", "-c", f"{prologue}\n{command}"],
                cwd=self.folder,
                env=self.environ,
                capture_output=True,
                text=True,
                timeout=LIMIT,
                check=False,
            )
            if typed.returncode:
                raise PageError(f"{command}\n{typed.stdout}{typed.stderr}")
            if command.endswith("trigger quickstart_parent"):
                self.until(lambda: self.succeeded("quickstart_parent"), "the parent's success")
                self.see("quickstart_child", ["success"])
                self.say(f"the parent's link leads to {self.linked()}")
            if "list-runs" in command and "success" not in typed.stdout:
                raise PageError(f"{command} does not show the child run:\n{typed.stdout}")
            if "SIGKILL" in command:
                self.say(typed.stdout.strip())
                self.until(lambda: self.succeeded("quickstart_crash"), "the success of a retry")
        self.see("quickstart_child", ["success", "success"])
        [(tries,)] = self.ask("select try_number from task_instance where dag_id = 'quickstart_crash'")
        [_, (child,)] = self.ask("select run_id from dag_run where dag_id = 'quickstart_child' order by id")
        self.say(f"child runs: 2; parent that was killed: success on try {tries}; its child: {child}")
        if tries != 2 or not child.startswith("durable__quickstart_crash.trigger"):
            raise PageError("the retry has not gone back")

    def linked(self) -> str:
        """The run id that the parent recorded, once it is certain that it is the child's."""
        query = "select value from xcom where dag_id = 'quickstart_parent' and key = 'trigger_run_id'"
        [(value,)] = self.ask(query)
        [(child,)] = self.ask("select run_id from dag_run where dag_id = 'quickstart_child'")
        recorded = str(json.loads(value))
        if recorded != child:
            raise PageError(f"the parent says {recorded}, the child is {child}")
        return recorded

    def see(self, dag_id: str, wanted: list[str]) -> None:
        if (states := self.states(dag_id)) != wanted:
            raise PageError(f"the runs of {dag_id} are {states}, not {wanted}")

    def succeeded(self, dag_id: str) -> bool:
        if "failed" in (states := self.states(dag_id)):
            logs = (self.folder / "airflow" / "logs").rglob(f"*{dag_id}*/**/*.log")
            said = "\n".join(log.read_text(errors="replace")[-6000:] for log in logs)
            raise PageError(f"{dag_id} has failed; its logs:\n{said}")
        return states == ["success"]

    def states(self, dag_id: str) -> list[str]:
        return [state for (state,) in self.ask(f"select state from dag_run where dag_id = '{dag_id}'")]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        database = self.folder / "airflow" / "airflow.db"
        with contextlib.closing(
            sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
        ) as connection:
            return connection.execute(query).fetchall()

    def until(
        self, condition: Callable[[], bool], what: str, process: subprocess.Popen[bytes] | None = None
    ) -> None:
        deadline = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > deadline:
                raise PageError(f"gave up after {LIMIT} s waiting for: {what}")
            if process and process.poll() is not None:
                raise PageError(f"the first terminal ended, without: {what}")
            time.sleep(0.5)
        self.say(what)


def _on_port(port: int) -> dict[str, str]:
    if port == 8080:
        return {}
    return {
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{port}/execution/",
        "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(port),
    }


def _end(standalone: subprocess.Popen[bytes]) -> None:
    """Ctrl-C, as the page says; what withstands is killed."""
    import psutil

    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = [psutil.Process(standalone.pid), *psutil.Process(standalone.pid).children(recursive=True)]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(standalone.pid, signal.SIGINT)
    _, alive = psutil.wait_procs(family, timeout=20)
    processes.kill(alive)
    standalone.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description="Follow docs/quickstart.md literally.")
    parser.add_argument("version")
    options = parser.parse_args()
    [port] = [8080] if not processes.listening(8080) else processes.free_ports(["web"]).values()
    with tempfile.TemporaryDirectory(prefix="quickstart-") as home:
        follower = Follower(matrix.load().release(options.version), Path(home), port)
        try:
            follower.follow()
        except PageError as error:
            print(error, file=sys.stderr)
            return 1
    print(f"{QUICKSTART} holds on Airflow {options.version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
