"""Carries out what a scan found in one Python file."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Remarks:
    """What a person has to look at in a rewritten file.

    :param still_evaluated: the assignments, as code, of which only the value stays.
    :param kept: the dead code that had to stay, and why.
    :param kept_parts: all that stays, with what was found in dead code.
    """

    still_evaluated: set[str] = field(default_factory=set)
    kept: list[tuple[Removal, str]] = field(default_factory=list)
    kept_parts: list[Removal] = field(default_factory=list)

    def keep(self, removals: Collection[Removal], reason: str) -> None:
        """Note code that stays, and list it if it is dead."""
        self.kept += [(each, reason) for each in removals if each.category is Category.DEAD]
        self.kept_parts += removals


def without(
    text: str,
    removals: Iterable[Removal],
    tree: ast.Module | None = None,
    may_export: Callable[[str], bool] = lambda name: False,  # noqa: ARG005 - nothing else is there
    remarks: Remarks | None = None,
) -> str:
    """Return the text of a file without what can be removed.

    Before: ``if AIRFLOW_V_3_0_PLUS:`` with ``new()`` below it, then ``else:`` with ``old()`` below it
    After 3.0: ``new()``, at the place of the ``if``

    What would take away a name that other code uses stays, and so does a file that would not be valid Python.

    :param removals: those of this file that hold at the new floor.
    :param tree: that of the text, if it was parsed before.
    :param may_export: says whether another module may import a name from this one.
    :param remarks: gets what a person has to look at.
    """
    chosen = [removal for removal in removals if removal.category in _PROVEN]
    remarks = remarks or Remarks()
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
            remarks.keep(chosen, "the rest would not be valid Python")
            return text
        names_after = names_of(after)
        missing = names_after.unbound
        needed = bound_again(names, missing, chosen)
        if needed:
            used = ", ".join(sorted(missing - names.unbound))
            remarks.keep(needed, f"code that stays uses {used}")
            inside = [each for each in chosen if any(_is_about(each, other) for other in needed)]
            remarks.kept_parts += inside
            chosen = [removal for removal in chosen if removal not in needed and removal not in inside]
        elif missing - names.unbound:
            remarks.keep(chosen, f"the rest uses {', '.join(sorted(missing - names.unbound))}")
            return text
        else:
            leftovers = Leftovers(whole, before, names, may_export)
            result = _without_leftovers(result, after, names_after, leftovers)
            remarks.still_evaluated.update(leftovers.still_evaluated)
            return result if whole is text else result.removesuffix("\n")
    return text


def _is_about(removal: Removal, kept: Removal) -> bool:
    """Say whether a removal is in code that has to stay, or a comment right above that."""
    if kept.category is not Category.DEAD or kept.end_column or removal == kept:
        return False
    is_above = removal.end == kept.line - 1 and removal.category is Category.FOLLOWS
    return is_above or (kept.line <= removal.line and removal.end <= kept.end)


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
