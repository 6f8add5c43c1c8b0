"""Small questions about ``ast`` nodes and the lines that they stand on. Lines are counted from 1."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

FunctionDefinition = ast.FunctionDef | ast.AsyncFunctionDef
ImportStatement = ast.Import | ast.ImportFrom
Assignment = ast.Assign | ast.AnnAssign

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_OPERATORS: Final = ("ctx", "op", "ops", "type_comment", "arg", "attr", "kind")


class _Fields(dict[type[ast.AST], tuple[str, ...]]):
    """The fields of each type of node that hold other nodes."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        self[kind] = tuple(field for field in kind._fields if field not in _OPERATORS)
        return self[kind]


_FIELDS: Final = _Fields({ast.Constant: (), ast.Name: ()})
_EXCERPT_LENGTH: Final = 80
_ELSE: Final = re.compile(r"\s*else\s*:")


def lines_of(text: str) -> list[str]:
    """Return the lines of a text as the parser counts them: a form feed ends none."""
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def character(line: str, offset: int) -> int:
    """Return the index of the character at an offset in bytes, which is how the parser counts."""
    return offset if line.isascii() else len(line.encode()[:offset].decode(errors="ignore"))


def is_alone(lines: Sequence[str], node: ast.stmt, end: ast.stmt) -> bool:
    """Say whether no other statement is on the lines of statements, as in ``a = 1; b = 2``."""
    before = lines[first_line(node) - 1].encode()[: node.col_offset]
    after = lines[last_line(end) - 1].encode()[end.end_col_offset or 0 :]
    return not before.strip() and not after.partition(b"#")[0].strip(b" ;")


def first_line(node: Any) -> int:
    """Return the line on which a node begins, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return int(min([node.lineno, *(decorator.lineno for decorator in decorators)]))


def last_line(node: Any) -> int:
    """Return the line on which a node ends."""
    return int(node.end_lineno or node.lineno)


def holds_one_of(lines: Sequence[int], node: ast.stmt) -> bool:
    """Say whether a statement stands on one of these lines, which are in order."""
    index = bisect_left(lines, first_line(node))
    return index < len(lines) and lines[index] <= last_line(node)


def excerpt(node: ast.AST) -> str:
    """Return the code of a node on one line of at most 80 characters, for a message."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _EXCERPT_LENGTH else f"{text[: _EXCERPT_LENGTH - 3]}..."


def contains(node: ast.AST, wanted: type[ast.AST]) -> bool:
    """Say whether a node of some type is anywhere in another one."""
    return any(isinstance(inner, wanted) for inner in nodes_in(node))


def nodes_in(root: ast.AST) -> list[ast.AST]:
    """Return a node and all that is in it, as ``ast.walk`` does, but without operators and contexts.

    Most of the time of a scan was spent in ``ast.walk``; this takes a third of that.
    """
    found = [root]
    for node in found:  # the list grows
        for name in _FIELDS[type(node)]:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                found.append(value)
            elif isinstance(value, list):
                found += [part for part in value if isinstance(part, ast.AST)]
    return found


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes in the body of a function, without those of functions and classes inside it."""
    waiting: list[ast.AST] = list(getattr(scope, "body", ()))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*_FUNCTIONS, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))


def has_elif(node: ast.stmt) -> bool:
    """Say whether an ``if`` has an ``elif``, for which the parser gives an ``if`` alone in the ``else``."""
    orelse: list[ast.stmt] = getattr(node, "orelse", [])
    only = orelse[0] if len(orelse) == 1 else None
    return isinstance(node, ast.If) and isinstance(only, ast.If) and only.col_offset == node.col_offset


def header_end(node: ast.stmt, lines: Sequence[str]) -> int:
    """Return the last line of the header of a block; ``):`` may stand on a line of its own."""
    test: ast.expr | None = getattr(node, "test", None)
    if isinstance(node, (ast.With, ast.AsyncWith)):
        test = node.items[-1].optional_vars or node.items[-1].context_expr
    end = (test.end_lineno if test is not None else None) or node.lineno
    return end + 1 if end < len(lines) and lines[end].lstrip().startswith("):") else end


def else_line(first: ast.stmt, before: ast.AST, lines: Sequence[str]) -> int:
    """Return the line of an ``else:``, which has no node of its own.

    :param first: the first statement in the ``else`` block.
    :param before: the last node before the ``else``.
    """
    for line in range(first_line(first), getattr(before, "end_lineno", 0) or 0, -1):
        if _ELSE.match(lines[line - 1]):
            return line
    return first.lineno


def targets_of(node: Assignment) -> list[ast.expr]:
    """Return what an assignment assigns to."""
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def assigned_name(node: Assignment) -> str | None:
    """Return the name that an assignment binds; None if it is not one plain name."""
    targets = targets_of(node)
    return targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else None


def takes_arguments(node: FunctionDefinition) -> bool:
    """Say whether a function has any parameter."""
    given = node.args
    return bool(given.posonlyargs or given.args or given.kwonlyargs or given.vararg or given.kwarg)


def last_part(dotted: str) -> str:
    """Return what follows the last dot: ``parse`` of ``packaging.version.parse``."""
    return dotted.rpartition(".")[2]


def absolute(node: ast.ImportFrom, package: tuple[str, ...]) -> str:
    """Return the module that ``from ... import`` names, seen from a package."""
    if not node.level:
        return node.module or ""
    base = package[: len(package) - node.level + 1]
    return ".".join((*base, *filter(None, [node.module])))


def top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, including those under conditions and in ``try`` blocks."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            for name in ("body", "orelse", "finalbody"):
                yield from top_level(getattr(node, name, ()))
            for handler in getattr(node, "handlers", ()):
                yield from top_level(handler.body)
