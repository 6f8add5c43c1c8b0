"""Deletes what a scan found, and moves what stood under a deleted condition to the left.

The result is right but not pretty, so a formatter should run after it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from trigger_compat.floor.rewrite.columns import SWALLOWED, Columns
from trigger_compat.floor.rewrite.leftovers import without_leftovers
from trigger_compat.floor.rewrite.names import bound_again
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.floor.scan.syntax import else_line, first_line, has_elif, header_end, last_line, lines_of

_PROVEN: Final = (Category.DEAD, Category.CONSTANT, Category.FLAG, Category.FOLLOWS)
_MAX_ROUNDS: Final = 20


def delete_lines(text: str, removals: Iterable[Removal]) -> str:
    """Return the text of a file without what can be removed.

    Before: ``if AIRFLOW_V_3_0_PLUS:`` with ``new()`` below it, then ``else:`` with ``old()`` below it
    After 3.0: ``new()``, at the place of the ``if``

    What would take away a name that other code uses stays, and so does a file that would not be valid Python.

    :param removals: those of this file that hold at the new floor.
    """
    chosen = [removal for removal in removals if removal.category in _PROVEN]
    for _ in range(_MAX_ROUNDS):
        result = _Rewrite(text, chosen).result()
        try:
            tree = ast.parse(result)
        except SyntaxError:
            return text
        needed = bound_again(ast.parse(text), tree, chosen)
        if not needed:
            return without_leftovers(ast.parse(text), result) if result != text else text
        chosen = [removal for removal in chosen if removal not in needed]
    return text


class _Rewrite:
    """The lines of a file, and what becomes of each."""

    def __init__(self, text: str, removals: Sequence[Removal]) -> None:
        tree = ast.parse(text)
        columns = Columns(text, tree, [removal for removal in removals if removal.end_column])
        self.lines = lines_of(text)
        self.new = lines_of(columns.applied())
        self.deleted = columns.deleted | {
            line
            for removal in removals
            if removal.whole and not removal.end_column
            for line in range(removal.line, removal.end + 1)
        }
        self.indents: dict[int, int] = {}  # by how many characters a line moves to the left
        self.emptied: dict[int, int] = {}  # headers of blocks that lose all, and the indent of their "pass"
        chained = {
            id(node.orelse[0]) for node in ast.walk(tree) if isinstance(node, ast.If) and has_elif(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, (ast.If, ast.While)) and id(node) not in chained:
                self._chain(node)
            else:
                for header, body in _blocks(node, self.lines):
                    self._block(header, body, getattr(node, "col_offset", 0))

    def result(self) -> str:
        """Return the text."""
        result: list[str] = []
        for number, (old, new) in enumerate(zip(self.lines, self.new, strict=True), start=1):
            text = new.replace(SWALLOWED, "")
            is_left = text.strip(" ,\t") or (not old.strip() and SWALLOWED not in new)
            if number not in self.deleted and is_left:
                result.append(text[min(self.indents.get(number, 0), len(text) - len(text.lstrip())) :])
            if number in self.emptied:
                result.append(" " * self.emptied[number] + "pass")
        return "\n".join(result) + "\n" if result else ""

    def _is_gone(self, body: Sequence[ast.stmt]) -> bool:
        lines = range(first_line(body[0]), last_line(body[-1]) + 1)
        return not any(
            self.new[line - 1].strip(f" {SWALLOWED}") for line in lines if line not in self.deleted
        )

    def _dedent(self, header: int, body: Sequence[ast.stmt], column: int) -> None:
        for line in range(
            header + 1, last_line(body[-1]) + 1
        ):  # from the comments before the first statement on
            self.indents[line] = self.indents.get(line, 0) + body[0].col_offset - column

    def _block(self, header: int, body: Sequence[ast.stmt], column: int) -> None:
        if header in self.deleted:
            self._dedent(header, body, column)
        elif self._is_gone(body):
            self.emptied[header] = body[0].col_offset

    def _chain(self, node: ast.If | ast.While) -> None:
        """Rewrite ``if``, ``elif`` and ``else``; the first branch that stays becomes the ``if``."""
        stays, branch = False, node
        while True:
            header = header_end(branch, self.lines)
            if header not in self.deleted:
                if not stays and branch is not node:
                    self.new[branch.lineno - 1] = self.new[branch.lineno - 1].replace("elif", "if", 1)
                stays = True
                self._block(header, branch.body, node.col_offset)
            elif not self._is_gone(branch.body):  # always true
                self._becomes_else(branch, header, node.col_offset, follows=stays)
            if not (isinstance(branch, ast.If) and has_elif(branch)):
                break
            branch = branch.orelse[0]  # type: ignore[assignment] # has_elif says that it is an If
        if branch.orelse:
            line = else_line(branch.orelse[0], branch.body[-1], self.lines)
            if line in self.deleted and not self._is_gone(branch.orelse):
                if stays:
                    self.deleted.discard(line)
                else:
                    self._dedent(line, branch.orelse, node.col_offset)
            elif line not in self.deleted and line < first_line(branch.orelse[0]):
                self._block(line, branch.orelse, node.col_offset)

    def _becomes_else(self, branch: ast.If | ast.While, header: int, column: int, *, follows: bool) -> None:
        if not follows:
            self._dedent(header, branch.body, column)
            return
        self.deleted.discard(header)
        self.new[header - 1] = f"{' ' * column}else:"


def _blocks(node: ast.AST, lines: Sequence[str]) -> Iterator[tuple[int, Sequence[ast.stmt]]]:
    """Yield the blocks of a statement, each with the last line of its header."""
    if isinstance(node, (ast.With, ast.AsyncWith, ast.Try)):
        yield header_end(node, lines), node.body
    elif isinstance(
        node, (ast.For, ast.AsyncFor, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.match_case)
    ):
        yield _colon_line(node, lines), node.body
    handlers: list[ast.ExceptHandler] = getattr(node, "handlers", [])
    for handler in handlers:
        yield _colon_line(handler, lines), handler.body
    if isinstance(node, (ast.Try, ast.For, ast.AsyncFor)) and node.orelse:
        before = handlers[-1] if handlers else node.body[-1]
        line = else_line(node.orelse[0], before, lines)
        if line < first_line(node.orelse[0]):
            yield line, node.orelse
    if isinstance(node, ast.Try) and node.finalbody:
        first = first_line(node.finalbody[0])
        line = next(
            (line for line in range(first - 1, 0, -1) if lines[line - 1].strip() == "finally:"), first
        )
        if line < first:
            yield line, node.finalbody


def _colon_line(
    node: ast.For
    | ast.AsyncFor
    | ast.FunctionDef
    | ast.AsyncFunctionDef
    | ast.ClassDef
    | ast.match_case
    | ast.ExceptHandler,
    lines: Sequence[str],
) -> int:
    """Return the line that ends a header: the last one above the body that ends with a colon."""
    start = node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno
    first = first_line(node.body[0])
    ends = (
        line
        for line in range(first - 1, start - 1, -1)
        if lines[line - 1].partition("#")[0].rstrip().endswith(":")
    )
    return next(ends, start)
