"""The contract: what a trigger asks for and what that means, in one object that all paths share.

Pure Python without Airflow, so all of it can be tested without one. Clause ids (R1, W2, X5 ...) are those of
``docs/contract.md``; tests and ``compat-matrix.yaml`` use the same ids.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, Final, Literal

from trigger_compat import values

UNSET: Final = values.UNSET
DEFAULT_RUN_ID_PATTERN: Final = r"^[A-Za-z0-9_.~:+-]+$"
"""Airflow's default of ``[scheduler] allowed_run_id_pattern``, the same from 2.11 to 3.4."""

TRANSIENT_ERRORS_TOLERATED_FOR: Final = 600.0
"""Seconds of failing polls that an in-process wait survives before its try fails (clause W7)."""

EVERYWHERE: Final = ">=2.11"


def _as_given(_field: str, value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of the operator: how it is checked, and which Airflow supports it (clause C3).

    :param check: takes the name and the rendered value, returns the checked value. None: the argument
        becomes part of the run's identity or time, which :func:`build_request` works out.
    :param default: the value of an argument that is left out.
    :param supported_on: the Airflow versions that support it.
    :param otherwise: what the others do: "warn" and leave it out, or "fail" the task.
    :param of_new_run: a run that exists and is reset keeps its own value (T3).
    """

    check: Callable[[str, Any], Any] | None = _as_given
    default: Any = None
    supported_on: str = EVERYWHERE
    otherwise: Literal["warn", "fail"] = "fail"
    of_new_run: bool = False


ARGUMENTS: Final[dict[str, Argument]] = {
    "trigger_dag_id": Argument(check=None),
    "trigger_run_id": Argument(check=None),
    "conf": Argument(values.conf, of_new_run=True),
    "logical_date": Argument(check=None, default=UNSET),
    # To ignore this would start a run at another time than asked for.
    "run_after": Argument(check=None, default=UNSET, supported_on=">=3.3", of_new_run=True),
    "reset_dag_run": Argument(default=False),
    "wait_for_completion": Argument(values.flag, default=False),
    "poke_interval": Argument(values.seconds, default=60),
    "allowed_states": Argument(values.state_tuple, default=("success",)),
    "failed_states": Argument(values.state_tuple, default=("failed",)),
    "skip_when_already_exists": Argument(values.flag, default=False),
    # 3.0 and 3.1 give a worker no way to ask whether a dag is paused (GetDag came with 3.2).
    "fail_when_dag_is_paused": Argument(default=False, supported_on="!=3.0.*,!=3.1.*"),
    # A note is a remark: without it the run is still the one that was asked for.
    "note": Argument(values.note, supported_on=">=3.2", otherwise="warn", of_new_run=True),
    "deferrable": Argument(default=False),
    "durable": Argument(default=False),
}
"""Every argument that says what to trigger. To add one: a row here, a field of :class:`TriggerRequest`, the
operator's parameter, and the paths that send it."""


class Identity(enum.Enum):
    """Where the child's run id comes from."""

    GENERATED = "generated"  # a fresh one for every try, in upstream's form
    PINNED = "pinned"  # the author gave trigger_run_id or logical_date
    COMPUTED = "computed"  # durable: a function of the parent, its epoch and a generation


class ChildOutcome(enum.Enum):
    """What the state of a child means to a wait (clauses W1-W3)."""

    ALLOWED = "allowed"
    FAILED = "failed"
    PENDING = "pending"


class Action(enum.Enum):
    """What a durable try does about a child that an earlier try may have left (clauses X1-X3, X9)."""

    SUBMIT = "submit"
    RECONNECT = "reconnect"
    ALREADY_SUCCEEDED = "already_succeeded"
    NEXT_GENERATION = "next_generation"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentTask:
    """The task instance that triggers, at one try.

    Two tries with the same :attr:`identity` belong to one parent. ``try_number`` and ``retries`` are not part
    of it.

    :param map_index: -1 if the task is not mapped.
    :param loop_index: the iteration of the loop that the task is in, from 0; None outside (Airflow 3.4+).
    :param key: tells durable calls of one task apart (clause A3); None for an operator, which makes one.
    :param region_id: the id that 3.4+ gives one execution of a loop or of a mapped task. If a clear makes
        Airflow run iterations again, they get another id, though run id, task id and indexes are the same.
        None elsewhere.
    :param run_started: when the parent's dag run started. It stays the same over retries and over clears in a
        run that has not ended. It changes when a run that has ended is cleared, and when a run is deleted and
        recreated.
    :param run_number: the id of the dag run in the database, where ``run_started`` cannot tell two runs of
        one run id apart: ``dag.test()`` of 2.11 starts them at their logical date.
    :param epoch: ``ti.max_tries``. Constant over the retries of a task instance and changed by a clear, on
        every Airflow from 2.11 to 3.4; ``try_number`` alone cannot tell the two apart.
    :param retries: the task's ``retries`` as the running try knows it.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    loop_index: int | None = None
    key: str | None = None
    region_id: str | None = None
    run_started: datetime | None = None
    run_number: int | None = None
    try_number: int = 1
    epoch: int = 0
    retries: int = 0

    @property
    def identity(self) -> list[Any]:
        """What is the same for all tries between two clears, and for no other task instance (X13-X15)."""
        started = self.run_started and self.run_started.astimezone(timezone.utc)
        return [
            self.dag_id,
            self.run_id,
            started and started.isoformat(timespec="microseconds"),
            self.run_number,
            self.task_id,
            self.map_index,
            self.loop_index,
            self.region_id,
            self.epoch,
            *([] if self.key is None else [self.key]),
        ]

    @property
    def task_identity(self) -> list[Any]:
        """The identity of the task instance, whatever its keys."""
        return replace(self, key=None).identity

    @property
    def earlier_tries(self) -> int:
        """Tries of this epoch before the running one.

        An estimate where the dag was edited in mid-epoch: too low is caught when the child's run id
        turns out to be taken, too high costs a look.
        """
        return min(max(self.try_number - 1 - (self.epoch - self.retries), 0), self.try_number - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRequest:
    """One trigger of one child dag run, checked: an instance that exists is fit to be sent.

    Built by :func:`build_request`. Times are in seconds, datetimes are aware and in UTC.

    :param gives_date: the author gave the logical date, so another run of the dag may have the same.
    """

    dag_id: str
    run_id: str
    identity: Identity
    conf: dict[str, Any] | None = None
    logical_date: datetime | None = None
    run_after: datetime | None = None
    note: str | None = None
    reset_dag_run: bool = False
    skip_when_already_exists: bool = False
    fail_when_dag_is_paused: bool = False
    allowed_states: tuple[str, ...] = ("success",)
    failed_states: tuple[str, ...] = ("failed",)
    wait_for_completion: bool = False
    poke_interval: float = 60.0
    deferrable: bool = False
    durable: bool = False
    parent: ParentTask | None = None
    generation: int = 1
    gives_date: bool = False

    @property
    def name(self) -> dict[str, str]:
        """The ids of the run, under the field names of a structured task log."""
        return {"dag_id": self.dag_id, "run_id": self.run_id}

    @property
    def defers(self) -> bool:
        """Whether the parent gives up its worker slot while it waits (clauses D1, D2)."""
        return self.wait_for_completion and self.deferrable

    @property
    def owns_run(self) -> bool:
        """Whether a run found under this id can only be this parent's own (clause T8)."""
        return self.identity is not Identity.PINNED

    @property
    def first_try(self) -> bool:
        """Whether nothing can have been triggered by an earlier try of this epoch."""
        return self.parent is None or self.parent.earlier_tries == 0

    def classify(self, state: str | None) -> ChildOutcome:
        """Return what a dag run state means to the parent (clauses W1-W3)."""
        if state in self.failed_states:
            return ChildOutcome.FAILED
        return ChildOutcome.ALLOWED if state in self.allowed_states else ChildOutcome.PENDING

    def next_action(self, state: str | None) -> Action:
        """Decide what a durable try does, given the state of this run (None: there is no run)."""
        if state is None:
            return Action.SUBMIT
        outcome = self.classify(state)
        if outcome is ChildOutcome.ALLOWED:
            return Action.ALREADY_SUCCEEDED
        if outcome is ChildOutcome.PENDING:
            return Action.RECONNECT
        if self.owns_run:
            return Action.NEXT_GENERATION
        return Action.SUBMIT if self.reset_dag_run else Action.REFUSE

    def is_latest(self, state: str) -> bool:
        """Return whether no later generation can exist, given the state of this one."""
        last = self.parent is None or self.generation >= self.parent.earlier_tries
        return last or self.next_action(state) is not Action.NEXT_GENERATION

    def at_generation(self, generation: int) -> TriggerRequest:
        """Return the same request for another generation of a computed identity, from 1."""
        if self.identity is not Identity.COMPUTED or self.parent is None:
            return self
        run_id = durable_run_id(self.parent, self.dag_id, generation)
        return replace(self, run_id=run_id, generation=generation)

    def record(self) -> dict[str, Any]:
        """Return what 3.3+ keeps in ``task_state_store``: the child, and a digest of its parent."""
        return {
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "parent": self.parent and _digest(self.parent.identity),
            "generation": self.generation,
        }

    def from_record(self, record: object) -> TriggerRequest | None:
        """Return the request for the child in a stored record, None if another parent or epoch wrote it (X5).

        The recorded child counts even where the author's run id, logical date or dag has rendered to
        something else since (X16).
        """
        if not isinstance(record, dict) or record.get("parent") != self.record()["parent"]:
            return None
        dag_id, run_id, generation = (record.get(key) for key in ("dag_id", "run_id", "generation"))
        if not (isinstance(dag_id, str) and isinstance(run_id, str) and isinstance(generation, int)):
            return None
        return replace(self, dag_id=dag_id, run_id=run_id, generation=generation)


def durable_run_id(parent: ParentTask, dag_id: str, generation: int) -> str:
    """Return the run id of a durable child: the same on every Airflow, for every try of an epoch.

    Readable up to the last part, which alone makes it unique (80 bits of a SHA-256). Never longer
    than 240 characters, no reserved prefix, only characters of Airflow's default pattern.

    :param dag_id: the target dag.
    :param generation: 1, and one more for each new run after a failed child (clause X3).
    """
    where = f"{parent.dag_id[:80]}.{parent.task_id[:80]}"
    if parent.map_index >= 0:
        where += f".{parent.map_index}"
    if parent.loop_index is not None:
        where += f".loop{parent.loop_index}"
    if parent.key is not None:
        where += f".{parent.key[:20]}"
    readable = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9_.-]", "-", where)).strip(".")
    digest = _digest([*parent.identity, dag_id, generation])
    return f"durable__{readable}__e{parent.epoch}g{generation}__{digest}"


def _digest(facts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:20]


def build_request(
    *,
    parent: ParentTask | None = None,
    date_is_current_time: bool = False,
    run_id_pattern: str = DEFAULT_RUN_ID_PATTERN,
    localize: Callable[[datetime], datetime] = values.in_utc,
    now: datetime | None = None,
    **arguments: Any,
) -> TriggerRequest:
    """Check the rendered arguments of the operator and return the request for its child.

    :param parent: the task instance that triggers; None outside a task.
    :param date_is_current_time: the logical date is the time of this try, so it differs on every try and a
        durable run id is not made of it (X16).
    :param run_id_pattern: the running Airflow's ``[scheduler] allowed_run_id_pattern``.
    :param localize: makes a naive datetime aware, as the running Airflow does; default is UTC.
    :param now: the present, aware; default is the clock.
    :param arguments: those of :data:`ARGUMENTS`. ``logical_date``: :data:`UNSET` means now unless
        ``run_after`` is given, None means none.
    :raises InvalidRequest: naming the field, the value unless it may be a secret, and the remedy.
    """
    if unknown := arguments.keys() - ARGUMENTS.keys():
        raise TypeError(f"build_request() has no argument {min(unknown)!r}")
    given = {name: arguments.get(name, argument.default) for name, argument in ARGUMENTS.items()}
    now = now or datetime.now(timezone.utc)
    dag_id = values.dag_id("trigger_dag_id", given["trigger_dag_id"])
    date = values.moment("logical_date", given["logical_date"], localize)
    after = values.moment("run_after", given["run_after"], localize)
    gives_date = isinstance(date, datetime)
    if date is UNSET:
        date = now if after is UNSET else None
    after = None if after is UNSET else after
    run_id = given["trigger_run_id"]
    pinned_by_date = gives_date and not (given["durable"] and date_is_current_time)
    identity = Identity.COMPUTED if given["durable"] and parent else Identity.GENERATED
    if run_id is not None or pinned_by_date:
        identity = Identity.PINNED
    remedy = "use only characters it allows"
    if run_id is None:
        remedy = "give a trigger_run_id that it allows, or let it allow ids of this form"
        if identity is Identity.COMPUTED and parent:
            run_id = durable_run_id(parent, dag_id, 1)
        else:
            # Upstream adds the random part only without a logical date, and so gives mapped parents that
            # start together one id (apache/airflow#28868); a date the author gave must give one id.
            mapped = parent is not None and parent.map_index >= 0
            plain = date is not None and (pinned_by_date or not mapped)
            # Keep the offset of the date as given, as upstream does: then runs of before the swap are found.
            run_id = f"manual__{(after or date or now).isoformat()}"
            run_id += "" if plain else f"_{values.random_part()}"
    # A computed id belongs to this parent alone, so a run that has it is reconnected to. To reset it could
    # only be the act of a try presumed lost, on a failed child that a later try has replaced already.
    given["reset_dag_run"] = given["reset_dag_run"] and identity is not Identity.COMPUTED
    checked = {name: rule.check(name, given[name]) for name, rule in ARGUMENTS.items() if rule.check}
    return TriggerRequest(
        dag_id=dag_id,
        run_id=values.run_id("trigger_run_id", run_id, run_id_pattern, remedy),
        identity=identity,
        logical_date=date and date.astimezone(timezone.utc),
        run_after=after and after.astimezone(timezone.utc),
        gives_date=gives_date,
        parent=parent,
        **checked,
    )
