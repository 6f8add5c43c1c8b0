"""The contract: what is asked of a trigger, and what it means, in one object that all paths share.

Pure Python, no Airflow: everything here can be tested, and reasoned about, without one. Clause ids
(R1, W2, X5 ...) are those of ``docs/contract.md``; they are also the ids of the tests and of
``compat-matrix.yaml``.
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

PASSING_FAILURES_TOLERATED_FOR: Final = 600.0
"""Seconds of failing looks that an own wait survives before its try fails (clause W7)."""


@dataclass(frozen=True, slots=True)
class Argument:
    """Where an argument is honoured, and what happens where it is not (clause C3)."""

    honoured: str
    otherwise: Literal["warn", "fail"]


ARGUMENTS: Final = {
    # A note is a remark: the run is still what was asked for without it.
    "note": Argument(honoured=">=3.2", otherwise="warn"),
    # Ignoring either of these would start a run that was not asked for.
    "run_after": Argument(honoured=">=3.3", otherwise="fail"),
    # 3.0 and 3.1 give a worker no way to ask whether a dag is paused (GetDag came with 3.2).
    "fail_when_dag_is_paused": Argument(honoured="!=3.0.*,!=3.1.*", otherwise="fail"),
}


class Identity(enum.Enum):
    """Where the child's run id comes from."""

    GENERATED = "generated"  # a fresh one for every try, in upstream's form
    PINNED = "pinned"  # the author gave trigger_run_id or logical_date
    COMPUTED = "computed"  # durable: a function of the parent, its epoch and a generation


class Outcome(enum.Enum):
    """What the state of a child means to a wait (clauses W1-W3)."""

    ALLOWED = "allowed"
    FAILED = "failed"
    PENDING = "pending"


class Resume(enum.Enum):
    """What a durable try does about a child that an earlier try may have left (clauses X1-X3, X9)."""

    SUBMIT = "submit"
    RECONNECT = "reconnect"
    ALREADY_SUCCEEDED = "already_succeeded"
    NEXT_GENERATION = "next_generation"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The task instance that triggers, at one try.

    What makes two tries those of one parent is :attr:`identity`; ``try_number`` and ``retries`` are not
    part of it.

    :param map_index: -1 if the task is not mapped.
    :param loop_index: the iteration of the loop that the task is in, from 0; None outside (Airflow 3.4+).
    :param region_id: what 3.4+ calls the execution of a loop or of a mapped task. A clear that makes
        Airflow run
        iterations anew gives them another one, though run id, task id and indexes are the same; None
        elsewhere.
    :param run_started: when the parent's dag run began. It stays over retries and over clears in a run that
        has not ended. It is another one once a run that has ended is cleared, and after a run was deleted and
        created again.
    :param run_number: the database's number of the dag run, where ``run_started`` cannot tell two runs of
        one id apart: ``dag.test()`` of 2.11, which starts them at their logical date.
    :param epoch: ``ti.max_tries``. Constant over the retries of a task instance and changed by a clear, on
        every Airflow from 2.11 to 3.4; ``try_number`` alone cannot tell the two apart.
    :param retries: the task's ``retries`` as the running try knows it.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    loop_index: int | None = None
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
        ]

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
    reset: bool = False
    skip: bool = False
    fail_when_paused: bool = False
    allowed_states: tuple[str, ...] = ("success",)
    failed_states: tuple[str, ...] = ("failed",)
    wait: bool = False
    poke_interval: float = 60.0
    deferrable: bool = False
    durable: bool = False
    parent: Parent | None = None
    generation: int = 1
    gives_date: bool = False

    @property
    def name(self) -> dict[str, str]:
        """What names the run, by the field names of a task's log."""
        return {"dag_id": self.dag_id, "run_id": self.run_id}

    @property
    def defers(self) -> bool:
        """Whether the parent gives its slot back while it waits (clauses D1, D2)."""
        return self.wait and self.deferrable

    @property
    def owns_run(self) -> bool:
        """Whether a run found under this id can only be this parent's own (clause T8)."""
        return self.identity is not Identity.PINNED

    @property
    def first_try(self) -> bool:
        """Whether nothing can have been triggered by an earlier try of this epoch."""
        return self.parent is None or self.parent.earlier_tries == 0

    def classify(self, state: str | None) -> Outcome:
        """Say what a dag run state means to the parent (clauses W1-W3)."""
        if state in self.failed_states:
            return Outcome.FAILED
        return Outcome.ALLOWED if state in self.allowed_states else Outcome.PENDING

    def resume(self, state: str | None) -> Resume:
        """Decide what a durable try does, given the state of this run (``None``: there is none)."""
        if state is None:
            return Resume.SUBMIT
        outcome = self.classify(state)
        if outcome is Outcome.ALLOWED:
            return Resume.ALREADY_SUCCEEDED
        if outcome is Outcome.PENDING:
            return Resume.RECONNECT
        if self.owns_run:
            return Resume.NEXT_GENERATION
        return Resume.SUBMIT if self.reset else Resume.REFUSE

    def settles(self, state: str) -> bool:
        """Whether no newer child has to be looked for, given the state of this one."""
        newest = self.parent is None or self.generation >= self.parent.earlier_tries
        return newest or self.resume(state) is not Resume.NEXT_GENERATION

    def at_generation(self, generation: int) -> TriggerRequest:
        """Return the same request for another generation of a computed identity, from 1."""
        if self.identity is not Identity.COMPUTED or self.parent is None:
            return self
        run_id = durable_run_id(self.parent, self.dag_id, generation)
        return replace(self, run_id=run_id, generation=generation)

    def record(self) -> dict[str, Any]:
        """Return what 3.3+ keeps in ``task_state_store``: the child, and whose it is."""
        return {
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "parent": self.parent and _digest(self.parent.identity),
            "generation": self.generation,
        }

    def recalls(self, record: object) -> TriggerRequest | None:
        """Return the request a stored record speaks of, or None if it is not of this parent and epoch (X5).

        The recorded child counts also where the author's run id, date or dag has rendered to another one
        since (X16).
        """
        if not isinstance(record, dict) or record.get("parent") != self.record()["parent"]:
            return None
        dag_id, run_id, generation = (record.get(key) for key in ("dag_id", "run_id", "generation"))
        if not (isinstance(dag_id, str) and isinstance(run_id, str) and isinstance(generation, int)):
            return None
        return replace(self, dag_id=dag_id, run_id=run_id, generation=generation)


def durable_run_id(parent: Parent, dag_id: str, generation: int) -> str:
    """Return the run id of a durable child: the same on every Airflow, for every try of an epoch.

    Readable up to the last part, which alone makes it unique (80 bits of a SHA-256). Never longer
    than 240 characters, no reserved prefix, only characters of Airflow's default pattern.

    :param dag_id: the target dag.
    :param generation: 1, and one more for each fresh run after a failed child (clause X3).
    """
    where = f"{parent.dag_id[:80]}.{parent.task_id[:80]}"
    if parent.map_index >= 0:
        where += f".{parent.map_index}"
    if parent.loop_index is not None:
        where += f".loop{parent.loop_index}"
    readable = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9_.-]", "-", where)).strip(".")
    digest = _digest([*parent.identity, dag_id, generation])
    return f"durable__{readable}__e{parent.epoch}g{generation}__{digest}"


def _digest(facts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:20]


def build_request(
    *,
    trigger_dag_id: object,
    trigger_run_id: object = None,
    conf: object = None,
    logical_date: object = UNSET,
    run_after: object = UNSET,
    reset_dag_run: bool = False,
    skip_when_already_exists: object = False,
    wait_for_completion: object = False,
    poke_interval: object = 60,
    allowed_states: tuple[str, ...] = ("success",),
    failed_states: tuple[str, ...] = ("failed",),
    fail_when_dag_is_paused: bool = False,
    note: object = None,
    deferrable: bool = False,
    durable: bool = False,
    date_is_made_anew: bool = False,
    parent: Parent | None = None,
    run_id_pattern: str = DEFAULT_RUN_ID_PATTERN,
    localize: Callable[[datetime], datetime] = values.in_utc,
    now: datetime | None = None,
) -> TriggerRequest:
    """Check the rendered arguments of the operator and return what is to be triggered.

    :param logical_date: :data:`UNSET` means now, unless ``run_after`` is given; None means none.
    :param date_is_made_anew: the logical date is another one on every try, so a durable run id is not made
        of it (X16).
    :param run_id_pattern: the running Airflow's ``[scheduler] allowed_run_id_pattern``.
    :param localize: makes a naive datetime aware, as the running Airflow does; default is UTC.
    :param now: the present, aware; default is the clock.
    :raises InvalidRequest: naming the field, the value where it cannot be a secret, and the remedy.
    """
    now = now or datetime.now(timezone.utc)
    dag_id = values.dag_id("trigger_dag_id", trigger_dag_id)
    at = values.moment("logical_date", logical_date, localize)
    after = values.moment("run_after", run_after, localize)
    gives_date = isinstance(at, datetime)
    pinned = trigger_run_id is not None or (gives_date and not (durable and date_is_made_anew))
    if at is UNSET:
        at = now if after is UNSET else None
    after = None if after is UNSET else after
    identity = Identity.COMPUTED if durable and parent else Identity.GENERATED
    if pinned:
        identity = Identity.PINNED
    remedy = "use only characters it allows"
    if trigger_run_id is None:
        remedy = "give a trigger_run_id that it allows, or let it allow ids of this form"
        if identity is Identity.COMPUTED and parent:
            trigger_run_id = durable_run_id(parent, dag_id, 1)
        else:
            # Upstream adds the random part only without a logical date, and so gives mapped parents that
            # start together one id (apache/airflow#28868); a date the author gave must give one id.
            mapped = parent is not None and parent.map_index >= 0
            plain = at is not None and (pinned or not mapped)
            # With the offset of the date as given, as upstream has it: runs of before the swap are found.
            trigger_run_id = f"manual__{(after or at or now).isoformat()}"
            trigger_run_id += "" if plain else f"_{values.random_part()}"
    run_id = values.run_id("trigger_run_id", trigger_run_id, run_id_pattern, remedy)
    return TriggerRequest(
        dag_id=dag_id,
        run_id=run_id,
        identity=identity,
        conf=values.conf("conf", conf),
        logical_date=at and at.astimezone(timezone.utc),
        run_after=after and after.astimezone(timezone.utc),
        gives_date=gives_date,
        note=values.note("note", note),
        # A computed id is nobody else's: a run that has it is gone back to. To reset it would only be the
        # deed of a lost try that goes on, on a failed child that a later try has already replaced.
        reset=reset_dag_run and identity is not Identity.COMPUTED,
        skip=values.flag("skip_when_already_exists", skip_when_already_exists),
        fail_when_paused=fail_when_dag_is_paused,
        allowed_states=allowed_states,
        failed_states=failed_states,
        wait=values.flag("wait_for_completion", wait_for_completion),
        poke_interval=values.seconds("poke_interval", poke_interval),
        deferrable=deferrable,
        durable=durable,
        parent=parent,
    )
