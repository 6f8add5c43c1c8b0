"""Show the main job on a real Airflow: a waiting parent meets a fault, and there is still one child run.

    python tests/e2e/demo.py --python AIRFLOW_ENVIRONMENT/bin/python [--fault FAULT] [--compare] [--keep]
                             [--svg FILE]

Starts Postgres and Airflow in a temporary home, lets a parent trigger a child and wait, first undisturbed,
then with a fault in mid-wait, and prints what happens while it happens:

- `crash` (the default): the parent's worker process is killed.
- `hostloss`: its supervisor is killed as well, as if the machine was gone.
- `upgrade`: the power goes, all of Airflow and its database with it, and comes back with another Airflow:
  from the one of `--from-python` to the one of `--python`.

The exit code is 0 only if the parent succeeded on a later try with the one child run of its first.
`--compare` runs the operator that comes with Airflow through the same, at the same time. `--svg` draws what
was printed from the fault's scenario on, once the demo has passed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.markup import escape
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run as a script, this is not in a package yet

from tests.e2e.environment import Environment, StackError
from tests.e2e.picture import FilmedConsole
from tests.e2e.stack import Run, Stack

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import Console
    from rich.status import Status

DAGS: Final = Path(__file__).with_name("dags")
TASK: Final = "trigger"
CHILD_TASK: Final = "sleep"
END_STATES: Final = ("success", "failed", "skipped", "upstream_failed", "removed")
STYLES: Final = {"success": "green", "running": "cyan", "failed": "red", "up_for_retry": "yellow"}

NO_EFFECT: Final = "no effect"
"""In what the operator logs where `durable` can do nothing."""

POKE_SECONDS: Final = 3
"""The parents' `poke_interval`: a parent whose child has run for longer than this has polled."""
SCENARIO_SECONDS: Final = 180
STILL_SECONDS: Final = 10
"""How often a line says that nothing has changed, where there is no live display."""

TELLING: Final = ("reconnect", "by an earlier try", NO_EFFECT)
"""What the task's log says, by the operator or by Airflow, when a retry finds the run again, or cannot."""

# Where Airflow fails a killed task for good, only the loss of the whole worker is retried, and that Airflow
# learns from heartbeats that stay away: for 5 minutes by default, which is a long demo.
LOST_HOST_CONFIG: Final = {
    "scheduler.task_instance_heartbeat_timeout": "15",
    "scheduler.task_instance_heartbeat_timeout_detection_interval": "2",
    "workers.min_heartbeat_interval": "2",
    # The same in Airflow 2.
    "scheduler.scheduler_zombie_task_threshold": "15",
    "scheduler.local_task_job_heartbeat_sec": "2",
}


UPGRADE_CONFIG: Final = {
    # How soon the new scheduler sees that nobody runs what the old one left running: it looks when it starts,
    # and is then often too early to take the old one for dead; by default it looks again after five minutes.
    "scheduler.orphaned_tasks_check_interval": "5",
    "scheduler.scheduler_health_check_threshold": "30",
}
UPGRADE_RETRY_SECONDS: Final = 20
"""The `retry_delay` there: a parent that waits to retry when the power goes must not have done so before."""

HAPPENS: Final = {
    None: "nothing is disturbed",
    "process": "the task process is killed (SIGKILL) in mid-wait",
    "host": "supervisor and task process are killed (SIGKILL) in mid-wait",
    "power": "the power goes (SIGKILL for all) in mid-wait, and comes back with another Airflow",
}
SURVIVED: Final = {"process": "worker killed", "host": "worker host lost", "power": "Airflow upgraded"}


@dataclass(frozen=True)
class Scenario:
    """What happens to a parent, and how it has to end."""

    name: str
    child_seconds: int
    crash: str | None
    """None, or what is killed: "process" (the task's), "host" (its supervisor too), "power" (everything)."""
    tries: int
    upgrade_to: Path | None = None
    """Interpreter of the Airflow that comes after a power cut."""

    @property
    def seconds(self) -> int:
        """How long it may take; an upgrade is two starts and a migration."""
        return SCENARIO_SECONDS * (2 if self.crash == "power" else 1)

    @property
    def title(self) -> str:
        what = f"the parent triggers a child of {self.child_seconds} s and waits"
        return f"{self.name}: {what}; {HAPPENS[self.crash]}"


@dataclass
class Watched:
    """One parent in one scenario: what was seen of it so far."""

    operator: str
    parent: str
    scenario: Scenario
    state: str | None = None
    tries: int = 0
    runs: list[Run] = field(default_factory=list)
    killed: list[int] = field(default_factory=list)
    ready: bool = False
    """Whether the power may go."""
    recorded: str | None = None
    """The parent's `trigger_run_id` XCom at the end."""
    notes: list[str] = field(default_factory=list)
    """What the parent's own log says about reconnecting, or about `durable` having no effect."""
    _runs_before: int = 0
    _mid_wait_since: float | None = None
    _shown: tuple[object, ...] = ()
    _shown_at: float = 0

    @property
    def child(self) -> str:
        return self.parent.replace("parent", "child")

    @property
    def run_id(self) -> str:
        return self.scenario.name

    def begin(self, stack: Stack) -> None:
        self._runs_before = len(stack.runs(self.child))
        stack.trigger(self.parent, self.run_id, {"seconds": self.scenario.child_seconds})

    def look(self, stack: Stack) -> list[str]:
        """Read the database; return what has happened since the last look, beyond the states."""
        events = []
        task = stack.task(self.parent, self.run_id, TASK)
        runs = stack.runs(self.child)[self._runs_before :]
        for number, run in enumerate(runs[len(self.runs) :], len(self.runs)):
            events.append(f"triggers {'another run, ' * (number > 0)}{run.run_id}")
        self.runs = runs
        if task is None:
            return events
        self.state = task.state
        # Airflow 3.4 counts a retry when it is scheduled, the others when it starts: what has started is the
        # same on all.
        if task.state == "running" or not self.tries:
            self.tries = task.try_number
        events += self._new_notes(stack)
        if self.scenario.crash == "power":
            events += self._prepare_for_power_cut(stack)
        elif self._is_time_to_kill():
            kill = stack.kill_host if self.scenario.crash == "host" else stack.kill_task
            self.killed = kill(self.parent, self.run_id, TASK)
            what = "supervisor and task" if self.scenario.crash == "host" else "task process"
            events.append(f"SIGKILL {what}, pid {', '.join(map(str, self.killed))}")
        if self.ended:
            self.recorded = stack.xcom(self.parent, self.run_id, TASK, "trigger_run_id")
        return events

    @property
    def ended(self) -> bool:
        return self.state in END_STATES

    def wrong(self) -> list[str]:
        """Everything that is not as it has to be; empty is the verdict everybody wants."""
        wrong = []
        if not self.ended:
            wrong.append(f"the parent is still {self.state} after {self.scenario.seconds} s")
        elif self.state != "success":
            wrong.append(f"the parent ended {self.state}")
        # A new Airflow that is still busy with its start may lose a try.
        if self.tries != self.scenario.tries and not (self.scenario.crash == "power" and self.tries > 2):
            wrong.append(f"on try {self.tries}, expected {self.scenario.tries}")
        if self.scenario.crash and not self.killed and not self.ready:
            wrong.append("nothing was killed")
        if len(self.runs) != 1:
            wrong.append(f"{len(self.runs)} child runs, expected 1")
        elif self.recorded != self.runs[0].run_id:
            wrong.append(f"trigger_run_id is {self.recorded}, not the child run")
        return wrong

    def row(self, now: float, events: list[str], *, with_operator: bool) -> str | None:
        """The line to print, None while nothing has changed."""
        seen = (self.state, self.tries, tuple(self.runs))
        still = now - self._shown_at < STILL_SECONDS
        if not events and still and (seen == self._shown or self.state is None):
            return None
        self._shown, self._shown_at = seen, now
        parent = f"{self.state or '-'}" + (f", try {self.tries}" if self.tries else "")
        states = ", ".join(run.state for run in self.runs)
        children = f"{len(self.runs)}" + (f" ({states})" if states else "")
        cells = [f"{now:5.1f} s", *([f"{self.operator:<8}"] if with_operator else [])]
        cells += [
            _styled(f"{parent:<20}", self.state),
            f"{children:<22}",
            f"[bold]{escape('; '.join(events))}[/]",
        ]
        return "  ".join(cells).rstrip()

    def _is_time_to_kill(self) -> bool:
        """Whether the parent has been waiting, and polling, for a while."""
        if not self.scenario.crash or self.killed:
            return False
        waiting = self.state == "running" and any(run.state == "running" for run in self.runs)
        if not waiting:
            self._mid_wait_since = None
        elif self._mid_wait_since is None:
            self._mid_wait_since = time.monotonic()
        return waiting and time.monotonic() - (self._mid_wait_since or 0) > POKE_SECONDS + 1

    def _prepare_for_power_cut(self, stack: Stack) -> list[str]:
        """See to it that this parent is in mid-wait when the power goes.

        Whether Airflow 3 resets a task that Airflow 2 has left running depends on the executor and on what is
        started first. So there both workers die first, and parent and child wait to be retried.
        """
        if self.ready:
            return []
        if stack.environment.task_sdk:
            self.ready = self._is_time_to_kill()
            return []
        child = (self.child, self.runs[0].run_id if self.runs else "", CHILD_TASK)
        if not self.killed:
            if not self._is_time_to_kill() or not stack.is_running(*child):
                return []
            self.killed = stack.kill_task(*child) + stack.kill_task(self.parent, self.run_id, TASK)
            return [f"SIGKILL task process of child and parent, pid {', '.join(map(str, self.killed))}"]
        child_task = stack.task(*child)
        self.ready = self.state == "up_for_retry" == (child_task.state if child_task else None)
        return []

    def _new_notes(self, stack: Stack) -> list[str]:
        log = stack.task_log(self.parent, self.run_id, TASK, self.tries)
        wanted = [line for line in log if any(word in line.lower() for word in TELLING)]
        new = [line for line in dict.fromkeys(wanted) if line not in self.notes]
        self.notes += new
        return [f'log of try {self.tries}: "{line}"' for line in new]


class Progress:
    """What the stack is waiting for: a line for each new thing, and on a terminal the passing seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self.restart()

    def restart(self) -> None:
        """Count the seconds from now on, as each scenario does."""
        self._began = time.monotonic()
        self._text = ""
        self._said = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def __call__(self, text: str) -> None:
        if text != self._text or (self._status is None and self.seconds - self._said > STILL_SECONDS):
            self.say(text)
        self._text = text
        if self._console.is_terminal:
            if self._status is None:
                self._status = self._console.status("")
                self._status.start()
            self._status.update(f"{text} ({self.seconds:.0f} s)")

    def say(self, text: str) -> None:
        self._said = self.seconds
        self._console.print(f"{self.seconds:5.1f} s  {escape(text)}")

    def end(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def play(
    stack: Stack, scenario: Scenario, parents: dict[str, str], console: Console, progress: Progress
) -> list[Watched]:
    """Run a scenario with every operator at once, printing each change."""
    console.print(f"\n[bold]{scenario.title}[/]")
    with_operator = len(parents) > 1
    heads = [
        "      t",
        *(["operator"] if with_operator else []),
        f"{'parent':<20}",
        f"{'child runs':<22}",
        "event",
    ]
    console.print("  ".join(heads), style="dim")
    watched = [Watched(operator, parent, scenario) for operator, parent in parents.items()]
    progress.restart()
    for each in watched:
        each.begin(stack)
    while (now := progress.seconds) < scenario.seconds and not all(each.ended for each in watched):
        if (
            scenario.upgrade_to
            and stack.python != scenario.upgrade_to
            and all(each.ready for each in watched)
        ):
            upgrade(stack, scenario.upgrade_to, console, progress)
            continue
        for each in watched:
            if not each.ended and (line := each.row(now, each.look(stack), with_operator=with_operator)):
                console.print(line)
        time.sleep(0.3)
    return watched


def upgrade(stack: Stack, python: Path, console: Console, progress: Progress) -> None:
    """Cut the power, and start again with another Airflow on the same folder and database."""

    def say(text: str) -> None:
        console.print(f"{progress.seconds:5.1f} s  [bold]{escape(text)}[/]")

    old = stack.environment.airflow
    say(f"power cut: SIGKILL {stack.power_cut()} processes, all of Airflow {old} and Postgres")
    try:
        stack.power_on(python)
    finally:
        progress.end()
    say(f"the power is back: Airflow {stack.environment.airflow} is up")


def verdict(outcomes: list[Watched], console: Console) -> bool:
    """Show all outcomes side by side, then say whether the demo shows what it is there to show."""
    table = Table(
        "scenario",
        "operator",
        "child runs",
        "parent",
        "verdict",
        box=None,
        pad_edge=False,
        padding=(0, 3, 0, 0),
    )
    for each in outcomes:
        wrong = each.wrong()
        says = "[red]" + escape("; ".join(wrong)) if wrong else "[green]as expected"
        table.add_row(
            each.scenario.name, each.operator, str(len(each.runs)), f"{each.state}, try {each.tries}", says
        )
    console.print()
    console.print(table)
    console.print()
    ours = [each for each in outcomes if each.operator == "durable"]
    good = not any(each.wrong() for each in ours)
    crashed = next(each for each in ours if each.scenario.crash)
    if good:
        tries = f"success on try {crashed.tries}"
        survived = SURVIVED[crashed.scenario.crash or "process"]
        console.print(f"[bold green]PASS[/]  {survived}, {tries}, 1 child run: {crashed.runs[0].run_id}")
    elif ineffective := [note for note in crashed.notes if NO_EFFECT in note.lower()]:
        console.print(f"[bold yellow]NOT DURABLE HERE[/]  the package itself says: {escape(ineffective[0])}")
    else:
        console.print("[bold red]FAIL[/]  see the table")
    return good


def run(arguments: argparse.Namespace, console: FilmedConsole) -> bool:
    """Run the demo; true if its verdict is the right one."""
    parents = {"durable": "demo_parent"}
    if arguments.compare:
        parents["upstream"] = "demo_parent_upstream"
    environment = Environment.of(arguments.python, needs=["trigger_compat"])
    console.print(
        f"[bold]Airflow {environment.airflow}[/] on Python {environment.python}: {arguments.python}"
    )
    first_python, retry_seconds = arguments.python, 1
    if arguments.fault == "upgrade":
        first_python, retry_seconds = arguments.from_python, UPGRADE_RETRY_SECONDS
        old = Environment.of(first_python, needs=["trigger_compat"])
        console.print(f"upgraded from [bold]{old.airflow}[/] on Python {old.python}: {first_python}")
        crash = Scenario(
            "upgrade", child_seconds=20, crash="power", tries=2, upgrade_to=Path.cwd() / arguments.python
        )
        config = UPGRADE_CONFIG
    elif arguments.fault == "crash" and environment.retries_killed_process:
        crash = Scenario("killed-worker", child_seconds=25, crash="process", tries=2)
        config = {}
    else:
        if arguments.fault == "crash":
            console.print(
                "This Airflow never retries a task whose process was killed: here the worker host is lost."
            )
        crash = Scenario("lost-host", child_seconds=40, crash="host", tries=2)
        config = LOST_HOST_CONFIG

    began = time.monotonic()
    progress = Progress(console)
    stack = Stack(
        first_python,
        DAGS,
        dag_ids=[*parents.values(), *(name.replace("parent", "child") for name in parents.values())],
        needs=["trigger_compat"],
        config=config,
        environ={
            "TRIGGER_COMPAT_DEMO": " ".join(parents.values()),
            "TRIGGER_COMPAT_DEMO_RETRY_SECONDS": str(retry_seconds),
        },
        keep=arguments.keep,
        report=progress,
    )
    try:
        with stack:
            progress("asking the package which path it takes")
            path = stack.path
            progress.end()
            progress.say(f"Airflow is up; the path on it is [{path}]")
            outcomes: list[Watched] = []
            for scenario in (Scenario("clean", child_seconds=5, crash=None, tries=1), crash):
                console.rolling = scenario.crash is not None
                outcomes += play(stack, scenario, parents, console, progress)
            good = verdict(outcomes, console)
    finally:
        progress.end()
        left = f"left behind: {', '.join(stack.left)}" if stack.left else "no process, port or file left"
        kept = f" but {stack.home}" if arguments.keep else ""
        console.print(f"[dim]{time.monotonic() - began:.0f} s; {left}{kept}[/]")
    if good and arguments.svg:
        console.save(Path(arguments.svg), f"{crash.name} on Airflow {environment.airflow}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--python", type=Path, required=True, help="interpreter of the environment with Airflow in it"
    )
    parser.add_argument(
        "--fault",
        choices=("crash", "hostloss", "upgrade"),
        default="crash",
        help="what happens in mid-wait: the worker process is killed (the default), its whole host is lost,"
        " or the power goes and another Airflow comes back",
    )
    parser.add_argument(
        "--from-python", type=Path, help="for --fault upgrade: interpreter of the Airflow to upgrade from"
    )
    parser.add_argument(
        "--compare", action="store_true", help="also run the operator that comes with Airflow"
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the temporary home (logs, database) behind"
    )
    parser.add_argument("--svg", default="", metavar="FILE", help="draw what the fault does into this file")
    arguments = parser.parse_args()
    if (arguments.fault == "upgrade") != (arguments.from_python is not None):
        parser.error("--fault upgrade and --from-python need each other")
    # A pipe has no width; lines are then left whole for whatever reads them.
    console = FilmedConsole(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return 0 if run(arguments, console) else 1
    except StackError as error:
        console.print(f"[bold red]The demo could not run.[/] {escape(str(error))}")
        return 2
    except KeyboardInterrupt:
        console.print("[yellow]interrupted[/]")
        return 130


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Let SIGTERM and SIGHUP end the demo as Ctrl-C does: through the same clean teardown."""
    raise KeyboardInterrupt


def _styled(text: str, state: str | None) -> str:
    style = STYLES.get(state or "")
    return f"[{style}]{text}[/]" if style else text


if __name__ == "__main__":
    sys.exit(main())
