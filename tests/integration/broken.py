"""Operators that the suite must find fault with."""

from __future__ import annotations

from typing import Any

from trigger_compat import TriggerDagRunOperator


class TriggersTwice(TriggerDagRunOperator):
    """Triggers a child too many, and has no ``durable``."""

    def __init__(self, *, trigger_dag_id: str, conf: Any = None, **kwargs: Any) -> None:
        super().__init__(trigger_dag_id=trigger_dag_id, conf=conf, **kwargs)

    def execute(self, context: Any) -> None:
        """Trigger the child of another dag first."""
        TriggerDagRunOperator.execute.__wrapped__(  # type: ignore[attr-defined]
            TriggerDagRunOperator(task_id=self.task_id, trigger_dag_id="other_child", path=accessor()),
            context,
        )
        super().execute(context)


def accessor() -> str | None:
    """Return a path that comes back from a trigger."""
    from trigger_compat import dispatch

    return "accessor" if dispatch.within(">=3") else None
