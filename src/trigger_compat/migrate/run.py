"""One file, or all of them: read, edited, and proved to come back as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from trigger_compat.dags.files import PYTHON, YAML, TooLarge, Unreadable, find, read
from trigger_compat.migrate import backward, durable, forward, mentions, python, yaml_files
from trigger_compat.migrate.edits import Changes, Remark, apply, lines
from trigger_compat.migrate.homes import MARK, MENTIONS_OURS, THEIRS

ARCHIVES = (".zip", ".egg", ".whl")


class Direction(NamedTuple):
    """What is asked for."""

    reverse: bool = False
    everything: bool = False
    durable: bool = False


class Left(NamedTuple):
    """Something that was not rewritten.

    :param line: 0 for the file as a whole.
    """

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}" if self.line else f"{self.path}: {self.reason}"


@dataclass(slots=True)
class Outcome:
    """One file.

    :param left: what stays as it was, with the lines of the text as it was, or ``after``.
    """

    path: Path
    old: str = ""
    new: str = ""
    encoding: str = "utf-8"
    changes: Changes = field(default_factory=Changes)

    @property
    def changed(self) -> bool:
        return self.old != self.new

    def left(self, *, after: bool) -> list[Left]:
        found = lines(self.old, self.changes.edits, self.changes.remarks, after=after)
        return [Left(self.path, line if self.old else 0, reason) for line, reason in found]


def migrate(roots: Sequence[Path], direction: Direction) -> list[Outcome]:
    """Return what becomes of each file; nothing is written.

    :raises SourceError: a path is not there.
    """
    return [_file(path, direction) for path in find(roots)]


def _file(path: Path, direction: Direction) -> Outcome:
    outcome = Outcome(path)
    if path.suffix in ARCHIVES:
        outcome.changes.leave(0, "a packed folder of dags is not opened")
        return outcome
    try:
        source = read(path)
    except Unreadable as error:
        if path.suffix in (*PYTHON, *YAML) or isinstance(error, TooLarge):
            outcome.changes.leave(0, str(error))
        return outcome
    outcome.old = outcome.new = source.text
    outcome.encoding = source.encoding
    try:
        outcome.changes = _changes(path, source.text, direction)
    except Unreadable as error:
        outcome.changes.leave(0, str(error))
        return outcome
    outcome.new = apply(source.text, outcome.changes.edits)
    if outcome.changed and not direction.reverse and not _comes_back(path, source.text, outcome.new):
        first = min(edit.start for edit in outcome.changes.edits)
        outcome.new, outcome.changes = source.text, Changes()
        outcome.changes.leave(first, "not rewritten: the way back would not give the same bytes")
    return outcome


def _changes(path: Path, text: str, direction: Direction) -> Changes:
    mention = MENTIONS_OURS if direction.reverse else THEIRS
    if path.suffix in YAML:
        return _of_yaml(text, direction)
    if path.suffix not in PYTHON:
        done = Changes()
        done.remarks += mentions.in_text(text, mention, (), mentions.IN_TEXT)
        return done
    if not _worth_a_look(text, direction):
        python.check(text)
        return Changes()
    file = python.parse(text)
    if direction.reverse:
        done = backward.changes(file, everything=direction.everything)
    else:
        done = forward.changes(file)
    if direction.durable:
        durable.add(file, done)
    done.remarks += mentions.left(file, done, mention, ours=direction.reverse)
    return done


def _worth_a_look(text: str, direction: Direction) -> bool:
    if direction.reverse:
        return bool(MENTIONS_OURS.search(text)) or MARK in text
    return bool(THEIRS.search(text) or mentions.LOADERS.search(text) or "trigger_dagrun" in text)


def _of_yaml(text: str, direction: Direction) -> Changes:
    mention = MENTIONS_OURS if direction.reverse else THEIRS
    if not mention.search(text):
        return Changes()
    if direction.reverse:
        done = yaml_files.backward(text, everything=direction.everything)
    else:
        done = yaml_files.forward(text)
    settled = [*done.settled, *mentions.marks(text)]
    done.remarks += mentions.in_text(text, mention, settled, "in a comment or in the middle of a text")
    return done


def _comes_back(path: Path, old: str, new: str) -> bool:
    """Whether ``--reverse`` would give the same text, or what it gives of an earlier migration."""
    try:
        changes = [_changes(path, text, Direction(reverse=True)) for text in (old, new)]
    except Unreadable:
        return False
    return apply(old, changes[0].edits) == apply(new, changes[1].edits)


def left(outcomes: Sequence[Outcome], *, after: bool) -> list[Left]:
    """Return what stays as it was, file by file."""
    return [each for outcome in outcomes for each in outcome.left(after=after)]


__all__ = ("Direction", "Left", "Outcome", "Remark", "left", "migrate")
