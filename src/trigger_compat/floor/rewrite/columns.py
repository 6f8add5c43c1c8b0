"""Edits inside lines: what a condition becomes, and elements that go from an import, a list or a call."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trigger_compat.floor.scan.model import Removal
from trigger_compat.floor.scan.syntax import lines_of

SWALLOWED: Final = "\0"
"""Stands for the end of a line that an edit took away, so that the lines after it keep their numbers."""
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Edit:
    """What becomes of a piece of the text: other text, or pieces of it with text between them."""

    span: Span
    pieces: tuple[str | Span, ...] = ()


class Columns:
    """The edits inside the lines of a file.

    :param removals: those of parts of lines that hold at the new floor.
    """

    def __init__(self, text: str, tree: ast.Module, removals: Sequence[Removal]) -> None:
        self._text = text
        self._starts = [0]
        self._lines = lines_of(text)
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._removals = {self._span_of(removal): removal for removal in removals}
        self.deleted: set[int] = set()
        """Lines that hold nothing but an element that goes."""
        self._edits = sorted(self._all_edits(tree), key=lambda edit: (edit.span[0], -edit.span[1]))

    def applied(self) -> str:
        """Return the text after all edits, with as many lines as before."""
        return self._render((0, len(self._text)))

    def _span_of(self, removal: Removal) -> Span:
        first, last = self._starts[removal.line - 1], self._starts[removal.end - 1]
        return first + removal.column, last + removal.end_column

    def _span(self, node: Any) -> Span:
        first, last = self._lines[node.lineno - 1], self._lines[node.end_lineno - 1]
        start = len(first.encode()[: node.col_offset].decode(errors="ignore"))
        end = len(last.encode()[: node.end_col_offset].decode(errors="ignore"))
        return self._starts[node.lineno - 1] + start, self._starts[node.end_lineno - 1] + end

    def _all_edits(self, tree: ast.Module) -> Iterator[Edit]:
        for node in ast.walk(tree):
            if isinstance(node, ast.IfExp):
                yield from self._conditional(node)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                yield from self._elements(node.names, self._statement_goes(node))
            elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
                yield from self._elements(node.elts, None, is_tuple=isinstance(node, ast.Tuple))
            elif isinstance(node, ast.Call):
                yield from self._elements([*node.args, *node.keywords], None)
        for span, removal in self._removals.items():
            if removal.replacement:
                yield Edit(span, (removal.replacement,))

    def _conditional(self, node: ast.IfExp) -> Iterator[Edit]:
        for dead, alive in ((node.body, node.orelse), (node.orelse, node.body)):
            if self._span(dead) in self._removals and self._removals[self._span(dead)].replacement:
                yield Edit(self._span(node), (self._span(alive),))

    def _statement_goes(self, node: ast.stmt) -> Callable[[], None]:
        return lambda: self.deleted.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))

    def _elements(
        self, elements: Sequence[Any], all_go: Callable[[], None] | None, *, is_tuple: bool = False
    ) -> Iterator[Edit]:
        """Yield the edit that takes elements out, with their commas."""
        removed = [self._removals.get(self._span(element)) for element in elements]
        gone = [removal for removal in removed if removal and not removal.replacement]
        if not gone:
            return
        kept = [element for element, removal in zip(elements, removed, strict=True) if removal not in gone]
        if not kept and all_go:
            all_go()
        elif all(removal.whole for removal in gone):
            for removal in gone:
                self.deleted.update(range(removal.line, removal.end + 1))
        else:
            pieces: list[str | Span] = []
            for element in kept:
                pieces += [self._span(element), ", "]
            end = "," if is_tuple and len(kept) == 1 else ""
            yield Edit((self._span(elements[0])[0], self._span(elements[-1])[1]), (*pieces[:-1], end))

    def _render(self, span: Span) -> str:
        """Return a piece of the text after the edits in it."""
        start, stop = span
        result: list[str] = []
        for edit in self._edits:
            first, last = edit.span
            if first < start or last > stop or edit.span == span:
                continue
            new = "".join(self._render(piece) if isinstance(piece, tuple) else piece for piece in edit.pieces)
            swallowed = self._text.count("\n", first, last) - new.count("\n")
            result += [self._text[start:first], new, f"{SWALLOWED}\n" * swallowed]
            start = last
        return "".join([*result, self._text[start:stop]])
