"""Airflow 3.0 - 3.2, and plain deferrals on every 3.x: raise, and let the task runner trigger and wait.

``DagRunTriggerException`` hands the request to the task runner, which decides everything after that. Where
it differs from the contract, ``compat-matrix.yaml`` declares a deviation. What can be corrected before the
exception is raised is corrected here.
"""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from trigger_compat import dispatch
from trigger_compat.links import RUN_ID_XCOM
from trigger_compat.paths import _task_sdk, task_instance

if TYPE_CHECKING:
    from trigger_compat.contract import TriggerRequest
    from trigger_compat.paths import Caller, Context

DEFERS_BY_DATE: Final = ">=3.0,<3.1.5"
"""Where the runner defers on run id *and* logical date. A reset run keeps its old date (#57756)."""

is_paused: Final = _task_sdk.is_paused
publish: Final = _task_sdk.publish


def submit(caller: Caller, request: TriggerRequest, context: Context) -> bool:
    """Hand the request to the task runner. Returns only to skip for a run of the same logical date."""
    # The runner skips without saying for which run, and before 3.3 fails without a retry. Where the author
    # gave a logical date it may be a run of another id, so ask before the XComs name one.
    if request.skip_when_already_exists and request.gives_date and find_existing(request, context) == "":
        return False
    caller.triggered_run_id = request.run_id
    _task_sdk.publish_link(caller, context)
    if request.skip_when_already_exists and (ti := task_instance(context)):
        # The runner pushes the run id of a run that it triggers, not of one that makes it skip.
        ti.xcom_push(key=RUN_ID_XCOM, value=request.run_id)
    arguments: dict[str, Any] = {
        "trigger_dag_id": request.dag_id,
        "dag_run_id": request.run_id,
        "conf": request.conf,
        "logical_date": _logical_date(request, context),
        "run_after": request.run_after,
        "note": request.note,
        "reset_dag_run": request.reset_dag_run,
        "skip_when_already_exists": request.skip_when_already_exists,
        "wait_for_completion": request.wait_for_completion,
        "allowed_states": list(request.allowed_states),
        "failed_states": list(request.failed_states),
        "poke_interval": request.poke_interval,
        # Until 3.1.8 the runner defers a trigger that does not wait (#60049).
        "deferrable": request.defers,
    }
    # note came with 3.2, run_after with 3.3; an earlier Airflow has warned or failed by now.
    exception = _exception_class()
    known = signature(exception.__init__).parameters
    raise exception(**{name: value for name, value in arguments.items() if name in known})


def _exception_class() -> Any:
    from airflow import exceptions as home_until_3_2
    from airflow.sdk import exceptions

    name = "DagRunTriggerException"
    return getattr(exceptions, name, None) or getattr(home_until_3_2, name)


def _logical_date(request: TriggerRequest, context: Context) -> Any:
    """Return the date of a new run, None for a run that is reset and keeps its own (D3)."""
    if request.defers and request.reset_dag_run and dispatch.within(DEFERS_BY_DATE):
        return None if get_state(request, context) is not None else request.logical_date
    return request.logical_date


find_existing: Final = _task_sdk.find_existing
get_state: Final = _task_sdk.get_state
find_ended: Final = _task_sdk.find_ended
state_from_event: Final = _task_sdk.state_from_event
