"""Edits of a text by place, and the remarks about what was left alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from trigger_compat.dags.files import line_starts


class Edit(NamedTuple):
    """Put a text in the place of another one."""

    start: int
    end: int
    text: str


class Remark(NamedTuple):
    """Something that was left as it is, and why.

    :param at: the place in the text as it was read.
    """

    at: int
    reason: str


@dataclass(slots=True)
class Changes:
    """What is to be done to one text.

    :param settled: places whose mention of upstream's names is dealt with, from and to.
    """

    edits: list[Edit] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    settled: list[tuple[int, int]] = field(default_factory=list)

    def replace(self, start: int, end: int, text: str) -> None:
        self.edits.append(Edit(start, end, text))
        self.settled.append((start, end))

    def leave(self, at: int, reason: str) -> None:
        self.remarks.append(Remark(at, reason))


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return the text with all edits made; two at one place are made in the order given."""
    parts, done = [], 0
    for start, end, new in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        parts += [text[done:start], new]
        done = end
    return "".join([*parts, text[done:]])


def line_of(starts: Sequence[int], at: int) -> int:
    return bisect_right(starts, at)


def lines(
    text: str, edits: Sequence[Edit], remarks: Iterable[Remark], *, after: bool
) -> list[tuple[int, str]]:
    """Return the remarks with their lines, of the text as it was or as it is ``after`` the edits."""
    starts = line_starts(apply(text, edits) if after else text)
    found = set()
    for at, reason in remarks:
        moved = sum(len(edit.text) - (edit.end - edit.start) for edit in edits if edit.end <= at)
        found.add((line_of(starts, at + moved if after else at), reason))
    return sorted(found)
