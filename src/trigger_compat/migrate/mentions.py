"""What still mentions one of the two operators after the edits: nothing of it is passed over in silence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import libcst as cst

from trigger_compat.dags.files import line_end
from trigger_compat.dags.names import OPERATOR, OURS
from trigger_compat.migrate.edits import Changes, Remark
from trigger_compat.migrate.homes import MODULES, SHORT_MARKS, WHOLE_MARK
from trigger_compat.migrate.python import Import, PythonFile, Span

IN_COMMENT: Final = "only in a comment"
IN_DOCSTRING: Final = "only in a docstring"
IN_STRING: Final = "in a string, which another program may read as a name"
IN_TEXT: Final = "not a file that this command rewrites"
_LOADERS: Final = ("__import__", "import_module", "import_string")
LOADERS: Final = re.compile("|".join(_LOADERS))


def left(file: PythonFile, changes: Changes, mention: re.Pattern[str], *, ours: bool) -> Iterator[Remark]:
    """Yield a remark for each mention that is not dealt with and is no plain use of an imported name.

    :param ours: it is this package that is not to be mentioned any more.
    """
    starts = {file.spans[name].start: name for name in file.names}
    settled = [*changes.settled, *marks(file.text), *(() if ours else _plain_uses(file))]
    done = -1  # the end of the line of the last remark: one is enough
    for found in mention.finditer(file.text):
        at = found.start() + (found[0][0] == ".")
        if at < done or any(start <= at < end for start, end in settled):
            continue
        if reason := _reason(file, at, starts.get(at)):
            yield Remark(at, reason)
            done = line_end(file.text, at)
    if not ours:
        yield from _computed(file)


def marks(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the marks of this command are."""
    for pattern in (SHORT_MARKS, WHOLE_MARK):
        yield from (found.span() for found in pattern.finditer(text))


def _plain_uses(file: PythonFile) -> Iterator[tuple[int, int]]:
    for statement in file.imports:
        if statement.module.split(".")[0] == OURS:
            yield statement.span
        for alias in statement.aliases if not statement.module else ():
            if alias.name == OURS:
                users = filter(None, map(file.attribute_of, file.users(statement, alias.bound)))
                yield from (file.spans[user] for user in users)
        for alias in statement.aliases:  # annotations between quotes
            quoted = file.users(statement, alias.bound) if alias.bound == OPERATOR else []
            yield from (file.spans[user] for user in quoted if isinstance(user, cst.SimpleString))


def _reason(file: PythonFile, at: int, name: cst.Name | None) -> str | None:
    def within(spans: Sequence[Span]) -> bool:
        return any(start <= at < end for start, end in spans)

    if within([file.spans[each] for each in file.comments]):
        return IN_COMMENT
    for string in file.strings:
        if within([file.spans[string]]):
            return IN_DOCSTRING if isinstance(file.parents.get(string), cst.Expr) else IN_STRING
    statement = next((each for each in file.imports if within([each.span])), None)
    if statement:
        return _of_import(statement)
    return _of_name(file, name) if name else "not a name that this command knows how to follow"


def _of_import(statement: Import) -> str:
    if statement.is_star:
        return "a star import does not say which names it brings: import the operator by name"
    if statement.module in MODULES.values():
        names = ", ".join(alias.name for alias in statement.aliases)
        return f"imports {names}, which {OURS} does not have"
    where = statement.module or "there"
    if where.split(".")[0] == OURS:
        return f"{where} has no counterpart upstream"
    return f"imported from {where}, which is not upstream's module: what that holds is not known here"


def _of_name(file: PythonFile, name: cst.Name) -> str | None:
    parent = file.parents.get(name)
    if isinstance(parent, (cst.ClassDef, cst.FunctionDef)) and parent.name is name:
        return "defined here, so it is not upstream's"
    if isinstance(parent, cst.Attribute) and parent.attr is name:
        return f"an attribute of {file.code(parent.value)}, which is not known to be upstream's module"
    if (isinstance(parent, cst.Arg) and parent.keyword is name) or isinstance(parent, cst.Param):
        return "the name of an argument"
    scope = file.scopes.get(name)
    if scope and name.value in scope:
        return None  # a plain use; where it comes from is an import or a definition of this file
    return "a name that this file does not import itself"


def _computed(file: PythonFile) -> Iterator[Remark]:
    """Yield the imports whose module is worked out at run time, or given in a form of its own."""
    for call in file.calls:
        called = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
        if not isinstance(called, cst.Name) or not call.args:
            continue
        first, at = call.args[0].value, file.spans[call].start
        if called.value in _LOADERS and not isinstance(first, cst.SimpleString):
            yield Remark(at, f"{called.value}() of a computed name, which may be upstream's")
        words = ("trigger_dagrun", "dagrun_operator")
        strings = [arg.value for arg in call.args if isinstance(arg.value, cst.SimpleString)]
        if called.value in (*_LOADERS, "getattr") and any(each.evaluated_value in words for each in strings):
            yield Remark(at, f"{called.value}() of upstream's module by parts of its name")


def in_text(
    text: str, mention: re.Pattern[str], settled: Sequence[tuple[int, int]], reason: str
) -> Iterator[Remark]:
    """Yield the mentions in a text that is not Python."""
    for found in mention.finditer(text):
        if not any(start <= found.start() < end for start, end in settled):
            yield Remark(found.start() + (found[0][0] == "."), reason)
