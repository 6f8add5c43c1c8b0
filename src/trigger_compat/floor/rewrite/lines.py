"""Deletes the lines that a scan found, and moves what stood under a deleted condition to the left.

The result is right but not pretty, so a formatter should run after it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.floor.scan.syntax import else_line, first_line, has_elif, header_end, last_line

_PROVEN: Final = (Category.DEAD, Category.CONSTANT, Category.FLAG, Category.FOLLOWS)


def delete_lines(text: str, removals: Iterable[Removal]) -> str:
    """Return the text of a file without what can be removed.

    Before: ``if AIRFLOW_V_3_0_PLUS:`` with ``new()`` below it, then ``else:`` with ``old()`` below it
    After 3.0: ``new()``, at the place of the ``if``

    :param removals: those of this file that hold at the new floor. A removal of a part of a line changes
        nothing here; the code stays right without it.
    """
    lines = text.splitlines()
    deleted = _deleted_lines(removals)
    indents: dict[int, int] = {}  # by how many characters a line moves to the left
    emptied: dict[int, int] = {}  # headers of blocks that lose all they held, and the indent of their "pass"
    for node in ast.walk(ast.parse(text)):
        for header, body in _blocks(node, lines):
            start, end = first_line(body[0]), last_line(body[-1])
            if header in deleted:
                by = body[0].col_offset - getattr(node, "col_offset", 0)
                for line in range(header + 1, end + 1):  # from the comments before the first statement on
                    indents[line] = indents.get(line, 0) + by
            elif not any(lines[line - 1].strip() for line in range(start, end + 1) if line not in deleted):
                emptied[header] = body[0].col_offset
    result: list[str] = []
    for number, line_text in enumerate(lines, start=1):
        if number not in deleted:
            result.append(line_text[min(indents.get(number, 0), len(line_text) - len(line_text.lstrip())) :])
        if number in emptied:
            result.append(" " * emptied[number] + "pass")
    return "\n".join(result) + "\n"


def _deleted_lines(removals: Iterable[Removal]) -> set[int]:
    return {
        line
        for removal in removals
        if removal.whole and not removal.end_column and removal.category in _PROVEN
        for line in range(removal.line, removal.end + 1)
    }


def _blocks(node: ast.AST, lines: Sequence[str]) -> Iterator[tuple[int, Sequence[ast.stmt]]]:
    """Yield the blocks of a statement, each with the last line of its header; 0 if it has no such line."""
    if isinstance(node, (ast.If, ast.While, ast.With, ast.Try, ast.For, ast.FunctionDef, ast.ClassDef)):
        yield header_end(node, lines), node.body
    handlers: list[ast.ExceptHandler] = getattr(node, "handlers", [])
    for handler in handlers:
        yield handler.lineno, handler.body
    if isinstance(node, (ast.If, ast.Try)) and node.orelse and not has_elif(node):
        before = handlers[-1] if handlers else node.body[-1]
        line = else_line(node.orelse[0], before, lines)
        yield (line if line < first_line(node.orelse[0]) else 0), node.orelse
