"""What each kind of expression is on each release: names, attributes, comparisons, conditions."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from trigger_compat.floor.scan.abstract_values import (
    DEPENDS,
    UNKNOWN,
    Constant,
    PerRelease,
    Reference,
    SkipMark,
    Unknown,
    Value,
    apply,
    first_decisive,
    from_truth,
    truth_of,
)
from trigger_compat.floor.scan.airflow_version import compared, flag_by_name, parameters_of
from trigger_compat.floor.scan.calls import call
from trigger_compat.floor.scan.evaluate import Evaluator
from trigger_compat.floor.scan.reach import Reach, Truth, all_of, any_of
from trigger_compat.floor.scan.scopes import (
    Scope,
    comprehension_scope,
    function_scope,
    is_version_like,
    merge,
)

_ATTRIBUTES: Final = {"major", "minor", "micro", "patch", "release", "base_version", "public", "version"}
_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[..., Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda one, many: one in many,
    ast.NotIn: lambda one, many: one not in many,
}


def _constant(_evaluator: Evaluator, node: ast.Constant, _scope: Scope) -> Value:
    return Constant(node.value)


def _name(evaluator: Evaluator, node: ast.Name, scope: Scope) -> Value:
    value = scope.lookup(node.id)
    if value is not UNKNOWN:
        return value
    if not isinstance(flag_by_name(node.id), Unknown):
        return DEPENDS
    owner = scope.owner(node.id)
    return DEPENDS if owner and evaluator.is_made_from_version(node.id, owner) else UNKNOWN


def _lambda(evaluator: Evaluator, node: ast.Lambda, scope: Scope) -> Value:
    return DEPENDS if is_version_like(evaluator.value(node.body, function_scope(node, scope))) else UNKNOWN


def _walrus(evaluator: Evaluator, node: ast.NamedExpr, scope: Scope) -> Value:
    return evaluator.value(node.value, scope)


def _text(evaluator: Evaluator, node: ast.JoinedStr, scope: Scope) -> Value:
    parts = [evaluator.value(part, scope) for part in node.values]
    return apply(lambda *texts: "".join(texts), *parts)


def _formatted(evaluator: Evaluator, node: ast.FormattedValue, scope: Scope) -> Value:
    if node.format_spec or node.conversion not in (-1, ord("s")):
        return UNKNOWN
    return apply(str, evaluator.value(node.value, scope))


def _attribute(evaluator: Evaluator, node: ast.Attribute, scope: Scope) -> Value:
    base = evaluator.value(node.value, scope)
    if isinstance(base, Reference):
        return evaluator.attribute_of(base.name, node.attr)
    if isinstance(base, (Constant, PerRelease)) and node.attr in _ATTRIBUTES:
        attribute = "micro" if node.attr == "patch" else node.attr  # as semver calls it
        return apply(lambda version: getattr(version, attribute), base)
    if not isinstance(base, Unknown):
        return UNKNOWN
    flag = flag_by_name(node.attr)
    return DEPENDS if flag is not UNKNOWN and evaluator.is_patched(node.attr) else flag


def _unknown(_evaluator: Evaluator, _node: ast.expr, _scope: Scope) -> Value:
    return UNKNOWN


def _sequence(evaluator: Evaluator, node: ast.Tuple | ast.List, scope: Scope) -> Value:
    if any(isinstance(element, ast.Starred) for element in node.elts):
        return UNKNOWN
    values = [evaluator.value(element, scope) for element in node.elts]
    marks = [value for value in values if isinstance(value, SkipMark)]
    if marks:  # a list of marks skips where one of them does
        skips, runs = any_of(Truth(mark.skips, mark.runs) for mark in marks)
        return SkipMark(skips, runs if len(marks) == len(values) else 0)
    make = tuple if isinstance(node, ast.Tuple) else list
    return apply(lambda *elements: make(elements), *values)


def _subscript(evaluator: Evaluator, node: ast.Subscript, scope: Scope) -> Value:
    return apply(operator.getitem, evaluator.value(node.value, scope), evaluator.value(node.slice, scope))


def _slice(evaluator: Evaluator, node: ast.Slice, scope: Scope) -> Value:
    bounds = (node.lower, node.upper, node.step)
    return apply(slice, *(evaluator.value(bound, scope) if bound else Constant(None) for bound in bounds))


def _unary(evaluator: Evaluator, node: ast.UnaryOp, scope: Scope) -> Value:
    value = evaluator.value(node.operand, scope)
    if isinstance(node.op, ast.Not):
        return from_truth(truth_of(value).negated)
    return apply(operator.neg, value) if isinstance(node.op, ast.USub) else UNKNOWN


def _all_or_any(evaluator: Evaluator, node: ast.BoolOp, scope: Scope) -> Value:
    values = [evaluator.value(operand, scope) for operand in node.values]
    return first_decisive(values, stops_at=isinstance(node.op, ast.Or))


def _compare(evaluator: Evaluator, node: ast.Compare, scope: Scope) -> Value:
    values = [evaluator.value(operand, scope) for operand in (node.left, *node.comparators)]
    if (asked := _asks_for_parameter(evaluator, node, values)) is not None:
        return asked
    comparisons = (_COMPARISONS[type(comparison)] for comparison in node.ops)
    pairs = zip(comparisons, values[:-1], values[1:], strict=True)
    return from_truth(all_of(truth_of(compared(*pair)) for pair in pairs))


def _asks_for_parameter(evaluator: Evaluator, node: ast.Compare, values: list[Value]) -> Value | None:
    """Answer ``"name" in inspect.signature(function).parameters``; None if it is another comparison."""
    function = parameters_of(values[-1])
    if not function or len(values) != 2 or not isinstance(values[0], Constant):  # noqa: PLR2004
        return None
    found = evaluator.has(function, str(values[0].value))
    if isinstance(node.ops[0], ast.NotIn):
        return from_truth(truth_of(found).negated)
    return found if isinstance(node.ops[0], ast.In) else None


def _conditional(evaluator: Evaluator, node: ast.IfExp, scope: Scope) -> Value:
    condition = truth_of(evaluator.value(node.test, scope))
    then = (Reach().where(condition), evaluator.value(node.body, scope))
    return merge((then, (Reach().where(condition.negated), evaluator.value(node.orelse, scope))))


def _comprehension(evaluator: Evaluator, node: ast.GeneratorExp | ast.ListComp, scope: Scope) -> Value:
    """Understand one form, which providers use to split a version: ``int(x) for x in ...``."""
    [generator, *more] = node.generators
    call = node.elt
    if more or generator.ifs or not (isinstance(call, ast.Call) and isinstance(generator.target, ast.Name)):
        return UNKNOWN
    converters = {Reference("builtins.int"): int, Reference("builtins.str"): str}
    convert: Any = converters.get(evaluator.value(call.func, comprehension_scope(node, scope)))  # type: ignore[call-overload]
    of_target = [ast.unparse(argument) for argument in call.args] == [generator.target.id]
    if convert is None or not of_target or call.keywords:
        return UNKNOWN
    return apply(lambda parts: [convert(part) for part in parts], evaluator.value(generator.iter, scope))


BY_TYPE: Final[Mapping[type[ast.AST], Callable[[Evaluator, Any, Scope], Value]]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Tuple: _sequence,
    ast.List: _sequence,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.UnaryOp: _unary,
    ast.BoolOp: _all_or_any,
    ast.Compare: _compare,
    ast.IfExp: _conditional,
    ast.GeneratorExp: _comprehension,
    ast.ListComp: _comprehension,
    ast.Call: call,
    ast.Lambda: _lambda,
    ast.NamedExpr: _walrus,
    ast.JoinedStr: _text,
    ast.FormattedValue: _formatted,
    ast.BinOp: _unknown,
    ast.Starred: _unknown,
}
"""What handles each type of expression. All get the evaluator, the node and its scope."""
