"""Functions, classes and assignments: binds their names, and goes into their bodies."""

from __future__ import annotations

import ast

from trigger_compat.floor.scan.abstract_values import UNKNOWN
from trigger_compat.floor.scan.reach import Reach
from trigger_compat.floor.scan.releases import Point
from trigger_compat.floor.scan.rules import flags, lazy_imports, skip_marks
from trigger_compat.floor.scan.scopes import Function, Scope, function_scope, stored_names
from trigger_compat.floor.scan.syntax import Assignment, FunctionDefinition, assigned_name, targets_of
from trigger_compat.floor.scan.walk import Walker


def visit_function(walker: Walker, node: FunctionDefinition, reach: Reach, dead_from: Point) -> Reach:
    """Bind a function, and walk it unless the function itself goes."""
    walker.bind(node.name, Function(node, walker.scope), reach)
    if not walker.reports:
        return reach
    inside, inside_dead = skip_marks.report_decorators(walker, node, reach, dead_from)
    for default in (*node.args.defaults, *node.args.kw_defaults):
        walker.expression(default, inside, inside_dead)
    if not flags.report_function(walker, node, inside, inside_dead):
        # A handler around the definition does not see what the function raises when it is called.
        with walker.inside(function_scope(node, walker.scope)), walker.guarded_by(None):
            walker.block(node.body, Reach(inside.may, inside.may), inside_dead)
    return reach


def visit_class(walker: Walker, node: ast.ClassDef, reach: Reach, dead_from: Point) -> Reach:
    """Bind a class, and walk its body."""
    inside, inside_dead = reach, dead_from
    if walker.reports:
        inside, inside_dead = skip_marks.report_decorators(walker, node, reach, dead_from)
    for base in (*node.bases, *(keyword.value for keyword in node.keywords)):
        walker.expression(base, inside, inside_dead)
    local, unstable = stored_names(node.body)
    with walker.inside(Scope(walker.scope, local=local, unstable=unstable, is_class=True)):
        skip_marks.walk_body(walker, node.body, inside, inside_dead)
    walker.bind(node.name, UNKNOWN, reach)
    return reach


def visit_assignment(walker: Walker, node: Assignment, reach: Reach, dead_from: Point) -> Reach:
    """Bind the name of an assignment; report flags, exports and tables of fallbacks."""
    walker.may_raise(reach, node.value)
    name = assigned_name(node)
    if name is None or node.value is None:
        for part in (node.value, *targets_of(node)):
            walker.expression(part, reach, dead_from)
        return reach
    value = walker.value(node.value)
    walker.bind(name, value, reach)
    if walker.reports and not flags.report_definition(walker, node, value, reach, dead_from):
        walker.expression(node.value, reach, dead_from)
        if name == "__all__":
            flags.report_exports(walker, node, dead_from)
        elif isinstance(node.value, ast.Dict):
            lazy_imports.report_fallbacks(walker, node.value, dead_from)
    return reach
