"""Airflow 3.3+, and 3.0+ when forced: trigger through the supervisor, and wait in ``execute``.

The task runner does nothing of its own, so retries, callbacks, listeners, ``execution_timeout`` and
``post_execute`` work as for any other task.
"""

from __future__ import annotations

from http import HTTPStatus
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Final

from trigger_compat._airflow import AirflowException, DagRunAlreadyExists
from trigger_compat.paths import _task_sdk, task_instance

if TYPE_CHECKING:
    from trigger_compat.contract import TriggerRequest
    from trigger_compat.paths import Caller, Context

is_paused: Final = _task_sdk.is_paused
publish: Final = _task_sdk.publish


def submit(caller: Caller, request: TriggerRequest, context: Context) -> bool:
    """Send the trigger. The supervisor's client resets an existing run if the request says so."""
    fields: dict[str, Any] = {
        "dag_id": request.dag_id,
        "run_id": request.run_id,
        "conf": request.conf,
        "logical_date": request.logical_date,
        "run_after": request.run_after,
        "note": request.note,
        "reset_dag_run": request.reset_dag_run,
    }
    ti = task_instance(context)
    if ti is None:
        msg = "The accessor path triggers through the running task; the context holds no task instance"
        raise AirflowException(msg)
    try:
        answer = _trigger_by_task_instance(ti, fields) if hasattr(ti, "trigger_dag_run") else _send(fields)
    except Exception as error:
        if isinstance(error, DagRunAlreadyExists) or _already_exists(getattr(error, "error", None)):
            return False
        failure = _task_sdk.api_failure(error)
        if failure and failure.status == HTTPStatus.CONFLICT:
            return False
        if failure is None or failure.status is None:
            raise
        # Until 3.3 a logical date that another run has is a server error, not a conflict.
        may_be_taken = failure.status == HTTPStatus.INTERNAL_SERVER_ERROR and request.gives_date
        if may_be_taken and find_existing(request, context) is not None:
            return False
        raise _task_sdk.refusal(request, failure) from error
    return not _already_exists(answer)


def _trigger_by_task_instance(ti: Any, fields: dict[str, Any]) -> Any:
    """Use the accessor proposed for Airflow (apache/airflow#69135), with the arguments that it takes."""
    known = signature(ti.trigger_dag_run).parameters
    takes_any = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in known.values())
    return ti.trigger_dag_run(**{name: fields[name] for name in fields if takes_any or name in known})


def _send(fields: dict[str, Any]) -> Any:
    """Send the message that the task runner sends for a ``DagRunTriggerException`` (P4)."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import TriggerDagRun

    # note came with 3.2, run_after with 3.3; unknown fields are an error.
    message = TriggerDagRun(**{name: fields[name] for name in fields if name in TriggerDagRun.model_fields})
    comms: Any = task_runner.SUPERVISOR_COMMS  # bound when the task starts, so never at the top of a module
    if hasattr(comms, "send"):
        return comms.send(message)
    import structlog

    comms.send_request(structlog.get_logger(__name__), message)  # until 3.0.3
    return comms.get_message()


def _already_exists(answer: Any) -> bool:
    error = getattr(answer, "error", None)
    return str(getattr(error, "value", error)).upper() == "DAGRUN_ALREADY_EXISTS"


find_existing: Final = _task_sdk.find_existing
get_state: Final = _task_sdk.get_state
find_ended: Final = _task_sdk.find_ended
state_from_event: Final = _task_sdk.state_from_event
