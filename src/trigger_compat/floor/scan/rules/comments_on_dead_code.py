"""Comments that explain code of an older Airflow, and would be left without it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from trigger_compat.floor.scan.comments import comments_of
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.floor.scan.releases import floor_name
from trigger_compat.floor.scan.source import Module

_SPEAKS_OF_RELEASES: Final = re.compile(r"airflow|\b[123]\.\d+|\bAF ?[123]\b", re.IGNORECASE)


def _is_alone(module: Module, removal: Removal) -> bool:
    """Say whether a comment above is about this removal alone.

    One above a flag in ``__all__``, or above an import that only dead code uses, may head a group of them.
    """
    if removal.category is Category.DEAD:
        return True
    if removal.category not in (Category.FLAG, Category.FOLLOWS) or removal.end >= len(module.lines):
        return False
    here, below = module.lines[removal.line - 1], module.lines[removal.end]
    is_deeper = len(here) - len(here.lstrip()) > len(below) - len(below.lstrip())
    return is_deeper or not below.strip() or below.lstrip().startswith("#")


def comments_on_dead_code(module: Module, removals: Iterable[Removal]) -> Iterator[Removal]:
    """Yield the comments about Airflow that stand right above dead code.

    Before: ``# Airflow 2 has no such name``, then ``if not AIRFLOW_V_3_0_PLUS: ...``
    After 3.0: nothing, neither code nor comment

    :param removals: those of this module.
    """
    dead = {removal.line: removal for removal in removals if removal.whole and _is_alone(module, removal)}
    if not dead:
        return
    for comment in comments_of(module.text):
        code = dead.get(comment.last + 1)
        own_line = not module.lines[comment.last - 1][: comment.column].strip()
        if not code or not own_line or not _SPEAKS_OF_RELEASES.search(comment.text):
            continue
        below = module.lines[comment.last]
        if len(below) - len(below.lstrip()) == comment.column:
            yield Removal(
                file=module.file,
                line=comment.first,
                end=comment.last,
                category=Category.FOLLOWS,
                removable_from=code.removable_from,
                reason=f"it explains code that is dead on Airflow >= {floor_name(code.removable_from)}",
            )
