"""What both 3.x paths do in the same way: through the supervisor, with the token of the task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from trigger_compat import values
from trigger_compat._airflow import AirflowException, AirflowFailException
from trigger_compat.contract import Identity, TriggerRequest
from trigger_compat.counting import Batches, Question, TooLong
from trigger_compat.links import RUN_ID_XCOM, TriggerDagRunLink
from trigger_compat.paths import TransientError, task_instance

if TYPE_CHECKING:
    from trigger_compat.paths import Caller, Context

_BATCHES: Final = Batches()

_TOO_LONG_STATUS: Final = (HTTPStatus.REQUEST_URI_TOO_LONG, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

_TRANSIENT_STATUS: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


@dataclass(frozen=True, slots=True)
class ApiFailure:
    """An error answer of the execution API; without a status no answer came at all."""

    status: int | None
    text: str
    reason: str | None = None

    @property
    def is_transient(self) -> bool:
        """Whether the same call can succeed later (clause W7)."""
        return (
            self.status is None
            or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            or self.status in _TRANSIENT_STATUS
        )


def api_failure(error: Exception) -> ApiFailure | None:
    """Return what the API server answered, or None if the error is of another kind.

    The supervisor passes an API error on as ``AirflowRuntimeError``. In ``dag.test()`` there is no
    supervisor in between, so the error is the client's own HTTP error.
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
    """Take the server's own message from its answer, in which it may be nested."""
    while isinstance(detail, Mapping):
        if isinstance(detail.get("message"), str):
            return ApiFailure(status, detail["message"], detail.get("reason"))
        detail = detail.get("detail")
    return ApiFailure(status, otherwise)


def refusal(request: TriggerRequest, failure: ApiFailure) -> AirflowException:
    """Return the error for a trigger that the API server refused, e.g. because there is no such dag (T5).

    A retry is pointless where the server says that a value is wrong, as it does since 3.3 when the dag's
    params refuse the conf (R2). Before 3.3 the server answers a bare HTTP 500, which may have other causes.
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
        if (failure := api_failure(error)) and not failure.is_transient:
            raise refusal(request, failure) from error
        raise
    return paused


def publish(caller: Caller, request: TriggerRequest, context: Context) -> None:
    """Push the run id and the link."""
    task_instance(context).xcom_push(key=RUN_ID_XCOM, value=request.run_id)
    publish_link(caller, context)


def publish_link(caller: Caller, context: Context) -> None:
    """Push the link alone; the runner pushes it only when the try has ended (#67327)."""
    link = TriggerDagRunLink()
    if ti := task_instance(context):
        ti.xcom_push(key=link.xcom_key, value=link.get_link(caller, ti_key=None))


def find_existing(request: TriggerRequest, context: Context) -> str | None:
    """Ask for a run of this id, then count the runs of the logical date: the API does not name them."""
    if get_state(request, context) is not None:
        return request.run_id
    date = request.logical_date
    if date and task_instance(context).get_dr_count(dag_id=request.dag_id, logical_dates=[date]):
        return ""
    return None


def get_state(request: TriggerRequest, context: Context) -> str | None:
    """Ask the API server for the state of the run, in the triggerer too, where there is no context."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    ti = task_instance(context) or RuntimeTaskInstance
    with _transient_errors():
        try:
            state = ti.get_dagrun_state(request.dag_id, request.run_id)
        except Exception as error:
            if (failure := api_failure(error)) and failure.status == HTTPStatus.NOT_FOUND:
                return None
            raise
    # An enum in spite of its annotation, and not that of airflow.utils.state.
    return str(getattr(state, "value", state))


def find_ended(
    dag_id: str, run_ids: Sequence[str], pending: Sequence[str], context: Context
) -> dict[str, str | None]:
    """Ask the API server, which counts runs since 3.0 but does not list them."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    ti = task_instance(context) or RuntimeTaskInstance

    def count(run_ids: Sequence[str], states: Sequence[str]) -> int:
        try:
            counted: int = ti.get_dr_count(dag_id=dag_id, run_ids=list(run_ids), states=list(states))
        except Exception as error:
            if (failure := api_failure(error)) and failure.status in _TOO_LONG_STATUS:
                raise TooLong(failure.text) from error
            raise
        return counted

    def state(run_id: str) -> str | None:
        return get_state(TriggerRequest(dag_id=dag_id, run_id=run_id, identity=Identity.PINNED), context)

    with _transient_errors():
        return Question(count, state, pending).ended(run_ids, _BATCHES)


@contextmanager
def _transient_errors() -> Iterator[None]:
    """Raise TransientError for a failure that can pass."""
    try:
        yield
    except Exception as error:
        if (failure := api_failure(error)) and failure.is_transient:
            raise TransientError(failure.text) from error
        raise


def state_from_event(request: TriggerRequest, event: Mapping[str, Any]) -> str | None:
    """Read the state from the trigger's event, which has one entry per run id."""
    state = event.get(request.run_id)
    return None if state is None else str(getattr(state, "value", state))
