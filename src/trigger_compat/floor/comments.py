"""What comments and docstrings announce: "remove this method when min airflow version >= 3.0"."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Final

from trigger_compat.floor.model import Category, Finding
from trigger_compat.floor.source import Module
from trigger_compat.floor.versions import EVERY, GRID, Release, death, from_release, index_of, shown

_HINT: Final = re.compile(r"airflow", re.IGNORECASE)
_GOES: Final = re.compile(
    r"\b(remove|removed|drop|dropped|delete|deleted|get rid of|clean ?up)\b", re.IGNORECASE
)
_VERSION: Final = r"(?P<version>\d+\.\d+(?:\.\d+)?)"
_MINIMUM: Final = re.compile(
    r"min(?:imum|imal)?[ _-]*(?:supported[ _-]*)?airflow(?:[ _-]*version)?"
    r"|airflow[ _-]*min(?:imum)?"
    r"|minimum (?:supported )?version of airflow"
    r"|(?:provider\w*|provider packages) (?:rely|depends?|relies|require) (?:up)?on"
    r"|(?:is|as) the (?:new )?min(?:imum)?\b",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(
    rf"(?:higher than|greater than|newer than|above|>(?!=)|beyond)\s*v?{_VERSION}", re.IGNORECASE
)
_FROM: Final = re.compile(
    rf"(?:airflow[^.\d]{{0,60}}|>=\s*|is\s+|to\s+|at least\s+|version\s+)v?{_VERSION}", re.IGNORECASE
)
_HIGHER_THAN_ITS: Final = re.compile(rf"higher than the version that .*?\({_VERSION}\)", re.IGNORECASE)
_TARGETS: Final = (
    (re.compile(r"\bthis (if|if-else|branch|check)\b", re.IGNORECASE), (ast.If,)),
    (re.compile(r"\bthis (method|function)\b|^#\s*(method|function) can be", re.IGNORECASE),
     (ast.FunctionDef, ast.AsyncFunctionDef)),
    (re.compile(r"\bthis class\b", re.IGNORECASE), (ast.ClassDef,)),
)  # fmt: skip
_SPEAKS_OF_RELEASES: Final = re.compile(r"airflow|\b[123]\.\d+|\bAF ?[123]\b", re.IGNORECASE)
_JOINT: Final = " \u2029"
"""Between the lines of a comment."""
_LOOKAHEAD: Final = 8
"""Lines between a comment and the statement that it is about, at most."""


def announced(module: Module) -> Iterator[Finding]:
    """Yield the statements whose comment says at which floor they go."""
    if not (_HINT.search(module.text) and _MINIMUM.search(module.text)):
        return
    nodes = list(ast.walk(module.tree))
    statements = [node for node in nodes if isinstance(node, ast.stmt)]
    yield from _in_docstrings(nodes, module)
    handlers = {_first(node.body[0]): node for node in nodes if isinstance(node, ast.ExceptHandler)}
    for line, column, text in _comments(module):
        release = floor_in(text)
        if release is None:
            continue
        node = _target(statements, line, column, text, module)
        if node is None:
            continue
        first = _first(node)
        handler = handlers.get(first)
        if handler and handler.lineno < line < first:  # the first words of a fallback are about all of it
            yield from _finding(module, release, handler.lineno, handler.end_lineno)
            continue
        header_only = isinstance(node, ast.With) and first < line
        start = min(line - text.count(_JOINT), first)
        yield from _finding(module, release, start, line if header_only else node.end_lineno)


def explaining(module: Module, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the comments about Airflow that are right above dead code, and would be left without it.

    :param findings: those of the module.
    """
    dead = {each.line: each for each in findings if each.category is Category.DEAD and each.whole}
    if not dead:
        return
    for line, column, text in _comments(module):
        code = dead.get(line + 1)
        own_line = not module.lines[line - 1][:column].strip()
        if code and own_line and _indent(module.lines[line]) == column and _SPEAKS_OF_RELEASES.search(text):
            yield Finding(
                file=module.file,
                line=line - text.count(_JOINT),
                end=line,
                category=Category.FOLLOWS,
                dies=code.dies,
                reason=f"it is about code that is dead on Airflow >= {shown(code.dies)}",
            )


def _in_docstrings(nodes: Iterable[ast.AST], module: Module) -> Iterator[Finding]:
    """Yield the functions and classes whose docstring has a paragraph that says when they go."""
    for node in nodes:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for paragraph in re.split(r"\n\s*\n", ast.get_docstring(node) or ""):
            release = floor_in(paragraph)
            if release and any(
                pattern.search(paragraph) and isinstance(node, kinds) for pattern, kinds in _TARGETS
            ):
                yield from _finding(module, release, _first(node), node.end_lineno)


def _finding(module: Module, release: Release, first: int, end: int | None) -> Iterator[Finding]:
    point = death(EVERY & ~from_release(release)) if index_of(release) < len(GRID) else len(GRID)
    if point < len(GRID):
        yield Finding(
            file=module.file,
            line=first,
            end=end or first,
            category=Category.ANNOUNCED,
            dies=point,
            reason=f"its comment says so, for Airflow >= {shown(point)}",
        )


def _comments(module: Module) -> Iterator[tuple[int, int, str]]:
    """Yield the comments, those on lines below one another as one: the line of the last, and its column."""
    block: list[str] = []
    last = (0, 0)
    for token in _tokens(module.text):
        if token.type != tokenize.COMMENT:
            continue
        line, column = token.start
        own_line = not token.line[:column].strip()
        if block and (line != last[0] + 1 or column != last[1] or not own_line):
            yield (*last, _JOINT.join(block))
            block = []
        block.append(token.string if not block else token.string.lstrip("# "))
        last = (line, column)
        if not own_line:
            yield (*last, _JOINT.join(block))
            block = []
    if block:
        yield (*last, _JOINT.join(block))


def _tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    try:
        yield from tokenize.generate_tokens(StringIO(text).readline)
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return


def floor_in(comment: str) -> Release | None:
    """Return the floor at which a comment says that code goes, or None."""
    found = _MINIMUM.search(comment)
    if not found or not _GOES.search(comment):
        return None
    # Only what the same sentence says.
    sentence = comment[max(0, found.start() - 60) : found.end() + 80]
    after = _AFTER.search(sentence)
    version = after or _FROM.search(sentence)
    if after is None and (later := _HIGHER_THAN_ITS.search(comment)):
        after = version = later
    if not version:
        return None
    parts = [int(part) for part in version["version"].split(".")]
    if not after:
        return (parts[0], parts[1], parts[2] if len(parts) > 2 else 0)  # noqa: PLR2004
    if len(parts) > 2:  # noqa: PLR2004
        return (parts[0], parts[1], parts[2] + 1)
    return next((release for release in GRID if release[:2] > (parts[0], parts[1])), None)


def _target(statements: list[ast.stmt], line: int, column: int, text: str, module: Module) -> ast.stmt | None:
    """Return the statement that a comment is about."""
    wanted = next((kinds for pattern, kinds in _TARGETS if pattern.search(text)), None)
    inline = module.lines[line - 1][:column].strip()
    if inline:
        on_line = [node for node in statements if node.lineno == line]
        return max(on_line, key=lambda node: node.col_offset, default=None)
    after = sorted(
        (
            node
            for node in statements
            if line < _first(node) <= line + _LOOKAHEAD and node.col_offset == column
        ),
        key=_first,
    )
    suppressing = [
        node
        for node in statements
        if isinstance(node, ast.With)
        and node.body[0].lineno > line > node.lineno
        and "suppress" in ast.unparse(node.items[0])
    ]
    if suppressing and not wanted:
        return max(suppressing, key=lambda node: node.lineno)
    if wanted:
        match = next((node for node in after if isinstance(node, wanted)), None)
        inside = [node for node in statements if node.lineno < line <= (node.end_lineno or 0)]
        around = [
            node for node in inside if isinstance(node, wanted) and node.body[0].lineno > line - _LOOKAHEAD
        ]
        return match or max(around, key=lambda node: node.lineno, default=None)
    return after[0] if after and _first(after[0]) == _next_code(module, line) else None


def _next_code(module: Module, line: int) -> int:
    for at in range(line, len(module.lines)):
        text = module.lines[at].strip()
        if text and not text.startswith("#"):
            return at + 1
    return 0


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _first(node: ast.stmt) -> int:
    """Return the line where a statement begins, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])
