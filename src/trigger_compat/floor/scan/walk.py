"""Walks through a module with the releases that come to each statement.

A module is walked twice. The first walk binds the names at the top of the module, so that a function can use
a flag that is defined below it. The second walk binds them once more, since code at the top sees only what is
above it, goes into functions, and reports.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from trigger_compat.floor.scan.abstract_values import Value
from trigger_compat.floor.scan.evaluate import Evaluator
from trigger_compat.floor.scan.imports import Guard, is_harmless
from trigger_compat.floor.scan.model import Category
from trigger_compat.floor.scan.names import NameTable
from trigger_compat.floor.scan.providers import Providers
from trigger_compat.floor.scan.reach import NOWHERE, Reach, Truth
from trigger_compat.floor.scan.recorder import Recorder
from trigger_compat.floor.scan.releases import Point, ReleaseSet, first_without, floor_name
from trigger_compat.floor.scan.scopes import Scope
from trigger_compat.floor.scan.source import Module
from trigger_compat.floor.scan.syntax import contains, holds_one_of

_LEAVES: Final = (ast.Constant, ast.expr_context, ast.operator, ast.cmpop)
_CONDITIONS: Final = (ast.Name, ast.Attribute, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Call)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What handles each type of node. All get the walker, the node, its reach, and ``dead_from``.

    ``dead_from`` is the point from which on the code around the node is reported as dead already. A rule
    reports only what can be removed earlier than that.

    :param statements: each returns the reach of what follows the statement.
    :param expressions: each visits the parts of the expression.
    :param condition: called for everything that may be a condition; returns ``dead_from`` for its parts.
    """

    statements: Mapping[type[ast.stmt], Callable[[Walker, Any, Reach, Point], Reach]]
    expressions: Mapping[type[ast.expr], Callable[[Walker, Any, Reach, Point], None]]
    condition: Callable[[Walker, Any, Reach, Point], Point]


class Walker:
    """One walk through one module.

    :param reports: whether this is the second walk, which goes into functions and reports.
    :param floor: the floor that the metadata of the source declare, 0 if none.
    :param providers: those that the source requires.
    """

    def __init__(
        self,
        module: Module,
        scope: Scope,
        evaluator: Evaluator,
        names: NameTable,
        rules: Rules,
        *,
        reports: bool,
        floor: Point = 0,
        providers: Providers,
    ) -> None:
        self.module = module
        self.scope: Scope = scope
        self.evaluator = evaluator
        self.names = names
        self.floor = floor
        self.providers = providers
        self.reports = reports
        self.recorder: Recorder = Recorder(module)
        self.guard: Guard | None = None
        self.skipped: ReleaseSet = 0
        """The releases on which a ``pytestmark`` skips the tests of the module or class."""
        self.is_caught: bool = False
        """Whether a handler catches what is raised here, and code below may see half of the block done."""
        self.covered: bool = False
        """Whether what the walk visits is part of something that is reported or understood already."""
        self.outermost: ast.AST | None = None
        """The whole expression that the walk is in."""
        self.asks: Sequence[int] = ()
        """The lines that may depend on the version, in order. The walk leaves out functions without any."""
        self._rules = rules

    def block(self, body: Sequence[ast.stmt], reach: Reach, dead_from: Point) -> Reach:
        """Walk statements, and report those that an early ``return`` or ``raise`` cuts off.

        :returns: the reach of what follows the block.

        Before: ``if AIRFLOW_V_3_0_PLUS: return new()``, then ``old()``
        After 3.0: ``return new()``
        """
        entry, goes_on = reach, True
        for statement in body:
            if (
                not reach.may and entry.may
            ):  # nothing comes here, now or later; look at it as if something did
                reach, goes_on = entry, False
            here = first_without(reach.may)
            if here < dead_from:
                reason = f"the code above it returns or raises on Airflow >= {floor_name(here)}"
                self.recorder.node(statement, here, Category.DEAD, reason, end=body[-1], branch=True)
                dead_from = here
            is_import = isinstance(statement, (ast.Import, ast.ImportFrom))
            rule = self._rules.statements.get(type(statement))
            if rule:
                reach = rule(self, statement, reach, dead_from)
            else:
                self.expressions_in(statement, reach, dead_from)
            if self.is_caught and not (self.guard and is_import) and not is_harmless(statement):
                reach = reach.perhaps()
        return reach if goes_on else NOWHERE

    def expressions_in(self, node: ast.stmt, reach: Reach, dead_from: Point) -> None:
        """Visit all expressions of a statement."""
        for child in ast.iter_child_nodes(node):
            self.expression(child, reach, dead_from)
            self.may_raise(reach, child)

    def expression(self, node: ast.AST | None, reach: Reach, dead_from: Point) -> None:
        """Visit an expression, and report what can be removed in it before all of it can."""
        if not self.reports or node is None or isinstance(node, _LEAVES):
            return
        covered, outermost = self.covered, self.outermost
        self.outermost = outermost or node
        if isinstance(node, _CONDITIONS):
            dead_from = self._rules.condition(self, node, reach, dead_from)
        rule = self._rules.expressions.get(type(node))  # type: ignore[arg-type]
        if rule:
            rule(self, node, reach, dead_from)
        else:
            self.parts_of(node, reach, dead_from)
        self.covered, self.outermost = covered, outermost

    @contextmanager
    def covering(self, covered: bool = True) -> Iterator[None]:
        """Visit what is understood, so that no use of the version in it is listed."""
        before, self.covered = self.covered, self.covered or covered
        try:
            yield
        finally:
            self.covered = before

    def parts_of(self, node: ast.AST, reach: Reach, dead_from: Point) -> None:
        """Visit the parts of an expression."""
        for child in ast.iter_child_nodes(node):
            self.expression(child, reach, dead_from)

    def may_ask(self, node: ast.stmt) -> bool:
        """Say whether some part of a statement may depend on the version."""
        return holds_one_of(self.asks, node)

    def value(self, node: ast.AST | None) -> Value:
        """Return what an expression is in the current scope."""
        return self.evaluator.value(node, self.scope)

    def truth(self, node: ast.AST) -> Truth:
        """Return where an expression is true in the current scope."""
        return self.evaluator.truth(node, self.scope)

    def bind(self, name: str, value: Value, reach: Reach) -> None:
        """Bind a name in the current scope."""
        self.scope.bind(name, value, reach)

    @contextmanager
    def inside(self, scope: Scope) -> Iterator[None]:
        """Walk in another scope."""
        outer, self.scope = self.scope, scope
        try:
            yield
        finally:
            self.scope = outer

    @contextmanager
    def guarded_by(self, guard: Guard | None) -> Iterator[None]:
        """Let imports tell this guard about their failures. None: nothing catches them here."""
        outer, self.guard = self.guard, guard
        try:
            yield
        finally:
            self.guard = outer

    @contextmanager
    def skipping(self, releases: ReleaseSet) -> Iterator[None]:
        """Walk a module or class whose tests are skipped on these releases."""
        outer, self.skipped = self.skipped, releases
        try:
            yield
        finally:
            self.skipped = outer

    @contextmanager
    def caught_by_handlers(self, is_caught: bool) -> Iterator[None]:
        """Walk a block whose errors are caught by handlers that let the code below them run."""
        before, self.is_caught = self.is_caught, is_caught
        try:
            yield
        finally:
            self.is_caught = before

    def rejoin(self, node: ast.stmt, before: Reach, after: Reach) -> Reach:
        """Return the reach of what follows a statement with branches.

        What comes there has come to the statement: the paths that return or raise do not come back.
        """
        if self.is_caught and any(contains(node, kind) for kind in (ast.Raise, ast.Break, ast.Continue)):
            return after
        return Reach(after.may, after.must | (before.must & after.may))

    def may_raise(self, reach: Reach, node: ast.AST | None) -> None:
        """Note that an expression in a guarded block may raise an import error too."""
        if self.guard and not is_harmless(node):
            self.guard.runs_other_code(
                reach, "other code in the same try block may raise an import error too"
            )
