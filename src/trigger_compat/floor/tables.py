"""Tables of names in the scanned source: ``__all__``, and maps of places to import lazily from."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from trigger_compat.floor.model import Category
from trigger_compat.floor.names import Names
from trigger_compat.floor.scopes import Scope
from trigger_compat.floor.values import PerRelease, truth
from trigger_compat.floor.versions import EVERY, death, shown

if TYPE_CHECKING:
    from trigger_compat.floor.findings import Recorder

_LAZY: Final = re.compile(r"\b(__getattr__|create_module_getattr|import_module|import_string)\b")
_MODULE: Final = re.compile(r"airflow(\.\w+)+")


class Tables:
    """Judges such tables by the names that each Airflow has."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def exports(self, recorder: Recorder, node: ast.Assign | ast.AnnAssign, scope: Scope, dies: int) -> None:
        """A flag that says nothing any more need not be exported either."""
        for each in ast.walk(node):
            if not (isinstance(each, ast.Constant) and isinstance(each.value, str)):
                continue
            value = scope.lookup(each.value)
            if isinstance(value, PerRelease) and value.is_boolean:
                true, false = truth(value)
                point = min(death(EVERY & ~true), death(EVERY & ~false))
                if point < dies:
                    reason = f"{each.value} says nothing any more on Airflow >= {shown(point)}"
                    recorder.node(each, point, Category.FLAG, reason, whole=False)

    def fallbacks(self, recorder: Recorder, node: ast.Assign | ast.AnnAssign, dies: int) -> None:
        """``{"BaseHook": ("airflow.sdk", "airflow.hooks.base")}``: places that are tried in turn."""
        if not isinstance(node.value, ast.Dict) or not _LAZY.search(recorder.module.text):
            return
        for key, value in zip(node.value.keys, node.value.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and isinstance(value, ast.Tuple):
                self._row(recorder, key.value, value, dies)

    def _row(self, recorder: Recorder, name: str, row: ast.Tuple, dies: int) -> None:
        constants = [each.value for each in row.elts if isinstance(each, ast.Constant)]
        places = [each for each in constants if isinstance(each, str)]
        if len(places) != len(row.elts):
            return
        old_name = name
        if len(places) > 1 and "." not in places[-1]:  # (new place, old place, old name)
            *places, old_name = places
        if len(places) < 2 or not any(map(_MODULE.fullmatch, places)):  # noqa: PLR2004 - one place is no choice
            return
        left = EVERY
        for at, place in enumerate(places):
            wanted = name if at == 0 or at < len(places) - 1 else old_name
            node = row.elts[at]
            end = row.elts[at + 1] if old_name != name and at == len(places) - 1 else node
            present, absent = self._presence(place, wanted)
            before, here = death(left), death(left & ~absent)
            if at and before < dies:
                reason = f"{name} is found in a place before it on Airflow >= {shown(before)}"
                self._drop(recorder, node, end, before, reason)
            elif here < dies:
                self._drop(recorder, node, end, here, f"Airflow >= {shown(here)} has no {place}.{wanted}")
            left &= ~present

    @staticmethod
    def _drop(recorder: Recorder, node: ast.expr, end: ast.expr, point: int, reason: str) -> None:
        for each in {node, end}:
            recorder.node(each, point, Category.DEAD, reason, whole=False, branch=each is node)

    def _presence(self, place: str, name: str) -> tuple[int, int]:
        """Return where a place has a name; a place may also be the module of that name itself."""
        found = self._names.name(place, name)
        if not found.present and place.rpartition(".")[2] == name:
            found = self._names.module(place)
        if not found.present:
            # Never seen: a place that is to come, or one outside Airflow.
            there = self._names.module(place)
            return 0, there.absent if there.present else 0
        return found.present, found.absent
