"""Carries out what a scan found in one Python file."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from trigger_compat.floor.rewrite.decisions import Decisions
from trigger_compat.floor.rewrite.layout import tidied
from trigger_compat.floor.rewrite.leftovers import Leftovers
from trigger_compat.floor.rewrite.names import Names, bound_again, names_of
from trigger_compat.floor.rewrite.statements import Statements
from trigger_compat.floor.rewrite.text import Edit, Text, applied
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.parsing import parse_python

_PROVEN: Final = (Category.DEAD, Category.CONSTANT, Category.FLAG, Category.FOLLOWS)
_MAX_ROUNDS: Final = 20


def without(
    text: str,
    removals: Iterable[Removal],
    tree: ast.Module | None = None,
    may_export: Callable[[str], bool] = lambda name: False,  # noqa: ARG005 - nothing else is there
    still_evaluated: set[str] | None = None,
) -> str:
    """Return the text of a file without what can be removed.

    Before: ``if AIRFLOW_V_3_0_PLUS:`` with ``new()`` below it, then ``else:`` with ``old()`` below it
    After 3.0: ``new()``, at the place of the ``if``

    What would take away a name that other code uses stays, and so does a file that would not be valid Python.

    :param removals: those of this file that hold at the new floor.
    :param tree: that of the text, if it was parsed before.
    :param may_export: says whether another module may import a name from this one.
    :param still_evaluated: gets the assignments, as code, of which only the value stays.
    """
    chosen = [removal for removal in removals if removal.category in _PROVEN]
    if not chosen:
        return text
    whole = text if text.endswith("\n") else f"{text}\n"
    before = tree or parse_python(text)
    names = names_of(before)
    for _ in range(_MAX_ROUNDS):
        result = _edited(whole, before, chosen)
        try:
            after = parse_python(result)
        except SyntaxError:
            return text
        names_after = names_of(after)
        needed = bound_again(names, names_after, chosen)
        if needed:
            chosen = [removal for removal in chosen if removal not in needed]
        elif names_after.unbound - names.unbound:
            return text
        else:
            leftovers = Leftovers(whole, before, names, may_export)
            result = _without_leftovers(result, after, names_after, leftovers)
            if still_evaluated is not None:
                still_evaluated.update(leftovers.still_evaluated)
            return result if whole is text else result.removesuffix("\n")
    return text


def _without_leftovers(text: str, tree: ast.Module, names: Names, leftovers: Leftovers) -> str:
    for _ in range(_MAX_ROUNDS):
        removals, edits = leftovers.find(Text(text), tree, names)
        if not removals and not edits:
            break
        text = _edited(text, tree, removals, edits)
        tree = parse_python(text)
        names = names_of(tree)
    return text


def _edited(text: str, tree: ast.Module, removals: Sequence[Removal], more: Sequence[Edit] = ()) -> str:
    places = Text(text)
    edits = Statements(places, Decisions(places, removals)).rewrite(tree)
    return tidied(applied(text, [*edits, *more]))
