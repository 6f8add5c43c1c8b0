"""What an expression of the scanned source is on each release; gives up rather than guess."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from trigger_compat.floor.scopes import Scope, function_scope
from trigger_compat.floor.values import (
    UNKNOWN,
    Constant,
    Function,
    PerRelease,
    Reach,
    Reference,
    SkipMark,
    Unknown,
    Value,
    boolean,
    lifted,
    truth,
)
from trigger_compat.floor.versions import EVERY, GRID

FLAG_NAME: Final = re.compile(r"_?AIRFLOW_V_(\d+)_(\d+)(?:_(\d+))?_PLUS")
AIRFLOW_VERSION: Final = PerRelease(tuple(".".join(map(str, release)) for release in GRID))
AIRFLOW_RELEASE: Final = PerRelease(GRID)
VERSION_NAMES: Final = {"airflow.__version__", "airflow.version.version", "airflow.version.__version__"}
RELEASE_FUNCTION: Final = "get_base_airflow_version_tuple"
"""A helper that every provider copies; it returns the release as three numbers."""

_VERSION_MAKERS: Final = {
    "packaging.version.Version",
    "packaging.version.parse",
    "packaging.version.LegacyVersion",
    "pkg_resources.parse_version",
    "pkg_resources.extern.packaging.version.parse",
    "pkg_resources.extern.packaging.version.Version",
    "setuptools._distutils.version.LooseVersion",
    "distutils.version.LooseVersion",
    "distutils.version.StrictVersion",
    "semver.Version.parse",
    "semver.VersionInfo.parse",
}
_DISTRIBUTION_VERSION: Final = {"importlib.metadata.version", "importlib_metadata.version"}
_AIRFLOW_DISTRIBUTIONS: Final = ("apache-airflow", "apache-airflow-core", "apache_airflow")
_PLAIN: Final[Mapping[str, Callable[..., Any]]] = {
    "builtins.tuple": tuple,
    "builtins.list": list,
    "builtins.int": int,
    "builtins.str": str,
    "builtins.bool": bool,
    "builtins.len": len,
    "packaging.specifiers.SpecifierSet": SpecifierSet,
}
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
_DEPTH: Final = 40


def flag_by_name(name: str) -> Value:
    """Return what ``AIRFLOW_V_3_1_3_PLUS`` means by its name, wherever it comes from."""
    found = FLAG_NAME.fullmatch(name)
    if not found:
        return UNKNOWN
    wanted = tuple(int(part or 0) for part in found.groups())
    return PerRelease(tuple(release >= wanted for release in GRID))


def imported(name: str) -> Value:
    """Return what an imported dotted name is, if its name alone says it."""
    if name in VERSION_NAMES:
        return AIRFLOW_VERSION
    flag = flag_by_name(name.rpartition(".")[2])
    return Reference(name) if isinstance(flag, Unknown) else flag


class Evaluator:
    """Evaluates expressions in scopes.

    :param attribute: gives a name of a module: of the scanned source, or of any other.
    :param has: says whether a module of Airflow has a name.
    """

    def __init__(
        self, attribute: Callable[[str, str], Value], has: Callable[[str, str], Value] | None = None
    ) -> None:
        self._attribute_of = attribute
        self._has = has or (lambda _module, _name: UNKNOWN)
        self._depth = 0

    def value(self, node: ast.AST | None, scope: Scope) -> Value:
        """Return what an expression is."""
        method = self._METHODS.get(type(node)) if node is not None else None
        if method is None or self._depth > _DEPTH:
            return UNKNOWN
        self._depth += 1
        try:
            return method(self, node, scope)
        finally:
            self._depth -= 1

    def truth(self, node: ast.AST, scope: Scope) -> tuple[int, int]:
        """Return the releases where an expression is surely true, and those where it is surely false."""
        return truth(self.value(node, scope))

    def skip_mark(self, value: Value) -> SkipMark | None:
        return value if isinstance(value, SkipMark) else None

    def _constant(self, node: ast.Constant, _scope: Scope) -> Value:
        return Constant(node.value)

    def _name(self, node: ast.Name, scope: Scope) -> Value:
        return scope.lookup(node.id)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        base = self.value(node.value, scope)
        if isinstance(base, Reference):
            return self._attribute_of(base.name, node.attr)
        if isinstance(base, (Constant, PerRelease)) and node.attr in _ATTRIBUTES:
            attribute = "micro" if node.attr == "patch" else node.attr
            return lifted(lambda each: getattr(each, attribute), base)
        return flag_by_name(node.attr) if isinstance(base, Unknown) else UNKNOWN

    def _sequence(self, node: ast.Tuple | ast.List, scope: Scope) -> Value:
        if any(isinstance(each, ast.Starred) for each in node.elts):
            return UNKNOWN
        values = [self.value(each, scope) for each in node.elts]
        marks = [value for value in values if isinstance(value, SkipMark)]
        if marks:  # a list of marks skips where one of them does
            skips, runs = 0, EVERY
            for mark in marks:
                skips, runs = skips | mark.skips, runs & mark.runs
            return SkipMark(skips, runs if len(marks) == len(values) else 0)
        make = tuple if isinstance(node, ast.Tuple) else list
        return lifted(lambda *each: make(each), *values)

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        return lifted(operator.getitem, self.value(node.value, scope), self.value(node.slice, scope))

    def _slice(self, node: ast.Slice, scope: Scope) -> Value:
        parts = [
            self.value(each, scope) if each else Constant(None)
            for each in (node.lower, node.upper, node.step)
        ]
        return lifted(slice, *parts)

    def _unary(self, node: ast.UnaryOp, scope: Scope) -> Value:
        value = self.value(node.operand, scope)
        if isinstance(node.op, ast.Not):
            true, false = truth(value)
            return boolean(false, true)
        return lifted(operator.neg, value) if isinstance(node.op, ast.USub) else UNKNOWN

    def _all_or_any(self, node: ast.BoolOp, scope: Scope) -> Value:
        truths = [self.truth(each, scope) for each in node.values]
        true, false = truths[0]
        for more_true, more_false in truths[1:]:
            if isinstance(node.op, ast.And):
                true, false = true & more_true, false | more_false
            else:
                true, false = true | more_true, false & more_false
        return boolean(true, false)

    def _compare(self, node: ast.Compare, scope: Scope) -> Value:
        true, false = EVERY, 0
        left = self.value(node.left, scope)
        for comparison, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.value(right_node, scope)
            more_true, more_false = truth(_compared(_COMPARISONS[type(comparison)], left, right))
            true, false = true & more_true, false | more_false
            left = right
        return boolean(true, false)

    def _conditional(self, node: ast.IfExp, scope: Scope) -> Value:
        true, false = self.truth(node.test, scope)
        scope_of_one = Scope(None)
        scope_of_one.bind("value", self.value(node.body, scope), Reach().when(true, false))
        scope_of_one.bind("value", self.value(node.orelse, scope), Reach().when(false, true))
        return scope_of_one.lookup("value")

    def _comprehension(self, node: ast.GeneratorExp | ast.ListComp, scope: Scope) -> Value:
        """Understand one form: ``int(x) for x in ...``."""
        [generator, *more] = node.generators
        call = node.elt
        plain = (
            isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("int", "str")
        )
        if more or generator.ifs or not plain:
            return UNKNOWN
        convert = int if call.func.id == "int" else str  # type: ignore[attr-defined]
        return lifted(lambda each: [convert(part) for part in each], self.value(generator.iter, scope))

    def _call(self, node: ast.Call, scope: Scope) -> Value:
        if isinstance(node.func, ast.Attribute):
            mark = self._mark(node, scope)
            if mark:
                return mark
            base = self.value(node.func.value, scope)
            if isinstance(base, (Constant, PerRelease)) and node.func.attr in _METHODS:
                name = node.func.attr
                given = [self.value(each, scope) for each in node.args]
                return lifted(lambda each, *rest: getattr(each, name)(*rest), base, *given)
        function = self.value(node.func, scope)
        if isinstance(function, Reference):
            return self._known_call(function.name, node, scope)
        if isinstance(function, Function) and not node.args and not node.keywords:
            return self.returned(function)
        return UNKNOWN

    def _known_call(self, name: str, node: ast.Call, scope: Scope) -> Value:
        if name.rpartition(".")[2] == RELEASE_FUNCTION:
            return AIRFLOW_RELEASE
        given = [self.value(each, scope) for each in node.args]
        if name in _VERSION_MAKERS and len(given) == 1:
            return lifted(_version, given[0])
        if (
            name in _DISTRIBUTION_VERSION
            and given[:1]
            and getattr(given[0], "value", "") in _AIRFLOW_DISTRIBUTIONS
        ):
            return AIRFLOW_VERSION
        if name == "builtins.hasattr" and len(given) == 2:  # noqa: PLR2004
            what, which = given
            known = isinstance(what, Reference) and isinstance(which, Constant)
            return self._has(what.name, str(which.value)) if known else UNKNOWN  # type: ignore[union-attr]
        if name == "builtins.map" and len(given) == 2 and given[0] == Reference("builtins.int"):  # noqa: PLR2004
            return lifted(lambda parts: [int(part) for part in parts], given[1])
        return lifted(_PLAIN[name], *given) if name in _PLAIN else UNKNOWN

    def _mark(self, node: ast.Call, scope: Scope) -> SkipMark | None:
        """Recognise ``pytest.mark.skipif(condition)`` and its elder siblings of unittest."""
        name = ast.unparse(node.func)
        if not name.endswith((".skipif", ".skipIf", ".skipUnless")):
            return None
        condition = next((each.value for each in node.keywords if each.arg == "condition"), None)
        condition = node.args[0] if node.args else condition
        if condition is None:
            return None
        skips, runs = self.truth(condition, scope)
        if isinstance(condition, ast.Constant):
            skips, runs = 0, 0
        return SkipMark(runs, skips) if name.endswith("skipUnless") else SkipMark(skips, runs)

    def returned(self, function: Function) -> Value:
        """Return what a function without arguments returns, if it does nothing else."""
        scope = function_scope(function.node, function.scope)
        everywhere = Reach()
        for statement in function.node.body:
            if isinstance(statement, ast.Return):
                return self.value(statement.value, scope)
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                self.bind_import(statement, scope, everywhere, package=())
            elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                scope.bind(statement.targets[0].id, self.value(statement.value, scope), everywhere)
            elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                return UNKNOWN
        return UNKNOWN

    def bind_import(
        self, node: ast.Import | ast.ImportFrom, scope: Scope, reach: Reach, package: tuple[str, ...]
    ) -> None:
        """Bind the names of an import."""
        for alias in node.names:
            if isinstance(node, ast.Import):
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                scope.bind(alias.asname or name, imported(name), reach)
            elif alias.name != "*":
                module = absolute(node, package)
                scope.bind(alias.asname or alias.name, self._attribute_of(module, alias.name), reach)

    _METHODS: Final[Mapping[type[ast.AST], Callable[[Any, Any, Scope], Value]]] = {
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
    """Return the module that an import names, seen from a package."""
    if not node.level:
        return node.module or ""
    base = package[: len(package) - node.level + 1]
    return ".".join((*base, *filter(None, [node.module])))


def _version(value: Any) -> Version:
    return value if isinstance(value, Version) else Version(value)


def _compared(comparison: Callable[..., Any], left: Value, right: Value) -> Value:
    """Compare; a version of this program's own making may meet a text, as old version classes allowed."""

    def compare(one: Any, other: Any) -> Any:
        if isinstance(one, Version) and isinstance(other, str):
            other = Version(other)
        if isinstance(one, str) and isinstance(other, SpecifierSet):
            return comparison(Version(one), other)
        return comparison(one, other)

    return lifted(compare, left, right)
