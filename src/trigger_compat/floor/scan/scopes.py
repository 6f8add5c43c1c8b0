"""Names and what they are bound to, with the releases that come to each binding."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from trigger_compat.floor.scan.abstract_values import (
    DEPENDS,
    UNKNOWN,
    Constant,
    PerRelease,
    Reference,
    Unknown,
    Value,
    is_about_version,
    is_mutable,
    on_each_release,
)
from trigger_compat.floor.scan.bindings import Stored, is_only_read, stored_names
from trigger_compat.floor.scan.reach import Reach
from trigger_compat.floor.scan.releases import ALL_RELEASES, GRID
from trigger_compat.floor.scan.syntax import FunctionDefinition

Binding = tuple[Reach, Value]
_NOTHING_STORED: Final = Stored()


class Scope:
    """The names of a module, class or function.

    :param resolve: returns the value of a name that no scope binds.
    :param stored: the names that are bound somewhere in the scope, even if the walk has not seen that yet.
    :param package: the package that a relative import starts from.
    :param reads: the code in which a list that is bound here may be used; None: others may use it too.
    """

    def __init__(
        self,
        parent: Scope | None,
        *,
        resolve: Callable[[str], Value] | None = None,
        stored: Stored = _NOTHING_STORED,
        package: tuple[str, ...] = (),
        reads: Sequence[ast.AST] | None = None,
        is_class: bool = False,
    ) -> None:
        self.parent = parent
        self.is_class = is_class
        self.resolve = resolve
        self.stored: Stored = stored
        self.package: tuple[str, ...] = parent.package if parent else package
        self.bindings: dict[str, list[Binding]] = {}
        self.changes: int = 0
        self._reads = reads
        self._final: dict[str, list[Binding]] | None = None
        self._merged: dict[str, Value] = {}

    @property
    def is_in_function(self) -> bool:
        """Whether the scope is a function, or a class inside one."""
        return self.parent is not None and (not self.is_class or self.parent.is_in_function)

    def bind(self, name: str, value: Value, reach: Reach) -> None:
        """Note that a name becomes a value on the releases that come there."""
        if is_mutable(value) and not (self._reads and is_only_read(name, self._reads)):
            value = DEPENDS if is_about_version(value) else UNKNOWN
        self.bindings.setdefault(name, []).append((reach, value))
        self._merged.pop(name, None)
        self.changes += 1

    def forget(self, names: Iterable[str]) -> None:
        """Note that names may have become anything, as after ``from somewhere import *``."""
        for name in names:
            self.bind(name, DEPENDS if is_version_like(self.value_of(name)) else UNKNOWN, Reach())

    def pass_argument(self, name: str, value: Value) -> None:
        """Bind a parameter to what a call gives for it, unless the function binds the name once more."""
        if self.stored.counts[name] == 1:
            self.stored = replace(
                self.stored, unstable={key: of for key, of in self.stored.unstable.items() if key != name}
            )
            self.bind(name, value, Reach())

    def restart(self) -> None:
        """Begin a second walk, which binds the names again; functions see them as the first one left them."""
        self._final, self.bindings, self._merged = self.bindings, {}, {}
        self.changes += 1

    def lookup(self, name: str) -> Value:
        """Return what a name is at this place of the scope, or else in the scopes around it."""
        scope: Scope | None = self
        while scope:
            # As in Python, a method does not see the names of its class.
            if scope is self or not scope.is_class:
                value = scope.own(name, from_inside=scope is not self)
                if value is not None:
                    return value
            if scope.parent is None and scope.resolve:
                return scope.resolve(name)
            scope = scope.parent
        return UNKNOWN

    def owner(self, name: str) -> Scope | None:
        """Return the scope that binds a name."""
        scope: Scope | None = self
        while scope:
            if (scope is self or not scope.is_class) and scope.own(name, from_inside=False) is not None:
                return scope
            scope = scope.parent
        return None

    def own(self, name: str, *, from_inside: bool) -> Value | None:
        """Return what a name is that is bound here; None if it is not.

        :param from_inside: whether a function inside asks, which runs later.
        """
        if name in self.stored.unstable:
            return UNKNOWN
        if from_inside and self.parent is not None and self.stored.counts.get(name, 0) > 1:
            return UNKNOWN  # nobody knows which of its bindings the function sees
        bindings = self._final if from_inside and self._final is not None else self.bindings
        if name in bindings:
            if self.is_class and not any(reach.must == ALL_RELEASES for reach, _ in bindings[name]):
                return DEPENDS if any(is_version_like(value) for _, value in bindings[name]) else UNKNOWN
            return self.value_of(name) if bindings is self.bindings else _value(bindings[name])
        if self.is_class and self.parent is not None and self.parent.parent is None:
            return None  # as in Python, ``NEW = NEW`` in a class reads the name of the module
        return UNKNOWN if name in self.stored.counts else None

    def exported(self, name: str) -> Value | None:
        """Return what another module gets by a name; None if it is not bound here."""
        return self.own(name, from_inside=True)

    def names(self) -> Iterator[str]:
        """Yield the names that are bound here."""
        yield from dict.fromkeys((*self.stored.counts, *(self._final or self.bindings)))

    def value_of(self, name: str) -> Value:
        """Return what a name that is bound in this scope is after the bindings up to here."""
        if name not in self._merged:
            self._merged[name] = _value(self.bindings[name])
        return self._merged[name]

    def final_bindings(self, name: str) -> Sequence[Binding]:
        """Return all bindings of a name, those below included where a walk has seen them."""
        return (self.bindings if self._final is None else self._final).get(name, ())


@dataclass(frozen=True, slots=True)
class Function(Value):
    """A function of the scanned source; it may return a version flag.

    :param scope: the scope around the function.
    """

    node: FunctionDefinition
    scope: Scope


def is_version_like(value: Value) -> bool:
    """Say whether a value is a version flag, Airflow's version, or depends on it in an unknown way."""
    return is_about_version(value) or (isinstance(value, PerRelease) and value.is_flag)


def _value(bindings: Sequence[Binding]) -> Value:
    first = bindings[0][1]
    if len(bindings) == 1:
        return _only(first)
    if isinstance(first, Reference) and all(value == first for _, value in bindings):
        return first  # the same import, twice
    return merge(bindings)


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
    values = [value for _, value in bindings]
    depends = any(map(is_version_like, values))
    if not all(isinstance(value, (Constant, PerRelease, Unknown)) for value in values):
        return DEPENDS if depends else UNKNOWN
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
    if all(_same(value, results[0]) for value in results):
        return DEPENDS if depends else UNKNOWN
    return PerRelease(results, is_choice=not any(map(is_about_version, values)))


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and bool(one == other))


def function_scope(node: FunctionDefinition | ast.Lambda, parent: Scope) -> Scope:
    """Return the scope of a function, with nothing bound yet."""
    body: Sequence[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else node.body
    return Scope(parent, stored=stored_names(node), reads=body)


def comprehension_scope(node: ast.AST, parent: Scope) -> Scope:
    """Return the scope of a comprehension, which binds its targets for itself."""
    return Scope(parent, stored=stored_names(node), reads=())
