"""What a task raises. Errors of this package's own use, which need no Airflow, are in ``errors``."""

from __future__ import annotations

from typing import Any

from trigger_compat._airflow import AirflowException, AirflowFailException, DagRunAlreadyExists


class DagIsPaused(AirflowException):
    """The target dag is paused, and ``fail_when_dag_is_paused`` is set (clause T7)."""

    def __init__(self, dag_id: str) -> None:
        super().__init__(dag_id)
        self.dag_id = dag_id

    def __str__(self) -> str:
        return f"Dag {self.dag_id} is paused"


class ChildRunExists(AirflowFailException, DagRunAlreadyExists):
    """The run exists, and the task may neither reset it nor skip; a retry would fail again (clause T4).

    Also a ``DagRunAlreadyExists``, which upstream's operator raises on 2.11.
    """

    def serialize(self) -> Any:
        """Return what serialises any error of Airflow; the two bases differ."""
        return AirflowException.serialize(self)

    def __init__(self, message: str) -> None:
        AirflowException.__init__(self, message)
