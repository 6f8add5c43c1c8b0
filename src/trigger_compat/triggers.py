"""The trigger of this package's own deferrals. Where the task runner defers, it uses upstream's.

Airflow stores its class path in the database, so the module does not move.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from airflow.triggers.base import BaseTrigger, TriggerEvent

from trigger_compat import events
from trigger_compat._airflow import conf as airflow_conf
from trigger_compat.paths import TransientError
from trigger_compat.shared_poll import Wait, shared_poll
from trigger_compat.values import RUN_STATES

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

    The triggers of one triggerer that wait for runs of the same dag are polled together (S1).

    :param poll_interval: longest time between two polls, in seconds. Early polls are closer together, as in
        the in-process wait (W6, S3).
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
        """Wait until the child's state ends the wait. Transient errors do not end it."""
        child = {"dag_id": self.dag_id, "run_id": self.run_ids[0]}
        log = events.TaskLog(self.log)

        def missed(error: TransientError) -> None:
            log.warning(events.TRIGGER_POLL_FAILED, **child, error=str(error))

        pending = tuple(state for state in RUN_STATES if state not in self.states)
        wait = Wait(run_id=self.run_ids[0], poke_interval=self.poll_interval, missed=missed, hold=self.hold)
        state = await shared_poll(self.dag_id, pending).until_ended(wait)
        class_path, payload = self.serialize()
        yield TriggerEvent((class_path, {**payload, self.run_ids[0]: state}))
