"""A parent in a stack, what became of it, and the bounded wait that all tests of faults share."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import psutil

    from tests.e2e.stack import Run, Stack, Task

DAGS: Final = Path(__file__).with_name("fault_dags")
NAMES: Final = ("waiting", "patient", "deferrable", "fire", "mapped")
DAG_IDS: Final = [f"{name}_{role}" for name in NAMES for role in ("parent", "child")]
TASK: Final = "trigger"
CHILD_TASK: Final = "wait_for_door"
END_STATES: Final = ("success", "failed", "skipped")

SECONDS: Final = 90
"""How long anything may take that has no reason to take long, on a busy machine."""


class Parent:
    """One run of a parent DAG of `fault_dags`, triggered at once, and the child runs that came to be since.

    :param name: which; `waiting` stands for `waiting_parent` and `waiting_child`.
    :param run_id: the parent's run, and the name of the door that its children wait for.
    :param conf: see `fault_dags/faults.py`.
    """

    def __init__(
        self, stack: Stack, name: str, run_id: str, conf: dict[str, str] | None = None, map_index: int = -1
    ) -> None:
        self.stack = stack
        self.dag_id = f"{name}_parent"
        self.child = f"{name}_child"
        self.run_id = run_id
        self.map_index = map_index
        stack.home.joinpath("doors").mkdir(exist_ok=True)
        self._before = len(stack.runs(self.child))
        stack.trigger(self.dag_id, run_id, conf)

    def sibling(self, map_index: int) -> Parent:
        """Another task instance of the same mapped task, in the same run."""
        sibling = copy.copy(self)
        sibling.map_index = map_index
        return sibling

    @property
    def children(self) -> list[Run]:
        return self.stack.runs(self.child)[self._before :]

    @property
    def only_child(self) -> str:
        """The run id of the one child there has to be by now."""
        [child] = self.children
        return child.run_id

    @property
    def task(self) -> Task | None:
        return self.stack.task(self.dag_id, self.run_id, TASK, self.map_index)

    @property
    def state(self) -> str | None:
        task = self.task
        return task.state if task else None

    @property
    def tries(self) -> int:
        task = self.task
        return task.try_number if task else 0

    @property
    def _run_state(self) -> str:
        [state] = [run.state for run in self.stack.runs(self.dag_id) if run.run_id == self.run_id]
        return state

    @property
    def recorded(self) -> Any:
        return self.stack.xcom(self.dag_id, self.run_id, TASK, "trigger_run_id")

    def is_at(self, gate: str) -> bool:
        """Whether the first try has come to its gate."""
        return self.stack.home.joinpath("doors", f"{gate}.reached").exists()

    def has_passed(self, gate: str) -> bool:
        """Whether the first try has gone on from its gate."""
        return self.stack.home.joinpath("doors", f"{gate}.passed").exists()

    def open(self, door: str | None = None) -> None:
        """Let the children end; or open another door that a process waits at."""
        self.stack.home.joinpath("doors", door or self.run_id).touch()

    def close(self) -> None:
        """Shut the door again, for children to come."""
        self.stack.home.joinpath("doors", self.run_id).unlink()

    def waits(self) -> bool:
        """Whether the parent is in mid-wait: its try runs in a known process, and its newest child runs."""
        runs = self.children
        running = self.stack.is_running(self.dag_id, self.run_id, TASK, self.map_index)
        return running and bool(runs) and runs[-1].state == "running"

    def ended(self) -> bool:
        return self.state in END_STATES

    def tried(self, number: int) -> Callable[[], bool]:
        """Whether a later try has started, as a condition for :meth:`until`."""

        def later() -> bool:
            task = self.task
            return task is not None and task.try_number >= number and task.state == "running"

        return later

    def until(self, condition: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Wait for a condition, or fail the test with what became of parent and children."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s; {self.seen()}"
            time.sleep(0.2)

    def log(self, try_number: int) -> list[str]:
        return self.stack.task_log(self.dag_id, self.run_id, TASK, try_number)

    def stays_down(self, seconds: float) -> None:
        """Let time pass with a part away, long enough that the parent has looked for its child in vain."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(left)

    def seen(self) -> str:
        """Parent and children as they are, with the end of each try's log."""
        lines = [f"{self.dag_id} {self.run_id}: {self.task}", *(f"child {run}" for run in self.children)]
        if self.map_index < 0:
            for number in range(1, 9):
                lines += [f"try {number} | {line}" for line in self.log(number)[-12:]]
        return "\n".join(lines)

    def succeeds(self, children: int = 1, *, on_try: int | None = None, seconds: float = SECONDS) -> None:
        """Let the children end, and check that the parent ends right with that many of them.

        The parent has to succeed and to name its newest child, and no child may be left running.
        """
        self.open()
        self.until(self.ended, seconds)
        assert self.state == "success", self.seen()
        self.until(lambda: all(run.state != "running" for run in self.children), seconds)
        # A clear that meets the scheduler ending the run is lost, on every Airflow.
        self.until(lambda: self._run_state == "success", seconds)
        runs = self.children
        assert [run.state for run in runs] == ["success"] * children, self.seen()
        assert self.recorded == runs[-1].run_id, self.seen()
        assert on_try in {None, self.tries}, self.seen()

    def kill(self) -> None:
        """Kill the running try in the way after which this Airflow retries it."""
        if self.stack.environment.retries_killed_process:
            self.stack.kill_task(self.dag_id, self.run_id, TASK, self.map_index)
        else:
            self.stack.kill_host(self.dag_id, self.run_id, TASK, self.map_index)

    def host(self) -> tuple[psutil.Process, psutil.Process]:
        """Supervisor and process of the running try."""
        return self.stack.task_host(self.dag_id, self.run_id, TASK, self.map_index)
