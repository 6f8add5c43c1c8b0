"""What a test says to the harness and what it gets back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any


@dataclass(frozen=True)
class Code:
    """An operator argument that is written into the dag file as it stands: ``Code("object()")``."""

    text: str

    def __repr__(self) -> str:
        return self.text


NO_DATE = datetime(1, 1, 1, tzinfo=timezone.utc)
"""The logical date of a run that has none."""


@dataclass(frozen=True)
class Run:
    """A dag run that exists before the parent starts."""

    run_id: str
    state: str = "success"
    dag_id: str = "child"
    logical_date: datetime | None = None


@dataclass(frozen=True)
class ChildRun:
    """A dag run of any dag but the parent's; fields the installed Airflow does not have are None."""

    dag_id: str
    run_id: str
    state: str
    run_type: str
    conf: Mapping[str, Any]
    logical_date: datetime | None
    run_after: datetime | None
    note: str | None
    clear_number: int


@dataclass(frozen=True)
class Callback:
    """A task callback, the exception in its context, and the paths of the package its process has loaded."""

    kind: str
    error: str | None
    text: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Event:
    """What a listener was told, and the task's ``trigger_run_id`` at that time."""

    kind: str
    trigger_run_id: str | None
    error: str | None
    text: str


@dataclass(frozen=True)
class Outcome:
    """The parent after one try."""

    state: str | None
    try_number: int
    max_tries: int
    exit_code: int | None
    callbacks: tuple[Callback, ...]
    listeners: tuple[Event, ...]
    xcoms: Mapping[str, Any]
    children: tuple[ChildRun, ...]
    #: The arguments of the trigger, when the parent is deferred.
    trigger: Mapping[str, Any] | None
    #: ``METHOD path`` of each call to the execution API; empty on Airflow 2, which has none.
    requests: tuple[str, ...]
    log: str

    @property
    def child(self) -> ChildRun:
        """The only child run."""
        assert len(self.children) == 1, f"{len(self.children)} child runs instead of one\n{self.children}"
        return self.children[0]

    def callback(self, kind: str) -> Callback:
        """The only callback of this kind."""
        seen = [callback for callback in self.callbacks if callback.kind == kind]
        assert len(seen) == 1, f"on_{kind}_callback ran {len(seen)} times instead of once\n{self.callbacks}"
        return seen[0]

    @property
    def failure(self) -> Event:
        """What the listeners were told of the failure; until 3.0.3 callbacks are told of no error at all."""
        seen = [event for event in self.listeners if event.kind == "failed"]
        assert len(seen) == 1, f"listeners were told of {len(seen)} failures instead of one\n{self.listeners}"
        return seen[0]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of callbacks that ran, in order, but for ``execute``."""
        return tuple(callback.kind for callback in self.callbacks if callback.kind != "execute")
