"""Unified diffs of texts, with the newlines of Python and no others."""

from __future__ import annotations

import difflib
import itertools

from trigger_compat.dags.files import line_starts


def unified_diff(name: str, old: str, new: str | None) -> str:
    """Return the diff of a file, as ``git apply`` and ``patch`` take it.

    :param new: None if the file goes.
    """
    parts = []
    target = f"b/{name}" if new is not None else "/dev/null"
    for line in difflib.unified_diff(_lines(old), _lines(new or ""), f"a/{name}", target):
        parts.append(line)
        if not line.endswith(("\n", "\r")):
            parts.append("\n\\ No newline at end of file\n")
    return "".join(parts)


def _lines(text: str) -> list[str]:
    starts = [*line_starts(text), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(starts) if start < end]
