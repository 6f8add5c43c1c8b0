"""The newlines of a file: Python reads all kinds as one, and what stays keeps its own."""

from __future__ import annotations

import difflib
import re
from typing import Final

_NEWLINE: Final = re.compile(r"\r\n?|\n")


def normalised(text: str) -> str:
    """Return a text as Python reads it."""
    return _NEWLINE.sub("\n", text)


def with_newlines_of(old: str, new: str) -> str:
    """Return a changed text with the newlines of the text as it was.

    :param new: with newlines of one character.
    """
    kinds = _NEWLINE.findall(old)
    if len(set(kinds)) <= 1:
        return new.replace("\n", kinds[0]) if kinds else new
    usual = max(set(kinds), key=kinds.count)
    after = new.split("\n")
    # A line that moved to the left is the same line.
    lines_before = [line.lstrip() for line in normalised(old).split("\n")]
    lines_after = [line.lstrip() for line in after]
    ends = [usual] * len(after)
    for block in difflib.SequenceMatcher(
        None, lines_before, lines_after, autojunk=False
    ).get_matching_blocks():
        for offset in range(block.size):
            if block.a + offset < len(kinds):
                ends[block.b + offset] = kinds[block.a + offset]
    return "".join(line + end for line, end in zip(after, [*ends[:-1], ""], strict=True))
