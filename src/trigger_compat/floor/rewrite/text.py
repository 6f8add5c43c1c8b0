"""The text of a file by places: where a node begins and ends, what stands between nodes, and edits."""

from __future__ import annotations

import io
import re
import tokenize
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from trigger_compat.floor.scan.syntax import character, lines_of

Span = tuple[int, int]
MARK: Final = "\0"
"""Stands on a line of its own where lines were deleted; the layout looks at it, and takes it out."""
_TOKEN: Final = re.compile(r"#[^\n]*|\w+|\\\n|\s+|.", re.DOTALL)
_STRING_STARTS: Final = {
    getattr(tokenize, name) for name in ("FSTRING_START", "TSTRING_START") if hasattr(tokenize, name)
}
_STRING_ENDS: Final = {
    getattr(tokenize, name) for name in ("FSTRING_END", "TSTRING_END") if hasattr(tokenize, name)
}


class Edit(NamedTuple):
    """Put a text in the place of another one."""

    start: int
    end: int
    text: str = ""


class Text:
    """A text that ends with a newline. Lines are counted from 1, places are indexes of characters."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: list[str] = lines_of(text)
        self.starts: list[int] = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)

    def at(self, line: int, offset: int) -> int:
        """Return the place at an offset in bytes, which is how the parser counts."""
        return self.starts[line - 1] + character(self.lines[line - 1], offset)

    def start(self, node: Any) -> int:
        return self.at(node.lineno, node.col_offset)

    def end(self, node: Any) -> int:
        return self.at(node.end_lineno, node.end_col_offset)

    def span(self, node: Any) -> Span:
        return self.start(node), self.end(node)

    def line_of(self, at: int) -> int:
        return bisect_right(self.starts, at)

    def column(self, line: int) -> int:
        """Return by how many characters a line is indented."""
        text = self.lines[line - 1]
        return len(text) - len(text.lstrip(" \t\f"))

    def is_blank(self, line: int) -> bool:
        return not self.lines[line - 1].strip()

    def is_comment(self, line: int) -> bool:
        return self.lines[line - 1].lstrip().startswith("#")

    def between(self, start: int, end: int) -> Iterator[tuple[int, str]]:
        """Yield words and punctuation between two nodes, without comments; no string can stand there."""
        for match in _TOKEN.finditer(self.text, start, end):
            token = match.group()
            if not token.isspace() and token[0] not in "#\\":
                yield match.start(), token

    def find(self, token: str, start: int, end: int) -> int:
        """Return the place of the last such token between two nodes, or -1."""
        return max((at for at, found in self.between(start, end) if found == token), default=-1)

    def deletion(self, first: int, last: int) -> Edit:
        """Return the edit that deletes whole lines."""
        indent = self.lines[first - 1][: self.column(first)]
        return Edit(self.starts[first - 1], self.starts[last], f"{indent}{MARK}\n")

    def in_strings(self) -> set[int]:
        """Return the lines that begin inside a string, whose blanks belong to the string."""
        found: set[int] = set()
        begun: list[int] = []
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type in _STRING_STARTS:
                begun.append(token.start[0])
            elif token.type in _STRING_ENDS:
                found.update(range(begun.pop() + 1, token.end[0] + 1))
            elif token.type == tokenize.STRING:
                found.update(range(token.start[0] + 1, token.end[0] + 1))
        return found


def applied(text: str, edits: list[Edit]) -> str:
    """Return a text with all edits made; one inside another is not made."""
    parts: list[str] = []
    done = 0
    for start, end, new in sorted(set(edits), key=lambda edit: (edit.start, -edit.end)):
        if end <= done and (start, end) != (done, done):
            continue
        parts += [text[done:start], new] if start >= done else []
        done = max(done, end)
    return "".join([*parts, text[done:]])
