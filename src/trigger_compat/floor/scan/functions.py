"""What a helper function of the scanned source returns, if that can be seen without running it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from trigger_compat.floor.scan.abstract_values import UNKNOWN, SkipMark, Value
from trigger_compat.floor.scan.evaluate import Evaluator
from trigger_compat.floor.scan.reach import Reach
from trigger_compat.floor.scan.scopes import Function, Scope, function_scope, is_version_like
from trigger_compat.floor.scan.syntax import FunctionDefinition, assigned_name, contains, nodes_in

_HARMLESS_DECORATORS: Final = {"cache", "functools.cache", "lru_cache", "functools.lru_cache", "staticmethod"}


def returned(evaluator: Evaluator, function: Function, arguments: Sequence[Value] = ()) -> Value:
    """Return what a function returns, if it does nothing else."""
    node = function.node
    if evaluator.is_too_deep or not _is_simple(node):
        return UNKNOWN
    scope = function_scope(node, function.scope)
    if not _bind_arguments(node, arguments, scope):
        return UNKNOWN
    for statement in node.body:
        if isinstance(statement, ast.Return):
            return evaluator.value_inside(statement.value, scope)
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            evaluator.bind_import(statement, scope, Reach())
        elif isinstance(statement, ast.Assign) and (name := assigned_name(statement)):
            scope.bind(name, evaluator.value_inside(statement.value, scope), Reach())
    return UNKNOWN


def may_return_version(evaluator: Evaluator, function: Function) -> bool:
    """Say whether a function that is not understood returns Airflow's version, or a test of it."""
    node = function.node
    known = evaluator.returns_version
    if node not in known:
        known[node] = False  # while it is asked, since it may call itself
        known[node] = _returns_version(evaluator, node, function_scope(node, function.scope))
    return known[node]


def _returns_version(evaluator: Evaluator, node: FunctionDefinition, scope: Scope) -> bool:
    returned = [inner.value for inner in nodes_in(node) if isinstance(inner, ast.Return)]
    if not any(returned) or evaluator.is_too_deep:
        return False
    for statement in node.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            evaluator.bind_import(statement, scope, Reach())
    return any(is_version_like(evaluator.value_inside(value, scope)) for value in returned if value)


def version_attributes(evaluator: Evaluator, scope: Scope) -> Iterator[str]:
    """Yield the names of a class that are version flags, or Airflow's version."""
    for name in scope.names():
        value = evaluator.exported(name, scope)
        if value and is_version_like(value):
            yield name


def version_names(evaluator: Evaluator, scope: Scope, may_ask: Callable[[ast.stmt], bool]) -> Iterator[str]:
    """Yield the names that are version flags, Airflow's version, or functions that return these.

    :param may_ask: says whether the text of a function may depend on the version.
    """
    values = {name: evaluator.exported(name, scope) for name in scope.names()}
    found = {name for name, value in values.items() if value and is_version_like(value)}
    yield from found
    for name, value in values.items():
        if isinstance(value, SkipMark):
            yield name
        elif isinstance(value, Function) and (may_ask(value.node) or _names(value.node) & found):
            result = returned(evaluator, value)
            if is_version_like(result) or (result is UNKNOWN and may_return_version(evaluator, value)):
                yield name


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in nodes_in(node) if isinstance(inner, ast.Name)}


@lru_cache(maxsize=8192)
def _is_simple(node: FunctionDefinition) -> bool:
    """Say whether a call of a function gives what it returns, after nothing but assignments and imports."""
    for statement in node.body:
        if isinstance(statement, ast.Return):
            break
        is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        is_assignment = isinstance(statement, ast.Assign) and assigned_name(statement)
        if not (is_docstring or is_assignment or isinstance(statement, (ast.Import, ast.ImportFrom))):
            return False
    if isinstance(node, ast.AsyncFunctionDef) or contains(node, ast.Yield) or contains(node, ast.YieldFrom):
        return False
    names = {ast.unparse(getattr(decorator, "func", decorator)) for decorator in node.decorator_list}
    return names <= _HARMLESS_DECORATORS


def _bind_arguments(node: FunctionDefinition, arguments: Sequence[Value], scope: Scope) -> bool:
    """Bind the parameters of a function, if there is one argument for each."""
    given = node.args
    parameters = [parameter.arg for parameter in (*given.posonlyargs, *given.args)]
    if len(parameters) != len(arguments) or given.kwonlyargs or given.vararg or given.kwarg:
        return False
    for name, value in zip(parameters, arguments, strict=True):
        scope.pass_argument(name, value)
    return True
