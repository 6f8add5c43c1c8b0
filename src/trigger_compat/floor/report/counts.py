"""Counts what can be removed at a floor: each line once, however many removals are about it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from trigger_compat.floor.report.model import Counts
from trigger_compat.floor.scan.model import Category, Kind, Removal
from trigger_compat.floor.scan.releases import Point
from trigger_compat.floor.scan.scanner import Scan
from trigger_compat.floor.scan.source import Module
from trigger_compat.floor.scan.syntax import first_line, last_line

_PROVEN: Final = (Category.DEAD, Category.CONSTANT, Category.FLAG)


def count(scan: Scan, point: Point) -> tuple[dict[Kind, Counts], tuple[str, ...]]:
    """Return how much can be removed at a floor, by kind of file, and the files that go as a whole."""
    by_file: dict[str, list[Removal]] = defaultdict(list)
    for removal in scan.removals:
        if removal.removable_from <= point:
            by_file[removal.file].append(removal)
    totals = {kind: Counts() for kind in Kind}
    dead_files: list[str] = []
    for module in scan.source.modules:
        if module.file in by_file:
            counts = _in_file(module, by_file[module.file])
            totals[module.kind] += counts
            if counts.files:
                dead_files.append(module.file)
    return totals, tuple(sorted(dead_files))


def _in_file(module: Module, removals: Sequence[Removal]) -> Counts:
    gone = _lines(module, removals, _PROVEN)
    changed = _lines(module, removals, _PROVEN, whole=False) - gone
    follows = _lines(module, removals, (Category.FOLLOWS,)) - gone
    announced = _lines(module, removals, (Category.ANNOUNCED,)) - gone - follows
    branches = [removal for removal in removals if removal.branch and removal.category is Category.DEAD]
    return Counts(
        lines=len(gone),
        changed=len(changed),
        branches=len(outermost(branches)),
        files=int(_nothing_left(module, gone)),
        follows=len(follows),
        announced=len(announced),
    )


def _lines(
    module: Module, removals: Iterable[Removal], categories: Sequence[Category], *, whole: bool = True
) -> set[int]:
    return {
        line
        for removal in removals
        if removal.category in categories and removal.whole is whole
        for line in range(removal.line, removal.end + 1)
        if module.lines[line - 1].strip()
    }


def outermost(removals: Iterable[Removal]) -> list[Removal]:
    """Return the removals that are not inside another one."""
    kept: list[Removal] = []
    for removal in sorted(removals, key=lambda removal: (removal.file, removal.line, -removal.end)):
        last = kept[-1] if kept else None
        if not last or removal.file != last.file or removal.end > last.end or not last.whole:
            kept.append(removal)
    return kept


def _nothing_left(module: Module, gone: set[int]) -> bool:
    """Say whether a file would lose all its code and keep nothing but its docstring and imports."""
    loses_code = False
    for node in module.tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        lines = range(first_line(node), last_line(node) + 1)
        if any(line not in gone and module.lines[line - 1].strip() for line in lines):
            return False
        loses_code = True
    return loses_code
