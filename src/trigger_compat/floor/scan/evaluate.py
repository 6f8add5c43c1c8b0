"""What an expression of the scanned source is on each release. Whatever is not understood is unknown."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from trigger_compat.floor.scan.abstract_values import (
    DEPENDS,
    UNKNOWN,
    Constant,
    Reference,
    Value,
    is_about_version,
    truth_of,
)
from trigger_compat.floor.scan.airflow_version import imported, is_known
from trigger_compat.floor.scan.reach import UNKNOWN_TRUTH, Reach, Truth
from trigger_compat.floor.scan.scopes import Scope, is_version_like
from trigger_compat.floor.scan.syntax import ImportStatement, absolute

_PASS_ON: Final = (
    ast.Compare, ast.Attribute, ast.Subscript, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.IfExp, ast.JoinedStr,
    ast.FormattedValue, ast.Tuple, ast.List, ast.Starred, ast.NamedExpr,
)  # fmt: skip
"""What is made of Airflow's version still depends on it, if the scan does not understand how."""
_MAX_DEPTH: Final = 40
"""Of expressions and helper functions inside one another; a helper may call itself."""


class Evaluator:
    """Evaluates expressions in scopes.

    :param handlers: what handles each type of expression; all get the evaluator, the node and its scope.
    :param attribute: returns a name of a module, whether the module is scanned or not.
    :param has: returns on which releases a module of Airflow has a name.
    :param star: returns the names that ``from module import *`` gives, None if nobody knows.
    :param is_patched: says whether some code assigns to an attribute of this name.
    """

    def __init__(
        self,
        handlers: Mapping[type[ast.AST], Callable[[Evaluator, Any, Scope], Value]],
        attribute: Callable[[str, str], Value],
        has: Callable[[str, str], Value] | None = None,
        star: Callable[[str], Collection[str] | None] | None = None,
        is_patched: Callable[[str], bool] | None = None,
    ) -> None:
        self._handlers = handlers
        self.attribute_of = attribute
        self.has: Callable[[str, str], Value] = has or (lambda _module, _name: UNKNOWN)
        self._star = star or (lambda _module: None)
        self.is_patched: Callable[[str], bool] = is_patched or (lambda _name: False)
        self._depth = 0
        self._known: dict[tuple[ast.AST, Scope], Value] = {}
        self._made_from_version: dict[tuple[Scope, str, int], bool] = {}
        self.returns_version: dict[ast.AST, bool] = {}
        """Of functions that are not understood, whether they return Airflow's version."""
        self.is_unsteady: bool = False
        """Whether the module that is walked changes what Airflow says, or what a helper returns."""

    def value(self, node: ast.AST | None, scope: Scope) -> Value:
        """Return what an expression is."""
        method = self._handlers.get(type(node)) if node is not None else None
        if node is None or method is None or self.is_too_deep:
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

    @property
    def is_too_deep(self) -> bool:
        """Whether expressions and helpers are nested so deep that a helper may call itself."""
        return self._depth > _MAX_DEPTH

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

    def exported(self, name: str, scope: Scope) -> Value | None:
        """Return what another module gets by a name; None if the module does not bind it."""
        value = scope.exported(name)
        return DEPENDS if value is UNKNOWN and self.is_made_from_version(name, scope) else value

    def is_made_from_version(self, name: str, owner: Scope) -> bool:
        """Say whether something that a name may be bound to depends on the version."""
        key = (owner, name, owner.changes)
        if key not in self._made_from_version:
            self._made_from_version[key] = False  # while its sources are asked, which may name it
            values = [value for _, value in owner.final_bindings(name)]
            values += [self.value(source, owner) for source in owner.stored.unstable.get(name, ())]
            values.append(owner.exported(name) or UNKNOWN)
            self._made_from_version[key] = any(map(is_version_like, values))
        return self._made_from_version[key]

    def value_inside(self, node: ast.AST | None, scope: Scope) -> Value:
        """Return the value of an expression in a scope in which no name was looked up before."""
        self._depth += 1
        try:
            return self.value(node, scope)
        finally:
            self._depth -= 1
            if not self._depth:
                self._known.clear()

    def forget(self) -> None:
        """Forget what was found while the scan did not know all modules yet."""
        self._made_from_version.clear()
        self.returns_version.clear()

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
                    scope.bind(name, self.attribute_of(module, name), reach)
            else:
                scope.bind(alias.asname or alias.name, self.attribute_of(module, alias.name), reach)
