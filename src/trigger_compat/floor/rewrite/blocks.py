"""Blocks of statements: those that go, and blocks that take the place of the statement around them."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Sequence
from typing import Any, Final

from trigger_compat.floor.rewrite.decisions import Decisions
from trigger_compat.floor.rewrite.expressions import Expressions
from trigger_compat.floor.rewrite.names import walk
from trigger_compat.floor.rewrite.text import Edit, Text
from trigger_compat.floor.scan.syntax import first_line, last_line

_MAY_SPAN_LINES: Final = re.compile(r"\"{3}|'{3}|\\$", re.MULTILINE)
"""A string that goes on in the next line."""
_ABOUT_RIGHTS: Final = re.compile(r"copyright|licen[cs]e|SPDX", re.IGNORECASE)
_HAVE_DOCSTRINGS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Blocks:
    """Rewrites blocks of statements, by edits of the text; a subclass knows the kinds of statements."""

    def __init__(self, text: Text, decisions: Decisions) -> None:
        self._text = text
        self._decisions = decisions
        self.edits: list[Edit] = []
        self._expressions = Expressions(text, decisions, self.edits)
        self._moved: dict[int, int] = {}  # by how many characters a line moves to the left

    def rewrite(self, tree: ast.Module) -> list[Edit]:
        """Return the edits of a module."""
        for first, last in self._decisions.comments:
            self.edits.append(self._text.deletion(first, last))
        if self._block(tree.body):
            self._delete(tree.body)
        if self._moved:
            moved = "\n".join(self._text.lines[line - 1] for line in self._moved)
            protected = self._text.in_strings() if _MAY_SPAN_LINES.search(moved) else set()
            protected -= self._docstring_lines(tree) if protected else set()
            for line, characters in self._moved.items():
                if line not in protected:
                    start = self._text.starts[line - 1]
                    self.edits.append(Edit(start, start + min(characters, self._text.column(line))))
        return self.edits

    def _docstring_lines(self, tree: ast.Module) -> set[int]:
        """Return the lines of docstrings that can move with the code around them."""
        found: set[int] = set()
        for node in walk(tree):
            if isinstance(node, _HAVE_DOCSTRINGS) and isinstance(text := node.body[0], ast.Expr):
                lines = [line for line in range(text.lineno + 1, last_line(text) + 1) if line in self._moved]
                full = [line for line in lines if not self._text.is_blank(line)]
                if isinstance(text.value, ast.Constant) and all(
                    self._moved[line] <= self._text.column(line) for line in full
                ):
                    found.update(lines)
        return found

    def _block(self, body: Sequence[ast.stmt]) -> bool:
        """Rewrite the statements of a block, and return whether all go; these are not deleted yet."""
        gone = [self._statement(statement) for statement in body]
        if all(gone):
            return True
        for is_gone, group in itertools.groupby(zip(gone, body, strict=True), key=lambda pair: pair[0]):
            if is_gone:
                self._delete([statement for _, statement in group], body)
        return False

    def _delete(self, statements: Sequence[ast.stmt], block: Sequence[ast.stmt] = ()) -> None:
        """Delete statements in a row."""
        lines: list[ast.stmt] = []
        for statement in statements:
            if self._shares_line(statement, statements, block):
                self._delete_part(statement, block)
            else:
                lines.append(statement)
        next_first = below = (
            0  # the last line of those that go below a statement, without a blank line between them
        )
        for statement in reversed(lines):
            first, last = first_line(statement), last_line(statement)
            below = below if below and last + 1 == next_first else last
            next_first = self._with_comments(statement, first, below)
            self.edits.append(self._text.deletion(next_first, last))

    def _shares_line(self, statement: ast.stmt, gone: Sequence[ast.stmt], block: Sequence[ast.stmt]) -> bool:
        lines = {first_line(statement), last_line(statement)}
        return any(other not in gone and {first_line(other), last_line(other)} & lines for other in block)

    def _is_inline(self, first: ast.stmt) -> bool:
        """Say whether a block, by its first statement, stands on the line of its header."""
        start = self._text.starts[first.lineno - 1]
        return bool(self._text.text[start : self._text.start(first)].strip())

    def _delete_part(self, statement: ast.stmt, block: Sequence[ast.stmt]) -> None:
        """Delete a statement that shares its line: ``A = NEW; B = 1``."""
        index = block.index(statement)
        if index + 1 < len(block) and first_line(block[index + 1]) == last_line(statement):
            self.edits.append(Edit(self._text.start(statement), self._text.start(block[index + 1])))
        else:
            self.edits.append(Edit(self._text.end(block[index - 1]), self._text.end(statement)))

    def _with_comments(self, statement: ast.stmt, first: int, last: int) -> int:
        """Return the first line of the comment right above a statement if it is about nothing else."""
        is_block = hasattr(statement, "body")
        below = last < len(self._text.lines) and not self._text.is_blank(last + 1)
        same_block = below and self._text.column(last + 1) == statement.col_offset
        if same_block and not is_block:
            return first
        line = self._lead(first)
        comment = "\n".join(self._text.lines[line - 1 : first - 1])
        if line == 1 or comment.lstrip().startswith("#!") or _ABOUT_RIGHTS.search(comment):
            return first  # about the file
        return line

    def _lead(self, line: int) -> int:
        """Return the first line of the comment right above a line."""
        column = self._text.column(line)
        while line > 1 and self._text.is_comment(line - 1) and self._text.column(line - 1) == column:
            line -= 1
        return line

    def _statement(self, node: ast.stmt) -> bool:
        """Rewrite a statement, and return whether all of it goes."""
        raise NotImplementedError

    def _fill(self, body: Sequence[ast.stmt]) -> None:
        """Rewrite a block that cannot be empty."""
        if self._block(body):
            self._pass(body)

    def _pass(self, body: Sequence[ast.stmt]) -> None:
        """Put ``pass`` in the place of all statements of a block."""
        first, last = body[0], body[-1]
        if self._is_inline(first):
            self.edits.append(Edit(self._text.start(first), self._text.end(last), "pass"))
        else:  # the blanks before it are left, because they may move
            line = first_line(first)
            start = self._text.starts[line - 1] + self._text.column(line)
            self.edits.append(Edit(start, self._text.starts[last_line(last)] - 1, "pass"))

    def _keyword(self, word: str, before: ast.AST, first: ast.stmt) -> int:
        """Return the line of ``else`` or ``finally``, which have no node of their own."""
        stop = self._text.starts[first_line(first) - 1] + self._text.column(first_line(first))
        stop = max(stop, self._text.start(first)) if not getattr(first, "decorator_list", None) else stop
        return self._text.line_of(self._text.find(word, self._text.end(before), stop))

    def _header_end(self, first: ast.stmt) -> int:
        """Return the line of the colon that opens the block of a statement."""
        line = first_line(first)
        if self._is_inline(first):
            return line
        line -= 1
        while self._text.is_blank(line) or self._text.is_comment(line):
            line -= 1
        return line

    def _block_end(self, body: Sequence[ast.stmt], column: int) -> int:
        """Return the last line of a block, with the comments at its end."""
        last = line = last_line(body[-1])
        while line < len(self._text.lines):
            line += 1
            if self._text.is_comment(line) and self._text.column(line) > column:
                last = line
            elif not self._text.is_blank(line):
                break
        return last

    def _delete_lines(self, first: int, last: int) -> None:
        if first <= last:
            self.edits.append(self._text.deletion(first, last))

    def _take_place(
        self, node: Any, body: Sequence[ast.stmt], *, from_line: int, last: int, lead: int = 0
    ) -> None:
        """Put a block in the place of the statement around it.

        :param from_line: the first line of the statement.
        :param last: its last line.
        :param lead: the first line of the comments above the header of the block; 0 if there are none.
        """
        header, column = self._header_end(body[0]), node.col_offset
        keyword = lead
        while (
            keyword and keyword < header and (self._text.is_comment(keyword) or self._text.is_blank(keyword))
        ):
            keyword += 1
        if lead:
            self._delete_lines(from_line, lead - 1)
        start = keyword or from_line
        if header == first_line(body[0]):  # the block stands on the line of its header
            self._delete_lines(start, header - 1)
            begin = self._text.starts[header - 1] + self._text.column(header)
            self.edits.append(Edit(begin, self._text.start(body[0])))
        else:
            self._delete_lines(start, header)
            self._move(header + 1, self._block_end(body, column), body[0].col_offset - column)
        self._delete_lines(self._block_end(body, column) + 1, last)

    def _move(self, first: int, last: int, characters: int) -> None:
        for line in range(first, last + 1):
            if not self._text.is_blank(line):
                self._moved[line] = self._moved.get(line, 0) + characters
