"""Class paths in YAML, as dag-factory reads them; all other bytes stay."""

from __future__ import annotations

from typing import Final

import yaml

from trigger_compat.dags.files import Unreadable, line_end, line_starts
from trigger_compat.dags.names import OURS
from trigger_compat.migrate.edits import Changes, Edit, apply
from trigger_compat.migrate.homes import MARK, MODULES, NAMES, NOT_MIGRATED, SHORT, SHORT_MARKS, STANDARD

NEW: Final = {f"{OURS}.{name}": name for name in NAMES}
OLD: Final = {f"{module}.{name}": (module, name) for module in SHORT for name in NAMES}


def _events(text: str) -> list[tuple[str, str, int, int]]:
    """Return what a file means: the kind of each event, its value, and where a scalar is.

    :raises Unreadable: it is no YAML.
    """
    found = []
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            value = event.value if isinstance(event, yaml.ScalarEvent) else ""
            first, last = event.start_mark, event.end_mark
            place = (first.index, last.index) if first and last else (0, 0)
            found.append((type(event).__name__, value, *place))
    except (yaml.YAMLError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = "" if line is None else f"line {line + 1}: "
        raise Unreadable(f"cannot be parsed: {where}{getattr(error, 'problem', None) or error}") from error
    return found


def forward(text: str) -> Changes:
    """Return what makes the class paths those of this package."""
    done = Changes()
    for _, value, start, end in _events(text):
        if value in NEW:
            done.settled.append((start, end))
        if value not in OLD or (at := text.find(value, start, end)) < 0:
            continue
        module, _ = OLD[value]
        line = line_end(text, end)
        done.replace(at, at + len(module), OURS)
        done.settled.append((start, end))
        done.edits.append(Edit(line, line, MARK + SHORT[module]))
    return _kept(text, done, OLD)


def backward(text: str, *, everything: bool = False) -> Changes:
    """Return what undoes :func:`forward`.

    :param everything: also what that did not write.
    """
    done, taken = Changes(), set()
    starts = line_starts(text)
    for _, value, start, end in _events(text):
        if value not in NEW or (at := text.find(value, start, end)) < 0:
            continue
        done.settled.append((start, end))
        begin = max(each for each in starts if each <= end)
        marks = [
            each
            for each in SHORT_MARKS.finditer(text[begin : line_end(text, end)])
            if (begin, each.start()) not in taken
        ]
        if marks:
            taken.add((begin, marks[0].start()))
            done.replace(begin + marks[0].start(), begin + marks[0].end(), "")
        elif not everything:
            done.leave(at, NOT_MIGRATED)
            continue
        done.replace(at, at + len(OURS), MODULES[marks[0][1]] if marks else STANDARD)
    return done


def _kept(text: str, done: Changes, old: dict[str, tuple[str, str]]) -> Changes:
    """Return the edits if the file means the same after them, and none otherwise."""
    if not done.edits:
        return done
    try:
        after = [(kind, value) for kind, value, *_ in _events(apply(text, done.edits))]
    except Unreadable:
        after = []
    before = [
        (kind, f"{OURS}.{old[value][1]}" if value in old else value) for kind, value, *_ in _events(text)
    ]
    if before == after:
        return done
    refused = Changes(settled=done.settled)
    refused.leave(done.edits[0].start, "not rewritten: there is no place for the mark at the end of its line")
    return refused
