"""Airflow knows a trigger by upstream's class; this makes it know this package's too (clause C5).

When a dag is serialised, Airflow imports upstream's operator and looks for its instances, to draw the edges
of
"Dag Dependencies" and of the graphs. A class that is registered with it counts as one. Importing upstream's
module for that would cost every dag file up to a second, so the registration waits until Airflow does.
"""

from __future__ import annotations

import sys
from typing import Any, Final

HOMES: Final = (
    "airflow.operators.trigger_dagrun",  # 2.11
    "airflow.providers.standard.operators.trigger_dagrun",
)
NAME: Final = "TriggerDagRunOperator"


class _Importer:
    """A finder that lets the others work, and registers a class once a module of upstream's is there."""

    def __init__(self, ours: type) -> None:
        self.ours = ours

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find upstream's module as it would be found without this, and hear of the end of its import."""
        if name not in HOMES:
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
        theirs: Any = getattr(module, NAME, None)
        if hasattr(theirs, "register"):  # it is an abstract base class on every supported Airflow
            theirs.register(self.ours)


def take_for_upstreams(ours: type) -> None:
    """Let upstream's class, now or once it is imported, take a class of ours for one of its own."""
    importer = _Importer(ours)
    for module in filter(None, map(sys.modules.get, HOMES)):
        importer.register(module)
    sys.meta_path.insert(0, importer)
