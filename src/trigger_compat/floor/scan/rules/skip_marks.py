"""Tests that ``pytest.mark.skipif`` skips: one test, a parameter, a class, a module."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from trigger_compat.floor.scan.abstract_values import SkipMark
from trigger_compat.floor.scan.model import Category
from trigger_compat.floor.scan.reach import Reach
from trigger_compat.floor.scan.releases import NEVER, Point, floor_name, gone_from
from trigger_compat.floor.scan.scopes import Scope
from trigger_compat.floor.scan.syntax import Assignment, FunctionDefinition, first_line, last_line
from trigger_compat.floor.scan.walk import Walker


def walk_body(walker: Walker, body: Sequence[ast.stmt], reach: Reach, dead_from: Point) -> Reach:
    """Walk the body of a module or class, whose tests ``pytestmark`` may skip.

    Before: ``pytestmark = pytest.mark.skipif(AIRFLOW_V_3_0_PLUS, reason="")`` above ``def test_old(): ...``
    After 3.0: nothing, since the test runs nowhere
    """
    marks = (mark for statement in body if (mark := _pytestmark(walker, statement)))
    mark = next(marks, None)
    with walker.skipping(mark.skips if mark else 0):
        return walker.block(body, reach, dead_from)


def _pytestmark(walker: Walker, node: ast.stmt) -> SkipMark | None:
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    if not (isinstance(node, ast.Assign) and isinstance(target, ast.Name) and target.id == "pytestmark"):
        return None
    with walker.inside(Scope(walker.scope)):  # pytest reads it when all of the module is there
        value = walker.value(node.value)
    return value if isinstance(value, SkipMark) else None


def visit_pytestmark(walker: Walker, node: Assignment, reach: Reach, dead_from: Point) -> None:
    """Report marks of a module or class that skip nothing from a floor on.

    Before: ``pytestmark = [pytest.mark.db_test, pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="...")]``
    After 3.0: ``pytestmark = [pytest.mark.db_test]``
    """
    is_list = isinstance(node.value, (ast.List, ast.Tuple))
    marks = node.value.elts if isinstance(node.value, (ast.List, ast.Tuple)) else [node.value]
    idle = [_idle_from(walker, mark, reach) for mark in marks]
    point = max(idle, default=NEVER)
    if point < dead_from:
        walker.recorder.node(node, point, Category.CONSTANT, _skips_nothing(point))
    for mark, since in zip(marks, idle, strict=True):
        if is_list and since < min(dead_from, point):
            walker.recorder.part(mark, since, Category.CONSTANT, _skips_nothing(since))
        walker.expression(mark, reach, min(dead_from, since))


def _idle_from(walker: Walker, mark: ast.expr | None, reach: Reach) -> Point:
    value = walker.value(mark)
    return gone_from(reach.may & ~value.runs, reach.may) if isinstance(value, SkipMark) else NEVER


def _skips_nothing(point: Point) -> str:
    return f"the mark skips nothing on Airflow >= {floor_name(point)}"


def report_decorators(
    walker: Walker, node: FunctionDefinition | ast.ClassDef, reach: Reach, dead_from: Point
) -> tuple[Reach, Point]:
    """Report a test that is skipped everywhere from a floor on, or a mark that skips it nowhere.

    Before: ``@pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="...")`` above ``def test_new(): ...``
    After 3.0: ``def test_new(): ...``

    :returns: the releases that run what is decorated, and from which point on all of it is dead.
    """
    skips, marks = 0, []
    for decorator in node.decorator_list:
        value = walker.value(decorator)
        if isinstance(value, SkipMark):
            skips |= value.skips
            marks.append((decorator, value))
        else:
            walker.expression(decorator, reach, dead_from)
    if node.name.lower().startswith("test"):
        skips |= walker.skipped
    inside = Reach(reach.may & ~skips, reach.must & ~skips)
    point = min(dead_from, gone_from(inside.may, reach.may))
    if point < dead_from:
        reason = f"the test is skipped on Airflow >= {floor_name(point)}"
        walker.recorder.lines(first_line(node), last_line(node), point, Category.DEAD, reason, branch=True)
    for decorator, mark in marks:
        idle = gone_from(reach.may & ~mark.runs, reach.may)
        if idle < point:
            walker.recorder.node(decorator, idle, Category.CONSTANT, _skips_nothing(idle))
        elif point == dead_from:
            walker.parts_of(decorator, reach, dead_from)
    return inside, point


def visit_call(walker: Walker, node: ast.Call, reach: Reach, dead_from: Point) -> None:
    """Report a parameter of a test that is skipped everywhere from a floor on.

    Before: ``[1, pytest.param(2, marks=pytest.mark.skipif(AIRFLOW_V_3_0_PLUS, reason="..."))]``
    After 3.0: ``[1]``
    """
    marks = next((keyword for keyword in node.keywords if keyword.arg == "marks"), None)
    mark = walker.value(marks.value) if marks else None
    if marks and isinstance(mark, SkipMark):
        point = min(dead_from, gone_from(reach.may & ~mark.skips, reach.may))
        idle = gone_from(reach.may & ~mark.runs, reach.may)
        if point < dead_from:
            reason = f"the test is skipped on Airflow >= {floor_name(point)}"
            walker.recorder.part(node, point, Category.DEAD, reason, branch=True)
        elif idle < dead_from:
            walker.recorder.part(marks, idle, Category.CONSTANT, _skips_nothing(idle))
        dead_from = min(point, idle)
    walker.parts_of(node, reach, dead_from)
