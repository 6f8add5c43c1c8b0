"""A parent task beside the fake Airflow, try by try."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit import fake_airflow as fake
from trigger_compat import dispatch
from trigger_compat.contract import ParentTask, durable_run_id
from trigger_compat.operator import TriggerDagRunOperator

SOON = 0.002
"""A poke interval for waits that should take no time."""


class Store:
    """``task_state_store``."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self.gets = 0
        self.error: Exception | None = None

    def get(self, key: str) -> Any:
        self.gets += 1
        if self.error:
            raise self.error
        return self.rows.get(key)

    def set(self, key: str, value: Any) -> None:
        self.rows[key] = value


class Parent:
    """A task with a trigger operator: each call of :meth:`attempt` is one try in a process of its own."""

    def __init__(self, kind: type[TriggerDagRunOperator] = TriggerDagRunOperator, **arguments: Any) -> None:
        self.kind = kind
        self.arguments: dict[str, Any] = {
            "task_id": "trigger",
            "trigger_dag_id": "child",
            "poke_interval": SOON,
            "retries": 2,
        }
        self.arguments |= arguments
        self.server = fake.Server()
        self.store: Store | None = None
        self.facts: dict[str, Any] = {}
        self.in_context: dict[str, Any] = {}
        self.operator: Any = None
        self.ti: Any = None

    def prepare(self, number: int = 1, **facts: Any) -> dict[str, Any]:
        """Make the operator of a try, render its fields, and return its context."""
        self.operator = self.kind(**self.arguments)
        self.ti = fake.TaskInstance(self.server, self.operator, try_number=number, **{**self.facts, **facts})
        run = SimpleNamespace(start_date=fake.NOW, logical_date=fake.NOW - timedelta(days=1), id=7)
        context = {"ti": self.ti, "task_instance": self.ti, "dag_run": run, **self.in_context}
        if self.store:
            context["task_state_store"] = self.store
        fields = self.operator.template_fields
        self.operator._do_render_template_fields(self.operator, fields, context, None)
        return context

    def attempt(self, number: int = 1, **facts: Any) -> list[str]:
        """Run one try, and return what its log says."""
        context = self.prepare(number, **facts)
        with reaching(self.server):
            self.operator.execute(context)
        return self.log

    def fails(self, number: int = 1, **facts: Any) -> Exception:
        """Run a try that fails, and return its error."""
        with pytest.raises(fake.AirflowException) as error:
            self.attempt(number, **facts)
        return error.value

    def dies(self, number: int = 1, **facts: Any) -> None:
        """Run a try whose process ends while the answer to its trigger is on its way."""
        self.server.after_trigger.append(KeyboardInterrupt())  # type: ignore[arg-type]
        with pytest.raises(KeyboardInterrupt):
            self.attempt(number, **facts)

    @property
    def log(self) -> list[str]:
        lines: list[str] = self.operator.log.lines
        return lines

    def durable_id(self, generation: int = 1, dag_id: str = "child", **facts: Any) -> str:
        """Return the run id of a durable child."""
        parent: dict[str, Any] = {"dag_id": "parent", "run_id": "run", "task_id": "trigger", "epoch": 2}
        parent |= {"run_started": fake.NOW, "retries": 2, **facts}
        return durable_run_id(ParentTask(**parent), dag_id, generation)


@contextmanager
def reaching(server: fake.Server) -> Iterator[None]:
    """Let this process talk to a server, as a task's or a triggerer's does."""
    runner: Any = sys.modules["airflow.sdk.execution_time.task_runner"]
    runner.SUPERVISOR_COMMS = server
    runner.RuntimeTaskInstance = SimpleNamespace(get_dagrun_state=server.state, get_dr_count=server.count)
    yield


@contextmanager
def release(*version: int) -> Iterator[None]:
    """Let the fake be another release."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch, "release", lambda: version)
        forget()
        yield
    forget()


def forget() -> None:
    dispatch.within.cache_clear()
    dispatch.default_path.cache_clear()


def said(lines: list[str], words: str) -> bool:
    """Return whether a log has a line with these words."""
    return any(words in line for line in lines)


def event(payload: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    return "trigger_compat.triggers.ChildRunTrigger", payload
