"""Names and what they are bound to, with the releases that come to each binding."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from trigger_compat.floor.values import UNKNOWN, Constant, PerRelease, Reach, Value
from trigger_compat.floor.versions import GRID

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_NEW_SCOPE: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While)


class Scope:
    """The names of a module, class or function.

    :param resolve: what gives a name that no scope binds.
    :param local: names that are bound somewhere in it, whether or not that was seen yet.
    :param unstable: names that cannot be followed: loops, deletions and declarations change them.
    """

    def __init__(
        self,
        parent: Scope | None,
        *,
        resolve: Callable[[str], Value] | None = None,
        local: Iterable[str] = (),
        unstable: Iterable[str] = (),
        is_class: bool = False,
    ) -> None:
        self.parent = parent
        self.is_class = is_class
        self.resolve = resolve
        self.local: frozenset[str] = frozenset(local)
        self.unstable: frozenset[str] = frozenset(unstable)
        self.bindings: dict[str, list[tuple[Reach, Value]]] = {}
        self._merged: dict[str, Value] = {}

    def bind(self, name: str, value: Value, reach: Reach) -> None:
        self.bindings.setdefault(name, []).append((reach, value))
        self._merged.pop(name, None)

    def lookup(self, name: str) -> Value:
        """Return what a name is, from here outwards."""
        scope: Scope | None = self
        while scope:
            if scope is self or not scope.is_class:
                if name in scope.unstable:
                    return UNKNOWN
                if name in scope.bindings:
                    return scope.merge(name)
                if name in scope.local:
                    return UNKNOWN
            if scope.parent is None and scope.resolve:
                return scope.resolve(name)
            scope = scope.parent
        return UNKNOWN

    def flags(self) -> Iterator[str]:
        """Yield the names that are flags here."""
        for name in self.bindings:
            value = self.lookup(name)
            if isinstance(value, PerRelease) and value.is_boolean:
                yield name

    def names(self) -> Iterator[str]:
        yield from self.bindings

    def merge(self, name: str) -> Value:
        if name not in self._merged:
            self._merged[name] = self._merge_now(self.bindings[name])
        return self._merged[name]

    @staticmethod
    def _merge_now(bindings: list[tuple[Reach, Value]]) -> Value:
        if len(bindings) == 1:
            value = bindings[0][1]
            # One that is bound once to a plain truth may be a setting that something else changes.
            plain = isinstance(value, Constant) and (value.value is None or isinstance(value.value, bool))
            return UNKNOWN if plain else value
        if not all(isinstance(value, (Constant, PerRelease)) for _, value in bindings):
            return UNKNOWN
        return _by_release(bindings)


def _by_release(bindings: list[tuple[Reach, Value]]) -> Value:
    """Return the last binding that each release comes to, where it is sure which one that is."""
    missing = object()
    found: list[Any] = [missing] * len(GRID)
    for reach, value in bindings:
        for at in range(len(GRID)):
            if not reach.may >> at & 1:
                continue
            new = value.values[at] if isinstance(value, PerRelease) else getattr(value, "value", UNKNOWN)
            sure = reach.must >> at & 1 or found[at] is missing or _same(found[at], new)
            found[at] = new if sure else UNKNOWN
    results = tuple(UNKNOWN if each is missing else each for each in found)
    first = results[0]
    if all(_same(each, first) for each in results):
        return UNKNOWN
    return PerRelease(results)


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and bool(one == other))


def function_scope(node: FunctionNode, parent: Scope) -> Scope:
    """Return the empty scope of a function."""
    arguments = node.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    names += [each.arg for each in (arguments.vararg, arguments.kwarg) if each]
    body = [node.body] if isinstance(node, ast.Lambda) else node.body
    local, unstable = stored_names(body)
    return Scope(parent, local={*local, *names}, unstable=unstable)


def stored_names(body: Iterable[ast.AST]) -> tuple[set[str], set[str]]:
    """Return the names that a body binds, and those of them that cannot be followed."""
    local: set[str] = set()
    unstable: set[str] = set()
    for node, looped in _own_nodes(body):
        bound, steady = _bound_by(node)
        local.update(bound)
        if looped or not steady:
            unstable.update(bound)
    return local, unstable


def _own_nodes(body: Iterable[ast.AST]) -> Iterator[tuple[ast.AST, bool]]:
    """Yield the nodes of a scope without those of scopes inside it, and whether they are in a loop."""
    waiting = [(node, False) for node in body]
    while waiting:
        node, looped = waiting.pop()
        yield node, looped
        if isinstance(node, _NEW_SCOPE):
            continue
        inside = looped or isinstance(node, _LOOPS)
        waiting.extend((child, inside) for child in ast.iter_child_nodes(node))


def _bound_by(node: ast.AST) -> tuple[list[str], bool]:
    """Return the names that one node binds, and whether that can be followed."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name], True
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [bound_name(alias) for alias in node.names], True
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if len(targets) == 1 and isinstance(targets[0], ast.Name):
            return [targets[0].id], True
        return [
            each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)
        ], False
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        return node.names, False
    if isinstance(node, ast.ExceptHandler) and node.name:
        return [node.name], False
    targets = [getattr(node, field) for field in ("target", "optional_vars") if getattr(node, field, None)]
    if isinstance(node, ast.Delete):
        targets = list(node.targets)
    return [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)], False


def bound_name(alias: ast.alias) -> str:
    """Return the name that an import binds."""
    return alias.asname or alias.name.partition(".")[0]
