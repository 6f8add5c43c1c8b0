"""Tables of places to import a name from, for a module that imports lazily by ``__getattr__``."""

from __future__ import annotations

import ast
import re
from typing import Final

from trigger_compat.floor.scan.model import Category
from trigger_compat.floor.scan.names import NameTable, Presence
from trigger_compat.floor.scan.releases import ALL_RELEASES, Point, first_without, floor_name
from trigger_compat.floor.scan.syntax import last_part
from trigger_compat.floor.scan.walk import Walker

_IMPORTS_LAZILY: Final = re.compile(r"\b(__getattr__|create_module_getattr|import_module|import_string)\b")
_AIRFLOW_MODULE: Final = re.compile(r"airflow(\.\w+)+")


def report_fallbacks(walker: Walker, table: ast.Dict, dead_from: Point) -> None:
    """Report the places in a table that no release from a floor on needs, or none has.

    Before: ``{"BaseHook": ("airflow.sdk", "airflow.hooks.base")}``
    After 3.0: ``{"BaseHook": ("airflow.sdk",)}``
    """
    if not _IMPORTS_LAZILY.search(walker.module.text):
        return
    for key, value in zip(table.keys, table.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and isinstance(value, ast.Tuple):
            _report_row(walker, key.value, value, dead_from)


def _report_row(walker: Walker, name: str, row: ast.Tuple, dead_from: Point) -> None:
    constants = [element.value for element in row.elts if isinstance(element, ast.Constant)]
    places = [constant for constant in constants if isinstance(constant, str)]
    if len(places) != len(row.elts):
        return
    old_name = name
    if len(places) > 1 and "." not in places[-1]:  # (new place, old place, name in the old place)
        *places, old_name = places
    if len(places) < 2 or not any(map(_AIRFLOW_MODULE.fullmatch, places)):  # noqa: PLR2004 - one place is no choice
        return
    left = ALL_RELEASES  # the releases that no place before this one has served
    for index, place in enumerate(places):
        is_last = index == len(places) - 1
        wanted = old_name if index and is_last else name
        found = _presence(walker.names, place, wanted)
        before, here = first_without(left), first_without(left & ~found.absent)
        parts = [row.elts[index]]
        if is_last and old_name != name:
            parts.append(row.elts[-1])  # the old name goes with its place
        if index and before < dead_from:
            point, reason = before, f"an earlier place provides {name} on Airflow >= {floor_name(before)}"
        else:
            point, reason = here, f"Airflow >= {floor_name(here)} does not have {place}.{wanted}"
        if point < dead_from:
            for part in parts:
                walker.recorder.part(part, point, Category.DEAD, reason, branch=part is parts[0])
        left &= ~found.present


def _presence(names: NameTable, place: str, name: str) -> Presence:
    """Return which releases have a name in a place; the place may also be the module of that name itself."""
    found = names.name(place, name)
    if not found.present and last_part(place) == name:
        found = names.module(place)
    if found.present:
        return found
    # No known release has it: the place is outside Airflow, or a later release will have it.
    there = names.module(place)
    return Presence(0, there.absent if there.present else 0)
