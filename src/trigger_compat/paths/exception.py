"""Airflow 3.0 - 3.2, and a deferral on every 3.x: raise, and let the task runner trigger and wait.

``DagRunTriggerException`` carries the request to the runner, which decides everything that comes
after. What it decides differently from the contract is declared in ``compat-matrix.yaml``; what can
be put right before it is raised is put right here.
"""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from trigger_compat import dispatch
from trigger_compat.links import RUN_ID_XCOM
from trigger_compat.paths import _task_sdk, task_instance

if TYPE_CHECKING:
    from trigger_compat.contract import TriggerRequest
    from trigger_compat.operator import TriggerDagRunOperator
    from trigger_compat.paths import Context

DEFERS_BY_DATE: Final = ">=3.0,<3.1.5"
"""Where the runner defers on run id *and* logical date, which a reset run has another of (#57756)."""

is_paused: Final = _task_sdk.is_paused
publish: Final = _task_sdk.publish


def submit(operator: TriggerDagRunOperator, request: TriggerRequest, context: Context) -> bool:
    """Hand the request to the task runner. Returns only to skip for a run that has the same logical date."""
    # The runner would skip without saying which run there is, and fail for good until 3.3. With a date of
    # the author's that may be a run of another id, so ask before the XComs name one.
    if request.skip and request.gives_date and holder(request, context) == "":
        return False
    operator.triggered_run_id = request.run_id
    _task_sdk.publish_link(operator, context)
    if request.skip and (ti := task_instance(context)):
        # The runner pushes it for a run it has triggered, not for one that makes it skip.
        ti.xcom_push(key=RUN_ID_XCOM, value=request.run_id)
    arguments: dict[str, Any] = {
        "trigger_dag_id": request.dag_id,
        "dag_run_id": request.run_id,
        "conf": request.conf,
        "logical_date": _logical_date(request, context),
        "run_after": request.run_after,
        "note": request.note,
        "reset_dag_run": request.reset,
        "skip_when_already_exists": request.skip,
        "wait_for_completion": request.wait,
        "allowed_states": list(request.allowed_states),
        "failed_states": list(request.failed_states),
        "poke_interval": request.poke_interval,
        # Until 3.1.8 the runner defers a trigger that does not wait (#60049).
        "deferrable": request.defers,
    }
    # note came with 3.2, run_after with 3.3; the contract has dealt with asking for one too early.
    to_runner = _exception_class()
    known = signature(to_runner.__init__).parameters
    raise to_runner(**{name: value for name, value in arguments.items() if name in known})


def _exception_class() -> Any:
    from airflow import exceptions as home_until_3_2
    from airflow.sdk import exceptions

    name = "DagRunTriggerException"
    return getattr(exceptions, name, None) or getattr(home_until_3_2, name)


def _logical_date(request: TriggerRequest, context: Context) -> Any:
    """Return the date for a new run; none for one that is reset and keeps its own (D3)."""
    if request.defers and request.reset and dispatch.within(DEFERS_BY_DATE):
        return None if look(request, context) is not None else request.logical_date
    return request.logical_date


holder: Final = _task_sdk.holder
look: Final = _task_sdk.look
resumed: Final = _task_sdk.resumed
