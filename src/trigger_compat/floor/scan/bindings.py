"""Which names a piece of code binds, and which of them can be followed from one binding to the next."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, TypeGuard

from trigger_compat.floor.scan.syntax import nodes_in

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_NEW_SCOPE: Final = (*_FUNCTIONS, ast.ClassDef)
_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While)
COMPREHENSIONS: Final = (ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)
_READERS: Final = {"all", "any", "bool", "len", "list", "max", "min", "set", "sorted", "str", "sum", "tuple"}
_NAMESPACES: Final = {"globals", "locals", "vars"}
_LOCAL: Final = {"locals", "vars", "dir"}
_CHANGES: Final = {"update", "setdefault", "pop", "clear", "popitem", "__setitem__", "__delitem__"}


@dataclass(frozen=True, slots=True)
class Stored:
    """The names that a scope binds.

    :param counts: how many places bind each name.
    :param unstable: the names that cannot be followed, because a loop, ``del``, ``global``, a pattern or the
        like changes them; each with the expressions that its values come from.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    unstable: Mapping[str, Sequence[ast.expr]] = field(default_factory=dict)

    def without(self, names: Collection[str]) -> Stored:
        """Return the same, where some names cannot be followed either."""
        changed = {name: () for name in names if name in self.counts and name not in self.unstable}
        return Stored(self.counts, {**self.unstable, **changed}) if changed else self


@dataclass(frozen=True, slots=True)
class _Bound:
    name: str
    source: ast.expr | None = None
    is_steady: bool = False


@lru_cache(maxsize=8192)
def stored_names(scope: ast.AST) -> Stored:
    """Return the names that a module, class, function, lambda or comprehension binds."""
    counts: Counter[str] = Counter()
    unstable: dict[str, list[ast.expr]] = defaultdict(list)
    for name in _parameters(scope):
        counts[name] += 1
        unstable[name] += ()
    found = list(_bound(scope))
    for bound, is_looped in found:
        counts[bound.name] += 1
        if is_looped or not bound.is_steady:
            unstable[bound.name] += ()
    for bound, _ in found:  # all sources of a name that cannot be followed
        if bound.name in unstable and bound.source:
            unstable[bound.name].append(bound.source)
    if isinstance(scope, ast.Module) or any(isinstance(node, _FUNCTIONS) for node in _inner_scopes(scope)):
        for name, source in _changed_elsewhere(scope):
            unstable[name] += [source] if source else ()
    if _runs_text(scope) if isinstance(scope, ast.Module) else _reads_locals(scope):
        for name in counts:
            unstable[name] += ()
    return Stored(counts, unstable)


def _inner_scopes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the functions and classes right inside a function."""
    if not isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    waiting: list[ast.AST] = [*scope.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _NEW_SCOPE):
            yield node
        if isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            waiting.extend(ast.iter_child_nodes(node))


def _parameters(scope: ast.AST) -> Iterator[str]:
    if isinstance(scope, _FUNCTIONS):
        given = scope.args
        parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        yield from (parameter.arg for parameter in parameters if parameter)
    for parameter in getattr(scope, "type_params", ()):
        yield parameter.name


def _bound(scope: ast.AST) -> Iterator[tuple[_Bound, bool]]:
    """Yield what the nodes of a scope bind, without scopes inside it, and whether that is in a loop."""
    if isinstance(scope, COMPREHENSIONS):
        for generator in scope.generators:
            yield from ((bound, True) for bound in _targets([generator.target], generator.iter))
        return
    body: Any = getattr(scope, "body", ())
    waiting = [(node, False) for node in (body if isinstance(body, list) else [body])]
    while waiting:
        node, is_looped = waiting.pop()
        yield from ((bound, is_looped) for bound in _bound_by(node))
        if isinstance(node, _NEW_SCOPE):
            outside = [*node.decorator_list] if not isinstance(node, ast.Lambda) else []
            waiting.extend((part, is_looped) for part in outside)
        else:
            inside = is_looped or isinstance(node, _LOOPS)
            waiting.extend((child, inside) for child in ast.iter_child_nodes(node))


def _bound_by(node: ast.AST) -> Iterator[_Bound]:  # noqa: C901, PLR0912 - a list of all that binds in Python
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield _Bound(node.name, is_steady=True)
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (_Bound(bound_name(alias), is_steady=True) for alias in node.names)
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        yield from map(_Bound, node.names)
    elif isinstance(node, ast.ExceptHandler):
        if node.name:
            yield _Bound(node.name)
    elif isinstance(node, ast.Assign):
        yield from _targets(node.targets, node.value, is_steady=True)
    elif isinstance(node, ast.AnnAssign):
        if node.value:
            yield from _targets([node.target], node.value, is_steady=True)
        elif isinstance(node.target, ast.Name):
            yield _Bound(node.target.id, is_steady=True)
    elif isinstance(node, (ast.AugAssign, ast.NamedExpr)):
        yield from _targets([node.target], node.value)
    elif isinstance(node, (ast.For, ast.AsyncFor)):
        yield from _targets([node.target], node.iter)
    elif isinstance(node, ast.withitem):
        yield from _targets([node.optional_vars] if node.optional_vars else [], node.context_expr)
    elif isinstance(node, ast.Delete):
        yield from _targets(node.targets, None)
    elif isinstance(node, ast.Match):
        for case in node.cases:
            for pattern in nodes_in(case.pattern):
                name = getattr(pattern, "rest" if isinstance(pattern, ast.MatchMapping) else "name", None)
                if isinstance(name, str):
                    yield _Bound(name, node.subject)
    elif type(node).__name__ == "TypeAlias":
        yield _Bound(node.name.id)  # type: ignore[attr-defined] # Python 3.12 has it


def _targets(
    targets: Iterable[ast.expr], source: ast.expr | None, *, is_steady: bool = False
) -> Iterator[_Bound]:
    """Yield the names in targets; those that take a value as a whole can be followed."""
    for target in targets:
        for inner in nodes_in(target):
            if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
                yield _Bound(inner.id, source, is_steady and inner is target)


def _changed_elsewhere(scope: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the names of a scope that functions inside it change, or ``globals()["name"] = ...``."""
    wanted = ast.Global if isinstance(scope, ast.Module) else ast.Nonlocal
    names: set[str] = set()
    for node in nodes_in(scope):
        if isinstance(node, wanted):
            names.update(node.names)
        elif _is_stored_item(node) and isinstance(node.slice, ast.Constant):
            yield str(node.slice.value), None
    yield from ((name, None) for name in names)
    if names:  # what they are set to may depend on the version
        for node in nodes_in(scope):
            for bound in (
                _bound_by(node) if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)) else ()
            ):
                if bound.name in names:
                    yield bound.name, bound.source


def _reads_locals(scope: ast.AST) -> bool:
    """Say whether a function asks for all of its names, so that each of them has a meaning."""
    if not isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    nodes = (node for part in scope.body for node in nodes_in(part) if isinstance(node, ast.Call))
    return any(isinstance(node.func, ast.Name) and node.func.id in _LOCAL and not node.args for node in nodes)


def _runs_text(scope: ast.Module) -> bool:
    """Say whether code changes names that cannot be seen: by ``exec``, or ``globals().update(...)``."""
    names = {node.id for node in nodes_in(scope) if isinstance(node, ast.Name)}
    if not names & {"exec", "setattr", "delattr", "sys", *_NAMESPACES}:
        return False
    waiting: list[ast.AST] = [scope]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == "__getattr__":
            continue  # it is asked for names that nothing else binds
        if isinstance(node, ast.Call) and _changes_names(node):
            return True
        if _is_stored_item(node) and not isinstance(node.slice, ast.Constant):
            return True
        waiting.extend(ast.iter_child_nodes(node))
    return False


def _changes_names(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Attribute) and _is_namespace(function.value):
        return function.attr in _CHANGES
    if any(map(_is_namespace, call.args)) and getattr(function, "id", "") not in _READERS:
        return True
    name = function.id if isinstance(function, ast.Name) else ""
    own = bool(call.args) and ast.unparse(call.args[0]) == "sys.modules[__name__]"
    return name == "exec" or (name in ("setattr", "delattr") and own)


def _is_stored_item(node: ast.AST) -> TypeGuard[ast.Subscript]:
    """Say whether code assigns or deletes an item of ``globals()``."""
    is_item = isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load)
    return is_item and isinstance(node, ast.Subscript) and _is_namespace(node.value)


def _is_namespace(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "__dict__" and ast.unparse(node.value).startswith("sys.modules[")
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)) or node.args:
        return False
    return node.func.id in _NAMESPACES


def bound_name(alias: ast.alias) -> str:
    """Return the name that an import binds: ``a`` for ``import a.b``."""
    return alias.asname or alias.name.partition(".")[0]


def is_only_read(name: str, body: Sequence[ast.AST]) -> bool:
    """Say whether code only reads from the object of a name, so that a list in it stays as it is."""
    harmless: set[int] = set()
    used: list[int] = []
    for part in body:
        for node in nodes_in(part):
            if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Store):
                used.append(id(node))
            harmless.update(map(id, _only_reads(node)))
    return harmless.issuperset(used)


def _only_reads(node: ast.AST) -> Iterable[ast.expr]:
    """Return the parts of a node that it reads and neither keeps nor changes."""
    if isinstance(node, ast.Compare):
        return node.left, *node.comparators
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        return (node.value,)
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        return (node.test,)
    if isinstance(node, ast.comprehension):
        return (node.iter,)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _READERS:
        return node.args
    return ()
