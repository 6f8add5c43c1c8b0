"""What a raise makes of each file, and what it leaves to a person."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Left(NamedTuple):
    """Something that a person has to look at.

    :param line: in the file as it is now; 0 for the file as a whole.
    """

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one file.

    :param old: its text, with its own newlines.
    :param new: what it becomes; None: the file goes.
    :param still_evaluated: the lines of assignments of which only the value stays.
    """

    file: str
    path: Path
    old: str
    new: str | None
    encoding: str
    still_evaluated: Sequence[int] = ()

    @property
    def content(self) -> bytes:
        return (self.new or "").encode(self.encoding)

    def line_after(self, line: int) -> int:
        """Return where a line stands once the change is made."""
        old, new = self.old.splitlines(), (self.new or "").splitlines()
        for tag, first, last, start, stop in difflib.SequenceMatcher(
            None, old, new, autojunk=False
        ).get_opcodes():
            if first < line <= last:
                return start + line - first if tag == "equal" else min(start + line - first, max(stop, 1))
        return line


@dataclass(frozen=True, slots=True)
class Raise:
    """The changes of all files, by file, and what is left."""

    changes: Mapping[str, Change]
    left: Sequence[Left]

    def left_after(self) -> list[Left]:
        """Return what is left, with the lines after the changes."""
        return [
            place._replace(line=self.changes[place.file].line_after(place.line))
            if place.line and place.file in self.changes
            else place
            for place in self.left
        ]
