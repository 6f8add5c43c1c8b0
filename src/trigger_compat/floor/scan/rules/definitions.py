"""Functions, classes and assignments: binds their names, and goes into their bodies."""

from __future__ import annotations

import ast

from trigger_compat.floor.scan.abstract_values import UNKNOWN, PerRelease, Value
from trigger_compat.floor.scan.bindings import stored_names
from trigger_compat.floor.scan.functions import returned, version_attributes
from trigger_compat.floor.scan.reach import Reach
from trigger_compat.floor.scan.releases import Point
from trigger_compat.floor.scan.rules import flags, keep_meaning, lazy_imports, skip_marks
from trigger_compat.floor.scan.scopes import Function, Scope, function_scope, is_version_like
from trigger_compat.floor.scan.syntax import Assignment, FunctionDefinition, assigned_name, targets_of
from trigger_compat.floor.scan.walk import Walker


def visit_function(walker: Walker, node: FunctionDefinition, reach: Reach, dead_from: Point) -> Reach:
    """Bind a function, and walk it unless the function itself goes."""
    walker.bind(node.name, Function(node, walker.scope), reach)
    if not walker.reports or not (walker.may_ask(node) or walker.skipped or walker.scope.is_in_function):
        return reach
    inside, inside_dead = skip_marks.report_decorators(walker, node, reach, dead_from)
    for part in (*_header(node.args), node.returns):
        walker.expression(part, inside, inside_dead)
    for part in (*node.decorator_list, *_header(node.args)):
        walker.may_raise(reach, part)
    if not flags.report_function(walker, node, inside, inside_dead):
        result = returned(walker.evaluator, Function(node, walker.scope))
        is_only = walker.scope.stored.counts.get(node.name, 0) == 1  # else its uses are not certain
        helps = is_only and _understood(walker, node, result, inside)
        # A handler around the definition does not see what the function raises when it is called.
        with (
            walker.inside(function_scope(node, walker.scope)),
            walker.guarded_by(None),
            walker.caught_by_handlers(False),
            walker.covering(helps),
        ):
            before = len(walker.recorder.removals)
            walker.block(node.body, Reach(inside.may, inside.may), inside_dead)
            keep_meaning.check(walker, node, before)
    return reach


def visit_class(walker: Walker, node: ast.ClassDef, reach: Reach, dead_from: Point) -> Reach:
    """Bind a class, and walk its body."""
    inside, inside_dead = reach, dead_from
    if walker.reports:
        inside, inside_dead = skip_marks.report_decorators(walker, node, reach, dead_from)
    for base in (*node.bases, *(keyword.value for keyword in node.keywords)):
        walker.expression(base, inside, inside_dead)
        walker.may_raise(reach, base)
    for decorator in node.decorator_list:
        walker.may_raise(reach, decorator)
    with walker.inside(Scope(walker.scope, stored=stored_names(node), is_class=True)):
        skip_marks.walk_body(walker, node.body, inside, inside_dead)
        if walker.reports:
            walker.recorder.class_attributes.update(version_attributes(walker.evaluator, walker.scope))
    walker.bind(node.name, UNKNOWN, reach)
    return reach


def visit_assignment(walker: Walker, node: Assignment, reach: Reach, dead_from: Point) -> Reach:
    """Bind the name of an assignment; report flags, exports and tables of fallbacks."""
    walker.may_raise(reach, node.value)
    value = walker.value(node.value)
    names = [target.id for target in targets_of(node) if isinstance(target, ast.Name)] if node.value else []
    _visit_assigned(walker, node, value, reach, dead_from)
    for target in names:
        walker.bind(target, value, reach)
    return reach


def _visit_assigned(walker: Walker, node: Assignment, value: Value, reach: Reach, dead_from: Point) -> None:
    name = assigned_name(node)
    if name is None or node.value is None:
        all_names = all(isinstance(target, ast.Name) for target in targets_of(node))
        _note_attributes(walker, node, value)
        with walker.covering(all_names and _understood(walker, node, value, reach)):
            walker.expression(node.value, reach, dead_from)
        for part in (getattr(node, "annotation", None), *targets_of(node)):
            walker.expression(part, reach, dead_from)
    elif name == "pytestmark":
        skip_marks.visit_pytestmark(walker, node, reach, dead_from)
    elif walker.reports and not flags.report_definition(walker, node, value, reach, dead_from):
        stays = name not in walker.scope.stored.unstable
        with walker.covering(stays and _understood(walker, node, value, reach)):
            walker.expression(node.value, reach, dead_from)
        if name == "__all__":
            flags.report_exports(walker, node, dead_from)
        elif isinstance(node.value, ast.Dict):
            lazy_imports.report_fallbacks(walker, name, node.value, dead_from)


def _understood(walker: Walker, node: ast.stmt, value: Value, reach: Reach) -> bool:
    """Say whether what a definition binds is known on each release, so that only its uses matter."""
    understood = isinstance(value, PerRelease) and value.is_known_on(reach.may)
    if understood:
        walker.recorder.understands(node)
    return understood


def _note_attributes(walker: Walker, node: Assignment, value: Value) -> None:
    """Note that instances get a version flag: ``self.is_new = AIRFLOW_V_3_0_PLUS``."""
    if not is_version_like(value) or isinstance(node.value, ast.JoinedStr):  # such a text is for people
        return
    for target in targets_of(node):
        if isinstance(target, ast.Attribute):
            walker.recorder.instance_attributes.add(target.attr)


def _header(arguments: ast.arguments) -> list[ast.expr | None]:
    """Return the defaults and annotations of parameters."""
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    annotations = [parameter.annotation for parameter in every if parameter]
    return [*arguments.defaults, *arguments.kw_defaults, *annotations]
