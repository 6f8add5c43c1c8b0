"""What a condition does besides deciding. Where deleting the condition would take that away, it stays.

``audit(task) and not AIRFLOW_V_3_0_PLUS`` is false from 3.0 on, and still calls ``audit``. In ``not
AIRFLOW_V_3_0_PLUS and audit(task)`` nothing calls it.
"""

from __future__ import annotations

import ast
from typing import Final

from trigger_compat.floor.scan.abstract_values import UNKNOWN, Unknown
from trigger_compat.floor.scan.reach import Reach
from trigger_compat.floor.scan.releases import Point
from trigger_compat.floor.scan.syntax import last_part, nodes_in
from trigger_compat.floor.scan.walk import Walker

_DOES: Final = (ast.Await, ast.Yield, ast.YieldFrom)
_NAMES: Final = """
isinstance issubclass hasattr getattr callable len bool str int float tuple list set dict frozenset any
all min max sorted type id repr sum range zip enumerate map filter abs round get getenv startswith
endswith items keys values lower upper strip split partition join format exists is_file is_dir find_spec
signature getboolean getint getfloat getlist has_option count index isdigit search match fullmatch
"""
_ONLY_ASKS: Final = frozenset(_NAMES.split())
"""Functions and methods that change nothing, by the name that they usually have."""


def are_lost(walker: Walker, test: ast.expr, reach: Reach, point: Point, *, names: bool = True) -> bool:
    """Say whether a test that is deleted at a point would have done something on a release from there on.

    Before: ``if audit(task) and not AIRFLOW_V_3_0_PLUS: old()``
    After 3.0: the same; a person takes ``audit(task)`` out of it

    :param names: whether binding a name by ``:=`` counts.
    """
    if not reach.may >> point:
        return False
    if isinstance(test, ast.BoolOp):
        for operand in test.values:
            if are_lost(walker, operand, reach, point, names=names):
                return True
            truth = walker.truth(operand)
            reach = reach.where(truth if isinstance(test.op, ast.And) else truth.negated)
        return False
    if isinstance(test, ast.UnaryOp):
        return are_lost(walker, test.operand, reach, point, names=names)
    if names and any(isinstance(node, ast.NamedExpr) for node in nodes_in(test)):
        return True
    if not isinstance(walker.value(test), Unknown):
        return False  # it is about the version alone
    return any(isinstance(node, _DOES) or _is_call(walker, node) for node in nodes_in(test))


def _is_call(walker: Walker, node: ast.AST) -> bool:
    """Say whether a node calls something that may do more than answer."""
    if not isinstance(node, ast.Call) or last_part(ast.unparse(node.func)) in _ONLY_ASKS:
        return False
    return walker.value(node) is UNKNOWN
