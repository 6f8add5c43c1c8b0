"""``if``, ``while`` and ``match``: branches that no release takes, and conditions with one answer."""

from __future__ import annotations

import ast
import operator

from trigger_compat.floor.scan.abstract_values import PerRelease, Value, apply, truth_of
from trigger_compat.floor.scan.model import Category
from trigger_compat.floor.scan.reach import NOWHERE, UNKNOWN_TRUTH, Reach, Truth, all_of, any_of
from trigger_compat.floor.scan.releases import ALL_RELEASES, Point, floor_name, gone_from
from trigger_compat.floor.scan.rules import effects
from trigger_compat.floor.scan.syntax import (
    contains,
    else_line,
    excerpt,
    first_line,
    has_elif,
    header_end,
    last_line,
)
from trigger_compat.floor.scan.walk import Walker


def visit_if(walker: Walker, node: ast.If, reach: Reach, dead_from: Point) -> Reach:
    """Report the branch that no release takes any more, and the condition that is left over.

    Before: ``if AIRFLOW_V_3_0_PLUS: new()``, ``else: old()``
    After 3.0: ``new()``
    """
    condition = walker.truth(node.test)
    walker.may_raise(reach, node.test)
    then, other = reach.where(condition), reach.where(condition.negated)
    then_dead = min(dead_from, gone_from(then.may, reach.may))
    else_dead = min(dead_from, gone_from(other.may, reach.may))
    stays = effects.are_lost(walker, node.test, reach, min(then_dead, else_dead))
    if then_dead < dead_from and _is_own_floor(walker, node, then_dead):
        reason = "it rejects an Airflow that the metadata reject too"
        walker.recorder.node(node, then_dead, Category.RESTATED, reason)
    elif then_dead < dead_from and not stays:
        _report_false(walker, node, then_dead)
    elif else_dead < dead_from:
        _report_true(walker, node, else_dead, stays=stays)
    goes = not stays and _header_goes(walker, node, body_is_dead=then_dead < dead_from)
    walker.expression(node.test, reach, min(then_dead, else_dead) if goes else dead_from)
    after_then = walker.block(node.body, then, then_dead)
    after = after_then | (walker.block(node.orelse, other, else_dead) if node.orelse else other)
    return walker.rejoin(node, reach, after)


def _is_own_floor(walker: Walker, node: ast.If, point: Point) -> bool:
    """Say whether a package refuses an Airflow below its own floor here, which its installer does too.

    Before: ``if Version(airflow.__version__) < Version("2.11.0"): raise RuntimeError("too old")``
    After 3.0: the same with ``Version("3.0.0")``; the check is not dead code, so it is reported apart.
    """
    at_import = walker.scope.parent is None and not node.orelse
    only_raises = len(node.body) == 1 and isinstance(node.body[0], ast.Raise)
    return at_import and only_raises and point <= walker.floor


def _header_goes(walker: Walker, node: ast.If | ast.While, *, body_is_dead: bool) -> bool:
    """Say whether the line of a condition can be deleted: not if it, or ``else:``, holds what stays."""
    lines = walker.module.lines
    if not body_is_dead:
        return node.body[0].lineno > header_end(node, lines)
    if not node.orelse or has_elif(node):
        return True
    first = node.orelse[0]
    return else_line(first, node.body[-1], lines) < first_line(first)


def _report_false(walker: Walker, node: ast.If | ast.While, point: Point) -> None:
    if not _header_goes(walker, node, body_is_dead=True):
        return
    reason = f"{excerpt(node.test)} is false on Airflow >= {floor_name(point)}"
    walker.recorder.node(node, point, Category.DEAD, reason, end=node.body[-1], branch=True)
    if node.orelse and not has_elif(node):
        line = else_line(node.orelse[0], node.body[-1], walker.module.lines)
        walker.recorder.lines(line, line, point, Category.CONSTANT, reason)


def _report_true(walker: Walker, node: ast.If, point: Point, *, stays: bool) -> None:
    reason = f"{excerpt(node.test)} is true on Airflow >= {floor_name(point)}"
    lines = walker.module.lines
    if not stays and _header_goes(walker, node, body_is_dead=False):
        walker.recorder.lines(node.lineno, header_end(node, lines), point, Category.CONSTANT, reason)
    if node.orelse:
        first = node.orelse[0]
        start = first.lineno if has_elif(node) else else_line(first, node.body[-1], lines)
        walker.recorder.lines(start, last_line(node), point, Category.DEAD, reason, branch=True)


def visit_while(walker: Walker, node: ast.While, reach: Reach, dead_from: Point) -> Reach:
    """Report a loop that no release enters any more.

    Before: ``while not AIRFLOW_V_3_0_PLUS and busy(): wait()``
    After 3.0: nothing
    """
    inside = reach.where(walker.truth(node.test))
    inside_dead = min(dead_from, gone_from(inside.may, reach.may))
    stays = effects.are_lost(walker, node.test, reach, inside_dead)
    if inside_dead < dead_from and not stays:
        _report_false(walker, node, inside_dead)
    walker.expression(node.test, reach, dead_from if stays else inside_dead)
    walker.may_raise(reach, node.test)
    walker.block(node.body, inside.perhaps(), inside_dead)
    walker.block(node.orelse, reach.perhaps(), dead_from)
    endless = isinstance(node.test, ast.Constant) and node.test.value and not contains(node, ast.Break)
    return NOWHERE if endless else reach


def visit_match(walker: Walker, node: ast.Match, reach: Reach, dead_from: Point) -> Reach:
    """Report a case that matches on no release any more.

    Before: ``match Version(airflow.__version__).major:`` with ``case 2: old()`` and ``case _: new()``
    After 3.0: the same without ``case 2: old()``
    """
    subject = walker.value(node.subject)
    is_known = isinstance(subject, PerRelease) and subject.is_known_on(reach.may)
    if is_known:
        walker.recorder.understands(node.subject)
    with walker.covering(is_known):
        walker.expression(node.subject, reach, dead_from)
    walker.may_raise(reach, node.subject)
    left, after = reach, NOWHERE  # left: the releases that no case before this one took
    points: list[Point] = []
    for case in node.cases:
        matches = _matches(walker, case.pattern, node.subject, subject)
        if case.guard:
            matches = all_of((matches, walker.truth(case.guard)))
        if is_known and matches.true | matches.false != ALL_RELEASES:
            reason = "it matches on Airflow's version in a way that the scan cannot follow"
            walker.recorder.undecided(case.pattern.lineno, excerpt(case.pattern), reason)
        here = left.where(matches)
        here_dead = min(dead_from, gone_from(here.may, reach.may))
        if case.guard and effects.are_lost(walker, case.guard, left, here_dead):
            here_dead = dead_from
        points.append(here_dead)
        if here_dead < dead_from:
            reason = f"case {excerpt(case.pattern)} never matches on Airflow >= {floor_name(here_dead)}"
            start, end = case.pattern.lineno, last_line(case.body[-1])
            walker.recorder.lines(start, end, here_dead, Category.DEAD, reason, branch=True)
        walker.expression(case.guard, left, here_dead)
        after = after | walker.block(case.body, here, here_dead)
        left = left.where(matches.negated)
    last = max(points)
    if last < dead_from:
        reason = f"no case matches on Airflow >= {floor_name(last)}"
        walker.recorder.node(node, last, Category.DEAD, reason)
    return walker.rejoin(node, reach, after | left)


def _matches(walker: Walker, pattern: ast.pattern, subject: ast.expr, value: Value) -> Truth:
    """Return where a subject matches a pattern.

    :param value: what the subject is on each release.
    """
    if isinstance(pattern, ast.MatchAs) and pattern.pattern is None:
        return Truth(ALL_RELEASES, 0)
    if isinstance(pattern, ast.MatchAs) and pattern.pattern is not None:
        return _matches(walker, pattern.pattern, subject, value)
    if isinstance(pattern, ast.MatchOr):
        return any_of(_matches(walker, alternative, subject, value) for alternative in pattern.patterns)
    if isinstance(pattern, ast.MatchSequence):
        return _matches_sequence(walker, pattern, subject, value)
    if isinstance(pattern, (ast.MatchValue, ast.MatchSingleton)):
        wanted = pattern.value if isinstance(pattern, ast.MatchValue) else ast.Constant(pattern.value)
        return walker.truth(ast.Compare(subject, [ast.Eq()], [wanted]))
    return UNKNOWN_TRUTH


def _matches_sequence(walker: Walker, pattern: ast.MatchSequence, subject: ast.expr, value: Value) -> Truth:
    """Return where a tuple or list such as ``version.release`` matches, element by element."""
    stars = [index for index, part in enumerate(pattern.patterns) if isinstance(part, ast.MatchStar)]
    wanted = len(pattern.patterns) - len(stars)
    fits = operator.ge if stars else operator.eq
    length = apply(lambda known: isinstance(known, (tuple, list)) and fits(len(known), wanted), value)
    truths = [truth_of(length)]
    for index, part in enumerate(pattern.patterns):
        if stars and index == stars[0]:
            continue
        place = index - len(pattern.patterns) if stars and index > stars[0] else index
        element = ast.Subscript(subject, ast.Constant(place), ast.Load())
        truths.append(_matches(walker, part, element, walker.value(element)))
    return all_of(truths)
