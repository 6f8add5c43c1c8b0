"""What an expression of the scanned source is on each release. Whatever is not understood is unknown."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
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
    is_about_version,
    truth_of,
)
from trigger_compat.floor.scan.airflow_version import called, compared, flag_by_name, imported, is_known
from trigger_compat.floor.scan.reach import UNKNOWN_TRUTH, Reach, Truth, all_of, any_of
from trigger_compat.floor.scan.scopes import (
    Function,
    Scope,
    comprehension_scope,
    function_scope,
    is_version_like,
    merge,
)
from trigger_compat.floor.scan.syntax import (
    FunctionDefinition,
    ImportStatement,
    assigned_name,
    contains,
    nodes_in,
)

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
_PASS_ON: Final = (
    ast.Compare, ast.Attribute, ast.Subscript, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.IfExp, ast.JoinedStr,
    ast.FormattedValue, ast.Tuple, ast.List, ast.Starred, ast.NamedExpr,
)  # fmt: skip
"""What is made of Airflow's version still depends on it, if the scan does not understand how."""
_HARMLESS_DECORATORS: Final = {"cache", "functools.cache", "lru_cache", "functools.lru_cache", "staticmethod"}
_MAX_DEPTH: Final = 40
"""Of expressions and helper functions inside one another; a helper may call itself."""


class Evaluator:
    """Evaluates expressions in scopes.

    :param attribute: returns a name of a module, whether the module is scanned or not.
    :param has: returns on which releases a module of Airflow has a name.
    :param star: returns the names that ``from module import *`` gives, None if nobody knows.
    :param is_patched: says whether some code assigns to an attribute of this name.
    """

    def __init__(
        self,
        attribute: Callable[[str, str], Value],
        has: Callable[[str, str], Value] | None = None,
        star: Callable[[str], Collection[str] | None] | None = None,
        is_patched: Callable[[str], bool] | None = None,
    ) -> None:
        self._attribute_of = attribute
        self._has = has or (lambda _module, _name: UNKNOWN)
        self._star = star or (lambda _module: None)
        self._is_patched = is_patched or (lambda _name: False)
        self._depth = 0
        self._known: dict[tuple[ast.AST, Scope], Value] = {}
        self._made_from_version: dict[tuple[Scope, str, int], bool] = {}
        self._return_version: dict[ast.AST, bool] = {}

    def value(self, node: ast.AST | None, scope: Scope) -> Value:
        """Return what an expression is."""
        method = self._BY_TYPE.get(type(node)) if node is not None else None
        if node is None or method is None or self._depth > _MAX_DEPTH:
            return UNKNOWN
        if (node, scope) in self._known:
            return self._known[node, scope]
        self._depth += 1
        try:
            value = method(self, node, scope)
            if value is UNKNOWN and self._passes_version_on(node, scope):
                value = DEPENDS
        finally:
            self._depth -= 1
        if self._depth:
            self._known[node, scope] = value
        else:
            self._known.clear()  # the next statement may bind the names again
        return value

    def truth(self, node: ast.AST, scope: Scope) -> Truth:
        """Return where an expression is true, as far as that depends on the version.

        What else is always true, or seems to be, says nothing about a floor.
        """
        value = self.value(node, scope)
        return UNKNOWN_TRUTH if isinstance(value, Constant) else truth_of(value)

    def _passes_version_on(self, node: ast.AST, scope: Scope) -> bool:
        """Say whether an expression that is not understood is made from Airflow's version."""
        parts: list[Any] = []
        if isinstance(node, ast.Call):
            parts = [node.func.value] if isinstance(node.func, ast.Attribute) else []
            if self._is_known(node.func, scope) or (len(node.args) == 1 and not node.keywords):
                parts += node.args  # a function of one argument may well convert it
        elif isinstance(node, _PASS_ON):
            parts = list(ast.iter_child_nodes(node))
        elif isinstance(node, (ast.GeneratorExp, ast.ListComp)):
            parts = [node.generators[0].iter]
        return any(is_about_version(self.value(part, scope)) for part in parts)

    def _is_known(self, function: ast.expr, scope: Scope) -> bool:
        found = self.value(function, scope)
        return isinstance(found, Reference) and is_known(found.name)

    def _constant(self, node: ast.Constant, _scope: Scope) -> Value:
        return Constant(node.value)

    def _name(self, node: ast.Name, scope: Scope) -> Value:
        value = scope.lookup(node.id)
        if value is not UNKNOWN:
            return value
        if not isinstance(flag_by_name(node.id), Unknown):
            return DEPENDS
        owner = scope.owner(node.id)
        return DEPENDS if owner and self._is_made_from_version(node.id, owner) else UNKNOWN

    def exported(self, name: str, scope: Scope) -> Value | None:
        """Return what another module gets by a name; None if the module does not bind it."""
        value = scope.exported(name)
        return DEPENDS if value is UNKNOWN and self._is_made_from_version(name, scope) else value

    def _is_made_from_version(self, name: str, owner: Scope) -> bool:
        """Say whether something that a name may be bound to depends on the version."""
        key = (owner, name, owner.changes)
        if key not in self._made_from_version:
            self._made_from_version[key] = False  # while its sources are asked, which may name it
            values = [value for _, value in owner.final_bindings(name)]
            values += [self.value(source, owner) for source in owner.stored.unstable.get(name, ())]
            values.append(owner.exported(name) or UNKNOWN)
            self._made_from_version[key] = any(map(is_version_like, values))
        return self._made_from_version[key]

    def _lambda(self, node: ast.Lambda, scope: Scope) -> Value:
        return DEPENDS if is_version_like(self.value(node.body, function_scope(node, scope))) else UNKNOWN

    def _walrus(self, node: ast.NamedExpr, scope: Scope) -> Value:
        return self.value(node.value, scope)

    def _text(self, node: ast.JoinedStr, scope: Scope) -> Value:
        parts = [self.value(part, scope) for part in node.values]
        return apply(lambda *texts: "".join(texts), *parts)

    def _formatted(self, node: ast.FormattedValue, scope: Scope) -> Value:
        if node.format_spec or node.conversion not in (-1, ord("s")):
            return UNKNOWN
        return apply(str, self.value(node.value, scope))

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        base = self.value(node.value, scope)
        if isinstance(base, Reference):
            return self._attribute_of(base.name, node.attr)
        if isinstance(base, (Constant, PerRelease)) and node.attr in _ATTRIBUTES:
            attribute = "micro" if node.attr == "patch" else node.attr  # as semver calls it
            return apply(lambda version: getattr(version, attribute), base)
        if not isinstance(base, Unknown):
            return UNKNOWN
        flag = flag_by_name(node.attr)
        return DEPENDS if flag is not UNKNOWN and self._is_patched(node.attr) else flag

    def _unknown(self, _node: ast.expr, _scope: Scope) -> Value:
        return UNKNOWN

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
        values = [self.value(operand, scope) for operand in node.values]
        return first_decisive(values, stops_at=isinstance(node.op, ast.Or))

    def _compare(self, node: ast.Compare, scope: Scope) -> Value:
        values = [self.value(operand, scope) for operand in (node.left, *node.comparators)]
        comparisons = (_COMPARISONS[type(comparison)] for comparison in node.ops)
        pairs = zip(comparisons, values[:-1], values[1:], strict=True)
        return from_truth(all_of(truth_of(compared(*pair)) for pair in pairs))

    def _conditional(self, node: ast.IfExp, scope: Scope) -> Value:
        condition = truth_of(self.value(node.test, scope))
        then = (Reach().where(condition), self.value(node.body, scope))
        return merge((then, (Reach().where(condition.negated), self.value(node.orelse, scope))))

    def _comprehension(self, node: ast.GeneratorExp | ast.ListComp, scope: Scope) -> Value:
        """Understand one form, which providers use to split a version: ``int(x) for x in ...``."""
        [generator, *more] = node.generators
        call = node.elt
        if (
            more
            or generator.ifs
            or not (isinstance(call, ast.Call) and isinstance(generator.target, ast.Name))
        ):
            return UNKNOWN
        converters = {Reference("builtins.int"): int, Reference("builtins.str"): str}
        convert: Any = converters.get(self.value(call.func, comprehension_scope(node, scope)))  # type: ignore[call-overload]
        of_target = [ast.unparse(argument) for argument in call.args] == [generator.target.id]
        if convert is None or not of_target or call.keywords:
            return UNKNOWN
        return apply(lambda parts: [convert(part) for part in parts], self.value(generator.iter, scope))

    def _call(self, node: ast.Call, scope: Scope) -> Value:
        if isinstance(node.func, ast.Attribute):
            mark = self._skip_mark(node, scope)
            if mark:
                return mark
            base = self.value(node.func.value, scope)
            if isinstance(base, (Constant, PerRelease)) and node.func.attr in _METHODS:
                return self._method(node, node.func.attr, base, scope)
        function = self.value(node.func, scope)
        arguments = [self.value(argument, scope) for argument in node.args]
        is_plain = not node.keywords and not any(isinstance(part, ast.Starred) for part in node.args)
        if isinstance(function, Function):
            value = self.returned(function, arguments) if is_plain else UNKNOWN
            return DEPENDS if value is UNKNOWN and self.may_return_version(function) else value
        if not isinstance(function, Reference):
            return UNKNOWN
        if [keyword.arg for keyword in node.keywords] == ["distribution_name"] and not arguments:
            return called(function.name, [self.value(node.keywords[0].value, scope)])
        if not is_plain:
            return UNKNOWN
        if function.name == "builtins.hasattr":
            return self._hasattr(*arguments)
        if function.name == "builtins.getattr":
            return self._getattr(*arguments)
        return called(function.name, arguments)

    def _method(self, node: ast.Call, name: str, base: Value, scope: Scope) -> Value:
        if any(keyword.arg != "prereleases" for keyword in node.keywords):
            return UNKNOWN
        given = [self.value(argument, scope) for argument in node.args]
        return apply(lambda value, *rest: getattr(value, name)(*rest), base, *given)

    def _getattr(self, *arguments: Value) -> Value:
        """Answer ``getattr(airflow, "__version__")``; other objects may have anything."""
        if len(arguments) > 1 and isinstance(arguments[0], Reference) and isinstance(arguments[1], Constant):
            value = self._attribute_of(arguments[0].name, str(arguments[1].value))
            return value if isinstance(value, PerRelease) else UNKNOWN
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
        truth = self.truth(condition, scope)
        return SkipMark(*(truth.negated if name.endswith("skipUnless") else truth))

    def returned(self, function: Function, arguments: Sequence[Value] = ()) -> Value:
        """Return what a function returns, if it does nothing else."""
        node = function.node
        if self._depth > _MAX_DEPTH or not _is_simple(node):
            return UNKNOWN
        scope = function_scope(node, function.scope)
        if not _bind_arguments(node, arguments, scope):
            return UNKNOWN
        for statement in node.body:
            if isinstance(statement, ast.Return):
                return self._value_inside(statement.value, scope)
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                self.bind_import(statement, scope, Reach())
            elif isinstance(statement, ast.Assign) and (name := assigned_name(statement)):
                scope.bind(name, self._value_inside(statement.value, scope), Reach())
        return UNKNOWN

    def _value_inside(self, node: ast.AST | None, scope: Scope) -> Value:
        """Return the value of an expression in a scope in which no name was looked up before."""
        self._depth += 1
        try:
            return self.value(node, scope)
        finally:
            self._depth -= 1
            if not self._depth:
                self._known.clear()

    def may_return_version(self, function: Function) -> bool:
        """Say whether a function that is not understood returns Airflow's version, or a test of it."""
        node = function.node
        if node not in self._return_version:
            self._return_version[node] = False  # while it is asked, since it may call itself
            self._return_version[node] = self._returns_version(node, function_scope(node, function.scope))
        return self._return_version[node]

    def version_attributes(self, scope: Scope) -> Iterator[str]:
        """Yield the names of a class that are version flags, or Airflow's version."""
        for name in scope.names():
            value = self.exported(name, scope)
            if value and is_version_like(value):
                yield name

    def version_names(self, scope: Scope, may_ask: Callable[[ast.stmt], bool]) -> Iterator[str]:
        """Yield the names that are version flags, Airflow's version, or functions that return these.

        :param may_ask: says whether the text of a function may depend on the version.
        """
        values = {name: self.exported(name, scope) for name in scope.names()}
        found = {name for name, value in values.items() if value and is_version_like(value)}
        yield from found
        for name, value in values.items():
            if isinstance(value, SkipMark):
                yield name
            elif isinstance(value, Function) and (may_ask(value.node) or _names(value.node) & found):
                returned = self.returned(value)
                if is_version_like(returned) or (returned is UNKNOWN and self.may_return_version(value)):
                    yield name

    def forget(self) -> None:
        """Forget what was found while the scan did not know all modules yet."""
        self._made_from_version.clear()
        self._return_version.clear()

    def _returns_version(self, node: FunctionDefinition, scope: Scope) -> bool:
        returned = [inner.value for inner in nodes_in(node) if isinstance(inner, ast.Return)]
        if not any(returned) or self._depth > _MAX_DEPTH:
            return False
        for statement in node.body:
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                self.bind_import(statement, scope, Reach())
        return any(is_version_like(self._value_inside(value, scope)) for value in returned if value)

    def bind_import(self, node: ImportStatement, scope: Scope, reach: Reach) -> None:
        """Bind the names of an import."""
        for alias in node.names:
            if isinstance(node, ast.Import):
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                scope.bind(alias.asname or name, imported(name), reach)
                continue
            module = absolute(node, scope.package)
            if alias.name == "*":
                given = self._star(module)
                if given is None:
                    scope.forget(list(scope.bindings))
                for name in given or ():
                    scope.bind(name, self._attribute_of(module, name), reach)
            else:
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
        ast.Lambda: _lambda,
        ast.NamedExpr: _walrus,
        ast.JoinedStr: _text,
        ast.FormattedValue: _formatted,
        ast.BinOp: _unknown,
        ast.Starred: _unknown,
    }


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


def absolute(node: ast.ImportFrom, package: tuple[str, ...]) -> str:
    """Return the module that ``from ... import`` names, seen from a package."""
    if not node.level:
        return node.module or ""
    base = package[: len(package) - node.level + 1]
    return ".".join((*base, *filter(None, [node.module])))
