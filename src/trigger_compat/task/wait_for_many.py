"""Wait for many dag runs in one process, at the price of a few messages per poll (clause A4)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

from trigger_compat import events
from trigger_compat._airflow import AirflowException
from trigger_compat.contract import TRANSIENT_ERRORS_TOLERATED_FOR, ChildOutcome, TriggerRequest
from trigger_compat.paths import Path, TransientError
from trigger_compat.polling import next_poll
from trigger_compat.task.wait import Outage
from trigger_compat.values import RUN_STATES

QUERY_LENGTH: Final = 24_000
"""Characters of run ids in one question; uvicorn refuses a request head of more than 64 KiB."""

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
    sleep: Callable[[float], None] = time.sleep,
) -> list[tuple[TriggerRequest, str]]:
    """Start runs, wait until each is in an allowed or a failed state, and return both in the same order.

    :param starts: each returns a run to wait for, and triggers it before that if it has to be triggered.
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
            run = starts[len(runs)]()
            runs.append(run)
            if _name(run) not in ended:
                waiting[_name(run)] = run
            began, due = clock(), 0.0  # poll often again: a new run may be a short one
        if (len(runs), len(ended)) != logged:
            logged = len(runs), len(ended)
            log.info(events.WAITING_FOR_MANY, runs=len(starts), started=len(runs), ended=len(ended))
        try:
            for run, state in _changed(list(waiting.values()), path, context):
                del waiting[_name(run)]
                ended[_name(run)] = state
            outage.end()
        except TransientError as error:
            if outage.is_new(error):
                patience = TRANSIENT_ERRORS_TOLERATED_FOR
                log.warning(events.MANY_POLLS_FAILED, error=str(error), patience=patience)
        full = max_active is not None and len(waiting) >= max_active
        if waiting and (full or len(runs) == len(starts)):
            due = next_poll(max(due, clock() - began), next(iter(waiting.values())).poke_interval)
            sleep(max(0.0, due - (clock() - began)))
    log.info(events.MANY_ENDED, runs=len(runs), states=dict(Counter(map(str, ended.values()))))
    _raise_for_failed(runs, ended)
    return [(run, str(ended[_name(run)])) for run in runs]


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


def _changed(
    waiting: list[TriggerRequest], path: Path, context: Any
) -> Iterator[tuple[TriggerRequest, str | None]]:
    """Yield the runs whose wait is over, with the state of each: None for a run that was deleted."""
    for batch in _batches(waiting):
        pending = [state for state in RUN_STATES if batch[0].classify(state) is ChildOutcome.PENDING]
        for run in _not_pending(batch, pending, path, context):
            state = path.get_state(run, context)
            if run.classify(state) is not ChildOutcome.PENDING or state is None:
                yield run, state


def _batches(waiting: list[TriggerRequest]) -> Iterator[list[TriggerRequest]]:
    """Yield runs of one dag, as many as one question can name."""
    by_dag: dict[str, list[TriggerRequest]] = {}
    for run in waiting:
        by_dag.setdefault(run.dag_id, []).append(run)
    for runs in by_dag.values():
        batch: list[TriggerRequest] = []
        length = 0
        for run in runs:
            size = len("&run_ids=") + len(quote(run.run_id, safe=""))
            if batch and length + size > QUERY_LENGTH:
                yield batch
                batch, length = [], 0
            batch.append(run)
            length += size
        yield batch


def _not_pending(
    runs: list[TriggerRequest], pending: list[str], path: Path, context: Any, count: int | None = None
) -> list[TriggerRequest]:
    """Return the runs in none of the pending states, or deleted, by counting and halving.

    :param count: how many are pending, if that is known.
    """
    if not pending:
        return runs
    if count is None:
        count = path.count(runs[0].dag_id, [run.run_id for run in runs], pending, context)
    if count == len(runs):
        return []
    if count == 0 or len(runs) == 1:
        return runs
    middle = len(runs) // 2
    left = path.count(runs[0].dag_id, [run.run_id for run in runs[:middle]], pending, context)
    return [
        *_not_pending(runs[:middle], pending, path, context, left),
        *_not_pending(runs[middle:], pending, path, context, count - left),
    ]
