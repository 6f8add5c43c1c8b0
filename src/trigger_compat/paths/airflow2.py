"""Airflow 2.11: a worker can use the database, so the operator triggers, polls and resets by ORM."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.api.common.trigger_dag import trigger_dag
from airflow.exceptions import DagNotFound, DagRunAlreadyExists, ParamValidationError
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance, clear_task_instances
from airflow.utils import timezone
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError

from trigger_compat import events, values
from trigger_compat._airflow import AirflowException, AirflowFailException
from trigger_compat.links import RUN_ID_XCOM
from trigger_compat.paths import TransientError, task_instance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trigger_compat.contract import TriggerRequest
    from trigger_compat.paths import Caller, Context

_RUNS_PER_QUERY: Final = 500
"""How many run ids a statement names: databases limit the parameters, SQLite to 999 in old builds."""


def is_paused(request: TriggerRequest, context: Context) -> bool:
    """Read the dag's row."""
    dag = DagModel.get_current(request.dag_id)
    if dag is None:
        msg = f"Dag id {request.dag_id} not found in DagModel"
        raise DagNotFound(msg)
    paused: bool = dag.is_paused
    return paused


def publish(caller: Caller, request: TriggerRequest, context: Context) -> None:
    """Push the run id; the webserver makes the link from it."""
    task_instance(context).xcom_push(key=RUN_ID_XCOM, value=request.run_id)


def submit(caller: Caller, request: TriggerRequest, context: Context) -> bool:
    """Create the run in the database, or clear the one that has this id."""
    date = request.logical_date
    if date is None:
        events.TaskLog(caller.log).warning(events.DATE_MADE_UP, **request.name)
        date = timezone.utcnow()
    while other := _create(request, date):
        if other == request.run_id:
            if request.reset_dag_run and not _reset(request):
                continue  # deleted in between
            return request.reset_dag_run
        # To Airflow 2, a run of the same logical date is the same run. A date that the author did not give
        # may move: mapped tasks that start together would collide otherwise (apache/airflow#28868).
        if request.owns_run:
            date += timedelta(microseconds=1)
        elif request.reset_dag_run:
            msg = (
                f"Cannot trigger dag {request.dag_id!r}, run {request.run_id!r}: its logical date is that of"
                f" run {other!r}, and a reset is for the run of the given id only; use another logical date"
            )
            raise AirflowFailException(msg)
        else:
            return False
    return True


def _create(request: TriggerRequest, date: datetime) -> str | None:
    """Create the run. If a run of this id or date exists, return its id instead."""
    dag: Any = DagModel.get_current(request.dag_id)  # None for an unknown dag, though its annotation says not
    if dag and dag.has_import_errors:
        # Airflow 2 would queue a run of what it parsed last; every 3.x refuses, and nothing could run it.
        msg = f"Cannot trigger dag {request.dag_id!r}, run {request.run_id!r}: the dag has import errors"
        raise AirflowException(msg)
    try:
        trigger_dag(
            dag_id=request.dag_id,
            run_id=request.run_id,
            conf=request.conf,
            execution_date=date,
            replace_microseconds=False,
        )
    except DagRunAlreadyExists as error:
        return str(error.dag_run.run_id)
    except ParamValidationError as error:
        what = f"Cannot trigger dag {request.dag_id!r}, run {request.run_id!r}"
        raise AirflowFailException(f"{what}: {values.params_refusal(str(error))}") from error
    except IntegrityError:
        # Another worker inserted the run after the check.
        if get_state(request, {}) is None:
            raise
        return request.run_id
    return None


def _reset(request: TriggerRequest) -> bool:
    """Clear the task instances of this run and queue it again; no other run is touched (#28310).

    :return: False if there is no such run any more.
    """
    with create_session() as session:
        if session.scalar(_state_of(request)) is None:
            return False
        of_run = (TaskInstance.dag_id == request.dag_id, TaskInstance.run_id == request.run_id)
        task_instances = session.scalars(select(TaskInstance).where(*of_run)).all()
        dag = SerializedDagModel.get_dag(request.dag_id, session=session)
        clear_task_instances(list(task_instances), session, dag=dag)
    return True


def find_existing(request: TriggerRequest, context: Context) -> str | None:
    """Look for a run of this id, then for one of this logical date."""
    if get_state(request, context) is not None:
        return request.run_id
    same_date = (DagRun.dag_id == request.dag_id, DagRun.execution_date == request.logical_date)
    with create_session() as session:
        found: str | None = session.scalar(select(DagRun.run_id).where(*same_date))
    return found


def get_state(request: TriggerRequest, context: Context) -> str | None:
    """Read the state of the run."""
    with _transient_errors(), create_session() as session:
        state = session.scalar(_state_of(request))
    return None if state is None else str(getattr(state, "value", state))


def find_ended(
    dag_id: str, run_ids: Sequence[str], pending: Sequence[str], context: Context
) -> dict[str, str | None]:
    """Read the states of all runs."""
    states: dict[str, str] = {}
    with _transient_errors(), create_session() as session:
        for start in range(0, len(run_ids), _RUNS_PER_QUERY):
            some = run_ids[start : start + _RUNS_PER_QUERY]
            query = select(DagRun.run_id, DagRun.state).where(
                DagRun.dag_id == dag_id, DagRun.run_id.in_(some)
            )
            states |= {
                run_id: str(getattr(state, "value", state)) for run_id, state in session.execute(query)
            }
    return {run_id: states.get(run_id) for run_id in run_ids if states.get(run_id) not in pending}


@contextmanager
def _transient_errors() -> Iterator[None]:
    """Raise TransientError where the database is away."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise TransientError(str(error.orig)) from error


def _state_of(request: TriggerRequest) -> Any:
    return select(DagRun.state).where(DagRun.dag_id == request.dag_id, DagRun.run_id == request.run_id)


def state_from_event(request: TriggerRequest, event: Mapping[str, Any]) -> str | None:
    """Read the state from the event, or from the run: on 2.11 upstream's triggers do not say it."""
    return event[request.run_id] if request.run_id in event else get_state(request, {})
