"""What both 3.x paths do in the same way: through the supervisor, with the task's own token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from trigger_compat import values
from trigger_compat._airflow import AirflowException, AirflowFailException
from trigger_compat.links import RUN_ID_XCOM, TriggerDagRunLink
from trigger_compat.paths import task_instance
from trigger_compat.wait import PassingFailure

if TYPE_CHECKING:
    from trigger_compat.contract import TriggerRequest
    from trigger_compat.operator import TriggerDagRunOperator
    from trigger_compat.paths import Context

_MAY_PASS: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


@dataclass(frozen=True, slots=True)
class ApiFailure:
    """An error answer of the execution API; without a status no answer came at all."""

    status: int | None
    text: str
    reason: str | None = None

    @property
    def may_pass(self) -> bool:
        """Whether asking again later can help (clause W7)."""
        return (
            self.status is None or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or self.status in _MAY_PASS
        )


def api_failure(error: Exception) -> ApiFailure | None:
    """Return what the API answered, or None if the error is of another kind.

    The supervisor passes an API error on as ``AirflowRuntimeError``; in ``dag.test()`` there is no
    supervisor in between, and the client's own HTTP error comes up instead.
    """
    response = getattr(error, "error", None)
    if str(getattr(getattr(response, "error", None), "value", "")).upper() == "API_SERVER_ERROR":
        detail = getattr(response, "detail", None) or {}
        return _failure(detail.get("status_code"), detail.get("detail"), str(detail.get("message", error)))
    answer = getattr(error, "response", None)
    if isinstance(status := getattr(answer, "status_code", None), int):
        return _failure(status, getattr(error, "detail", None), str(error))
    return None


def _failure(status: int | None, detail: Any, otherwise: str) -> ApiFailure:
    """Take the server's own sentence from its answer; it may be nested, and is ``message`` in all of 3.x."""
    while isinstance(detail, Mapping):
        if isinstance(detail.get("message"), str):
            return ApiFailure(status, detail["message"], detail.get("reason"))
        detail = detail.get("detail")
    return ApiFailure(status, otherwise)


def refusal(request: TriggerRequest, failure: ApiFailure) -> AirflowException:
    """Return the error for a trigger that the API server refuses, e.g. for want of the dag (T5).

    Not retried where the server says that a value is wrong, as it does since 3.3 of a conf that the dag's
    params refuse (R2); a bare HTTP 500 is all that is known of it before.
    """
    what = f"Cannot trigger dag {request.dag_id!r}, run {request.run_id!r}"
    if failure.status == HTTPStatus.BAD_REQUEST and failure.reason == "value_error":
        return AirflowFailException(f"{what}: {values.params_refusal(failure.text)} (HTTP {failure.status})")
    return AirflowException(f"{what}: {failure.text} (HTTP {failure.status})")


def is_paused(request: TriggerRequest, context: Context) -> bool:
    """Ask the API server; it answers since 3.2 (the contract refuses the argument below)."""
    try:
        paused: bool = task_instance(context).get_dag(request.dag_id).is_paused
    except Exception as error:
        if (failure := api_failure(error)) and not failure.may_pass:
            raise refusal(request, failure) from error
        raise
    return paused


def publish(operator: TriggerDagRunOperator, request: TriggerRequest, context: Context) -> None:
    """Push the run id and the link."""
    task_instance(context).xcom_push(key=RUN_ID_XCOM, value=request.run_id)
    publish_link(operator, context)


def publish_link(operator: TriggerDagRunOperator, context: Context) -> None:
    """Push the link alone; the runner pushes it only when the try has ended (#67327)."""
    link = TriggerDagRunLink()
    if ti := task_instance(context):
        ti.xcom_push(key=link.xcom_key, value=link.get_link(operator, ti_key=None))


def holder(request: TriggerRequest, context: Context) -> str | None:
    """Look for a run of this id, then count those of the logical date, whose ids the API does not tell."""
    if look(request, context) is not None:
        return request.run_id
    date = request.logical_date
    if date and task_instance(context).get_dr_count(dag_id=request.dag_id, logical_dates=[date]):
        return ""
    return None


def look(request: TriggerRequest, context: Context) -> str | None:
    """Ask the API server for the state of the run, in the triggerer too, where there is no context."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    ti = task_instance(context) or RuntimeTaskInstance
    try:
        state = ti.get_dagrun_state(request.dag_id, request.run_id)
    except Exception as error:
        failure = api_failure(error)
        if failure and failure.status == HTTPStatus.NOT_FOUND:
            return None
        if failure and failure.may_pass:
            raise PassingFailure(failure.text) from error
        raise
    # An enum in spite of its annotation, and not airflow.utils.state's.
    return str(getattr(state, "value", state))


def resumed(request: TriggerRequest, event: Mapping[str, Any]) -> str | None:
    """Read the state from the trigger's event, which has one entry per run id."""
    state = event.get(request.run_id)
    return None if state is None else str(getattr(state, "value", state))
