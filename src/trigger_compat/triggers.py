"""The trigger of this package's own deferrals; the task runner's (exception path) is upstream's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from trigger_compat import dispatch, events
from trigger_compat.contract import Identity, TriggerRequest
from trigger_compat.wait import PassingFailure


class ChildRunTrigger(BaseTrigger):  # type: ignore[misc, unused-ignore]
    """Fires when the child is in one of the states, and also when it is gone (W4).

    Upstream's ``DagStateTrigger`` counts matching runs, so a deleted child keeps it waiting for ever;
    on 2.11 it counts by logical date alone. The event has upstream's form: the class path, and a
    payload with ``run_ids`` and a state per run id, None for a run that is gone.

    :param poll_interval: seconds between two looks.
    """

    def __init__(self, *, dag_id: str, run_ids: list[str], states: list[str], poll_interval: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self.dag_id = dag_id
        self.run_ids = run_ids
        self.states = states
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what makes the same trigger in the triggerer."""
        arguments = ("dag_id", "run_ids", "states", "poll_interval")
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in arguments}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look at the child until its state decides; a look that fails for a passing reason counts not."""
        # Any path of this Airflow looks in the same way.
        look = sync_to_async(dispatch.load(dispatch.default_path(dispatch.release())).look)
        log = events.TaskLog(self.log)
        child = TriggerRequest(dag_id=self.dag_id, run_id=self.run_ids[0], identity=Identity.PINNED)
        while True:
            try:
                state = await look(child, {})
            except PassingFailure as error:
                log.warning(events.TRIGGER_LOOK_FAILED, **child.name, error=str(error))
            else:
                if state is None or state in self.states:
                    class_path, payload = self.serialize()
                    yield TriggerEvent((class_path, {**payload, child.run_id: state}))
                    return
            await asyncio.sleep(self.poll_interval)
