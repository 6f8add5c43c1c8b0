"""How the package looks to a type checker in a user's DAG file: mypy reads this, nothing runs it.

No argument of the operator changes what another one or a result means, so nothing here is overloaded. Where a
wrong use is ignored, mypy has to refuse it: an ignore that is not needed is an error.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import trigger_compat
from trigger_compat import DagIsPaused, TriggerDagRunLink, TriggerDagRunOperator, dispatch, matrix

if TYPE_CHECKING:
    from typing_extensions import assert_type

    def accepted() -> None:
        operator = TriggerDagRunOperator(
            task_id="load",
            retries=2,
            trigger_dag_id="{{ params.child }}",
            conf={"day": "{{ ds }}"},
            logical_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
            run_after=None,
            poke_interval=1.5,
            allowed_states=("success", "failed"),
            failed_states=[],
            durable=True,
            path="accessor",
        )
        assert_type(operator, TriggerDagRunOperator)
        assert_type(trigger_compat.TriggerDagRunOperator, type[TriggerDagRunOperator])
        assert_type(operator.triggered_run_id, str | None)
        assert_type(operator.allowed_states, list[str])
        assert_type(operator.execute({}), None)
        assert_type(DagIsPaused("load").dag_id, str)
        assert_type(TriggerDagRunLink.name, str)
        assert_type(dispatch.default_path(dispatch.release()), str)
        assert_type(matrix.load().releases, tuple[matrix.Release, ...])

    def refused() -> None:
        TriggerDagRunOperator(task_id="load")  # type: ignore[call-arg]
        TriggerDagRunOperator("load", trigger_dag_id="load")  # type: ignore[misc]
        TriggerDagRunOperator(task_id="load", trigger_dag_id=1)  # type: ignore[arg-type]
        TriggerDagRunOperator(task_id="load", trigger_dag_id="load", conf=[1])  # type: ignore[arg-type]
        TriggerDagRunOperator(task_id="load", trigger_dag_id="load", logical_date=1)  # type: ignore[arg-type]
        TriggerDagRunOperator(task_id="load", trigger_dag_id="load", poke_interval="60")  # type: ignore[arg-type]
        TriggerDagRunOperator(task_id="load", trigger_dag_id="load", durable="yes")  # type: ignore[arg-type]
        print(trigger_compat.NoSuchName)  # type: ignore[attr-defined]
