"""What a task does when its deferral has ended.

Airflow 3.0.0 - 3.1.0 resume the *retry* of a deferred task with the event of the try before
(apache/airflow#56704). That retry starts in ``execute_complete``, and would fail by the old event once more
instead of triggering again. It keeps the XComs of the try before, so an XCom tells the two apart. Other
releases neither read nor write it. Goes with Airflow 3.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from trigger_compat import dispatch, events
from trigger_compat.contract import ChildOutcome, Identity, TriggerRequest
from trigger_compat.paths import load, task_instance
from trigger_compat.task.attempt import end_by_state, is_wrapped

if TYPE_CHECKING:
    from trigger_compat.paths import Context
    from trigger_compat.task import Operator

RESUMES_AGAIN: Final = ">=3.0,<3.1.1"
_LAST_TRY: Final = "trigger_compat_last_try"


def resume_from_event(operator: Operator, context: Context, event: tuple[str, Mapping[str, Any]]) -> bool:
    """End the try by the event that ended its deferral.

    :param event: class path and payload of the trigger's event.
    :return: False if the event belongs to an earlier try; then this try has to start from the beginning.
    :raises AirflowException: the child did not end in an allowed state (D4).
    """
    _, payload = event
    log = events.TaskLog(operator.log)
    if _is_of_an_earlier_try(context):
        log.info(events.OLD_EVENT)
        _note_try(context)
        return False
    run_ids = payload.get("run_ids") or []
    run_id = run_ids[0] if len(run_ids) == 1 else None
    operator.trigger_run_id = operator.triggered_run_id = run_id
    operator.trigger_dag_id = payload.get("dag_id") or operator.trigger_dag_id
    child = TriggerRequest(
        dag_id=operator.trigger_dag_id,
        run_id=run_id or "",
        identity=Identity.PINNED,
        allowed_states=tuple(operator.allowed_states),
        failed_states=tuple(operator.failed_states),
    )
    wrapped = is_wrapped(operator, context)
    name, _ = dispatch.choose(operator.path, defers=not operator.durable, wrapped=wrapped)
    path = load(name)
    if operator.durable and run_id:
        # A try that was presumed lost may have published another child since (X6).
        path.publish(operator, child, context)
    state = path.state_from_event(child, payload)
    if child.classify(state) is not ChildOutcome.ALLOWED:
        _note_try(context)
    if state is not None:
        log.info(events.ENDED, **child.name, state=state)
    end_by_state(child, state)
    return True


def _is_of_an_earlier_try(context: Context) -> bool:
    """Return whether an earlier try has failed by this event already."""
    ti = task_instance(context)
    if ti is None or not dispatch.within(RESUMES_AGAIN):
        return False
    from airflow.sdk.execution_time.xcom import XCom

    last_try: Any = XCom.get_one(
        key=_LAST_TRY, run_id=ti.run_id, dag_id=ti.dag_id, task_id=ti.task_id, map_index=ti.map_index
    )
    return isinstance(last_try, int) and last_try < ti.try_number


def _note_try(context: Context) -> None:
    """Store the number of the try that the present event belongs to."""
    if (ti := task_instance(context)) and dispatch.within(RESUMES_AGAIN):
        ti.xcom_push(key=_LAST_TRY, value=ti.try_number)
