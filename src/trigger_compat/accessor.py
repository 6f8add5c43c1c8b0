"""Trigger dag runs, read their state and wait for them from any task code (clauses A1-A5).

For a ``@task`` function, a ``PythonOperator`` callable, a custom operator's ``execute`` and callbacks, which
have to pass their context on. The functions check, trigger and reconnect as the operator does: they build the
same request and hand it to the same code.

Airflow has no such accessor yet (``ti.trigger_dag_run``, apache/airflow#69135). Where it has one, it is used.
"""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from trigger_compat import values
from trigger_compat.errors import InvalidRequest, OutsideTask
from trigger_compat.task.steps import run
from trigger_compat.values import UNSET, Unset

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from trigger_compat.task.calls import Calls
    from trigger_compat.task.steps import Steps


class ChildRun(NamedTuple):
    """A dag run that was triggered."""

    dag_id: str
    run_id: str


def trigger_dag_run(
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
    """Trigger a dag run from the running task, and return it without waiting (clauses A1, A3).

    Can be called as often as wanted. Arguments that are not listed here are those of
    :class:`trigger_compat.TriggerDagRunOperator`, with the same checks and errors on every Airflow. On 3.x
    the trigger goes through the task's supervisor, on 2.11 through the database.

    :param durable: a retry of the calling task reconnects to the run that an earlier try triggered by this
        call, instead of triggering another. A cleared task triggers new runs.
    :param key: tells this durable call from others of the same task that trigger the same dag, such as
        ``key="eu"`` and ``key="us"``, or the number of the item in a loop. It must be the same on every try.
    :param context: the context of the running task; found by itself but for callbacks.
    :return: the run: triggered, reset, or on a retry found again.
    :raises trigger_compat.errors.InvalidRequest: an argument is not valid, or the key is used twice.
    :raises trigger_compat.errors.OutsideTask: no task is running in this process.
    :raises airflow.exceptions.AirflowException: Airflow refuses the trigger, e.g. because there is no such
        dag (T5), or because the run exists (T4). Skips the task for ``skip_when_already_exists`` (T2).
    """
    arguments = {name: value for name, value in locals().items() if name != "context"}
    return ChildRun(*calls_of(context).trigger(arguments))


def get_dagrun_state(dag_id: str, run_id: str, *, context: Mapping[str, Any] | None = None) -> str | None:
    """Return the state of a dag run, None if there is no such run (clause A2).

    :param context: the context of the running task; found by itself but for callbacks.
    :return: ``queued``, ``running``, ``success`` or ``failed``.
    :raises trigger_compat.errors.InvalidRequest: an id is not valid.
    :raises trigger_compat.errors.OutsideTask: no task is running in this process.
    :raises trigger_compat.paths.TransientError: the state cannot be read now; a later call may succeed.
    """
    return calls_of(context).state(values.dag_id("dag_id", dag_id), values.run_id("run_id", run_id, ".*"))


def wait_for_dag_runs(
    children: Iterable[ChildRun | tuple[str, str]],
    *,
    poke_interval: float = 60,
    allowed_states: Sequence[str] | None = None,
    failed_states: Sequence[str] | None = None,
    context: Mapping[str, Any] | None = None,
) -> list[str]:
    """Wait in this process until every dag run has ended, and return their states (clause A4).

    Polls often at first and then less often, as the operator does. One message per target dag asks for all of
    its runs; a change is narrowed down. The log shows the progress, not each poll.

    :param children: runs of any dags, as :func:`trigger_dag_run` returns them.
    :param poke_interval: longest time between two polls, in seconds.
    :param allowed_states: states that end the wait for a run well; default ``success``.
    :param failed_states: states that end it as a failure; default ``failed``, empty for none.
    :return: the states in the order of the children.
    :raises airflow.exceptions.AirflowException: once all have ended, if some failed or were deleted.
    :raises trigger_compat.errors.InvalidRequest: an argument is not valid.
    :raises trigger_compat.errors.OutsideTask: no task is running in this process.
    :raises trigger_compat.paths.TransientError: polls have failed for 10 minutes (W7).
    """
    rules = wait_rules(poke_interval, allowed_states, failed_states)
    return run(steps_of_wait(calls_of(context), children, rules))


_ARGUMENTS: Final = frozenset(signature(trigger_dag_run).parameters) - {"context"}


def trigger_dag_runs(
    requests: Iterable[Mapping[str, Any]],
    *,
    max_active: int | None = None,
    poke_interval: float = 60,
    allowed_states: Sequence[str] | None = None,
    failed_states: Sequence[str] | None = None,
    durable: bool = False,
    context: Mapping[str, Any] | None = None,
) -> list[ChildRun]:
    """Trigger many dag runs and wait for them, at most ``max_active`` at a time (clauses A1, A3, A4).

    All requests are checked before the first run is triggered. With ``durable``, a retry reconnects to the
    runs that earlier tries triggered and triggers the rest, still at most ``max_active`` at a time.

    :param requests: for each run, the arguments of :func:`trigger_dag_run`, ``trigger_dag_id`` included.
    :param max_active: 1 runs them one after the other; None triggers all at once.
    :param durable: for all requests. The key of a request that gives none is its number, so the requests
        have to come in the same order on every try.
    :return: the runs, in the order of the requests.
    :raises airflow.exceptions.AirflowException: a run cannot be triggered; it names those that were.
        Or, once all have ended, some failed or were deleted; it names them.

    The other parameters and errors are those of :func:`wait_for_dag_runs`.
    """
    rules = wait_rules(poke_interval, allowed_states, failed_states)
    return run(steps_of_fan_out(calls_of(context), requests, max_active, durable, rules))


def steps_of_wait(
    calls: Calls, children: Iterable[ChildRun | tuple[str, str]], rules: Mapping[str, Any]
) -> Steps[list[str]]:
    """Return the steps of :func:`wait_for_dag_runs`."""
    runs = [(values.dag_id("children", dag), values.run_id("children", run, ".*")) for dag, run in children]
    return calls.wait(runs, **rules)


def steps_of_fan_out(
    calls: Calls,
    requests: Iterable[Mapping[str, Any]],
    max_active: int | None,
    durable: bool,
    rules: Mapping[str, Any],
) -> Steps[list[ChildRun]]:
    """Return the steps of :func:`trigger_dag_runs`."""
    if max_active is not None and max_active < 1:
        raise InvalidRequest(
            f"max_active: {values.shown(max_active)} is not a number above 0; use None for all"
        )
    complete: list[Mapping[str, Any]] = []
    for number, request in enumerate(requests):
        if unknown := request.keys() - _ARGUMENTS:
            name = values.shown(min(unknown))
            msg = f"requests[{number}]: {name} is not an argument of trigger_dag_run; remove it"
            raise InvalidRequest(msg)
        own = {"durable": durable, "openlineage_inject_parent_info": True, **request, **rules}
        if own["durable"]:
            own.setdefault("key", str(number))
        complete.append(own)
    return calls.fan_out(complete, max_active, ChildRun)


def wait_rules(
    poke_interval: float, allowed: Sequence[str] | None, failed: Sequence[str] | None
) -> dict[str, Any]:
    """Check what a wait goes by."""
    good, bad = values.wait_states(allowed, failed)
    seconds = values.seconds("poke_interval", poke_interval)
    return {"poke_interval": seconds, "allowed_states": good, "failed_states": bad}


def calls_of(context: Mapping[str, Any] | None) -> Calls:
    """Return what triggers and polls for the running task."""
    try:
        from trigger_compat.task.calls import Calls
    except ImportError as error:
        raise OutsideTask(f"no task is running here: Airflow cannot be imported ({error})") from error
    return Calls.of_running_task(context)
