"""What a rewrite leaves without a use: local variables, names of caught exceptions, and mere re-exports."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from trigger_compat.floor.rewrite.names import Names, module_names, names_of, walk
from trigger_compat.floor.rewrite.text import Edit, Text
from trigger_compat.floor.scan.bindings import bound_name
from trigger_compat.floor.scan.imports import is_harmless
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.floor.scan.releases import NEVER
from trigger_compat.floor.scan.syntax import first_line, last_line

_LOOK_UPS: Final = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.expr_context)
"""An attribute or an item is looked up for its value alone."""
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


class Leftovers:
    """What only the deleted code of a module used.

    Before: ``old = find()``, then ``if not AIRFLOW_V_3_0_PLUS: use(old)``
    After 3.0: ``find()``, since the call may do more than return something

    :param text: the module as it was.
    :param tree: its syntax tree.
    :param names: the names in it.
    :param may_export: says whether another module may import a name from this one.
    """

    def __init__(self, text: str, tree: ast.Module, names: Names, may_export: Callable[[str], bool]) -> None:
        self._text = text
        self._may_export = may_export
        self._used = names.loaded
        self._looked_up = module_names(tree)
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
        looked_up = module_names(tree)
        for statement in _imports(tree.body):
            for alias in statement.names:
                name = bound_name(alias)
                if name in self._looked_up - looked_up - names.exported and not self._may_export(name):
                    removals.append(_removal(statement) if len(statement.names) == 1 else _part(after, alias))
                elif statement in tree.body:
                    self._imported(statement, alias, names, after, removals, edits)
        return removals, edits

    def _imported(  # noqa: PLR0917
        self,
        statement: ast.Import | ast.ImportFrom,
        alias: ast.alias,
        names: Names,
        after: Text,
        removals: list[Removal],
        edits: list[Edit],
    ) -> None:
        """Look at an imported name that nothing here uses."""
        name = bound_name(alias)
        if name in names.loaded | names.strings or alias.asname == alias.name:
            return
        if getattr(statement, "module", None) == "__future__" or name == "*":
            return
        if name in self._used:
            return
        if isinstance(statement, ast.Import):
            if name in self._tried and len(statement.names) == 1:  # only whether it works was asked
                removals.append(_removal(statement))
        elif (self._bound[name] > 1 or name in self._tried) and not alias.asname:
            edits.append(Edit(*after.span(alias), f"{name} as {name}"))  # others may import it from here

    def _has_changed(self, after: Text, node: ast.stmt) -> bool:
        first, last = node.lineno, last_line(node)
        return after.text[after.starts[first - 1] : after.starts[last]] not in self._text


def _unused(node: ast.AST, names: set[str], text: Text, removals: list[Removal], edits: list[Edit]) -> None:
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id in names:
            if is_harmless(node.value) or all(isinstance(part, _LOOK_UPS) for part in walk(node.value)):
                removals.append(_removal(node))
            else:
                edits.append(Edit(text.start(node), text.start(node.value)))
    elif isinstance(node, ast.ExceptHandler) and node.type and node.name in names:
        end = text.end(node.type)
        stop = text.find(":", end, text.start(node.body[0]))
        closed = max((at for at, token in text.between(end, stop) if token == ")"), default=end - 1)  # noqa: S105
        edits.append(Edit(closed + 1, stop))


def _removal(node: ast.stmt | ast.alias) -> Removal:
    """Return the removal of a statement."""
    return Removal(
        file="",
        line=first_line(node),
        end=last_line(node),
        category=Category.FOLLOWS,
        removable_from=NEVER,
        reason="only deleted code used it",
    )


def _imports(body: Sequence[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports of a module, including those under conditions and in ``try`` blocks."""
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if getattr(node, "module", None) != "__future__":
                yield node
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            for name in ("body", "orelse", "finalbody"):
                yield from _imports(getattr(node, name, ()))
            for handler in getattr(node, "handlers", ()):
                yield from _imports(handler.body)


def _part(text: Text, alias: ast.alias) -> Removal:
    """Return the removal of one name of an import."""
    start, end = text.span(alias)
    first, last = text.line_of(start), text.line_of(end)
    return replace(
        _removal(alias),
        column=start - text.starts[first - 1],
        end_column=end - text.starts[last - 1],
    )


def _imported(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from map(bound_name, node.names)
