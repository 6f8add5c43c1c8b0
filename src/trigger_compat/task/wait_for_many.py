"""Wait for many dag runs in one process, at the price of a few messages per poll (clause A4)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from trigger_compat import events
from trigger_compat._airflow import AirflowException
from trigger_compat.contract import TRANSIENT_ERRORS_TOLERATED_FOR, ChildOutcome, TriggerRequest
from trigger_compat.paths import Path, TransientError
from trigger_compat.polling import next_poll
from trigger_compat.task.steps import Steps
from trigger_compat.task.wait import Outage
from trigger_compat.values import RUN_STATES

Name = tuple[str, str]
SHOWN: Final = 20
"""How many failed runs the error at the end names one by one."""


def wait_for_many(
    starts: Sequence[Callable[[], TriggerRequest]],
    path: Path,
    context: Any,
    log: events.Log,
    *,
    max_active: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Steps[list[tuple[TriggerRequest, str]]]:
    """Start runs, wait until each is in an allowed or a failed state, and return both in the same order.

    :param starts: each returns a run to wait for, and triggers it before that if it has to be triggered.
        All of them have the same states and the same poke interval.
    :param max_active: how many runs are waited for at a time; None for all.
    :raises AirflowException: once all have ended: some failed, or were deleted; it names them.
    :raises TransientError: polls have failed for :data:`TRANSIENT_ERRORS_TOLERATED_FOR` seconds.
    """
    runs: list[TriggerRequest] = []
    waiting: dict[Name, TriggerRequest] = {}
    ended: dict[Name, str | None] = {}
    began = clock()
    due = 0.0
    outage = Outage(clock)
    logged: tuple[int, int] | None = None
    while waiting or len(runs) < len(starts):
        while len(runs) < len(starts) and (max_active is None or len(waiting) < max_active):
            run = yield starts[len(runs)]
            runs.append(run)
            if _name(run) not in ended:
                waiting[_name(run)] = run
            began, due = clock(), 0.0  # poll often again: a new run may be a short one
        if (len(runs), len(ended)) != logged:
            logged = len(runs), len(ended)
            log.info(events.WAITING_FOR_MANY, runs=len(starts), started=len(runs), ended=len(ended))
        try:
            for dag_id, run_ids in _by_dag(waiting).items():
                pending = _pending(waiting[dag_id, run_ids[0]])
                states: Mapping[str, str | None]
                states = yield partial(path.find_ended, dag_id, run_ids, pending, context)
                for run_id, state in states.items():
                    del waiting[dag_id, run_id]
                    ended[dag_id, run_id] = state
            outage.end()
        except TransientError as error:
            if outage.is_new(error):
                patience = TRANSIENT_ERRORS_TOLERATED_FOR
                log.warning(events.MANY_POLLS_FAILED, error=str(error), patience=patience)
        full = max_active is not None and len(waiting) >= max_active
        if waiting and (full or len(runs) == len(starts)):
            due = next_poll(max(due, clock() - began), next(iter(waiting.values())).poke_interval)
            yield max(0.0, due - (clock() - began))
    log.info(events.MANY_ENDED, runs=len(runs), states=dict(Counter(map(str, ended.values()))))
    _raise_for_failed(runs, ended)
    return [(run, str(ended[_name(run)])) for run in runs]


def _by_dag(waiting: Mapping[Name, TriggerRequest]) -> dict[str, list[str]]:
    by_dag: dict[str, list[str]] = {}
    for dag_id, run_id in waiting:
        by_dag.setdefault(dag_id, []).append(run_id)
    return by_dag


def _pending(run: TriggerRequest) -> list[str]:
    return [state for state in RUN_STATES if run.classify(state) is ChildOutcome.PENDING]


def _name(run: TriggerRequest) -> Name:
    return run.dag_id, run.run_id


def _raise_for_failed(runs: Sequence[TriggerRequest], ended: dict[Name, str | None]) -> None:
    unique = {_name(run): run for run in runs}
    bad = [name for name, run in unique.items() if run.classify(ended[name]) is not ChildOutcome.ALLOWED]
    if not bad:
        return
    named = [f"{dag_id} {run_id} ({ended[dag_id, run_id] or 'deleted'})" for dag_id, run_id in bad]
    rest = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    raise AirflowException(f"{len(bad)} of {len(unique)} dag runs failed: {', '.join(named[:SHOWN])}{rest}")
