"""The names this package takes from Airflow, from wherever the running one keeps them.

Feature detection only; which Airflow is running is for :mod:`trigger_compat.dispatch` to know. None
of these modules holds an ORM model on 3.x.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.exceptions import DagRunAlreadyExists

try:
    from airflow.sdk import BaseOperator, BaseOperatorLink
except ImportError:  # until 3.0
    from airflow.models.baseoperator import BaseOperator
    from airflow.models.baseoperatorlink import BaseOperatorLink

try:
    from airflow.sdk import ResumableJobMixin
except ImportError:  # until 3.3

    class ResumableJobMixin:  # type: ignore[no-redef]
        """Stands in for the mixin where there is no store: the operator's own look-up finds the run."""

        def __init__(self, *, durable: bool = True, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.durable = durable

        def execute_resumable(self, context: Any) -> Any:
            """Submit, poll and return the result, in the order of Airflow's own mixin."""
            external_id = self.submit_job(context)  # type: ignore[attr-defined]
            self.poll_until_complete(external_id, context)  # type: ignore[attr-defined]
            return self.get_job_result(external_id, context)  # type: ignore[attr-defined]


try:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
except ImportError:  # until 3.2
    from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException

try:
    from airflow.sdk.definitions._internal.types import NOTSET, ArgNotSet
except ImportError:  # until 3.0
    from airflow.utils.types import NOTSET, ArgNotSet

try:
    from airflow.sdk.configuration import conf
except ImportError:  # until 3.2
    from airflow.configuration import conf


class NotGiven(ArgNotSet):  # type: ignore[misc, unused-ignore]
    """The value of an argument that was left out, which is the same text in every process (clause C6).

    Airflow's own ``NOTSET`` serialises with its memory address on 2.11 and 3.2.0, so that every parse makes
    a new version of the dag; the other releases write ``NOTSET`` for it, as this does everywhere.
    """

    @staticmethod
    def serialize() -> str:
        """Return what stands in the serialised dag on 3.x."""
        return "NOTSET"

    def __repr__(self) -> str:
        """Return what stands in the serialised dag on 2.11."""
        return "NOTSET"


NOT_GIVEN = NotGiven()


def localize(naive: datetime) -> datetime:
    """Make a naive datetime aware as the running Airflow does, by ``[core] default_timezone`` (clause R3)."""
    try:
        from airflow.sdk import timezone
    except ImportError:  # until 3.1
        from airflow.utils import timezone
    aware: datetime = timezone.parse(naive.isoformat())
    return aware


__all__ = (
    "NOTSET",
    "NOT_GIVEN",
    "AirflowException",
    "AirflowFailException",
    "AirflowSkipException",
    "ArgNotSet",
    "BaseOperator",
    "BaseOperatorLink",
    "DagRunAlreadyExists",
    "ResumableJobMixin",
    "conf",
    "localize",
)
