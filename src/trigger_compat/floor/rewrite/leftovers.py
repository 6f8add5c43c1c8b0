"""What a rewrite leaves without a use: local variables, names of caught exceptions, and mere re-exports."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from trigger_compat.floor.rewrite.names import (
    Names,
    imported_in_functions,
    listed_exports,
    module_names,
    names_of,
    type_checking,
    walk,
)
from trigger_compat.floor.rewrite.text import Edit, Text
from trigger_compat.floor.scan.bindings import bound_name
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.floor.scan.releases import NEVER
from trigger_compat.floor.scan.syntax import first_line, is_alone, last_line, top_level

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

    still_evaluated: list[str]
    """The assignments, as code, of which only the value stays, since it may have an effect."""

    def __init__(self, text: str, tree: ast.Module, names: Names, may_export: Callable[[str], bool]) -> None:
        self.still_evaluated = []
        places = Text(text)
        self._functions = {_code(places, node) for node in walk(tree) if isinstance(node, _FUNCTIONS)}
        self._end_in_return = {
            node.name for node in walk(tree) if isinstance(node, _FUNCTIONS) and _ends_in_return(places, node)
        }
        self._pairs = {_pair_code(places, first, second) for first, second in _pairs(tree)}
        self._may_export = may_export
        self._used = names.loaded
        self._looked_up = module_names(tree)
        self._bound = Counter(name for name, _ in names.bound)
        aliases = (node.names for node in walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)))
        imported = Counter(bound_name(alias) for each in aliases for alias in each)
        self._listed = {name for node in tree.body for name in listed_exports(node)}
        self._imported = set(imported)
        self._modules = {name for name, count in imported.items() if count == self._bound[name]}
        self._tried = {
            name for node in walk(tree) if isinstance(node, ast.Try) for name in _imported(node.body)
        }

        self._fallbacks = self._tried | {name for name, count in self._bound.items() if count > 1}

    def find(self, after: Text, tree: ast.Module, names: Names) -> tuple[list[Removal], list[Edit]]:
        """Return what to take out of a rewritten module: statements, and parts of them."""
        removals = [_removal(after, node) for node in self._bound_at_once_again(after, tree)]
        edits: list[Edit] = []
        for node in walk(tree):
            if isinstance(node, _FUNCTIONS) and self._has_changed(after, node):
                unused = self._used - names_of(node).loaded
                for inner in walk(node) if unused else ():
                    self._unused(inner, unused, after, removals, edits)
                if _ends_in_return(after, node) and node.name not in self._end_in_return:
                    removals.append(_removal(after, node.body[-1]))
        self._of_the_module(after, tree, names, removals, edits)
        return removals, edits

    def _of_the_module(
        self, after: Text, tree: ast.Module, names: Names, removals: list[Removal], edits: list[Edit]
    ) -> None:
        """Look at what the module imports, or binds instead of an import that fails."""
        in_code = module_names(tree)
        looked_up = in_code | names.exported
        gone = {name for name in self._looked_up - looked_up if not self._may_export(name)}
        # Nobody gets these from here when the code runs.
        type_imports = list(_imports(type_checking(tree)))
        unused = {bound_name(alias) for node in type_imports for alias in node.names} - looked_up
        types = {name for name in unused & self._lost_a_binding(names) if not self._may_export(name)}
        for_types = set(map(id, type_imports))
        # A function that imports it itself hides the one of the module.
        hidden = imported_in_functions(tree) & self._lost_a_binding(names) - looked_up
        gone |= {name for name in hidden if not self._may_export(name)}
        replaced = gone & self._imported
        removals += [
            _removal(after, statement)
            for statement in top_level(tree.body)
            if _target(statement) in replaced
            and (isinstance(statement.value, ast.Lambda) or self._does_nothing(statement.value))  # type: ignore[attr-defined] # it has a target
        ]
        for statement in _imports(tree.body):
            goes = gone | types if id(statement) in for_types else gone
            for alias in statement.names:
                if bound_name(alias) not in goes:
                    self._re_exported(statement, alias, names, in_code, after, removals, edits)
                elif len(statement.names) == 1:
                    removals.append(_removal(after, statement))
                else:
                    removals.append(_part(after, alias))

    def _lost_a_binding(self, names: Names) -> set[str]:
        """Return the names that had several bindings, as fallbacks have, and have fewer now."""
        left = Counter(name for name, _ in names.bound)
        return {name for name in self._fallbacks if left[name] < self._bound[name]}

    def _bound_at_once_again(self, after: Text, tree: ast.Module) -> Iterator[ast.stmt]:
        """Yield the values that the next statement, which was under a condition, replaces.

        Before: ``path = "old"``, then ``if AIRFLOW_V_3_0_PLUS: path = "new"``
        After 3.0: ``path = "new"``
        """
        for first, second in _pairs(tree):
            name = _target(first)
            if (
                self._does_nothing(first.value)  # type: ignore[attr-defined] # it has a target
                and name not in names_of(second).loaded
                and _pair_code(after, first, second) not in self._pairs
            ):
                yield first

    def _re_exported(  # noqa: PLR0917
        self,
        statement: ast.Import | ast.ImportFrom,
        alias: ast.alias,
        names: Names,
        in_code: set[str],
        after: Text,
        removals: list[Removal],
        edits: list[Edit],
    ) -> None:
        """Look at an imported name that nothing here uses."""
        name = bound_name(alias)
        if name in in_code | self._listed or alias.asname == alias.name:
            return
        if getattr(statement, "module", None) == "__future__" or name == "*":
            return
        if isinstance(statement, ast.Import):
            if (
                name in self._tried - self._used and len(statement.names) == 1
            ):  # only whether it works was asked
                removals.append(_removal(after, statement))
        elif name in self._looked_up | self._lost_a_binding(names) and not alias.asname:
            edits.append(Edit(*after.span(alias), f"{name} as {name}"))  # others may import it from here

    def _unused(
        self, node: ast.AST, names: set[str], text: Text, removals: list[Removal], edits: list[Edit]
    ) -> None:
        """Look at what binds a local name that nothing uses."""
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Name) and target.id in names and not _is_meant(text, node):
                if self._does_nothing(node.value):
                    removals.append(_removal(text, node))
                else:
                    edits.append(Edit(text.start(node), _start_of_value(text, node)))
                    self.still_evaluated.append(ast.unparse(node))
        elif isinstance(node, ast.ExceptHandler) and node.type and node.name in names:
            end = text.end(node.type)
            stop = text.find(":", end, text.start(node.body[0]))
            closed = max((at for at, token in text.between(end, stop) if token == ")"), default=end - 1)  # noqa: S105
            edits.append(Edit(closed + 1, stop))

    def _does_nothing(self, value: ast.expr) -> bool:
        """Say whether nothing happens when a value is looked up.

        An attribute of what was imported is no property; an item, and an attribute of anything else, may be.
        """
        if isinstance(value, (ast.Tuple, ast.List)):
            return all(map(self._does_nothing, value.elts))
        if isinstance(value, ast.Dict):
            return all(isinstance(key, ast.Constant) for key in value.keys) and all(
                map(self._does_nothing, value.values)
            )
        if isinstance(value, ast.UnaryOp):
            return isinstance(value.operand, ast.Constant)
        return isinstance(value, (ast.Name, ast.Constant)) or self._is_imported(value)

    def _is_imported(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self._modules

    def _has_changed(self, after: Text, node: ast.stmt) -> bool:
        return _code(after, node) not in self._functions


def _is_meant(text: Text, node: ast.stmt) -> bool:
    """Say whether a comment tells a linter that nothing uses a variable."""
    return any("F841" in line for line in text.lines[first_line(node) - 1 : last_line(node)])


def _ends_in_return(text: Text, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Say whether the last statement of a function does nothing."""
    last = node.body[-1]
    does_nothing = isinstance(last, ast.Return) and last.value is None
    return does_nothing and len(node.body) > 1 and is_alone(text.lines, last, last)


def _target(node: ast.stmt) -> str:
    """Return the only name that an assignment binds."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return ""


def _binds(node: ast.stmt) -> set[str]:
    """Return the names that a statement surely binds: an assignment, or an import."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return set(map(bound_name, node.names))
    return {_target(node)}


def _pairs(tree: ast.Module) -> Iterator[tuple[ast.stmt, ast.stmt]]:
    """Yield two statements in a row that bind a name; not in ``try``, where a handler may see the first."""
    tried = {id(inner) for node in walk(tree) if isinstance(node, ast.Try) for inner in walk(node)}
    for node in walk(tree):
        for block in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if isinstance(block, list):
                for first, second in pairwise(block):
                    if _target(first) and _target(first) in _binds(second) and id(first) not in tried:
                        yield first, second


def _pair_code(text: Text, first: ast.stmt, second: ast.stmt) -> tuple[str, str]:
    return _code(text, first), _code(text, second)


def _code(text: Text, node: ast.AST) -> str:
    """Return the lines of a function, which may have moved to the left."""
    return "\n".join(line.lstrip() for line in text.lines[first_line(node) - 1 : last_line(node)])


def _start_of_value(text: Text, node: ast.Assign) -> int:
    """Return the place of the value of an assignment, with the parentheses around it."""
    equals = text.find("=", text.end(node.targets[-1]), text.start(node.value))
    return next(text.between(equals + 1, text.end(node.value)))[0]


def _removal(text: Text, node: ast.stmt | ast.alias) -> Removal:
    """Return the removal of a statement, or of an imported name."""
    names: tuple[str, ...] = ()
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        names = tuple(map(bound_name, node.names))
    elif isinstance(node, ast.Assign):
        names = tuple(target.id for target in node.targets if isinstance(target, ast.Name))
    return Removal(
        file="",
        line=first_line(node),
        end=last_line(node),
        category=Category.FOLLOWS,
        removable_from=NEVER,
        reason="only deleted code used it",
        whole=not isinstance(node, ast.stmt) or is_alone(text.lines, node, node),
        names=names,
    )


def _imports(body: Sequence[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports of a module, including those under conditions and in ``try`` blocks."""
    for node in top_level(body):
        if isinstance(node, (ast.Import, ast.ImportFrom)) and getattr(node, "module", None) != "__future__":
            yield node


def _part(text: Text, alias: ast.alias) -> Removal:
    """Return the removal of one name of an import."""
    start, end = text.span(alias)
    first, last = text.line_of(start), text.line_of(end)
    return replace(
        _removal(text, alias),
        column=start - text.starts[first - 1],
        end_column=end - text.starts[last - 1],
    )


def _imported(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from map(bound_name, node.names)
