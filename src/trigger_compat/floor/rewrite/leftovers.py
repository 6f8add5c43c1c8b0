"""What a rewrite leaves without a use: local variables, names of caught exceptions, and mere re-exports."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from trigger_compat.floor.rewrite.names import Names, names_of, walk
from trigger_compat.floor.rewrite.text import Edit, Text
from trigger_compat.floor.scan.bindings import bound_name
from trigger_compat.floor.scan.imports import is_harmless
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.floor.scan.releases import NEVER
from trigger_compat.floor.scan.syntax import first_line, last_line

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


class Leftovers:
    """What only the deleted code of a module used.

    Before: ``old = find()``, then ``if not AIRFLOW_V_3_0_PLUS: use(old)``
    After 3.0: ``find()``, since the call may do more than return something

    :param text: the module as it was.
    :param tree: its syntax tree.
    :param used: the names in it.
    """

    def __init__(self, text: str, tree: ast.Module, names: Names) -> None:
        self._text = text
        self._used = names.loaded
        self._bound = Counter(name for name, _ in names.bound)
        self._tried = {
            name for node in walk(tree) if isinstance(node, ast.Try) for name in _imported(node.body)
        }

    def find(self, after: Text, tree: ast.Module, names: Names) -> tuple[list[Removal], list[Edit]]:
        """Return what to take out of a rewritten module: statements, and parts of them."""
        removals: list[Removal] = []
        edits: list[Edit] = []
        for node in walk(tree):
            if isinstance(node, _FUNCTIONS) and self._has_changed(after, node):
                unused = self._used - names_of(node).loaded
                for inner in walk(node) if unused else ():
                    _unused(inner, unused, after, removals, edits)
        used = names.loaded | names.strings | self._used
        for statement in tree.body:
            if isinstance(statement, ast.ImportFrom):
                for alias in statement.names:
                    name = bound_name(alias)
                    doubted = self._bound[name] > 1 or name in self._tried
                    if doubted and name not in used and not alias.asname:
                        # Another module may import it from here.
                        edits.append(Edit(*after.span(alias), f"{name} as {name}"))
            elif isinstance(statement, ast.Import) and len(statement.names) == 1:
                name = bound_name(statement.names[0])
                if name in self._tried and name not in used:  # only whether it works was asked
                    removals.append(_removal(statement))
        return removals, edits

    def _has_changed(self, after: Text, node: ast.stmt) -> bool:
        first, last = node.lineno, last_line(node)
        return after.text[after.starts[first - 1] : after.starts[last]] not in self._text


def _unused(node: ast.AST, names: set[str], text: Text, removals: list[Removal], edits: list[Edit]) -> None:
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id in names:
            if is_harmless(node.value):
                removals.append(_removal(node))
            else:
                edits.append(Edit(text.start(node), text.start(node.value)))
    elif isinstance(node, ast.ExceptHandler) and node.type and node.name in names:
        end = text.end(node.type)
        stop = text.find(":", end, text.start(node.body[0]))
        closed = max((at for at, token in text.between(end, stop) if token == ")"), default=end - 1)  # noqa: S105
        edits.append(Edit(closed + 1, stop))


def _removal(node: ast.stmt) -> Removal:
    """Return the removal of a statement."""
    return Removal(
        file="",
        line=first_line(node),
        end=last_line(node),
        category=Category.FOLLOWS,
        removable_from=NEVER,
        reason="only deleted code used it",
    )


def _imported(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from map(bound_name, node.names)
