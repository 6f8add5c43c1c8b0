"""Statements after which nothing in the block runs, and loops. ``Walker.block`` reports what they cut off."""

from __future__ import annotations

import ast
from typing import Final

from trigger_compat.floor.scan.reach import NOWHERE, Reach
from trigger_compat.floor.scan.releases import Point
from trigger_compat.floor.scan.walk import Walker

_ENDING_CALLS: Final = {"pytest.skip", "pytest.fail", "pytest.exit", "sys.exit", "self.skipTest", "self.fail"}


def visit_exit(walker: Walker, node: ast.stmt, reach: Reach, dead_from: Point) -> Reach:
    """Handle ``return``, ``break`` and ``continue``."""
    walker.expressions_in(node, reach, dead_from)
    return NOWHERE


def visit_raise(walker: Walker, node: ast.Raise, reach: Reach, dead_from: Point) -> Reach:
    """Handle ``raise``, which an ``except ImportError`` around it may catch."""
    walker.expressions_in(node, reach, dead_from)
    if walker.guard:
        walker.guard.runs_other_code(reach, "the try block contains a raise statement")
    return NOWHERE


def visit_call(walker: Walker, node: ast.Expr, reach: Reach, dead_from: Point) -> Reach:
    """Handle an expression that is a statement; ``pytest.skip()`` and ``sys.exit()`` end the block too."""
    walker.expressions_in(node, reach, dead_from)
    call = node.value
    return NOWHERE if isinstance(call, ast.Call) and ast.unparse(call.func) in _ENDING_CALLS else reach


def visit_for(walker: Walker, node: ast.For | ast.AsyncFor, reach: Reach, dead_from: Point) -> Reach:
    """Handle a loop. Its body may run zero times, so what it ends does not end the block around it."""
    walker.expression(node.iter, reach, dead_from)
    walker.may_raise(reach, node.iter)
    walker.block(node.body, reach.perhaps(), dead_from)
    walker.block(node.orelse, reach.perhaps(), dead_from)
    return reach
