"""Imports that some release lacks, and the code that catches their failure."""

from __future__ import annotations

import ast
import re
from typing import Final

from trigger_compat.floor.scan.imports import (
    CATCH_IMPORT_ERRORS,
    MODULE_ERROR,
    Guard,
    caught,
    class_names,
    effect_of,
)
from trigger_compat.floor.scan.model import Category
from trigger_compat.floor.scan.reach import Reach
from trigger_compat.floor.scan.releases import Point, first_without, floor_name
from trigger_compat.floor.scan.rules.flags import report_flag_imports
from trigger_compat.floor.scan.syntax import (
    ImportStatement,
    contains,
    else_line,
    excerpt,
    header_end,
    last_part,
    nodes_in,
)
from trigger_compat.floor.scan.walk import Walker

_IMPORTS_BY_NAME: Final = re.compile(r"\b(import_module|import_string|__import__)$")
_SWALLOWS_ERRORS: Final = re.compile(r"\b(suppress|raises|assertRaises\w*|warns|pytest\.raises)\b")


def visit_import(walker: Walker, node: ImportStatement, reach: Reach, dead_from: Point) -> Reach:
    """Bind the names of an import; in a guarded block report what no release can import any more.

    Before: ``try: from airflow.datasets import Dataset``, ``except ImportError: Dataset = None``
    After 3.2, which has no ``airflow.datasets``: the import in the ``try`` block goes
    """
    walker.evaluator.bind_import(node, walker.scope, reach)
    if walker.reports and isinstance(node, ast.ImportFrom):
        report_flag_imports(walker, node, reach, dead_from)
    if not walker.guard:
        return reach
    effect = effect_of(node, walker.module.package, walker.names, walker.providers)
    walker.guard.imports(effect, reach)
    passes = Reach(reach.may & ~effect.fails, reach.must & effect.works)
    point = first_without(passes.may)
    if point < dead_from and reach.may:
        reason = f"Airflow >= {floor_name(point)} does not have {effect.about}"
        walker.recorder.node(node, point, Category.DEAD, reason, branch=True)
    return passes


def visit_try(walker: Walker, node: ast.Try, reach: Reach, dead_from: Point) -> Reach:
    """Report a handler for an import that no release from a floor on fails.

    Before: ``try: from airflow.sdk import DAG``, ``except ImportError: from airflow import DAG``
    After 3.0: ``from airflow.sdk import DAG``
    """
    kinds = [caught(handler) for handler in node.handlers]
    catches_imports = any(kind & (CATCH_IMPORT_ERRORS | {MODULE_ERROR}) for kind in kinds)
    guard = Guard()
    goes_on = any(not isinstance(handler.body[-1], (ast.Raise, ast.Return)) for handler in node.handlers)
    with (
        walker.guarded_by(guard if catches_imports else walker.guard),
        walker.caught_by_handlers(walker.is_caught or goes_on),
    ):
        body_reach = walker.block(node.body, reach, dead_from)
    if catches_imports and walker.guard and not any(kind & CATCH_IMPORT_ERRORS for kind in kinds):
        walker.guard.runs_other_code(reach, "a try block inside lets other import errors out")
    after = walker.block(node.orelse, body_reach, min(dead_from, first_without(body_reach.may)))
    points: list[Point] = []
    for handler, kind in zip(node.handlers, kinds, strict=True):
        handled = _handled(kind, guard, reach) if catches_imports else reach.perhaps()
        point = min(dead_from, first_without(handled.may)) if handled.may or guard.about else dead_from
        points.append(point)
        if point < dead_from:
            reason = f"Airflow >= {floor_name(point)} has {guard.subject or 'all that the block imports'}"
            walker.recorder.node(handler, point, Category.DEAD, reason, branch=True)
        elif not handled.may:  # nothing in the block fails, whatever the release
            handled = reach.perhaps()
        after = after | walker.block(handler.body, handled, point)
    if points and max(points) < dead_from and not node.finalbody:
        _report_idle_try(walker, node, max(points))
    elif catches_imports and guard.reasons and min(points) == dead_from:
        _report_undecided(walker, node, guard)
    if node.finalbody:
        after = after & walker.block(node.finalbody, reach, dead_from)
    return walker.rejoin(node, reach, after)


def _handled(kind: set[str], guard: Guard, reach: Reach) -> Reach:
    """Return the releases that come to a handler.

    :param kind: the names of the exceptions that it catches.
    """
    if kind & CATCH_IMPORT_ERRORS:
        others = kind - {"ImportError", MODULE_ERROR, "AttributeError"}
        if others and not guard.only_imports:  # something else in the block may raise these
            return reach.perhaps()
        return Reach(guard.may_fail, guard.must_fail)
    if kind == {MODULE_ERROR}:
        return Reach(guard.may_lack_module, guard.must_fail & guard.may_lack_module)
    return reach.perhaps()


def _report_idle_try(walker: Walker, node: ast.Try, point: Point) -> None:
    """Report the ``try:`` and ``else:`` lines, once all handlers are dead."""
    reason = f"no import in the block fails on Airflow >= {floor_name(point)}"
    headers = [node.lineno]
    if node.orelse:
        headers.append(else_line(node.orelse[0], node.handlers[-1].body[-1], walker.module.lines))
    for line in headers:
        walker.recorder.lines(line, line, point, Category.CONSTANT, reason)


def _report_undecided(walker: Walker, node: ast.Try | ast.With | ast.AsyncWith, guard: Guard) -> None:
    if any(about.startswith("airflow.") for about in guard.about):
        walker.recorder.undecided(node.lineno, f"try: import {guard.subject}", guard.reasons[0])
        return
    for call in (inner for part in node.body for inner in nodes_in(part) if isinstance(inner, ast.Call)):
        if _IMPORTS_BY_NAME.search(ast.unparse(call.func)) and "airflow." in ast.unparse(call):
            reason = "a function imports it by a name, in a block that catches import errors"
            walker.recorder.undecided(call.lineno, excerpt(call), reason)


def visit_with(walker: Walker, node: ast.With | ast.AsyncWith, reach: Reach, dead_from: Point) -> Reach:
    """Report ``suppress(ImportError)`` around imports that no release from a floor on fails.

    Before: ``with suppress(ImportError): from airflow.sdk import DAG``
    After 3.0: ``from airflow.sdk import DAG``
    """
    for item in node.items:
        walker.expression(item.context_expr, reach, dead_from)
        walker.may_raise(reach, item.context_expr)
    guard = Guard() if _suppresses_import_errors(node) else None
    swallows = any(_SWALLOWS_ERRORS.search(ast.unparse(item.context_expr)) for item in node.items)
    with walker.guarded_by(guard or walker.guard), walker.caught_by_handlers(walker.is_caught or swallows):
        inside = walker.block(node.body, reach, dead_from)
    if guard:
        point = first_without(guard.may_fail)
        if point < dead_from:
            reason = f"Airflow >= {floor_name(point)} has {guard.subject}, so there is nothing to suppress"
            walker.recorder.lines(
                node.lineno, header_end(node, walker.module.lines), point, Category.CONSTANT, reason
            )
        elif guard.reasons:
            _report_undecided(walker, node, guard)
    # If the block may leave early by an error that is swallowed, what follows it still runs.
    return reach if swallows or contains(node, ast.Raise) else inside


def _suppresses_import_errors(node: ast.With | ast.AsyncWith) -> bool:
    for item in node.items:
        call = item.context_expr
        if isinstance(call, ast.Call) and last_part(ast.unparse(call.func)) == "suppress":
            return bool(class_names(call.args) & {"ImportError", MODULE_ERROR})
    return False
