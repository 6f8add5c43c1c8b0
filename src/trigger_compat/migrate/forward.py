"""From upstream's operator to this package's: the edits of one Python file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import libcst as cst

from trigger_compat.dags.files import line_end, line_starts, newline_of
from trigger_compat.dags.names import OURS
from trigger_compat.migrate.edits import Changes, Edit, apply, line_of
from trigger_compat.migrate.homes import MARK, MODULES, NAMES, SHORT, SPLIT, escaped
from trigger_compat.migrate.python import Alias, Import, PythonFile

PARENTS: Final = {
    (module.rpartition(".")[0], module.rpartition(".")[2]): module for module in MODULES.values()
}


def changes(file: PythonFile) -> Changes:
    """Return what makes a file use this package's operator."""
    done = Changes()
    for statement in file.imports:
        if statement.module in SHORT and not statement.is_star:
            _names(file, statement, done)
        elif statement.module:
            _modules_of_package(file, statement, done)
        else:
            _modules(file, statement, done)
    for call in file.operator_calls(SHORT):
        for argument in call.args:
            if argument.keyword and argument.keyword.value == "execution_date":
                done.leave(
                    file.spans[argument].start, "execution_date is gone since Airflow 3: use logical_date"
                )
    return done


def goes(statement: Import, alias: Alias) -> bool:
    """Whether a name of ``from ... import ...`` is one that this package has, or upstream's module itself."""
    if statement.module in SHORT:
        return alias.name in NAMES
    return (statement.module, alias.name) in PARENTS


def _names(file: PythonFile, statement: Import, done: Changes) -> None:
    """``from airflow.operators.trigger_dagrun import TriggerDagRunOperator``."""
    ours = [alias for alias in statement.aliases if goes(statement, alias)]
    if not ours:
        return
    if len(ours) < len(statement.aliases):
        _split(file, statement, ours, f"from {OURS} import {listed(file, ours)}", done)
    elif _mark(file, statement, MARK + SHORT[statement.module], done):
        done.replace(*statement.module_span, OURS)
        done.settled.append(statement.span)


def _modules_of_package(file: PythonFile, statement: Import, done: Changes) -> None:
    """``from airflow.operators import trigger_dagrun``."""
    ours = [alias for alias in statement.aliases if goes(statement, alias)]
    for alias in ours:
        if not _only_names(file, statement, alias, alias.bound, done):
            return
    if ours:
        new = f"import {', '.join(f'{OURS} as {alias.bound}' for alias in ours)}"
        _split(file, statement, ours, new, done)


def _modules(file: PythonFile, statement: Import, done: Changes) -> None:
    """``import airflow.operators.trigger_dagrun``, under another name or not."""
    for alias in [alias for alias in statement.aliases if alias.name in SHORT]:
        if not _only_names(file, statement, alias, alias.bound, done):
            continue
        root = None if alias.renamed else _binds(file, statement, alias)
        if root and (file.code(root) != "airflow" or len(statement.aliases) > 1):
            line = line_of(line_starts(file.text), file.spans[root].start)
            _refuse(statement, f"line {line} uses {file.code(root)}, which this import binds", done)
            continue
        mark = MARK + (escaped(file.code(statement.node)) if root else SHORT[alias.name])
        if _mark(file, statement, mark, done):
            done.replace(*alias.name_span, f"airflow, {OURS}" if root else OURS)
            if not alias.renamed:
                for user in file.users(statement, alias.bound):
                    done.replace(*file.spans[user], OURS)


def _only_names(file: PythonFile, statement: Import, alias: Alias, bound: str, done: Changes) -> bool:
    """Whether a module is used for nothing but names that both modules have."""
    used = []
    for user in file.users(statement, bound):
        attribute = file.attribute_of(user)
        if attribute is None or attribute.attr.value not in NAMES:
            in_text = isinstance(user, (cst.SimpleString, cst.ConcatenatedString))
            if in_text and alias.renamed:
                continue  # an annotation between quotes, whose name stays
            what = file.code(user if attribute is None else attribute)
            line = line_of(line_starts(file.text), file.spans[user].start)
            _refuse(statement, f"line {line} uses {what}, which {OURS} does not have", done)
            done.settled.append(file.spans[user])
            return False
        used.append(file.spans[attribute])
    done.settled += used
    return True


def _binds(file: PythonFile, statement: Import, alias: Alias) -> cst.CSTNode | None:
    """Return a use of a package that this import binds: ``airflow`` in ``airflow.DAG``, or a longer one."""
    packages = alias.name.split(".")
    prefixes = [".".join(packages[:length]) for length in range(len(packages) - 1, 0, -1)]
    users = [user for prefix in prefixes for user in file.users(statement, prefix)]
    others = {each.bound.split(".")[0] for each in _plain_aliases(file) if each.name not in SHORT}
    return None if packages[0] in others else next(iter(users), None)


def _plain_aliases(file: PythonFile) -> Iterator[Alias]:
    for each in file.imports:
        if not each.module:
            yield from (alias for alias in each.aliases if not alias.renamed)


def _mark(file: PythonFile, statement: Import, mark: str, done: Changes) -> bool:
    """Write a mark at the end of the last line of a statement."""
    at = line_end(file.text, statement.span.end)
    if file.in_string(at) or file.text[at - 1 : at] == "\\":
        _refuse(statement, "its line goes on, so there is no place for the mark", done)
        return False
    done.edits.append(Edit(at, at, mark))
    return True


def _refuse(statement: Import, reason: str, done: Changes) -> None:
    done.leave(statement.span.start, f"not rewritten: {reason}")
    done.settled.append(statement.span)


def listed(file: PythonFile, aliases: Sequence[Alias]) -> str:
    return ", ".join(file.text[alias.span.start : alias.span.end] for alias in aliases)


def _split(file: PythonFile, statement: Import, ours: Sequence[Alias], new: str, done: Changes) -> None:
    """Take some names out of an import, and import them on a line of their own."""
    start, end = statement.span
    line_start = max(each for each in line_starts(file.text) if each <= start)
    last = line_end(file.text, end)
    indent, tail = file.text[line_start:start], file.text[end:last]
    if indent.strip() or (tail.strip() and not tail.lstrip().startswith("#")):
        _refuse(statement, "it is not alone on its line, and has to become another import", done)
        return
    old = file.text[start:end]
    if len(ours) == len(statement.aliases):
        edit = Edit(start, last, new + tail + MARK + escaped(old))
    else:
        rest = remainder(file, statement, ours)
        again = newline_of(file.text, start) + indent
        edit = Edit(start, last, rest + tail + again + new + tail + SPLIT + escaped(old))
        kept = [alias.name for alias in statement.aliases if alias not in ours]
        if statement.module in SHORT:
            done.leave(start, f"still imports {', '.join(kept)} from upstream; {OURS} does not have it")
    done.edits.append(edit)
    done.settled.append(statement.span)


def remainder(file: PythonFile, statement: Import, gone: Sequence[Alias]) -> str:
    """Return an import without some of its names, otherwise as it is."""
    start, end = statement.span
    edits = []
    aliases = statement.aliases
    for index, alias in enumerate(aliases):
        if alias not in gone:
            continue
        if whole := _own_line(file, alias, statement):
            edits.append(Edit(*whole, ""))
        elif index + 1 < len(aliases):
            edits.append(Edit(alias.span.start, aliases[index + 1].span.start, ""))
        else:
            kept = max(index for index, each in enumerate(aliases) if each not in gone)
            edits = [edit for edit in edits if edit.end <= aliases[kept].span.start]
            edits.append(Edit(aliases[kept].span.end, alias.span.end, ""))
    shifted = [Edit(edit.start - start, edit.end - start, "") for edit in edits]
    return apply(file.text[start:end], shifted)


def _own_line(file: PythonFile, alias: Alias, statement: Import) -> tuple[int, int] | None:
    """Return the line of a name that has one to itself, between parentheses."""
    starts = line_starts(file.text)
    line = line_of(starts, alias.span.start)
    start, end = starts[line - 1], line_end(file.text, alias.span.end)
    before, after = file.text[start : alias.span.start], file.text[alias.span.end : end].strip()
    alone = not before.strip() and (
        not after or after[0] == "#" or after.lstrip(",").strip()[:1] in ("", "#")
    )
    parenthesised = isinstance(statement.node, cst.ImportFrom) and statement.node.lpar
    if not parenthesised or not alone or start < statement.span.start:
        return None
    return start, starts[line]
