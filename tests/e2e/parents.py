"""A parent in a stack, what became of it, and the bounded wait that all tests of faults share."""

from __future__ import annotations

import copy
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tests.e2e.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import psutil

    from tests.e2e.stack import Run, Task

DAGS: Final = Path(__file__).with_name("fault_dags")
TASK: Final = "trigger"
CHILD_TASK: Final = "wait_for_door"
END_STATES: Final = ("success", "failed", "skipped")

AnyStack = TypeVar("AnyStack", bound=Stack)

SECONDS: Final = 90
"""How long anything may take that has no reason to take long, on a busy machine."""


def stack_for(python: Path, names: Iterable[str], environ: Mapping[str, str], **options: Any) -> Stack:
    """A stack with the parents of these names, and nothing else.

    :param names: see `fault_dags/faults.py`.
    """
    return stack_of(Stack, python, names, environ, **options)


def stack_of(
    kind: type[AnyStack], python: Path, names: Iterable[str], environ: Mapping[str, str], **options: Any
) -> AnyStack:
    """The same of another kind."""
    names = tuple(names)
    return kind(
        python,
        DAGS,
        dag_ids=[f"{name}.{role}" for name in names for role in ("parent", "child")],
        needs=["trigger_compat"],
        environ={"TRIGGER_COMPAT_PARENTS": " ".join(names), **environ},
        **options,
    )


class Parent:
    """A durable parent, triggered at once, and all that it triggers.

    :param name: see `fault_dags/faults.py`; the door its children wait at is called the same.
    :param conf: see there.
    """

    def __init__(self, stack: Stack, name: str, conf: dict[str, str] | None = None) -> None:
        self.stack = stack
        self.name = name
        self.dag_id = f"{name}.parent"
        self.child = f"{name}.child"
        self.map_index = -1
        self.run_id = "only"
        self._doors = stack.home / "doors"
        self._doors.mkdir(exist_ok=True)
        stack.trigger(self.dag_id, self.run_id, conf)

    def sibling(self, map_index: int) -> Parent:
        """Another task instance of the same mapped task, in the same run."""
        sibling = copy.copy(self)
        sibling.map_index = map_index
        return sibling

    @property
    def children(self) -> list[Run]:
        return self.stack.runs(self.child)

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
        return self._doors.joinpath(f"{gate}.reached").exists()

    def has_passed(self, gate: str) -> bool:
        """Whether the first try has gone on from its gate."""
        return self._doors.joinpath(f"{gate}.passed").exists()

    def open(self, door: str | None = None) -> None:
        """Let the children succeed; or open another door that a process waits at."""
        self._doors.joinpath(door or self.name).touch()

    def close(self, door: str | None = None) -> None:
        """Shut the door again, for children to come."""
        self._doors.joinpath(door or self.name).unlink()

    def open_to_fail(self, door: str) -> None:
        """Let the children at a door fail."""
        ready = self._doors / f"{door}.next"
        ready.write_text("failed")
        ready.rename(self._doors / door)

    def fail_child(self) -> None:
        """Let the child fail, and shut the door for the next one."""
        self.open_to_fail(self.name)
        self.until(lambda: self.children[-1].state == "failed")
        self.close()

    def waits(self) -> bool:
        """Whether the parent is in mid-wait: its try runs in a known process, and its newest child runs."""
        runs = self.children
        running = self.stack.is_running(self.dag_id, self.run_id, TASK, self.map_index)
        return running and bool(runs) and runs[-1].state == "running"

    def deferred(self) -> bool:
        """Whether the triggerer waits for it."""
        return self.state == "deferred"

    def child_runs(self) -> bool:
        """Whether the task of the only child runs in a known process."""
        return self.stack.is_running(self.child, self.only_child, CHILD_TASK)

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

    def names(self, text: str) -> bool:
        """Whether the log of the present try names this child, or has this text."""
        return any(text in line for line in self.log(self.tries))

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

    def succeeds(
        self,
        *,
        children: Sequence[str] = ("success",),
        on_try: int | None = None,
        seconds: float = SECONDS,
    ) -> None:
        """Let the children end, and check that the parent ends right with these of them, and no other.

        The parent has to succeed and to name its newest child.

        :param children: how each has ended, oldest first.
        :param on_try: the parent's last try as in :meth:`took`, None if it takes as many as it takes.
        """
        self.open()
        self.until(self.ended, seconds)
        assert self.state != "failed", self.seen()
        self.until(lambda: all(run.state in END_STATES for run in self.children), seconds)
        # A clear that meets the scheduler ending the run is lost, on every Airflow.
        self.until(lambda: self._run_state == "success", seconds)
        runs = self.children
        assert [run.state for run in runs] == list(children), self.seen()
        assert self.recorded == runs[-1].run_id, self.seen()
        assert self.state == "success", self.seen()
        assert on_try is None or self.took(on_try), self.seen()

    def succeeds_with(self, states: Mapping[str, int]) -> None:
        """Check that a task function ends right, with so many children in each state, and no other."""
        self.until(self.ended)
        assert self.state == "success", self.seen()
        self.until(lambda: all(run.state in END_STATES for run in self.children))
        assert Counter(run.state for run in self.children) == Counter(states), self.seen()

    def took(self, tries: int) -> bool:
        """Whether it has come to its end on this try.

        Where a try was lost, Airflow 2 may report that more than once, and so end the retry as well.
        """
        return self.tries == tries or (self.tries > tries > 1 and not self.stack.environment.task_sdk)

    def kill(self) -> None:
        """Kill the running try in the way after which this Airflow retries it."""
        if self.stack.environment.retries_killed_process:
            self.stack.kill_task(self.dag_id, self.run_id, TASK, self.map_index)
        else:
            self.stack.kill_host(self.dag_id, self.run_id, TASK, self.map_index)

    def kill_child(self) -> None:
        """Kill the process of the only child's task, and see that it waits to be retried."""
        task = (self.child, self.only_child, CHILD_TASK)
        self.stack.kill_task(*task)
        self.until(lambda: getattr(self.stack.task(*task), "state", None) == "up_for_retry")

    def host(self) -> tuple[psutil.Process, psutil.Process]:
        """Supervisor and process of the running try."""
        return self.stack.task_host(self.dag_id, self.run_id, TASK, self.map_index)
