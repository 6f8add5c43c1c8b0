"""A deferral that ended in an earlier try: until 3.1.1 the server resumes the retry with it (#56704).

The retry of a deferred task then starts in ``execute_complete`` with the old event, and would fail by
it once more instead of triggering anew. Such a retry keeps the XComs of the try before, so an XCom
tells the two apart. On other releases nothing is read or written. Goes with Airflow 3.0.
"""

from __future__ import annotations

from typing import Any, Final

from trigger_compat import dispatch
from trigger_compat.paths import Context, task_instance

RESUMES_AGAIN: Final = ">=3.0,<3.1.1"
_LAST_TRY: Final = "trigger_compat_last_try"


def ended_in_an_earlier_try(context: Context) -> bool:
    """Say whether the event belongs to a try that has failed by it already."""
    ti = task_instance(context)
    if ti is None or not dispatch.within(RESUMES_AGAIN):
        return False
    from airflow.sdk.execution_time.xcom import XCom

    last_try: Any = XCom.get_one(
        key=_LAST_TRY, run_id=ti.run_id, dag_id=ti.dag_id, task_id=ti.task_id, map_index=ti.map_index
    )
    return isinstance(last_try, int) and last_try < ti.try_number


def note_try(context: Context) -> None:
    """Remember the try that the present event belongs to."""
    if (ti := task_instance(context)) and dispatch.within(RESUMES_AGAIN):
        ti.xcom_push(key=_LAST_TRY, value=ti.try_number)
