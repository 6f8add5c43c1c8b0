"""The trigger of this package's own deferrals. Where the task runner defers, it uses upstream's.

Airflow stores its class path in the database, so the module does not move.
"""

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
from trigger_compat.paths import TransientError, load
from trigger_compat.polling import next_poll

REPORTING_MARGIN: Final = 5.0
"""Seconds beyond a heartbeat interval after which the scheduler knows that a process has ended (clause D5).

Measured: at most 1.4 s, one loop of an idle scheduler. The rest is for a busy one, and for uploading logs.
"""


def reporting_time() -> float:
    """Return for how many seconds after a deferral its trigger must not fire (clause D5).

    The supervisor of 3.x notices the end of a task process at once or, because of a race, one ``[workers]
    min_heartbeat_interval`` later, and only then reports it. If the task instance is queued or running again
    by then, the scheduler takes the report for a mismatch and fails the try (compare apache/airflow#71580;
    measured on 3.0 - 3.3, seldom on 3.4). 2.11 has no such option, and notices at once.
    """
    interval: float = airflow_conf.getfloat("workers", "min_heartbeat_interval", fallback=0.0)
    return interval + REPORTING_MARGIN


class ChildRunTrigger(BaseTrigger):  # type: ignore[misc, unused-ignore]
    """Fires when the child is in one of the states, and also when it was deleted (W4).

    Upstream's ``DagStateTrigger`` counts matching runs, so it waits for ever for a run that was deleted; on
    2.11 it counts by logical date alone. The event has upstream's form: the class path, and a payload with
    ``run_ids`` and a state per run id, None for a run that was deleted.

    :param poll_interval: longest time between two polls, in seconds. Early polls are closer together, as in
        the in-process wait (W6).
    :param hold: seconds after its start during which the trigger does not fire. The task process sets it,
        because it has the configuration of its supervisor. Starts again when the triggerer restarts.
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
        """Return the class path and the arguments, from which the triggerer makes this trigger."""
        arguments = ("dag_id", "run_ids", "states", "poll_interval", "hold")
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in arguments}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll the child until its state ends the wait. Transient errors do not end it."""
        # Every path of one Airflow reads the state in the same way.
        path = load(dispatch.default_path(dispatch.release()))
        get_state = sync_to_async(path.get_state)
        log = events.TaskLog(self.log)
        child = TriggerRequest(dag_id=self.dag_id, run_id=self.run_ids[0], identity=Identity.PINNED)
        began = time.monotonic()
        due = self.hold
        while True:
            await asyncio.sleep(max(0.0, due - (time.monotonic() - began)))
            due = next_poll(max(due, time.monotonic() - began), self.poll_interval)
            try:
                state = await get_state(child, {})
            except TransientError as error:
                log.warning(events.TRIGGER_POLL_FAILED, **child.name, error=str(error))
            else:
                if state is None or state in self.states:
                    class_path, payload = self.serialize()
                    yield TriggerEvent((class_path, {**payload, child.run_id: state}))
                    return
