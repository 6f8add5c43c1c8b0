"""The names that a module uses and binds, and those that a rewrite must not take away."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from trigger_compat.floor.scan.bindings import bound_name, stored_names
from trigger_compat.floor.scan.model import Removal
from trigger_compat.floor.scan.syntax import top_level

_BUILTINS: Final = frozenset(dir(builtins))
_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_LOADS_AND_DELETES: Final = (ast.Load, ast.Del)


@dataclass(slots=True)
class Names:
    """The names in a piece of code, wherever they are in it.

    :param loaded: those that it loads or deletes.
    :param strings: its strings, which may be names, as in ``__all__``.
    :param exported: what ``__all__`` holds.
    :param bound: those that it binds, with the lines.
    """

    loaded: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    exported: set[str] = field(default_factory=set)
    bound: list[tuple[str, int]] = field(default_factory=list)

    @property
    def unbound(self) -> set[str]:
        """The names that are used without a binding anywhere."""
        return (self.loaded | self.exported) - {name for name, _ in self.bound} - _BUILTINS


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes, as ``ast.walk`` does in twice the time."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                stack.append(value)
            elif isinstance(value, list):
                stack += [item for item in value if isinstance(item, ast.AST)]


def names_of(tree: ast.AST) -> Names:  # noqa: C901, PLR0912 - a table of node types
    """Return the names in a module or function."""
    found = Names()
    for node in walk(tree):
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, _LOADS_AND_DELETES):
                found.loaded.add(node.id)
            if not isinstance(node.ctx, ast.Load):
                found.bound.append((node.id, node.lineno))
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                found.strings.add(node.value)
        elif isinstance(node, ast.alias):
            found.bound.append((bound_name(node), node.lineno))
        elif isinstance(node, ast.arg):
            found.bound.append((node.arg, node.lineno))
        elif isinstance(node, (*_DEFINITIONS, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
            if node.name:
                found.bound.append((node.name, node.lineno))
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            found.loaded.update(node.names)
    for statement in getattr(tree, "body", ()):
        if isinstance(statement, (ast.Assign, ast.AugAssign)) and _is_exports(statement):
            found.exported.update(
                str(node.value) for node in ast.walk(statement) if isinstance(node, ast.Constant)
            )
    return found


def module_names(tree: ast.Module) -> set[str]:
    """Return the names that code looks up in the module itself: in none of the functions around it."""
    found: set[str] = set()
    _look_up(tree, frozenset(), found)
    return found


def _look_up(node: ast.AST, local: frozenset[str], found: set[str]) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Name):
            if isinstance(child.ctx, _LOADS_AND_DELETES) and child.id not in local:
                found.add(child.id)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            inner = local | stored_names(child).counts.keys()
            body = child.body if isinstance(child.body, list) else [child.body]
            _look_up(ast.Module(body, []), inner, found)  # type: ignore[arg-type] # a lambda has an expression
            outside = [*getattr(child, "decorator_list", ()), child.args, getattr(child, "returns", None)]
            _look_up(ast.Module([part for part in outside if part], []), local, found)
        elif isinstance(child, (ast.Global, ast.Nonlocal)):
            found.update(child.names)
        else:
            if isinstance(child, ast.Constant) and isinstance(child.value, str) and _is_type(node, child):
                found.update(_WORD.findall(child.value))
            _look_up(child, local, found)


def _is_type(node: ast.AST, child: ast.Constant) -> bool:
    """Say whether a string may be a type that is not there yet."""
    if isinstance(node, ast.Call):
        return child is next(iter(node.args), None) and "cast" in ast.unparse(node.func)
    return isinstance(node, (ast.arg, ast.AnnAssign, ast.Subscript, ast.BinOp, ast.Module))


def imported_in_functions(tree: ast.Module) -> set[str]:
    """Return the names that functions import."""
    return {
        bound_name(alias)
        for function in walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }


def listed_exports(node: ast.stmt) -> Iterator[str]:
    """Yield the names in an ``__all__`` that linters can read: a list, not ``sorted(...)``."""
    is_value = isinstance(node, (ast.Assign, ast.AugAssign)) and "__all__" in ast.unparse(node)
    if is_value and not any(isinstance(part, ast.Call) for part in walk(node)):
        yield from (str(part.value) for part in walk(node) if isinstance(part, ast.Constant))


def type_checking(tree: ast.Module) -> list[ast.stmt]:
    """Return the statements that only type checkers read."""
    return [
        statement
        for node in top_level(tree.body)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
    ]


def _is_exports(node: ast.Assign | ast.AugAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)


def bound_again(before: Names, missing: Collection[str], removals: Sequence[Removal]) -> Collection[Removal]:
    """Return the removals to leave out, because they hold the only binding of a name that is used still.

    :param missing: the names that are used and not bound after the removals.
    """
    lines = [(line, name) for name, line in before.bound if name in missing]
    return [
        removal
        for removal in removals
        if any(removal.line <= line <= removal.end and _binds(removal, name) for line, name in lines)
    ]


def _binds(removal: Removal, name: str) -> bool:
    return not removal.names or name in removal.names
