"""From this package's operator back to upstream's: the edits of one Python file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import libcst as cst

from trigger_compat.dags.files import line_end, line_starts
from trigger_compat.dags.names import OURS
from trigger_compat.migrate import forward
from trigger_compat.migrate.edits import Changes, Edit, line_of
from trigger_compat.migrate.homes import (
    MODULES,
    NAMES,
    NOT_DURABLE,
    NOT_MIGRATED,
    SHORT,
    SHORT_MARKS,
    SPLIT,
    STANDARD,
    WHOLE_MARK,
    unescaped,
)
from trigger_compat.migrate.python import Alias, Import, PythonFile, parse

OWN_ARGUMENTS: Final = ("durable", "path")
_ADDED: Final = re.compile(r"durable=True, ")


@dataclass(slots=True)
class _Marks:
    """The marks of a statement's lines that are still to be used, each with its place."""

    short: list[tuple[str, int, int]] = field(default_factory=list)
    whole: re.Match[str] | None = None
    at: int = 0


def changes(file: PythonFile, *, everything: bool = False) -> Changes:
    """Return what undoes :func:`forward.changes`.

    :param everything: also what that did not write: other imports of this package become those of upstream's
        newest module, and the arguments that upstream does not have go.
    """
    done = Changes()
    taken: dict[int, _Marks] = {}
    plain: list[tuple[int, str]] = []  # each plain import that is rewritten, and to what
    for statement in file.imports:
        if not _is_ours(statement):
            continue
        marks = _marks(file, statement, taken)
        if marks.whole:
            plain += _restore(file, statement, marks.whole, marks.at, done)
            for _, start, end in marks.short:  # of an import that a formatter has merged with this one
                done.replace(start, end, "")
        else:
            plain += _rename(file, statement, marks, done, everything=everything)
    for statement in file.imports:
        for alias in statement.aliases if _is_ours(statement) and not statement.module else ():
            if alias.name == OURS and not alias.renamed:
                _uses(file, statement, alias, plain, done)
    _durable(file, done)
    _arguments(file, done, everything=everything)
    return done


def _is_ours(statement: Import) -> bool:
    return statement.module == OURS or (
        not statement.module and any(alias.name == OURS for alias in statement.aliases)
    )


def _marks(file: PythonFile, statement: Import, taken: dict[int, _Marks]) -> _Marks:
    """Return the marks of a statement. A formatter may have moved them to another of its lines."""
    starts = line_starts(file.text)
    first, last = line_of(starts, statement.span.start), line_of(starts, statement.span.end)
    if last in taken:  # another import stands on the same line, and had its turn
        return taken[last]
    marks = taken[last] = _Marks()
    for start in starts[first - 1 : last]:
        line = file.text[start : line_end(file.text, start)]
        if whole := WHOLE_MARK.search(line):
            marks.whole, marks.at = whole, start
        marks.short += [
            (each[1], start + each.start(), start + each.end()) for each in SHORT_MARKS.finditer(line)
        ]
    return marks


def _rename(
    file: PythonFile, statement: Import, marks: _Marks, done: Changes, *, everything: bool
) -> list[tuple[int, str]]:
    plain = []
    spans = [(alias.name_span, alias) for alias in statement.aliases if alias.name == OURS]
    for span, alias in [(statement.module_span, None)] if statement.module else spans:
        names = statement.aliases if statement.module else ()
        used = [each.name for each in names] or _attributes(file, statement, alias)
        if not marks.short and not everything:
            done.leave(statement.span.start, NOT_MIGRATED)
        elif statement.is_star or not set(used) <= set(NAMES):
            other = ", ".join(sorted(set(used) - set(NAMES))) or "*"
            done.leave(statement.span.start, f"uses {other}, which upstream's module does not have")
        else:
            module = STANDARD
            if marks.short:
                short, start, end = marks.short.pop(0)
                module = MODULES[short]
                done.replace(start, end, "")
            done.replace(*span, module)
            if alias and not alias.renamed:
                plain.append((span.start, module))
        done.settled.append(statement.span)
    return plain


def _attributes(file: PythonFile, statement: Import, alias: Alias | None) -> list[str]:
    """Return which names a file uses of a module; a module that is passed on counts as ``itself``."""
    users = file.users(statement, alias.bound) if alias else []
    attributes = [file.attribute_of(user) for user in users if not isinstance(user, cst.SimpleString)]
    return [each.attr.value if each else "itself" for each in attributes]


def _uses(
    file: PythonFile, statement: Import, alias: Alias, plain: Sequence[tuple[int, str]], done: Changes
) -> None:
    """Write the module before each use; where two are imported, that of the import above it."""
    if not any(start == alias.name_span.start for start, _ in plain):
        return
    for user in file.users(statement, alias.bound):
        before = [module for start, module in plain if start < file.spans[user].start]
        edit = Edit(*file.spans[user], before[-1] if before else plain[0][1])
        if edit not in done.edits:
            done.replace(*edit)


def _restore(
    file: PythonFile, statement: Import, mark: re.Match[str], line: int, done: Changes
) -> list[tuple[int, str]]:
    """Put back an import that became another one, or two."""
    old = unescaped(mark[2])
    start, mark_at, end = statement.span.start, line + mark.start(), line + mark.end()
    moved = mark_at < statement.span.end  # into the parentheses, by a formatter
    tail = "" if moved else file.text[statement.span.end : mark_at]
    done.settled.append((start, max(end, statement.span.end)))
    alone = parse(old)
    [original] = alone.imports
    ours = [alias for alias in original.aliases if forward.goes(original, alias)]
    if statement.module and {each.bound for each in ours} != {each.bound for each in statement.aliases}:
        # A formatter has merged it with others, or split it: its names go back as they stand.
        done.replace(*statement.module_span, original.module)
        done.replace(mark_at, end, "")
        return []
    end = max(end, statement.span.end)
    if mark[1] != SPLIT:
        done.edits.append(Edit(start, end, old + tail))
        return _plain(statement, original)
    line_start = max(each for each in line_starts(file.text) if each <= start)
    newline = next((each for each in ("\r\n", "\n", "\r") if file.text[:line_start].endswith(each)), "")
    above = forward.remainder(alone, original, ours) + tail + newline + file.text[line_start:start]
    if file.text[:start].endswith(above):
        done.edits.append(Edit(start - len(above), end, old + tail))
    else:  # somebody has moved or changed one of the two, so each goes back on its own
        again = f"from {original.module} import {forward.listed(alone, ours)}"
        done.edits.append(Edit(start, end, again + tail))
    return []


def _plain(statement: Import, original: Import) -> list[tuple[int, str]]:
    """Return the module of a plain import that was put back, for the uses below it."""
    modules = [alias.name for alias in original.aliases if alias.name in SHORT and not alias.renamed]
    ours = [alias.name_span.start for alias in statement.aliases if alias.bound == OURS]
    return list(zip(ours, modules, strict=False))


def _durable(file: PythonFile, done: Changes) -> None:
    """Take out each ``durable=True`` that ``--durable`` wrote."""
    starts = [*line_starts(file.text), len(file.text)]
    for number, start in enumerate(starts[:-1]):
        end = line_end(file.text, start)
        line = file.text[start:end]
        if not line.endswith(NOT_DURABLE):
            continue
        at = end - len(NOT_DURABLE)
        if line.strip() == f"durable=True,{NOT_DURABLE}":
            done.edits.append(Edit(start, starts[number + 1], ""))
        elif len(found := list(_ADDED.finditer(line))) == 1:
            done.edits += [Edit(start + found[0].start(), start + found[0].end(), ""), Edit(at, end, "")]
        else:
            done.leave(at, "says that durable was added to this line, which is not so any more")


def _arguments(file: PythonFile, done: Changes, *, everything: bool) -> None:
    """Take out the arguments that upstream's operator does not have, or say that they are there."""
    for call in file.operator_calls({OURS}):
        for at, argument in enumerate(call.args):
            if argument.keyword is None or argument.keyword.value not in OWN_ARGUMENTS:
                continue
            start, end = file.spans[argument]
            if at + 1 < len(call.args):
                end = file.spans[call.args[at + 1]].start
            elif at:
                start = file.spans[call.args[at - 1].value].end
            if any(edit.start <= file.spans[argument].start < edit.end for edit in done.edits):
                continue  # it was written by --durable, and is gone already
            if everything:
                done.edits.append(Edit(start, end, ""))
            elif done.edits:
                name = argument.keyword.value
                done.leave(start, f"upstream's operator has no {name}: take it out, or use --all")
