"""Which rule handles which syntax."""

from __future__ import annotations

import ast
from typing import Final

from trigger_compat.floor.scan.bindings import COMPREHENSIONS
from trigger_compat.floor.scan.rules import (
    branches,
    conditions,
    definitions,
    exits,
    import_fallbacks,
    skip_marks,
)
from trigger_compat.floor.scan.walk import Rules

RULES: Final = Rules(
    statements={
        ast.If: branches.visit_if,
        ast.While: branches.visit_while,
        ast.Match: branches.visit_match,
        ast.Import: import_fallbacks.visit_import,
        ast.ImportFrom: import_fallbacks.visit_import,
        ast.Try: import_fallbacks.visit_try,
        ast.With: import_fallbacks.visit_with,
        ast.AsyncWith: import_fallbacks.visit_with,
        ast.FunctionDef: definitions.visit_function,
        ast.AsyncFunctionDef: definitions.visit_function,
        ast.ClassDef: definitions.visit_class,
        ast.Assign: definitions.visit_assignment,
        ast.AnnAssign: definitions.visit_assignment,
        ast.Return: exits.visit_exit,
        ast.Break: exits.visit_exit,
        ast.Continue: exits.visit_exit,
        ast.Raise: exits.visit_raise,
        ast.Expr: exits.visit_call,
        ast.For: exits.visit_for,
        ast.AsyncFor: exits.visit_for,
    },
    expressions={
        ast.BoolOp: conditions.visit_and_or,
        ast.IfExp: conditions.visit_conditional,
        ast.Lambda: conditions.visit_lambda,
        ast.Call: skip_marks.visit_call,
        **dict.fromkeys(COMPREHENSIONS, conditions.visit_comprehension),
    },
    condition=conditions.report_constant,
)
