"""What becomes of conditions, conditional expressions, and elements of lists, calls and imports."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from trigger_compat.floor.rewrite.decisions import Decisions
from trigger_compat.floor.rewrite.text import MARK, Edit, Span, Text

_LONGEST: Final = 88
"""The longest line that parentheses are taken away for."""
_NEEDS_PARENTHESES: Final = (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Tuple, ast.GeneratorExp)
_BEFORE_A_WHOLE: Final = ("if", "elif", "while", "return", "assert", "=")
"""What stands before an expression that ends with its statement or its header."""
_ATOMS: Final = (ast.Name, ast.Attribute, ast.Subscript, ast.Call)
_BEFORE_AN_ATOM: Final = re.compile(
    r"(?:^|[=,:(\[{]|\b(?:not|and|or|if|elif|else|while|in|return|assert))\s*$"
)
"""What stands before an expression in parentheses, and does not call it."""
_ENDS_EXPRESSION: Final = re.compile(
    r"[ \t]*(?:[:,]|(?:#[^\n]*)?\n\s*(?![-+*/%@<>=!&|^.(\[]|(?:and|or|if|else|in|is|not|for)\b))"
)


class Expressions:
    """Simplifies the expressions of one file, by edits of its text."""

    def __init__(self, text: Text, decisions: Decisions, edits: list[Edit]) -> None:
        self._text = text
        self._decisions = decisions
        self._edits = edits

    def visit(self, node: ast.AST, *, is_condition: bool = False) -> bool | None:
        """Simplify an expression, and return what it always is if that is known; then nothing was edited.

        Before: ``if wait and AIRFLOW_V_3_0_PLUS: ...``
        After 3.0: ``if wait: ...``

        :param is_condition: whether only its truth matters.
        """
        if not self._decisions.touches(node):
            return None
        known = self._decisions.value(node)
        if known in ("True", "False"):
            return known == "True"
        if isinstance(node, ast.BoolOp):
            return self._and_or(node, is_condition=is_condition)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            answer = self.visit(node.operand, is_condition=True)
            return None if answer is None else not answer
        if isinstance(node, ast.IfExp):
            return self._conditional(node, is_condition=is_condition)
        self.parts_of(node)
        return None

    def parts_of(self, node: ast.AST) -> None:
        """Simplify the expressions in a node that is none of those above."""
        if isinstance(node, ast.JoinedStr) and sys.version_info < (3, 12):
            return  # the parser gives other places there
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
                continue
            if isinstance(child, ast.comprehension):
                self._comprehension(child)
            elif isinstance(child, ast.expr):
                self.put(child)
            else:
                self.parts_of(child)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            self.elements(node.elts, node)
        elif isinstance(node, ast.Call):
            self.elements([*node.args, *node.keywords], node)

    def put(self, node: ast.expr, *, is_condition: bool = False) -> None:
        """Simplify an expression, and write down what it always is in its place."""
        answer = self.visit(node, is_condition=is_condition)
        if answer is not None:
            self._edits.append(Edit(*self._text.span(node), str(answer)))

    def _comprehension(self, node: ast.comprehension) -> None:
        self.put(node.iter)
        before: ast.expr = node.iter
        for condition in node.ifs:
            answer = self.visit(condition, is_condition=True)
            start = self._text.find("if", self._text.end(before), self._text.start(condition))
            if answer and start >= 0:
                end = self._closed(condition, start + 2, self._text.end(condition))
                self._edits.append(Edit(self._blank_before(start), end))
            elif answer is not None:
                self._edits.append(Edit(*self._text.span(condition), str(answer)))
            before = condition

    def _closed(self, node: ast.expr, start: int, end: int) -> int:
        """Return the end of a node with the parentheses that open between ``start`` and it."""
        opened = sum(token == "(" for _, token in self._text.between(start, self._text.start(node)))  # noqa: S105
        for at, token in self._text.between(end, len(self._text.text)):
            if not opened or token != ")":  # noqa: S105 - a token of Python
                break
            opened, end = opened - 1, at + 1
        return end

    def _blank_before(self, at: int) -> int:
        text = self._text.text
        while at and text[at - 1] in " \t":
            at -= 1
        return at - 1 if at and text[at - 1] == "\n" else at

    def _and_or(self, node: ast.BoolOp, *, is_condition: bool) -> bool | None:  # noqa: C901 - one decision
        """Drop the operands that decide nothing, and those behind the one that decides all."""
        decides = isinstance(node.op, ast.Or)  # True decides an "or", False an "and"
        kept: list[int] = []
        answers: dict[int, bool] = {}
        last = len(node.values) - 1
        for index, operand in enumerate(node.values):
            if self._decisions.value(operand) == "None":
                break
            answer = self.visit(operand, is_condition=is_condition)
            if answer is not None:
                answers[index] = answer
            if answer is not None and answer is not decides and (is_condition or index < last):
                continue
            kept.append(index)
            if answer is decides:
                break
        if not kept:
            return not decides
        if kept[0] in answers and len(kept) == 1:
            return answers[kept[0]]
        for index in kept:
            if index in answers:
                self._edits.append(Edit(*self._text.span(node.values[index]), str(answers[index])))
        if len(kept) <= last:
            self._drop_operands(node, kept)
        return None

    def _drop_operands(self, node: ast.BoolOp, kept: Sequence[int]) -> None:
        word = "or" if isinstance(node.op, ast.Or) else "and"
        whole = self._text.span(node)
        spans = self._separated(node.values, whole, word)
        if len(kept) == 1 and self._unwrap(node, node.values[kept[0]], spans[kept[0]]):
            return
        for index, (start, end) in enumerate(spans):
            if index in kept:
                continue
            if index > kept[0]:
                before = spans[index - 1][1]
                operator = next(at for at, token in self._text.between(before, start) if token == word)
                if "#" in self._text.text[before:operator]:  # a comment on the operand before it
                    before = self._text.text.rindex("\n", before, operator)
                self._edits.append(Edit(before, self._with_comment(end)))
            else:
                self._edits.append(Edit(start, spans[index + 1][0]))

    def _with_comment(self, end: int) -> int:
        """Return the end of a line if nothing but a comment follows there."""
        stop = self._text.text.find("\n", end)
        return stop if self._text.text[end:stop].lstrip().startswith("#") else end

    def _separated(self, nodes: Sequence[ast.expr], whole: Span, word: str) -> list[Span]:
        """Return the spans of operands, with the parentheses around each."""
        starts, ends = [whole[0]], []
        for before, after in pairwise(nodes):
            gap = list(self._text.between(self._text.end(before), self._text.start(after)))
            at = next(at for at, token in gap if token == word)
            closers = [place for place, token in gap if place < at and token == ")"]  # noqa: S105
            openers = [place for place, token in gap if place > at and token == "("]  # noqa: S105
            ends.append(closers[-1] + 1 if closers else self._text.end(before))
            starts.append(openers[0] if openers else self._text.start(after))
        return list(zip(starts, [*ends, whole[1]], strict=True))

    def _conditional(self, node: ast.IfExp, *, is_condition: bool) -> bool | None:
        """Leave one side of a conditional expression.

        Before: ``link = new() if AIRFLOW_V_3_0_PLUS else old()``
        After 3.0: ``link = new()``
        """
        answer = self.visit(node.test, is_condition=True)
        if answer is None and self._decisions.value(node.body) == "None":
            answer = False
        elif answer is None and self._decisions.value(node.orelse) == "None":
            answer = True
        if answer is None:
            self.put(node.body, is_condition=is_condition)
            self.put(node.orelse, is_condition=is_condition)
            return None
        alive = node.body if answer else node.orelse
        known = self.visit(alive, is_condition=is_condition)
        if known is not None:
            return known
        whole = self._text.span(node)
        ends = self._separated([node.body, node.test], (whole[0], self._text.end(node.test)), "if")
        span = ends[0]
        if not answer:
            at = self._text.find("else", self._text.end(node.test), self._text.start(node.orelse))
            opener = next(
                (place for place, token in self._text.between(at + 4, whole[1]) if token == "("),  # noqa: S105
                whole[1],
            )
            span = (min(opener, self._text.start(node.orelse)), whole[1])
        if not self._unwrap(node, alive, span):
            self._edits += [Edit(whole[0], span[0]), Edit(span[1], whole[1])]
        return None

    def _unwrap(self, node: ast.expr, alive: ast.expr, span: Span) -> bool:
        """Leave one part of an expression without the parentheses around all of it, if that fits on a line.

        Before: ``x = (``, ``new()``, ``if AIRFLOW_V_3_0_PLUS``, ``else old()``, ``)``, each on a line
        After 3.0: ``x = new()``
        """
        outer = self._parentheses(self._text.span(node), is_atom=isinstance(alive, _ATOMS))
        text = self._text.text
        if outer is None or isinstance(alive, _NEEDS_PARENTHESES):
            return False
        kept = text[slice(*span)]
        line_start, line_stop = text.rfind("\n", 0, outer[0]) + 1, text.find("\n", outer[1])
        length = outer[0] - line_start + len(kept) + line_stop - outer[1]
        if "\n" in kept or "#" in text[outer[0] : outer[1]] or length > _LONGEST:
            return False
        space = " " if text[outer[0] - 1].isalnum() else ""  # "if(" may stand together
        self._edits += [Edit(outer[0], span[0], space), Edit(span[1], outer[1])]
        return True

    def _parentheses(self, span: Span, *, is_atom: bool) -> Span | None:
        """Return the parentheses right around a span if it needs none.

        :param is_atom: whether it needs none wherever it stands.
        """
        text = self._text.text
        before, after = text[: span[0]].rstrip(), text[span[1] :]
        if not before.endswith("(") or not after.lstrip().startswith(")"):
            return None
        outer = len(before) - 1, span[1] + after.index(")") + 1
        head = before[:-1].rstrip(" \t")
        line = head[head.rfind("\n") + 1 :]
        if is_atom and _BEFORE_AN_ATOM.search(line):
            return outer
        if not (line.endswith("=") or line.split(" ")[-1].strip() in _BEFORE_A_WHOLE) or line.endswith("=="):
            return None
        return outer if _ENDS_EXPRESSION.match(text, outer[1]) else None

    def elements(self, elements: Sequence[Any], owner: ast.AST | None) -> bool:
        """Take elements out, with their commas and the comments above them; return whether none is left.

        Before: ``__all__ = ["AIRFLOW_V_3_0_PLUS", "BaseHook"]``
        After 3.0: ``__all__ = ["BaseHook"]``

        :param owner: what the elements belong to; None: an import, which goes with the last of them.
        """
        gone = [bool(self._decisions.element(element)) for element in elements]
        if not any(gone):
            return False
        if all(gone) and (owner is None or isinstance(owner, ast.Set)):
            return owner is None
        edits = [self._element(elements, gone, index) for index in range(len(elements)) if gone[index]]
        if isinstance(owner, ast.Tuple) and gone.count(False) == 1:
            edits = self._one_left(elements, gone.index(False), edits)
        self._edits += edits
        return False

    def _one_left(self, elements: Sequence[Any], index: int, edits: list[Edit]) -> list[Edit]:
        """Leave one element of a tuple, with the comma that makes it one."""
        kept, stop = self._text.span(elements[index]), self._text.end(elements[-1])
        after, token = next(self._text.between(stop, len(self._text.text)), (0, ""))
        if all(MARK in edit.text for edit in edits):  # the others stand on lines of their own
            needs_comma = index == len(elements) - 1 and token != ","  # noqa: S105
            return [*edits, Edit(stop, stop, ",")] if needs_comma else edits
        start = self._text.start(elements[0])
        tail = Edit(kept[1], after) if token == "," else Edit(kept[1], stop, ",")  # noqa: S105
        return [Edit(start, kept[0]), tail]

    def _element(self, elements: Sequence[Any], gone: Sequence[bool], index: int) -> Edit:
        text = self._text
        start, end = text.span(elements[index])
        comma, token = next(text.between(end, len(text.text)), (0, ""))
        stop = comma + 1 if token == "," else end  # noqa: S105 - a token of Python
        first, last = text.line_of(start), text.line_of(stop - 1)
        rest = text.text[stop : text.starts[last]].partition("#")[0]
        if not text.text[text.starts[first - 1] : start].strip() and not rest.strip():
            lowest = text.line_of(text.end(elements[index - 1])) if index else 0
            while first - 1 > lowest and text.is_comment(first - 1):  # it is about this element
                first -= 1
            return text.deletion(first, last)
        if index and not all(gone[:index]) and all(gone[index:]):
            return Edit(self._comma(elements[index - 1]), end)
        if index + 1 == len(elements):
            return Edit(start, stop)
        after = self._comma(elements[index]) + 1
        return Edit(start, next(text.between(after, len(text.text)))[0])

    def _comma(self, element: Any) -> int:
        """Return the place of the comma behind an element."""
        gap = self._text.between(self._text.end(element), len(self._text.text))
        return next(at for at, token in gap if token == ",")  # noqa: S105

    def imported(self, node: ast.Import | ast.ImportFrom) -> bool:
        """Take names out of an import; return whether none is left."""
        return self.elements(node.names, None)
