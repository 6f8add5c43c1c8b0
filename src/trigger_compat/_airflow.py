"""The names this package takes from Airflow, wherever the running one has them, and how Airflow knows ours.

Feature detection only: the Airflow version is for :mod:`trigger_compat.dispatch` to know. None of these
imports loads an ORM model on 3.x.

Airflow recognises a trigger by upstream's class (clause C5). When it serialises a dag, it imports upstream's
operator and looks for its instances, to draw the edges of "Dag Dependencies" and of the graphs. A class that
is registered with upstream's counts as one. To import upstream's module for that would cost every dag file
up to a second, so :func:`register_with_upstream` waits until Airflow imports it.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any, Final

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
        """Stands in for Airflow's mixin where there is no store: the operator finds the earlier child."""

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
    """An argument that was left out; it serialises to the same text in every process (clause C6).

    Airflow's own ``NOTSET`` serialises with its memory address on 2.11 and 3.2.0, so that every parse makes a
    new version of the dag. The other releases write ``NOTSET``, as this does everywhere.
    """

    @staticmethod
    def serialize() -> str:
        """Return the text in the serialised dag on 3.x."""
        return "NOTSET"

    def __repr__(self) -> str:
        """Return the text in the serialised dag on 2.11."""
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


_HOMES: Final = (
    "airflow.operators.trigger_dagrun",  # 2.11
    "airflow.providers.standard.operators.trigger_dagrun",
)
_NAME: Final = "TriggerDagRunOperator"


class _Finder:
    """A meta path finder that registers a class with upstream's once another finder has imported that."""

    def __init__(self, ours: type) -> None:
        self.ours = ours

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find upstream's module as the other finders do, and register the class once it is imported."""
        if name not in _HOMES:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        found = (finder.find_spec(name, path, target) for finder in others if hasattr(finder, "find_spec"))
        spec = next(filter(None, found), None)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_and_register(module: Any) -> None:
                run(module)
                self.register(module)

            spec.loader.exec_module = run_and_register  # type: ignore[method-assign]
        return spec

    def register(self, module: Any) -> None:
        """Make the class a virtual subclass of upstream's."""
        theirs: Any = getattr(module, _NAME, None)
        if hasattr(theirs, "register"):  # it is an abstract base class on every supported Airflow
            theirs.register(self.ours)


def register_with_upstream(ours: type) -> None:
    """Make a class of ours a virtual subclass of upstream's, now or once that is imported."""
    finder = _Finder(ours)
    for module in filter(None, map(sys.modules.get, _HOMES)):
        finder.register(module)
    sys.meta_path.insert(0, finder)


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
    "register_with_upstream",
)
