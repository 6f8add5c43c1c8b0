"""The trigger of this package's own deferrals; the task runner's (exception path) is upstream's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from trigger_compat import dispatch, events
from trigger_compat._airflow import conf as airflow_conf
from trigger_compat.contract import Identity, TriggerRequest
from trigger_compat.wait import PassingFailure, next_look

REPORTING_MARGIN: Final = 5.0
"""Seconds beyond a heartbeat interval within which the scheduler has heard of the end of a process (clause
D5).

Measured: at most 1.4 s, one loop of an idle scheduler. The rest is for a busy one, and for the upload of
logs.
"""


def reporting_time() -> float:
    """Return the seconds after a deferral before which its trigger must not fire (clause D5).

    The supervisor of 3.x notices the end of a task process at once or, by a race, one ``[workers]
    min_heartbeat_interval`` later, and only then reports it. A task instance that is queued or running
    again by then
    is taken for a mismatch, and its try is failed (compare apache/airflow#71580; measured on 3.0 - 3.3,
    seldom on 3.4). 2.11 has no such option, and notices at once.
    """
    interval: float = airflow_conf.getfloat("workers", "min_heartbeat_interval", fallback=0.0)
    return interval + REPORTING_MARGIN


class ChildRunTrigger(BaseTrigger):  # type: ignore[misc, unused-ignore]
    """Fires when the child is in one of the states, and also when it is gone (W4).

    Upstream's ``DagStateTrigger`` counts matching runs, so a deleted child keeps it waiting for ever;
    on 2.11 it counts by logical date alone. The event has upstream's form: the class path, and a
    payload with ``run_ids`` and a state per run id, None for a run that is gone.

    :param poll_interval: longest time between two looks, in seconds; early ones are closer, as in a wait
        in the task (W6).
    :param hold: seconds after the start of this trigger before which it does not fire; the task process
        sets it, whose configuration is that of its supervisor. Counted anew after a restart of the triggerer.
    """

    def __init__(
        self, *, dag_id: str, run_ids: list[str], states: list[str], poll_interval: float, hold: float = 0.0
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self.dag_id = dag_id
        self.run_ids = run_ids
        self.states = states
        self.poll_interval = poll_interval
        self.hold = hold

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what makes the same trigger in the triggerer."""
        arguments = ("dag_id", "run_ids", "states", "poll_interval", "hold")
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in arguments}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look at the child until its state decides; a look that fails for a passing reason counts not."""
        # Any path of this Airflow looks in the same way.
        look = sync_to_async(dispatch.load(dispatch.default_path(dispatch.release())).look)
        log = events.TaskLog(self.log)
        child = TriggerRequest(dag_id=self.dag_id, run_id=self.run_ids[0], identity=Identity.PINNED)
        began = time.monotonic()
        due = self.hold
        while True:
            await asyncio.sleep(max(0.0, due - (time.monotonic() - began)))
            due = next_look(max(due, time.monotonic() - began), self.poll_interval)
            try:
                state = await look(child, {})
            except PassingFailure as error:
                log.warning(events.TRIGGER_LOOK_FAILED, **child.name, error=str(error))
            else:
                if state is None or state in self.states:
                    class_path, payload = self.serialize()
                    yield TriggerEvent((class_path, {**payload, child.run_id: state}))
                    return
