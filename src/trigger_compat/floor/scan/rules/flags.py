"""Version flags such as ``AIRFLOW_V_3_0_PLUS``: their definitions, imports and exports."""

from __future__ import annotations

import ast

from trigger_compat.floor.scan.abstract_values import UNKNOWN, PerRelease, Value, truth_of
from trigger_compat.floor.scan.bindings import bound_name
from trigger_compat.floor.scan.functions import returned
from trigger_compat.floor.scan.model import Category, Role
from trigger_compat.floor.scan.reach import Reach
from trigger_compat.floor.scan.releases import NEVER, Point, floor_name, gone_from
from trigger_compat.floor.scan.scopes import Function, is_version_like
from trigger_compat.floor.scan.syntax import (
    Assignment,
    FunctionDefinition,
    assigned_name,
    excerpt,
    nodes_in,
    takes_arguments,
)
from trigger_compat.floor.scan.walk import Walker


def constant_from(value: Value | None, reach: Reach) -> Point:
    """Return the point from which on a flag has one value on the releases that come to it.

    :returns: ``NEVER`` too if the value is not a flag.
    """
    if not (isinstance(value, PerRelease) and value.is_flag):
        return NEVER
    truth = truth_of(value)
    return min(gone_from(reach.may & ~known, reach.may) for known in truth)


def report_definition(walker: Walker, node: Assignment, value: Value, reach: Reach, dead_from: Point) -> bool:
    """Report the definition of a flag that has one value from a floor on; return whether that is so.

    Before: ``AIRFLOW_V_3_0_PLUS = get_base_airflow_version_tuple() >= (3, 0, 0)``
    After 3.0: nothing, since the flag is true everywhere
    """
    name = assigned_name(node) or ""
    scope, makes_part = walker.scope, False
    if name in scope.stored.unstable:
        return False
    if scope.stored.counts.get(name, 0) > 1:  # they make a flag together, so they go together
        makes_part = is_version_like(value) or isinstance(getattr(value, "value", None), bool)
        if scope.parent is not None or not makes_part:
            return False
        value, reach = scope.exported(name) or UNKNOWN, Reach()
    point = constant_from(value, reach)
    if point < dead_from:
        reason = f"{name} is constant on Airflow >= {floor_name(point)}"
        if not scope.is_class:  # a field or a member is there for whoever looks at the class, too
            walker.recorder.node(node, point, Category.FLAG, reason, names=(name,), role=Role.DEFINITION)
        answer = value.answer_from(point) if isinstance(value, PerRelease) else None
        if answer is not None and not makes_part:
            reason = (
                f"{excerpt(node.value)} is constant on Airflow >= {floor_name(point)}" if node.value else ""
            )
            walker.recorder.part(
                node.value,
                point,
                Category.CONSTANT,
                reason,
                replacement=str(answer),
                names=(name,),
                role=Role.VALUE,
            )
    return point < dead_from


def report_function(walker: Walker, node: FunctionDefinition, reach: Reach, dead_from: Point) -> bool:
    """Report a function that only returns a flag which has one value; return whether that is so.

    Before: ``def is_new(): return Version(airflow.__version__) >= Version("3.0.0")``
    After 3.0: nothing, since the function returns True everywhere
    """
    if takes_arguments(node):
        return False
    point = constant_from(returned(walker.evaluator, Function(node, walker.scope)), reach)
    if point < dead_from:
        reason = f"{node.name}() always returns the same on Airflow >= {floor_name(point)}"
        walker.recorder.node(node, point, Category.FLAG, reason, names=(node.name,), role=Role.DEFINITION)
    return point < dead_from


def report_flag_imports(walker: Walker, node: ast.ImportFrom, reach: Reach, dead_from: Point) -> None:
    """Report the import of a flag that has one value from a floor on.

    Before: ``from .version_compat import AIRFLOW_V_3_0_PLUS, BaseHook``
    After 3.0: ``from .version_compat import BaseHook``
    """
    points = {alias: _import_constant_from(walker, alias, reach) for alias in node.names}
    points = {alias: point for alias, point in points.items() if point < dead_from}
    if not points:
        return
    # The statement goes as a whole once the last of its names does.
    last = max(points.values()) if len(points) == len(node.names) else NEVER
    for alias, point in points.items():
        if point < last:
            reason = f"{alias.name} is constant on Airflow >= {floor_name(point)}"
            walker.recorder.part(
                alias, point, Category.FLAG, reason, names=(bound_name(alias),), role=Role.IMPORT
            )
    if last < NEVER:
        names, verb = ", ".join(alias.name for alias in points), "is" if len(points) == 1 else "are"
        reason = f"{names} {verb} constant on Airflow >= {floor_name(last)}"
        bound = tuple(map(bound_name, points))
        walker.recorder.node(node, last, Category.FLAG, reason, names=bound, role=Role.IMPORT)


def _import_constant_from(walker: Walker, alias: ast.alias, reach: Reach) -> Point:
    name = bound_name(alias)
    if len(walker.scope.final_bindings(name)) > 1:
        return constant_from(walker.scope.own(name, from_inside=True), Reach())
    return constant_from(walker.scope.lookup(name), reach)


def report_exports(walker: Walker, node: Assignment, dead_from: Point) -> None:
    """Report the export of a flag that has one value from a floor on.

    Before: ``__all__ = ["AIRFLOW_V_3_0_PLUS", "BaseHook"]``
    After 3.0: ``__all__ = ["BaseHook"]``
    """
    for name in nodes_in(node):
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            point = constant_from(walker.scope.exported(name.value), Reach())
            if point < dead_from:
                reason = f"{name.value} is constant on Airflow >= {floor_name(point)}"
                walker.recorder.part(
                    name, point, Category.FLAG, reason, names=(name.value,), role=Role.EXPORT
                )
