"""What an expression of the scanned source is on each release. Whatever is not understood is unknown."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from trigger_compat.floor.scan.abstract_values import (
    UNKNOWN,
    Constant,
    PerRelease,
    Reference,
    SkipMark,
    Unknown,
    Value,
    apply,
    from_truth,
    truth_of,
)
from trigger_compat.floor.scan.airflow_version import called, compared, flag_by_name, imported
from trigger_compat.floor.scan.reach import UNKNOWN_TRUTH, Reach, Truth, all_of, any_of
from trigger_compat.floor.scan.scopes import Function, Scope, function_scope, merge
from trigger_compat.floor.scan.syntax import ImportStatement

_METHODS: Final = {"split", "startswith", "endswith", "replace", "strip", "partition", "contains", "match"}
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
_MAX_DEPTH: Final = 40
"""Of expressions and helper functions inside one another; a helper may call itself."""


class Evaluator:
    """Evaluates expressions in scopes.

    :param attribute: returns a name of a module, whether the module is scanned or not.
    :param has: returns on which releases a module of Airflow has a name.
    """

    def __init__(
        self, attribute: Callable[[str, str], Value], has: Callable[[str, str], Value] | None = None
    ) -> None:
        self._attribute_of = attribute
        self._has = has or (lambda _module, _name: UNKNOWN)
        self._depth = 0

    def value(self, node: ast.AST | None, scope: Scope) -> Value:
        """Return what an expression is."""
        method = self._BY_TYPE.get(type(node)) if node is not None else None
        if method is None or self._depth > _MAX_DEPTH:
            return UNKNOWN
        self._depth += 1
        try:
            return method(self, node, scope)
        finally:
            self._depth -= 1

    def truth(self, node: ast.AST, scope: Scope) -> Truth:
        """Return where an expression is true."""
        return truth_of(self.value(node, scope))

    def _constant(self, node: ast.Constant, _scope: Scope) -> Value:
        return Constant(node.value)

    def _name(self, node: ast.Name, scope: Scope) -> Value:
        return scope.lookup(node.id)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        base = self.value(node.value, scope)
        if isinstance(base, Reference):
            return self._attribute_of(base.name, node.attr)
        if isinstance(base, (Constant, PerRelease)) and node.attr in _ATTRIBUTES:
            attribute = "micro" if node.attr == "patch" else node.attr  # as semver calls it
            return apply(lambda version: getattr(version, attribute), base)
        return flag_by_name(node.attr) if isinstance(base, Unknown) else UNKNOWN

    def _sequence(self, node: ast.Tuple | ast.List, scope: Scope) -> Value:
        if any(isinstance(element, ast.Starred) for element in node.elts):
            return UNKNOWN
        values = [self.value(element, scope) for element in node.elts]
        marks = [value for value in values if isinstance(value, SkipMark)]
        if marks:  # a list of marks skips where one of them does
            skips, runs = any_of(Truth(mark.skips, mark.runs) for mark in marks)
            return SkipMark(skips, runs if len(marks) == len(values) else 0)
        make = tuple if isinstance(node, ast.Tuple) else list
        return apply(lambda *elements: make(elements), *values)

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        return apply(operator.getitem, self.value(node.value, scope), self.value(node.slice, scope))

    def _slice(self, node: ast.Slice, scope: Scope) -> Value:
        bounds = (node.lower, node.upper, node.step)
        return apply(slice, *(self.value(bound, scope) if bound else Constant(None) for bound in bounds))

    def _unary(self, node: ast.UnaryOp, scope: Scope) -> Value:
        value = self.value(node.operand, scope)
        if isinstance(node.op, ast.Not):
            return from_truth(truth_of(value).negated)
        return apply(operator.neg, value) if isinstance(node.op, ast.USub) else UNKNOWN

    def _all_or_any(self, node: ast.BoolOp, scope: Scope) -> Value:
        truths = [self.truth(operand, scope) for operand in node.values]
        return from_truth(all_of(truths) if isinstance(node.op, ast.And) else any_of(truths))

    def _compare(self, node: ast.Compare, scope: Scope) -> Value:
        values = [self.value(operand, scope) for operand in (node.left, *node.comparators)]
        comparisons = (_COMPARISONS[type(comparison)] for comparison in node.ops)
        pairs = zip(comparisons, values[:-1], values[1:], strict=True)
        return from_truth(all_of(truth_of(compared(*pair)) for pair in pairs))

    def _conditional(self, node: ast.IfExp, scope: Scope) -> Value:
        condition = self.truth(node.test, scope)
        then = (Reach().where(condition), self.value(node.body, scope))
        return merge((then, (Reach().where(condition.negated), self.value(node.orelse, scope))))

    def _comprehension(self, node: ast.GeneratorExp | ast.ListComp, scope: Scope) -> Value:
        """Understand one form, which providers use to split a version: ``int(x) for x in ...``."""
        [generator, *more] = node.generators
        function = node.elt.func if isinstance(node.elt, ast.Call) else None
        converters: Mapping[str, type[int | str]] = {"int": int, "str": str}
        convert = converters.get(function.id) if isinstance(function, ast.Name) else None
        if more or generator.ifs or convert is None:
            return UNKNOWN
        return apply(lambda parts: [convert(part) for part in parts], self.value(generator.iter, scope))

    def _call(self, node: ast.Call, scope: Scope) -> Value:
        if isinstance(node.func, ast.Attribute):
            mark = self._skip_mark(node, scope)
            if mark:
                return mark
            base = self.value(node.func.value, scope)
            if isinstance(base, (Constant, PerRelease)) and node.func.attr in _METHODS:
                name = node.func.attr
                given = [self.value(argument, scope) for argument in node.args]
                return apply(lambda value, *rest: getattr(value, name)(*rest), base, *given)
        function = self.value(node.func, scope)
        if isinstance(function, Reference):
            arguments = [self.value(argument, scope) for argument in node.args]
            if function.name == "builtins.hasattr":
                return self._hasattr(*arguments)
            return called(function.name, arguments)
        if isinstance(function, Function) and not node.args and not node.keywords:
            return self.returned(function)
        return UNKNOWN

    def _hasattr(self, *arguments: Value) -> Value:
        """Answer ``hasattr(module, "name")`` for a module of Airflow."""
        known = len(arguments) == 2  # noqa: PLR2004
        if known and isinstance(arguments[0], Reference) and isinstance(arguments[1], Constant):
            return self._has(arguments[0].name, str(arguments[1].value))
        return UNKNOWN

    def _skip_mark(self, node: ast.Call, scope: Scope) -> SkipMark | None:
        """Recognise ``pytest.mark.skipif(condition)``, and ``skipIf`` and ``skipUnless`` of unittest."""
        name = ast.unparse(node.func)
        if not name.endswith((".skipif", ".skipIf", ".skipUnless")):
            return None
        condition = next((keyword.value for keyword in node.keywords if keyword.arg == "condition"), None)
        condition = node.args[0] if node.args else condition
        if condition is None:
            return None
        # A text is code that pytest evaluates later, and a plain True has nothing to do with Airflow.
        truth = UNKNOWN_TRUTH if isinstance(condition, ast.Constant) else self.truth(condition, scope)
        return SkipMark(*(truth.negated if name.endswith("skipUnless") else truth))

    def returned(self, function: Function) -> Value:
        """Return what a function without arguments returns, if it does nothing else."""
        scope = function_scope(function.node, function.scope)
        for statement in function.node.body:
            if isinstance(statement, ast.Return):
                return self.value(statement.value, scope)
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                self.bind_import(statement, scope, Reach(), package=())
            elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                scope.bind(statement.targets[0].id, self.value(statement.value, scope), Reach())
            elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                return UNKNOWN
        return UNKNOWN

    def bind_import(
        self, node: ImportStatement, scope: Scope, reach: Reach, package: tuple[str, ...]
    ) -> None:
        """Bind the names of an import.

        :param package: the package that a relative import starts from.
        """
        for alias in node.names:
            if isinstance(node, ast.Import):
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                scope.bind(alias.asname or name, imported(name), reach)
            elif alias.name != "*":
                module = absolute(node, package)
                scope.bind(alias.asname or alias.name, self._attribute_of(module, alias.name), reach)

    _BY_TYPE: Final[Mapping[type[ast.AST], Callable[[Any, Any, Scope], Value]]] = {
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
        ast.Call: _call,
    }


def absolute(node: ast.ImportFrom, package: tuple[str, ...]) -> str:
    """Return the module that ``from ... import`` names, seen from a package."""
    if not node.level:
        return node.module or ""
    base = package[: len(package) - node.level + 1]
    return ".".join((*base, *filter(None, [node.module])))
