"""Tables of places to import a name from, for a module that imports lazily by ``__getattr__``."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from trigger_compat.floor.scan.model import Category
from trigger_compat.floor.scan.names import NameTable, Presence
from trigger_compat.floor.scan.releases import ALL_RELEASES, Point, first_without, floor_name
from trigger_compat.floor.scan.syntax import last_part
from trigger_compat.floor.scan.walk import Walker

_IMPORTS_LAZILY: Final = re.compile(r"\b(__getattr__|create_module_getattr|import_module|import_string)\b")
_AIRFLOW_MODULE: Final = re.compile(r"airflow(\.\w+)+")


def report_fallbacks(walker: Walker, name: str, table: ast.Dict, dead_from: Point) -> None:
    """Report the places in a table that no release from a floor on needs, or none has.

    Before: ``{"BaseHook": ("airflow.sdk", "airflow.hooks.base")}``
    After 3.0: ``{"BaseHook": ("airflow.sdk",)}``

    :param name: that of the table. If code counts on the length of its rows, they stay, and it is listed.
    """
    if not _IMPORTS_LAZILY.search(walker.module.text):
        return
    is_fixed = _takes_apart(walker.module.nodes, name)
    needless = []
    for key, row in zip(table.keys, table.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and isinstance(row, ast.Tuple):
            for element, point, reason in _places(walker.names, key.value, row):
                if point < dead_from and (is_fixed or _has_old_name(row)):
                    needless.append(point)
                elif point < dead_from:
                    walker.recorder.part(element, point, Category.DEAD, reason, branch=True)
    if needless:
        since = floor_name(min(needless))
        reason = f"nothing needs some places in it from {since} on, but code counts on the length of its rows"
        walker.recorder.undecided(table.lineno, name, reason)


def _takes_apart(nodes: Iterable[ast.AST], table: str) -> bool:
    """Say whether code counts on the length of the rows: ``new, old = TABLE[name]``, ``TABLE[name][1]``."""
    rows, nodes = {table}, list(nodes)
    for node in nodes:
        if isinstance(node, ast.Assign) and _mentions(node.value, rows):
            rows.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return any(_counts_on_length(node, rows) for node in nodes)


def _counts_on_length(node: ast.AST, rows: Collection[str]) -> bool:
    if isinstance(node, ast.Assign):
        return _mentions(node.value, rows) and any(isinstance(target, ast.Tuple) for target in node.targets)
    if isinstance(node, (ast.For, ast.comprehension)):
        target = node.target
        if isinstance(target, ast.Tuple) and ast.unparse(node.iter).endswith(".items()"):
            target = target.elts[-1]
        return isinstance(target, ast.Tuple) and _mentions(node.iter, rows)
    if isinstance(node, ast.Subscript) and re.fullmatch(r"-?\d+", ast.unparse(node.slice)):
        return _mentions(node.value, rows)
    return False


def _mentions(node: ast.AST, names: Collection[str]) -> bool:
    return any(isinstance(part, ast.Name) and part.id in names for part in ast.walk(node))


def _has_old_name(row: ast.Tuple) -> bool:
    """Say whether a row is a new place, an old place, and the name in the old place."""
    last = row.elts[-1]
    return isinstance(last, ast.Constant) and "." not in str(last.value)


def _places(names: NameTable, name: str, row: ast.Tuple) -> Iterator[tuple[ast.expr, Point, str]]:
    """Yield the places in a row, and from which floor on each is needless, and why."""
    constants = [element.value for element in row.elts if isinstance(element, ast.Constant)]
    places = [constant for constant in constants if isinstance(constant, str)]
    if len(places) != len(row.elts):
        return
    old_name = name
    if len(places) > 1 and _has_old_name(row):
        *places, old_name = places
    if len(places) < 2 or not any(map(_AIRFLOW_MODULE.fullmatch, places)):  # noqa: PLR2004 - one place is no choice
        return
    left = ALL_RELEASES  # the releases that no place before this one has served
    for index, (place, element) in enumerate(zip(places, row.elts, strict=False)):
        wanted = old_name if index and index == len(places) - 1 else name
        found = _presence(names, place, wanted)
        before, here = first_without(left), first_without(left & ~found.absent)
        if index and before == here:
            yield element, before, f"an earlier place provides {name} on Airflow >= {floor_name(before)}"
        else:
            yield element, here, f"Airflow >= {floor_name(here)} does not have {place}.{wanted}"
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
