"""The functions of :mod:`trigger_compat.accessor` to await, for ``async def`` tasks (Airflow 3.2+).

Names, arguments, results and errors are the same. The event loop goes on meanwhile: a message to the task's
supervisor is sent from a thread, one at a time, and between two polls of a wait there is neither a thread nor
a message. So ``asyncio.gather`` of many waits is fine, but one wait for many runs sends fewer messages.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from trigger_compat import accessor
from trigger_compat.accessor import ChildRun, calls_of, steps_of_fan_out, steps_of_wait, wait_rules
from trigger_compat.task.steps import in_thread, run_async
from trigger_compat.values import UNSET, Unset

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

__all__ = ["get_dagrun_state", "trigger_dag_run", "trigger_dag_runs", "wait_for_dag_runs"]


async def trigger_dag_run(
    trigger_dag_id: str,
    *,
    trigger_run_id: str | None = None,
    conf: Mapping[str, Any] | str | None = None,
    logical_date: str | datetime | Unset | None = UNSET,
    run_after: str | datetime | Unset | None = UNSET,
    reset_dag_run: bool = False,
    skip_when_already_exists: bool = False,
    fail_when_dag_is_paused: bool = False,
    note: str | None = None,
    openlineage_inject_parent_info: bool = True,
    durable: bool = False,
    key: str | None = None,
    context: Mapping[str, Any] | None = None,
) -> ChildRun:
    """Trigger a dag run from the running task, and return it without waiting.

    See :func:`trigger_compat.trigger_dag_run`.
    """
    return await in_thread(partial(accessor.trigger_dag_run, **locals()))


async def get_dagrun_state(
    dag_id: str, run_id: str, *, context: Mapping[str, Any] | None = None
) -> str | None:
    """Return the state of a dag run, None if there is no such run.

    See :func:`trigger_compat.get_dagrun_state`.
    """
    return await in_thread(partial(accessor.get_dagrun_state, dag_id, run_id, context=context))


async def wait_for_dag_runs(
    children: Iterable[ChildRun | tuple[str, str]],
    *,
    poke_interval: float = 60,
    allowed_states: Sequence[str] | None = None,
    failed_states: Sequence[str] | None = None,
    context: Mapping[str, Any] | None = None,
) -> list[str]:
    """Wait until every dag run has ended, and return their states.

    See :func:`trigger_compat.wait_for_dag_runs`. A wait that is cancelled sends nothing any more.
    """
    rules = wait_rules(poke_interval, allowed_states, failed_states)
    return await run_async(steps_of_wait(calls_of(context), children, rules))


async def trigger_dag_runs(
    requests: Iterable[Mapping[str, Any]],
    *,
    max_active: int | None = None,
    poke_interval: float = 60,
    allowed_states: Sequence[str] | None = None,
    failed_states: Sequence[str] | None = None,
    durable: bool = False,
    context: Mapping[str, Any] | None = None,
) -> list[ChildRun]:
    """Trigger many dag runs and wait for them, at most ``max_active`` at a time.

    See :func:`trigger_compat.trigger_dag_runs`. When it is cancelled, a trigger that is on its way is still
    sent; the runs that were triggered go on.
    """
    rules = wait_rules(poke_interval, allowed_states, failed_states)
    return await run_async(steps_of_fan_out(calls_of(context), requests, max_active, durable, rules))
