"""Carries out what a scan says of one file: takes dead lines out, and moves what they held to the left.

Used to prove a report by doing what it says; the result is right, not pretty, so a formatter comes after it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Final

from trigger_compat.floor.flow import header_end
from trigger_compat.floor.model import Category, Finding

_DONE: Final = (Category.DEAD, Category.CONSTANT, Category.FLAG, Category.FOLLOWS)


def carried_out(text: str, findings: Iterable[Finding]) -> str:
    """Return the text of a file after its findings.

    :param findings: those of this file that hold at the new floor. What is only a part of its lines is left
        alone: there the code stays right as it is.
    """
    lines = text.splitlines()
    gone = _gone(findings)
    shift: dict[int, int] = {}
    emptied: dict[int, int] = {}
    for node in ast.walk(ast.parse(text)):
        for header, body in _blocks(node, lines):
            inside = range(_first(body[0]), (body[-1].end_lineno or body[-1].lineno) + 1)
            alive = [line for line in inside if line not in gone]
            if header in gone:
                by = body[0].col_offset - getattr(node, "col_offset", 0)
                for line in range(header + 1, inside.stop):  # from the comments before it on
                    shift[line] = shift.get(line, 0) + by
            elif not any(lines[line - 1].strip() for line in alive):
                emptied[header] = body[0].col_offset
    result: list[str] = []
    for number, content in enumerate(lines, start=1):
        if number not in gone:
            result.append(content[min(shift.get(number, 0), len(content) - len(content.lstrip())) :])
        if number in emptied:
            result.append(" " * emptied[number] + "pass")
    return "\n".join(result) + "\n"


def _gone(findings: Iterable[Finding]) -> set[int]:
    return {
        line
        for each in findings
        if each.whole and not each.end_column and each.category in _DONE
        for line in range(each.line, each.end + 1)
    }


def _blocks(node: ast.AST, lines: Sequence[str]) -> Iterable[tuple[int, Sequence[ast.stmt]]]:
    """Yield the blocks of a statement, each with the line that its header ends on."""
    if isinstance(node, (ast.If, ast.While, ast.With, ast.Try, ast.For, ast.FunctionDef, ast.ClassDef)):
        yield header_end(node, lines), node.body
    handlers: list[ast.ExceptHandler] = getattr(node, "handlers", [])
    for handler in handlers:
        yield handler.lineno, handler.body
    orelse = getattr(node, "orelse", None)
    if isinstance(node, (ast.If, ast.Try)) and orelse:
        elif_ = len(orelse) == 1 and isinstance(orelse[0], ast.If) and orelse[0].col_offset == node.col_offset
        if not elif_:
            before = (
                node.body[-1] if isinstance(node, ast.If) else handlers[-1] if handlers else node.body[-1]
            )
            between = range((before.end_lineno or before.lineno) + 1, _first(orelse[0]))
            found = (line for line in between if lines[line - 1].lstrip().startswith("else"))
            yield next(found, 0), orelse


def _first(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])
