"""Names and what they are bound to, with the releases that come to each binding."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trigger_compat.floor.scan.abstract_values import (
    UNKNOWN,
    Constant,
    PerRelease,
    Value,
    on_each_release,
)
from trigger_compat.floor.scan.reach import Reach
from trigger_compat.floor.scan.releases import GRID
from trigger_compat.floor.scan.syntax import FunctionDefinition

Binding = tuple[Reach, Value]
_NEW_SCOPE: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While)


class Scope:
    """The names of a module, class or function.

    :param resolve: returns the value of a name that no scope binds.
    :param local: names that are bound somewhere in the scope, even if the walk has not seen that yet.
    :param unstable: names that cannot be followed, because a loop, ``del`` or ``global`` changes them.
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
        self.bindings: dict[str, list[Binding]] = {}
        self._merged: dict[str, Value] = {}

    def bind(self, name: str, value: Value, reach: Reach) -> None:
        """Note that a name becomes a value on the releases that come there."""
        self.bindings.setdefault(name, []).append((reach, value))
        self._merged.pop(name, None)

    def lookup(self, name: str) -> Value:
        """Return what a name is in this scope, or else in the scopes around it."""
        scope: Scope | None = self
        while scope:
            if (
                scope is self or not scope.is_class
            ):  # as in Python, a method does not see the names of its class
                if name in scope.unstable:
                    return UNKNOWN
                if name in scope.bindings:
                    return scope.value_of(name)
                if name in scope.local:
                    return UNKNOWN
            if scope.parent is None and scope.resolve:
                return scope.resolve(name)
            scope = scope.parent
        return UNKNOWN

    def flags(self) -> Iterator[str]:
        """Yield the names of version flags that are bound here."""
        for name in self.bindings:
            value = self.lookup(name)
            if isinstance(value, PerRelease) and value.is_flag:
                yield name

    def value_of(self, name: str) -> Value:
        """Return what a name that is bound in this scope is."""
        if name not in self._merged:
            bindings = self.bindings[name]
            self._merged[name] = _only(bindings[0][1]) if len(bindings) == 1 else merge(bindings)
        return self._merged[name]


@dataclass(frozen=True, slots=True)
class Function(Value):
    """A function of the scanned source; it may return a version flag.

    :param scope: the scope around the function.
    """

    node: FunctionDefinition
    scope: Scope


def _only(value: Value) -> Value:
    """Return the value of a name that is bound once.

    ``DEBUG = False`` may be a setting that something outside the module changes, so it counts as unknown.
    """
    plain = isinstance(value, Constant) and (value.value is None or isinstance(value.value, bool))
    return UNKNOWN if plain else value


def merge(bindings: Sequence[Binding]) -> Value:
    """Return what a name is on each release: its last binding, where it is sure which one that is.

    In ``try: import new; HAS = True`` and ``except ImportError: HAS = False`` the name becomes a flag.
    """
    if not all(isinstance(value, (Constant, PerRelease)) for _, value in bindings):
        return UNKNOWN
    unbound = object()
    found: list[Any] = [unbound] * len(GRID)
    for reach, value in bindings:
        for point, new in enumerate(on_each_release(value)):
            if not reach.may >> point & 1:
                continue
            # A binding that the release only may come to counts if it changes nothing.
            sure = reach.must >> point & 1 or found[point] is unbound or _same(found[point], new)
            found[point] = new if sure else UNKNOWN
    results = tuple(UNKNOWN if value is unbound else value for value in found)
    return UNKNOWN if all(_same(value, results[0]) for value in results) else PerRelease(results)


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and bool(one == other))


def function_scope(node: FunctionDefinition | ast.Lambda, parent: Scope) -> Scope:
    """Return the scope of a function, with nothing bound yet."""
    arguments = node.args
    parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    parameters += filter(None, (arguments.vararg, arguments.kwarg))
    body = [node.body] if isinstance(node, ast.Lambda) else node.body
    local, unstable = stored_names(body)
    return Scope(parent, local={*local, *(parameter.arg for parameter in parameters)}, unstable=unstable)


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
    """Yield the nodes of a scope, without those of scopes inside it, and whether each is in a loop."""
    waiting = [(node, False) for node in body]
    while waiting:
        node, looped = waiting.pop()
        yield node, looped
        if not isinstance(node, _NEW_SCOPE):
            inside = looped or isinstance(node, _LOOPS)
            waiting.extend((child, inside) for child in ast.iter_child_nodes(node))


def _bound_by(node: ast.AST) -> tuple[list[str], bool]:
    """Return the names that one node binds, and whether the scan can follow them."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name], True
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [bound_name(alias) for alias in node.names], True
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        return node.names, False
    if isinstance(node, ast.ExceptHandler) and node.name:
        return [node.name], False
    # An assignment, a deletion, a loop, a ``with`` or ``:=``.
    targets = list(getattr(node, "targets", ()))
    targets += [getattr(node, field) for field in ("target", "optional_vars") if getattr(node, field, None)]
    steady = isinstance(node, (ast.Assign, ast.AnnAssign)) and len(targets) == 1
    names = [inner.id for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name)]
    return names, steady and isinstance(targets[0], ast.Name)


def bound_name(alias: ast.alias) -> str:
    """Return the name that an import binds: ``a`` for ``import a.b``."""
    return alias.asname or alias.name.partition(".")[0]
