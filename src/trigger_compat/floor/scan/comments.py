"""The comments of a file."""

from __future__ import annotations

import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment; those that stand on lines of their own right below one another are one.

    :param first: the first line, counted from 1.
    :param last: the last line.
    :param column: where it begins, in characters from 0.
    :param text: the lines, joined by a paragraph separator; ``#`` is left on the first only.
    """

    first: int
    last: int
    column: int
    text: str


def comments_of(text: str) -> Iterator[Comment]:
    """Yield the comments in the text of a Python file."""
    block: list[str] = []
    last, column = 0, 0
    for token in _comment_tokens(text):
        line, start = token.start
        own_line = not token.line[:start].strip()
        if block and not (own_line and (line, start) == (last + 1, column)):
            yield _comment(block, last, column)
            block = []
        block.append(token.string.lstrip("# ") if block else token.string)
        last, column = line, start
        if not own_line:  # it is about the code before it, so the next line is another comment
            yield _comment(block, last, column)
            block = []
    if block:
        yield _comment(block, last, column)


def _comment(lines: list[str], last: int, column: int) -> Comment:
    return Comment(last - len(lines) + 1, last, column, " \u2029".join(lines))


def _comment_tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    try:
        for token in tokenize.generate_tokens(StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return
