"""What a rewrite leaves without a use: local variables, names of caught exceptions, and mere re-exports."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from trigger_compat.floor.scan.bindings import bound_name
from trigger_compat.floor.scan.imports import is_harmless

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_MAX_ROUNDS: Final = 10


def without_leftovers(before: ast.Module, text: str) -> str:
    """Return a rewritten text without what only the deleted code used.

    Before: ``old = find()``, then ``if not AIRFLOW_V_3_0_PLUS: use(old)``
    After 3.0: ``find()``, since the call may do more than return something

    :param before: the module as it was.
    """
    for _ in range(_MAX_ROUNDS):
        edit = next(_edits(before, ast.parse(text)), None)
        if edit is None:
            return text
        text = _applied(text, edit)
    return text


_Edit = tuple[int, int, int, int, str]
"""First line, column in bytes, last line, column in bytes, and the text that stands there instead."""


def _edits(before: ast.Module, after: ast.Module) -> Iterator[_Edit]:
    used_before = _loads(before, in_strings=False)
    for function in ast.walk(after):
        if isinstance(function, _FUNCTIONS):
            used = _loads(function, in_strings=False)
            for node in ast.walk(function):
                yield from _unused(node, {name for name in used_before if name not in used})
    bound = Counter(_bound(before))
    tried = {name for node in ast.walk(before) if isinstance(node, ast.Try) for name in _imported(node.body)}
    used = _loads(after)
    for node in after.body:
        for alias in node.names if isinstance(node, ast.ImportFrom) else ():
            name = bound_name(alias)
            if (bound[name] > 1 or name in tried) and name not in used | used_before and not alias.asname:
                yield _at(alias, alias, f"{name} as {name}")  # another module may import it from here
        if isinstance(node, ast.Import) and len(node.names) == 1:
            name = bound_name(node.names[0])
            if name in tried and name not in used | used_before:  # only whether it works was asked
                yield _at(node, node, "pass")


def _unused(node: ast.AST, names: set[str]) -> Iterator[_Edit]:
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id in names:
            if is_harmless(node.value):
                yield _at(node, node, "pass")
            else:
                yield (node.lineno, node.col_offset, node.value.lineno, node.value.col_offset, "")
    elif isinstance(node, ast.ExceptHandler) and node.type and node.name in names:
        first = node.type.end_lineno or node.lineno, node.type.end_col_offset or 0
        yield (*first, *first, "\0")  # see _applied


def _at(first: ast.stmt | ast.alias, last: ast.stmt | ast.alias, text: str) -> _Edit:
    return first.lineno, first.col_offset, last.end_lineno or 0, last.end_col_offset or 0, text


def _applied(text: str, edit: _Edit) -> str:
    line, column, end, end_column, new = edit
    lines = [line_text.encode() for line_text in text.split("\n")]
    head, tail = lines[line - 1][:column], lines[end - 1][end_column:]
    if new == "\0":  # " as name" up to the colon
        new, tail = "", tail[tail.index(b":") :]
    lines[line - 1 : end] = [head + new.encode() + tail]
    return b"\n".join(lines).decode()


def _loads(tree: ast.AST, *, in_strings: bool = True) -> set[str]:
    """Return the names that code loads or deletes.

    :param in_strings: whether a string may name one too, as in ``__all__``.
    """
    names = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store)
    }
    for node in ast.walk(tree):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            names.update(node.names)
        elif in_strings and isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    return names


def _imported(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from map(bound_name, node.names)


def _bound(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            yield bound_name(node)
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
