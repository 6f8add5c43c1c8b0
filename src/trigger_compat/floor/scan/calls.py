"""What calls return on each release: known functions, methods of versions, helpers of the source, marks."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final

from trigger_compat.floor.scan.abstract_values import (
    DEPENDS,
    UNKNOWN,
    Constant,
    PerRelease,
    Reference,
    SkipMark,
    Value,
    apply,
)
from trigger_compat.floor.scan.airflow_version import called
from trigger_compat.floor.scan.evaluate import Evaluator
from trigger_compat.floor.scan.functions import may_return_version, returned
from trigger_compat.floor.scan.reach import any_of
from trigger_compat.floor.scan.scopes import Function, Scope, is_version_like

_METHODS: Final = {
    "split", "rsplit", "startswith", "endswith", "replace", "strip", "partition", "removeprefix",
    "contains", "match",
}  # fmt: skip


def call(evaluator: Evaluator, node: ast.Call, scope: Scope) -> Value:
    """Return what a call returns."""
    if isinstance(node.func, ast.Attribute):
        mark = _skip_mark(evaluator, node, scope)
        if mark:
            return mark
        base = evaluator.value(node.func.value, scope)
        if isinstance(base, (Constant, PerRelease)) and node.func.attr in _METHODS:
            return _method(evaluator, node, node.func.attr, base, scope)
    function = evaluator.value(node.func, scope)
    arguments = [evaluator.value(argument, scope) for argument in node.args]
    is_plain = not node.keywords and not any(isinstance(part, ast.Starred) for part in node.args)
    if isinstance(function, Function):
        return _helper(evaluator, function, arguments if is_plain else None)
    if not isinstance(function, Reference):
        return UNKNOWN
    if [keyword.arg for keyword in node.keywords] == ["distribution_name"] and not arguments:
        return called(function.name, [evaluator.value(node.keywords[0].value, scope)])
    if not is_plain:
        return UNKNOWN
    if function.name == "builtins.hasattr":
        return _hasattr(evaluator, *arguments)
    if function.name == "builtins.getattr":
        return _getattr(evaluator, *arguments)
    return called(function.name, arguments)


def _helper(evaluator: Evaluator, function: Function, arguments: Sequence[Value] | None) -> Value:
    """Return what a function of the source returns.

    :param arguments: None: they are not plain ones.
    """
    value = UNKNOWN if arguments is None else returned(evaluator, function, arguments)
    if value is UNKNOWN:
        return DEPENDS if may_return_version(evaluator, function) else UNKNOWN
    return DEPENDS if evaluator.is_unsteady and is_version_like(value) else value


def _method(evaluator: Evaluator, node: ast.Call, name: str, base: Value, scope: Scope) -> Value:
    if any(keyword.arg != "prereleases" or name != "contains" for keyword in node.keywords):
        return UNKNOWN
    given = [evaluator.value(argument, scope) for argument in node.args]
    if not node.keywords:
        return apply(lambda value, *rest: getattr(value, name)(*rest), base, *given)
    too = evaluator.value(node.keywords[0].value, scope)
    return apply(lambda value, pre, *rest: getattr(value, name)(*rest, prereleases=pre), base, too, *given)


def _getattr(evaluator: Evaluator, *arguments: Value) -> Value:
    """Answer ``getattr(airflow, "__version__")``; other objects may have anything."""
    if len(arguments) > 1 and isinstance(arguments[0], Reference) and isinstance(arguments[1], Constant):
        value = evaluator.attribute_of(arguments[0].name, str(arguments[1].value))
        return value if isinstance(value, PerRelease) else UNKNOWN
    return UNKNOWN


def _hasattr(evaluator: Evaluator, *arguments: Value) -> Value:
    """Answer ``hasattr(module, "name")`` for a module of Airflow."""
    known = len(arguments) == 2  # noqa: PLR2004
    if not known or not isinstance(arguments[0], Reference) or not arguments[0].is_certain:
        return UNKNOWN
    if isinstance(arguments[1], Constant):
        return evaluator.has(arguments[0].name, str(arguments[1].value))
    return UNKNOWN


def _skip_mark(evaluator: Evaluator, node: ast.Call, scope: Scope) -> SkipMark | None:
    """Recognise ``pytest.mark.skipif(condition)``, and ``skipIf`` and ``skipUnless`` of unittest."""
    name = ast.unparse(node.func)
    if not name.endswith((".skipif", ".skipIf", ".skipUnless")):
        return None
    conditions = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "condition")]
    if not name.endswith(".skipif"):
        del conditions[1:]  # the second argument of unittest is a reason
    if not conditions:
        return None
    # A text is code that pytest evaluates later, and a plain True has nothing to do with Airflow.
    truth = any_of(evaluator.truth(condition, scope) for condition in conditions)
    return SkipMark(*(truth.negated if name.endswith("skipUnless") else truth))
