"""What the removals of a scan say about a node: it goes, it has one value, or it stays."""

from __future__ import annotations

import ast
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

from trigger_compat.floor.rewrite.text import Span, Text
from trigger_compat.floor.scan.bindings import bound_name
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.floor.scan.syntax import first_line, last_line


class Decisions:
    """The removals of one file, by place.

    :param removals: those that hold at the new floor.
    """

    def __init__(self, text: Text, removals: Sequence[Removal]) -> None:
        self._text = text
        self.constants: dict[Span, str] = {}
        """What a part of an expression becomes; ``None`` stands for a part that is never evaluated."""
        self.elements: dict[Span, Removal] = {}
        """Parts that go: elements, arguments and imported names."""
        self._headers: dict[int, int] = {}
        self._covered: dict[int, int] = {}
        self._dead: set[tuple[int, int]] = set()
        self._part_lines: list[int] = []
        self._in_part: list[Removal] = []
        self.comments: list[tuple[int, int]] = []
        """Lines of comments that go."""
        for removal in removals:
            self._add(removal)

    def _add(self, removal: Removal) -> None:
        first, last = removal.line, removal.end
        if removal.end_column:
            starts = self._text.starts
            span = (starts[first - 1] + removal.column, starts[last - 1] + removal.end_column)
            if removal.replacement:
                self.constants.setdefault(span, removal.replacement)
            else:
                self.elements[span] = removal
        elif not removal.whole:
            self._in_part.append(removal)
        elif removal.category is Category.CONSTANT:
            self._headers[first] = last
        elif all(map(self._text.is_comment, range(first, last + 1))):
            self.comments.append((first, last))
        else:
            if removal.category is Category.DEAD:
                self._dead.add((first, last))
            for line in range(first, last + 1):
                self._covered[line] = max(self._covered.get(line, 0), last)

    def touches(self, node: Any) -> bool:
        """Say whether there may be a part of an expression in the lines of a node."""
        if len(self._part_lines) != len(self.constants) + len(self.elements):
            spans = [*self.constants, *self.elements]
            self._part_lines = sorted(self._text.line_of(start) for start, _ in spans)
        first, last = first_line(node), last_line(node)
        return bisect_left(self._part_lines, first) < bisect_right(self._part_lines, last)

    def drops(self, first: int, last: int) -> bool:
        """Say whether all these lines go."""
        return self._covered.get(first, 0) >= last

    def goes(self, node: ast.stmt) -> bool:
        """Say whether a statement goes as a whole."""
        first, last = first_line(node), last_line(node)
        if self.drops(first, last) or (isinstance(node, ast.Assign) and self._headers.get(first) == last):
            return True
        names = set(_names(node)) if self._in_part else set()
        return any(
            (removal.line, removal.end) == (first, last) and names and names <= {*removal.names}
            for removal in self._in_part
        )

    def is_dead_alone(self, node: ast.stmt) -> bool:
        """Say whether just this statement is dead: an import that fails."""
        return (first_line(node), last_line(node)) in self._dead

    def settles(self, line: int) -> bool:
        """Say whether the header on a line goes, and the code below it stays; or whether a decorator goes."""
        return line in self._headers

    def value(self, node: Any) -> str:
        """Return what an expression always is: True, False, None if never evaluated, as text; or nothing."""
        return self.constants.get(self._text.span(node), "") if self.constants else ""

    def element(self, node: Any) -> Removal | None:
        """Return the removal of an element, an argument or an imported name."""
        return self.elements.get(self._text.span(node)) if self.elements else None


def _names(node: ast.stmt) -> Iterable[str]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [bound_name(alias) for alias in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]
