"""Finds what goes inside an expression: constant conditions, and the parts that they cut off."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final

from trigger_compat.floor import probes
from trigger_compat.floor.evaluate import Evaluator
from trigger_compat.floor.findings import Recorder
from trigger_compat.floor.model import Category
from trigger_compat.floor.scopes import Scope, function_scope
from trigger_compat.floor.values import PerRelease, Reach, SkipMark, truth
from trigger_compat.floor.versions import death, shown

_CONDITIONS: Final = (ast.Name, ast.Attribute, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Call)


class Expressions:
    """Visits the expressions of one module."""

    def __init__(self, evaluator: Evaluator, recorder: Recorder) -> None:
        self.evaluator = evaluator
        self.recorder = recorder

    def visit(self, node: ast.AST, scope: Scope, reach: Reach, dies: int) -> None:
        """Record what goes in an expression before all of it does.

        :param dies: the point from which on all of it is known to go.
        """
        if isinstance(node, (ast.Constant, ast.expr_context, ast.operator, ast.cmpop)):
            return
        if isinstance(node, _CONDITIONS):
            dies = self._constant(node, scope, reach, dies)
        method = self._PARTS.get(type(node))
        if method:
            method(self, node, scope, reach, dies)
            return
        for child in ast.iter_child_nodes(node):
            self.visit(child, scope, reach, dies)

    def _constant(self, node: Any, scope: Scope, reach: Reach, dies: int) -> int:
        """Record a condition that has one answer from some floor on."""
        if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
            return dies
        value = self.evaluator.value(node, scope)
        if not (isinstance(value, PerRelease) and value.is_boolean):
            if isinstance(node, (ast.Compare, ast.Call)):
                probes.look(node, scope, self.evaluator, self.recorder)
            return dies
        true, false = truth(value)
        always, never = death(reach.may & ~true), death(reach.may & ~false)
        point = min(always, never)
        if point >= dies:
            return dies
        answer = "true" if always < never else "false"
        reason = f"{_short(node)} is {answer} on Airflow >= {shown(point)}"
        self.recorder.node(node, point, Category.CONSTANT, reason, whole=False)
        return point

    def _all_or_any(self, node: ast.BoolOp, scope: Scope, reach: Reach, dies: int) -> None:
        """Each operand is seen by the releases that those before it let through."""
        for place, operand in enumerate(node.values):
            here = death(reach.may)
            if here < dies:
                reason = f"what is before it decides on Airflow >= {shown(here)}"
                for rest in node.values[place:]:
                    self.recorder.node(rest, here, Category.DEAD, reason, whole=False)
                dies = here
            self.visit(operand, scope, reach, dies)
            true, false = self.evaluator.truth(operand, scope)
            reach = reach.when(true, false) if isinstance(node.op, ast.And) else reach.when(false, true)

    def _conditional(self, node: ast.IfExp, scope: Scope, reach: Reach, dies: int) -> None:
        true, false = self.evaluator.truth(node.test, scope)
        then, other = reach.when(true, false), reach.when(false, true)
        then_dies, else_dies = min(dies, death(then.may)), min(dies, death(other.may))
        about = _short(node.test)
        for part, point, answer in ((node.body, then_dies, "false"), (node.orelse, else_dies, "true")):
            if point < dies:
                reason = f"{about} is {answer} on Airflow >= {shown(point)}"
                self.recorder.node(part, point, Category.DEAD, reason, whole=False, branch=True)
        self.visit(node.test, scope, reach, dies)
        self.visit(node.body, scope, then, then_dies)
        self.visit(node.orelse, scope, other, else_dies)

    def _lambda(self, node: ast.Lambda, scope: Scope, reach: Reach, dies: int) -> None:
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(default, scope, reach, dies)
        self.visit(node.body, function_scope(node, scope), reach, dies)

    def _call(self, node: ast.Call, scope: Scope, reach: Reach, dies: int) -> None:
        """``pytest.param(..., marks=skipif(...))`` is a test of its own."""
        marks = next((each for each in node.keywords if each.arg == "marks"), None)
        mark = self.evaluator.value(marks.value, scope) if marks else None
        if isinstance(mark, SkipMark) and marks:
            point = min(dies, death(reach.may & ~mark.skips))
            idle = death(reach.may & ~mark.runs)
            if point < dies:
                reason = f"it is skipped on Airflow >= {shown(point)}"
                self.recorder.node(node, point, Category.DEAD, reason, whole=False, branch=True)
            elif idle < dies:
                reason = f"it skips nothing on Airflow >= {shown(idle)}"
                self.recorder.node(marks, idle, Category.CONSTANT, reason, whole=False)
            dies = min(point, idle, dies)
        for child in ast.iter_child_nodes(node):
            self.visit(child, scope, reach, dies)

    _PARTS: Final[Mapping[type[ast.AST], Callable[[Any, Any, Scope, Reach, int], None]]] = {
        ast.BoolOp: _all_or_any,
        ast.IfExp: _conditional,
        ast.Lambda: _lambda,
        ast.Call: _call,
    }


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004
