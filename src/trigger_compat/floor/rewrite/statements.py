"""What becomes of statements: those that go, and blocks that take the place of the statement around them."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Sequence
from typing import Any, Final

from trigger_compat.floor.rewrite.chains import Branch, branches_of
from trigger_compat.floor.rewrite.decisions import Decisions
from trigger_compat.floor.rewrite.expressions import Expressions
from trigger_compat.floor.rewrite.text import Edit, Text
from trigger_compat.floor.scan.imports import CATCH_IMPORT_ERRORS, caught
from trigger_compat.floor.scan.syntax import first_line, last_line

_PURE: Final = (
    ast.Name, ast.Attribute, ast.Constant, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.expr_context, ast.boolop,
    ast.unaryop, ast.cmpop,
)  # fmt: skip
_MAY_SPAN_LINES: Final = re.compile(r"\"{3}|'{3}|\\$", re.MULTILINE)
"""A string that goes on in the next line."""
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


class Statements:
    """Rewrites the statements of one file, by edits of its text."""

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
            protected = self._text.in_strings() if _MAY_SPAN_LINES.search(moved) else ()
            for line, characters in self._moved.items():
                if line not in protected:
                    start = self._text.starts[line - 1]
                    self.edits.append(Edit(start, start + min(characters, self._text.column(line))))
        return self.edits

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
        if line == 1 or self._text.lines[line - 1].lstrip().startswith("#!"):
            return first  # the head of a file
        return line

    def _lead(self, line: int) -> int:
        """Return the first line of the comment right above a line."""
        column = self._text.column(line)
        while line > 1 and self._text.is_comment(line - 1) and self._text.column(line - 1) == column:
            line -= 1
        return line

    def _statement(self, node: ast.stmt) -> bool:
        """Rewrite a statement, and return whether all of it goes."""
        if self._decisions.goes(node):
            return True
        if isinstance(node, ast.If):
            return self._chain(node)
        if isinstance(node, ast.While):
            return self._while(node)
        if isinstance(node, ast.Try):
            return self._try(node)
        if isinstance(node, (ast.With, ast.AsyncWith)):
            return self._with(node)
        if isinstance(node, ast.Match):
            return self._match(node)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return self._expressions.imported(node)
        if isinstance(node, ast.Assert):
            return self._assert(node)
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            return self._definition(node)
        self._expressions.parts_of(node)
        if isinstance(node, (ast.For, ast.AsyncFor)):
            self._fill(node.body)
            if node.orelse and self._block(node.orelse):
                line = self._keyword("else", node.body[-1], node.orelse[0])
                self.edits.append(self._text.deletion(line, last_line(node.orelse[-1])))
        return False

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

    def _assert(self, node: ast.Assert) -> bool:
        answer = self._expressions.visit(node.test, is_condition=True)
        if answer:
            return True
        if answer is False:
            self.edits.append(Edit(*self._text.span(node.test), "False"))
        if node.msg:
            self._expressions.put(node.msg)
        return False

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
        for decorator in node.decorator_list:
            if self._decisions.settles(decorator.lineno):
                self.edits.append(self._text.deletion(decorator.lineno, last_line(decorator)))
        self._expressions.parts_of(node)
        if isinstance(node, ast.ClassDef) and self._loses_all_tests(node):
            return True
        self._fill(node.body)
        return False

    def _loses_all_tests(self, node: ast.ClassDef) -> bool:
        """Say whether nothing is left of a class of tests but its docstring and plain values."""
        methods = [statement for statement in node.body if isinstance(statement, _FUNCTIONS)]
        others = [statement for statement in node.body if not isinstance(statement, _FUNCTIONS)]
        return (
            node.name.startswith("Test")
            and bool(methods)
            and all(map(self._decisions.goes, methods))
            and all(isinstance(other, (ast.Expr, ast.Assign, ast.AnnAssign, ast.Pass)) for other in others)
        )

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

    def _chain(self, node: ast.If) -> bool:
        """Rewrite ``if``, ``elif`` and ``else``; the first branch that stays becomes the ``if``."""
        branches = branches_of(node, self._text, self._block_end)
        kept: list[Branch] = []
        for branch in branches:
            self._judge(branch)
            if not branch.is_dead:
                kept.append(branch)
            if branch.is_true:
                break
        for branch in kept:
            branch.is_empty = self._block(branch.body)
        while kept and kept[-1].is_empty and (kept[-1].is_true or _is_pure(kept[-1].test)):
            del kept[-1]
        if not kept:
            return True
        last = branches[-1].end
        if kept[0].is_true:
            lead = kept[0].lead if kept[0] is not branches[0] else 0
            self._take_place(node, kept[0].body, from_line=branches[0].header, last=last, lead=lead)
            return False
        for branch in branches:
            if branch not in kept:
                self._delete_lines(branch.lead, branch.end)
            elif branch.is_empty:
                self._pass(branch.body)
        self._new_header(kept[0], "if")
        for branch in kept[1:]:
            if branch.is_true:
                self._new_header(branch, "else")
        return False

    def _judge(self, branch: Branch) -> None:
        """Find out whether a branch is dead, or taken whenever the ones before it are not."""
        if self._decisions.drops(branch.header, last_line(branch.body[-1])):
            branch.is_dead = True
        elif branch.test is None or self._decisions.settles(branch.header):
            branch.is_true = True
        else:
            answer = self._expressions.visit(branch.test, is_condition=True)
            branch.is_dead, branch.is_true = answer is False, answer is True

    def _new_header(self, branch: Branch, word: str) -> None:
        """Write another keyword; ``else`` replaces the condition too."""
        start = self._text.starts[branch.header - 1] + self._text.column(branch.header)
        old = "elif" if self._text.text.startswith("elif", start) else "if"
        if self._text.text.startswith("else", start) or old == word:
            return
        if word == "if":
            self.edits.append(Edit(start, start + len("elif"), "if"))
        elif branch.test:
            colon = self._text.find(":", self._text.end(branch.test), self._text.start(branch.body[0]))
            self.edits.append(Edit(start, colon, "else"))

    def _while(self, node: ast.While) -> bool:
        """Rewrite a loop; one that is never entered leaves its ``else`` block."""
        answer = self._expressions.visit(node.test, is_condition=True)
        is_dead = answer is False or self._decisions.drops(node.lineno, last_line(node.body[-1]))
        if answer:
            self.edits.append(Edit(*self._text.span(node.test), "True"))
        if not is_dead:
            self._fill(node.body)
            if node.orelse:
                self._fill(node.orelse)
            return False
        if not node.orelse or self._block(node.orelse):
            return True
        self._take_place(
            node, node.orelse, from_line=node.lineno, last=self._block_end(node.orelse, node.col_offset)
        )
        return False

    def _with(self, node: ast.With | ast.AsyncWith) -> bool:
        """Rewrite a block; ``suppress(ImportError)`` goes if there is nothing to suppress."""
        if self._decisions.settles(node.lineno) and len(node.items) == 1:
            if self._block(node.body):
                return True
            self._take_place(
                node, node.body, from_line=node.lineno, last=self._block_end(node.body, node.col_offset)
            )
            return False
        self._expressions.parts_of(node)
        self._fill(node.body)
        return False

    def _match(self, node: ast.Match) -> bool:
        """Rewrite ``match``; a last case that takes everything needs no ``match``."""
        kept = [case for case in node.cases if not self._drops_case(case)]
        empty = [case for case in kept if self._block(case.body)]
        if not kept or len(empty) == len(kept):
            return True
        only = kept[0].pattern
        is_any = isinstance(only, ast.MatchAs) and only.pattern is None and only.name is None
        if len(kept) == 1 and len(node.cases) > 1 and is_any and not kept[0].guard:
            last = self._block_end(node.cases[-1].body, node.col_offset)
            line = kept[0].pattern.lineno
            lead = self._lead(line)
            self._move(lead, line - 1, self._text.column(line) - node.col_offset)
            self._take_place(node, kept[0].body, from_line=node.lineno, last=last, lead=lead)
            return False
        for case in node.cases:
            if case not in kept:
                end = self._block_end(case.body, node.col_offset)
                self._delete_lines(self._lead(case.pattern.lineno), end)
            elif case in empty:
                self._pass(case.body)
            elif case.guard:
                self._expressions.put(case.guard, is_condition=True)
        self._expressions.put(node.subject)
        return False

    def _drops_case(self, case: ast.match_case) -> bool:
        return self._decisions.drops(case.pattern.lineno, last_line(case.body[-1]))

    def _try(self, node: ast.Try) -> bool:
        """Rewrite ``try``: without handlers that catch nothing, or left to the handler of an import that fails."""
        handlers = [
            handler
            for handler in node.handlers
            if not self._decisions.drops(handler.lineno, last_line(handler))
        ]
        fails = [
            statement
            for statement in node.body
            if isinstance(statement, (ast.Import, ast.ImportFrom))
            and self._decisions.is_dead_alone(statement)
        ]
        if fails:
            return self._import_fails(node, handlers)
        if not handlers and not node.finalbody:
            return self._no_handlers(node)
        last_header = node.handlers[-1] if node.handlers else node.body[-1]
        is_empty = self._block(node.body)
        gone = [] if not node.orelse else [self._block(node.orelse)]
        for handler in node.handlers:
            if handler in handlers:
                self._fill(handler.body)
        if node.finalbody:
            finally_is_empty = self._block(node.finalbody)
            if finally_is_empty:
                self._pass(node.finalbody)
        elif is_empty and (not node.orelse or all(gone)):
            return True  # nothing is left that could fail
        if is_empty:
            self._pass(node.body)
        for handler in node.handlers:
            if handler not in handlers:
                end = self._block_end(handler.body, node.col_offset)
                self._delete_lines(self._lead(handler.lineno), end)
        if node.orelse:
            line = self._keyword("else", last_header, node.orelse[0])
            if all(gone):
                self._delete_lines(line, self._block_end(node.orelse, node.col_offset))
            elif not handlers:
                self._delete_lines(line, self._header_end(node.orelse[0]))
        return False

    def _no_handlers(self, node: ast.Try) -> bool:
        """Leave what is tried, and the ``else`` block, without the ``try``."""
        is_empty = self._block(node.body)
        other_is_empty = not node.orelse or self._block(node.orelse)
        last = self._block_end([node.handlers[-1] if not node.orelse else node.orelse[-1]], node.col_offset)  # type: ignore[list-item]
        if is_empty and other_is_empty:
            return True
        if not is_empty:
            end = self._block_end(node.body, node.col_offset)
            self._take_place(node, node.body, from_line=node.lineno, last=last if other_is_empty else end)
            if other_is_empty:
                return False
            self._take_place(node, node.orelse, from_line=end + 1, last=last)
            return False
        self._take_place(node, node.orelse, from_line=node.lineno, last=last)
        return False

    def _import_fails(self, node: ast.Try, handlers: Sequence[ast.ExceptHandler]) -> bool:
        """Leave the handler of an import that no release has any more, if that is all that happens.

        Before: ``try: from airflow.datasets import Dataset``, ``except ImportError: Dataset = None``
        After 3.2: ``Dataset = None``
        """
        handler = handlers[0] if handlers else None
        if (
            handler is None
            or not self._decisions.is_dead_alone(node.body[0])
            or not caught(handler) & CATCH_IMPORT_ERRORS
            or node.finalbody
            or _uses_error(handler)
        ):
            return False  # left as it is
        if self._block(handler.body):
            return True
        last = self._block_end([node.orelse[-1] if node.orelse else node.handlers[-1]], node.col_offset)  # type: ignore[list-item]
        self._take_place(node, handler.body, from_line=node.lineno, last=last)
        return False


def _uses_error(handler: ast.ExceptHandler) -> bool:
    return any(
        (isinstance(node, ast.Raise) and node.exc is None)
        or (isinstance(node, ast.Name) and node.id == handler.name)
        for statement in handler.body
        for node in ast.walk(statement)
    )


def _is_pure(test: ast.expr | None) -> bool:
    """Say whether nothing happens when a condition is evaluated."""
    return test is None or all(isinstance(node, _PURE) for node in ast.walk(test))
