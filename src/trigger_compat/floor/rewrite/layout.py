"""Blank lines where lines were deleted: no run of them grows, and none stands at the start of a block."""

from __future__ import annotations

import re
from typing import Final

from trigger_compat.floor.rewrite.text import MARK

_OPENS_BLOCK: Final = re.compile(r":\s*(#.*)?$")


def tidied(text: str) -> str:
    """Return a text without the marks of deleted lines, and with the blank lines that fit there.

    Before: ``a = 1``, a blank line, a deleted statement, two blank lines, ``def f(): ...``
    After: ``a = 1``, two blank lines, ``def f(): ...``
    """
    if MARK not in text:
        return text
    result: list[str] = []
    pending: list[str] = []
    for line in [*text.split("\n")[:-1], None]:
        if line is not None and (MARK in line or not line.strip()):
            pending.append(line)
            continue
        if any(MARK in each for each in pending):
            result += _blank_lines(result[-1] if result else None, pending, line)
        else:
            result += pending
        pending = []
        if line is not None:
            result.append(line)
    return "".join(f"{line}\n" for line in result)


def _blank_lines(above: str | None, pending: list[str], below: str | None) -> list[str]:
    """Return the blank lines between two lines of code, of which some between them were deleted."""
    if above is None or below is None:
        return []
    runs: list[list[str]] = [[]]
    for line in pending:
        if MARK in line:
            runs.append([])
        else:
            runs[-1].append(line)
    if _indent(below) > _indent(above) and _OPENS_BLOCK.search(above):
        return []
    if all(_indent(line) > _indent(below) for line in pending if MARK in line):
        return runs[-1]  # the end of a block went
    return max(runs, key=len)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
