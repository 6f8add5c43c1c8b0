"""The functions of :mod:`trigger_compat.accessor` to await, for ``async def`` tasks (Airflow 3.2+).

Names, arguments, results and errors are the same. The event loop goes on meanwhile: a message to the task's
supervisor is sent from a thread, and between two polls of a wait there is neither a thread nor a message. So
``asyncio.gather`` of many waits is fine, but one wait for many runs sends fewer messages.
"""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from trigger_compat import accessor
from trigger_compat.accessor import ChildRun, calls_of, steps_of_fan_out, steps_of_wait, wait_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

__all__ = ["get_dagrun_state", "trigger_dag_run", "trigger_dag_runs", "wait_for_dag_runs"]


def _in_thread(
    function: Callable[Arguments, Result],
) -> Callable[Arguments, Coroutine[Any, Any, Result]]:
    @wraps(function)
    async def awaitable(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return await asyncio.to_thread(function, *args, **kwargs)

    return awaitable


trigger_dag_run = _in_thread(accessor.trigger_dag_run)
get_dagrun_state = _in_thread(accessor.get_dagrun_state)


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
    from trigger_compat.task.wait_for_many import run_async  # loads Airflow

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
    from trigger_compat.task.wait_for_many import run_async  # loads Airflow

    rules = wait_rules(poke_interval, allowed_states, failed_states)
    return await run_async(steps_of_fan_out(calls_of(context), requests, max_active, durable, rules))
