"""Names that a rewrite would take away from code that uses them."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Sequence

from trigger_compat.floor.scan.bindings import bound_name
from trigger_compat.floor.scan.model import Removal


def bound_again(before: ast.Module, after: ast.Module, removals: Sequence[Removal]) -> Collection[Removal]:
    """Return the removals to leave out, because they hold the only binding of a name that is used still."""
    missing = _unbound(after)
    lines = [(line, name) for name, line in _bound(before) if name in missing]
    return [
        removal
        for removal in removals
        if any(removal.line <= line <= removal.end and _binds(removal, name) for line, name in lines)
    ]


def missing_names(before: ast.Module, after: ast.Module) -> set[str]:
    """Return the names that code uses without a binding, and did not before."""
    return _unbound(after) - _unbound(before)


def _unbound(tree: ast.Module) -> set[str]:
    return _used(tree) - {name for name, _ in _bound(tree)} - set(dir(builtins))


def _binds(removal: Removal, name: str) -> bool:
    return not removal.names or name in removal.names


def _used(tree: ast.Module) -> set[str]:
    """Return the names that code loads, or exports by ``__all__``."""
    used = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AugAssign)) and "__all__" in ast.unparse(node).partition("=")[0]:
            used |= {str(inner.value) for inner in ast.walk(node) if isinstance(inner, ast.Constant)}
    return used


def _bound(tree: ast.Module) -> list[tuple[str, int]]:
    """Return all names that code binds, wherever that is, with the lines."""
    found: list[tuple[str, int]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            found.append((bound_name(node), node.lineno))
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.append((node.id, node.lineno))
        elif isinstance(node, ast.arg):
            found.append((node.arg, node.lineno))
        elif (
            isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler))
            and node.name
        ) or (isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name):
            found.append((node.name, node.lineno))
    return found
