"""The branches of an ``if``: where each begins and ends, comments included."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trigger_compat.floor.rewrite.text import Text
from trigger_compat.floor.scan.syntax import first_line, has_elif


@dataclass(slots=True, eq=False)
class Branch:
    """One branch.

    :param test: its condition; None for ``else``.
    :param lead: the first line of the comments above its header, or the header itself.
    :param header: the line that its keyword is on.
    :param end: its last line, with the comments at the end of its block.
    """

    test: ast.expr | None
    body: Sequence[ast.stmt]
    lead: int
    header: int
    end: int
    is_dead: bool = False
    is_true: bool = False
    is_empty: bool = False


def branches_of(
    node: ast.If, text: Text, block_end: Callable[[Sequence[ast.stmt], int], int]
) -> list[Branch]:
    """Return the branches of a chain of ``if``, ``elif`` and ``else``."""
    column = node.col_offset
    end = block_end(node.body, column)
    found = [Branch(node.test, node.body, node.lineno, node.lineno, end)]
    while has_elif(node):
        node = node.orelse[0]  # type: ignore[assignment] # has_elif says that it is an If
        lead, end = end + 1, block_end(node.body, column)
        found.append(Branch(node.test, node.body, lead, node.lineno, end))
    if node.orelse:
        first = node.orelse[0]
        top = first_line(first)
        stop = text.starts[top - 1] + text.column(top) if top < first.lineno else text.start(first)
        header = text.line_of(text.find("else", text.end(node.body[-1]), stop))
        found.append(Branch(None, node.orelse, end + 1, header, block_end(node.orelse, column)))
    return found
