"""Conditions inside expressions: those with one answer, and the parts of an expression that they cut off."""

from __future__ import annotations

import ast
from typing import Any

from trigger_compat.floor.scan.abstract_values import PerRelease, truth_of
from trigger_compat.floor.scan.model import Category
from trigger_compat.floor.scan.reach import Reach
from trigger_compat.floor.scan.releases import LAST_FLOOR, NEVER, Point, floor_name, gone_from
from trigger_compat.floor.scan.rules import effects, probes
from trigger_compat.floor.scan.scopes import comprehension_scope, function_scope
from trigger_compat.floor.scan.syntax import excerpt
from trigger_compat.floor.scan.walk import Walker


def report_constant(walker: Walker, node: Any, reach: Reach, dead_from: Point) -> Point:
    """Report a condition that has one answer from a floor on.

    Before: ``if wait and AIRFLOW_V_3_0_PLUS: ...``
    After 3.0: ``if wait: ...``

    :returns: from which point on the parts of the condition are reported with it.
    """
    if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
        return dead_from
    value = walker.value(node)
    if not (isinstance(value, PerRelease) and value.is_flag):
        if not walker.covered:
            probes.report_probe(walker, node, value)
        return dead_from
    truth = truth_of(value)
    always, never = (gone_from(reach.may & ~known, reach.may) for known in truth)
    point = min(always, never)
    if point > LAST_FLOOR and value.is_known_on(reach.may):
        probes.report_changing(walker, node)
    elif point < NEVER:
        walker.covered = True  # a part that decides earlier is reported still
        walker.recorder.understands(node)
    elif isinstance(node, (ast.Name, ast.Attribute)) and not walker.covered:
        probes.report_use(walker, node)
    if point >= dead_from:
        return dead_from
    answer = always < never
    reason = f"{excerpt(node)} is {str(answer).lower()} on Airflow >= {floor_name(point)}"
    if (
        value.answer_from(point, reach.may) is not answer
    ):  # ``x or AIRFLOW_V_3_0_PLUS`` is true, but may be another object than True
        return dead_from
    if effects.are_lost(walker, node, reach, point, names=False):
        return dead_from
    walker.recorder.part(node, point, Category.CONSTANT, reason, replacement=str(answer))
    return point


def visit_and_or(walker: Walker, node: ast.BoolOp, reach: Reach, dead_from: Point) -> None:
    """Report operands that no release evaluates, because those before them decide.

    Before: ``if not AIRFLOW_V_3_0_PLUS and is_old(task): ...``
    After 3.0: nothing ever calls ``is_old(task)``
    """
    before = reach
    for index, operand in enumerate(node.values):
        here = gone_from(reach.may, before.may)
        if here < dead_from:
            reason = f"the operands before it decide the result on Airflow >= {floor_name(here)}"
            for rest in node.values[index:]:
                walker.recorder.part(rest, here, Category.DEAD, reason, replacement="None")
            dead_from = here
        walker.expression(operand, reach, dead_from)
        truth = walker.truth(operand)
        reach = reach.where(truth if isinstance(node.op, ast.And) else truth.negated)


def visit_conditional(walker: Walker, node: ast.IfExp, reach: Reach, dead_from: Point) -> None:
    """Report the side of a conditional expression that no release takes any more.

    Before: ``link = new() if AIRFLOW_V_3_0_PLUS else old()``
    After 3.0: ``link = new()``
    """
    condition = walker.truth(node.test)
    then, other = reach.where(condition), reach.where(condition.negated)
    then_dead = min(dead_from, gone_from(then.may, reach.may))
    else_dead = min(dead_from, gone_from(other.may, reach.may))
    stays = effects.are_lost(walker, node.test, reach, min(then_dead, else_dead))
    for part, point, answer in ((node.body, then_dead, "false"), (node.orelse, else_dead, "true")):
        if point < dead_from and not stays:
            reason = f"{excerpt(node.test)} is {answer} on Airflow >= {floor_name(point)}"
            walker.recorder.part(part, point, Category.DEAD, reason, branch=True, replacement="None")
    walker.expression(node.test, reach, dead_from)
    walker.expression(node.body, then, then_dead)
    walker.expression(node.orelse, other, else_dead)


def visit_lambda(walker: Walker, node: ast.Lambda, reach: Reach, dead_from: Point) -> None:
    """Visit the defaults of a lambda, and its body in a scope of its own."""
    for default in (*node.args.defaults, *node.args.kw_defaults):
        walker.expression(default, reach, dead_from)
    with walker.inside(function_scope(node, walker.scope)):
        walker.expression(node.body, reach, dead_from)


def visit_comprehension(walker: Walker, node: Any, reach: Reach, dead_from: Point) -> None:
    """Visit a comprehension in a scope of its own, which sees the names around it but not a class's."""
    first, *others = node.generators
    walker.expression(first.iter, reach, dead_from)
    elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    with walker.inside(comprehension_scope(node, walker.scope)):
        for part in (*first.ifs, *others, *elements):
            walker.expression(part, reach, dead_from)
