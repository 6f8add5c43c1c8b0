"""Tables for pages, reports and terminals, as Markdown and as columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def columns(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return the same table as columns, for a terminal."""
    lines = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def escaped(text: str) -> str:
    """Return a text that neither ends its cell nor turns into markup."""
    return text.replace("|", "\\|").replace("<", "&lt;")
