"""Carries out what a scan found in one Python file."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Final

from trigger_compat.floor.rewrite.decisions import Decisions
from trigger_compat.floor.rewrite.layout import tidied
from trigger_compat.floor.rewrite.leftovers import without_leftovers
from trigger_compat.floor.rewrite.names import bound_again, missing_names
from trigger_compat.floor.rewrite.statements import Statements
from trigger_compat.floor.rewrite.text import Text, applied
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.parsing import parse_python

_PROVEN: Final = (Category.DEAD, Category.CONSTANT, Category.FLAG, Category.FOLLOWS)
_MAX_ROUNDS: Final = 20


def without(text: str, removals: Iterable[Removal], tree: ast.Module | None = None) -> str:
    """Return the text of a file without what can be removed.

    Before: ``if AIRFLOW_V_3_0_PLUS:`` with ``new()`` below it, then ``else:`` with ``old()`` below it
    After 3.0: ``new()``, at the place of the ``if``

    What would take away a name that other code uses stays, and so does a file that would not be valid Python.

    :param removals: those of this file that hold at the new floor.
    :param tree: that of the text, if it was parsed before.
    """
    chosen = [removal for removal in removals if removal.category in _PROVEN]
    if not chosen:
        return text
    has_newline = text.endswith("\n")
    before = tree or parse_python(text)
    for _ in range(_MAX_ROUNDS):
        result = _edited(text if has_newline else f"{text}\n", before, chosen)
        try:
            after = parse_python(result)
        except SyntaxError:
            return text
        needed = bound_again(before, after, chosen)
        if needed:
            chosen = [removal for removal in chosen if removal not in needed]
        elif missing_names(before, after):
            return text
        else:
            result = without_leftovers(before, result)
            return result if has_newline else result.removesuffix("\n")
    return text


def _edited(text: str, tree: ast.Module, removals: Sequence[Removal]) -> str:
    places = Text(text)
    edits = Statements(places, Decisions(places, removals)).rewrite(tree)
    return tidied(applied(text, edits))
