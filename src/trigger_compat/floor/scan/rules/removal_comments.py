"""Comments that say when code goes: "remove this method when min airflow version >= 3.0"."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from trigger_compat.floor.scan.comments import Comment, comments_of
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.floor.scan.releases import (
    ALL_RELEASES,
    GRID,
    NEVER,
    ReleaseTuple,
    first_without,
    floor_name,
    from_release,
)
from trigger_compat.floor.scan.source import Module
from trigger_compat.floor.scan.syntax import first_line

_AIRFLOW: Final = re.compile(r"airflow", re.IGNORECASE)
_GOES: Final = re.compile(
    r"\b(remove|removed|drop|dropped|delete|deleted|get rid of|clean ?up|simplify|go away|unneeded"
    r"|obsolete)\b",
    re.IGNORECASE,
)
_MAY_ANNOUNCE: Final = re.compile(
    r"#[^\n]*?\b(?:[Rr]emove|REMOVE|[Dd]rop|[Dd]elete|[Gg]et|[Cc]lean|[Ss]implify|away|unneeded|Unneeded|obsolete|Obsolete"
    r"|TODO|FIXME|[Tt]odo|[Ff]ixme)"
    r"|his (?:if|branch|check|method|function|class)\b"
)
"""A file without any of these has no such comment; the patterns below take longer to look."""
_IS_TASK: Final = re.compile(r"^\W*(?:todo|fixme)\b", re.IGNORECASE)
_IS_TO_DO: Final = re.compile(
    r"\b(?:when|once|after|until|till|with|if|as soon as|todo|fixme|can|should|to be|this)\b", re.IGNORECASE
)
"""Without such a word a comment tells what was done long ago."""
_VERSION: Final = r"(?P<version>\d+\.\d+(?:\.\d+)?)"
_MINIMUM: Final = re.compile(
    r"min(?:imum|imal)?[ _-]*(?:supported[ _-]*)?airflow(?:[ _-]*version)?"
    r"|airflow[ _-]*min(?:imum)?"
    r"|minimum (?:supported )?version of airflow"
    r"|(?:provider\w*|provider packages) (?:rely|depends?|relies|require) (?:up)?on"
    r"|(?:is|as|becomes) the (?:new )?min(?:imum)?\b"
    r"|(?:provider\w*|packages?|we) requires? (?:apache-)?airflow"
    r"|min(?:imum|imal)?[ _-]*(?:supported[ _-]*)?version",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(
    rf"(?:higher than|greater than|newer than|above|>(?!=)|beyond)\s*v?{_VERSION}", re.IGNORECASE
)
_FROM: Final = re.compile(
    rf"(?:airflow[^.\d]{{0,60}}|>=\s*|is\s+|to\s+|at least\s+|version\s+)v?{_VERSION}", re.IGNORECASE
)
_HIGHER_THAN_ITS: Final = re.compile(rf"higher than the version that .*?\({_VERSION}\)", re.IGNORECASE)
_ENDS: Final = re.compile(
    r"(?:airflow|\baf) ?v?(?P<dropped>\d(?:\.\d+)?)(?:\.x)?\b(?: \w+)? (?:support )?"
    r"(?:is|are|gets?|has been|was) "
    r"(?:dropped|removed|gone|no longer supported|unsupported|eol|end[ -]of[ -]life)"
    r"|(?:airflow|\baf) ?v?(?P<over>\d(?:\.\d+)?)(?:\.x)? (?:reaches|has reached|hits) (?:its )?"
    r"(?:eol|end[ -]of[ -]life)"
    r"|(?:no longer|not|don't|do not) (?:need to )?support(?:ing)? (?:airflow|\baf) ?v?"
    r"(?P<old>\d(?:\.\d+)?)(?:\.x)?\b(?![\w.])"
    r"|(?:drop|dropp(?:ed|ing)|remov(?:e|ed|ing)|end(?:ed|ing)?|stop(?:ped|ping)?) (?:the )?"
    r"(?:support(?:ing)? )?(?:for |of |with )?(?:airflow|\baf) ?v?(?P<ended>\d(?:\.\d+)?)(?:\.x)?\b(?![\w.])"
    r"|(?:support|drop\w*|remove this)(?: support)?(?: for)? (?:airflow|\baf) ?(?:versions? )?"
    r"(?:<|older than|before|below) ?v?(?P<below>\d\.\d+)"
    r"|(?:removed?|deleted?|drop|dropped)(?: this| it)? with (?:airflow|\baf) ?v?(?P<with>\d)\b(?![\w.])"
    r"|only (?:support|need|require|run on|work with)s? (?:airflow|\baf)? ?(?:>=)? ?v?(?P<only>\d(?:\.\d+)?)"
    r"(?:\.x)?"
    r"(?:\+| ?(?:and|or) (?:later|newer|above|up)|(?=\W|$))",
    re.IGNORECASE,
)
"""Other words for a floor: "when Airflow 2 support is dropped", "once we only support 3+"."""
_MAJOR_ALONE: Final = re.compile(
    r"min(?:imum|imal)?[ _-]*(?:supported[ _-]*)?(?:airflow[ _-]*)?version(?: of airflow)?"
    r"(?: (?:is|becomes|will be|reaches|to))? ?(?:>=|at least)? ?(?:airflow )?v?(?P<version>\d)\b(?![\w.])",
    re.IGNORECASE,
)
_HINTS: Final = (
    re.compile(r"min(?:imum|imal)?[ _-]*(?:supported[ _-]*)?(?:airflow|version)"),
    re.compile(r"airflow(?:[ _-]*min| ?(?:versions? )?(?:(?:<|older than|before|below) ?)?v?\d)"),
    re.compile(r"the (?:new )?min"),
    re.compile(r"requires? (?:(?:apache-)?airflow|(?:up)?on\b)"),
    re.compile(r"(?:rel(?:y|ies)|depends?) (?:up)?on\b"),
    re.compile(r"af ?(?:versions? )?(?:(?:<|older than|before|below) ?)?v?\d"),
    re.compile(r"only (?:support|need|require|run on|work with)"),
)
"""What ``_MINIMUM`` and ``_ENDS`` need, in lower case; each begins with plain letters, which is fast."""
_SUBJECTS: Final = (
    (re.compile(r"\bthis (if|if-else|branch|check)\b", re.IGNORECASE), (ast.If,)),
    (re.compile(r"\bthis (method|function)\b|^#\s*(method|function) can be", re.IGNORECASE),
     (ast.FunctionDef, ast.AsyncFunctionDef)),
    (re.compile(r"\bthis class\b", re.IGNORECASE), (ast.ClassDef,)),
)  # fmt: skip
_LOOKAHEAD: Final = 8
"""The most lines between a comment and the statement that it is about."""


def announced(module: Module) -> Iterator[Removal]:
    """Yield the statements whose comment or docstring says at which floor they go.

    Before: ``# Remove this once the minimum Airflow version is 3.0``, then ``if soft_fail: ...``
    After 3.0: nothing, if the comment is right; the code does not prove it
    """
    if not _MAY_ANNOUNCE.search(module.text) or not _AIRFLOW.search(module.text):
        return
    lower = module.text.lower()
    if not any(hint.search(lower) for hint in _HINTS):
        return
    if not any(pattern.search(module.text) for pattern in (_MINIMUM, _ENDS)):
        return
    nodes = module.nodes
    statements = [node for node in nodes if isinstance(node, ast.stmt)]
    yield from _by_docstrings(nodes, module)
    handlers = {first_line(node.body[0]): node for node in nodes if isinstance(node, ast.ExceptHandler)}
    for comment in comments_of(module.text):
        release = floor_in(comment.text)
        node = _subject(statements, comment, module) if release else None
        if release is None or node is None:
            continue
        first = first_line(node)
        handler = handlers.get(first)
        if (
            handler and handler.lineno < comment.last < first
        ):  # a comment that opens a handler is about all of it
            yield from _removal(module, release, handler.lineno, handler.end_lineno)
            continue
        header_only = isinstance(node, ast.With) and first < comment.last
        end = comment.last if header_only else node.end_lineno
        yield from _removal(module, release, min(comment.first, first), end)


def _by_docstrings(nodes: Iterable[ast.AST], module: Module) -> Iterator[Removal]:
    """Yield the functions and classes whose docstring has a paragraph that says when they go."""
    for node in nodes:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for paragraph in re.split(r"\n\s*\n", ast.get_docstring(node) or ""):
            release = floor_in(paragraph)
            if release and any(
                pattern.search(paragraph) and isinstance(node, types) for pattern, types in _SUBJECTS
            ):
                yield from _removal(module, release, first_line(node), node.end_lineno)


def _removal(module: Module, release: ReleaseTuple, first: int, end: int | None) -> Iterator[Removal]:
    point = first_without(ALL_RELEASES & ~from_release(release))
    if point < NEVER:
        yield Removal(
            file=module.file,
            line=first,
            end=end or first,
            category=Category.ANNOUNCED,
            removable_from=point,
            reason=f"a comment says that it can go at Airflow >= {floor_name(point)}",
        )


def floor_in(comment: str) -> ReleaseTuple | None:
    """Return the floor at which a comment says that code goes, or None if it does not say so."""
    ends = _ENDS.search(comment)
    if ends and _IS_TO_DO.search(comment):
        others = comment[: ends.start()] + comment[ends.end() :]
        if ends["with"] or _GOES.search(others) or _GOES.match(ends[0]) or _IS_TASK.search(comment):
            return _after_the_end(ends)
    found = _MINIMUM.search(comment)
    if not found or not _GOES.search(comment):
        return None
    alone = _MAJOR_ALONE.search(comment)
    if alone:
        return int(alone["version"]), 0, 0
    # The version must stand near the word "minimum"; another sentence may be about another version.
    sentence = comment[max(0, found.start() - 60) : found.end() + 80]
    after = _AFTER.search(sentence)
    version = after or _FROM.search(sentence)
    if after is None and (later := _HIGHER_THAN_ITS.search(comment)):
        after = version = later
    if not version:
        return None
    major, minor, *patch = map(int, version["version"].split("."))
    if not after:
        return (major, minor, patch[0] if patch else 0)
    if patch:
        return (major, minor, patch[0] + 1)
    return next((release for release in GRID if release[:2] > (major, minor)), None)


def _after_the_end(found: re.Match[str]) -> ReleaseTuple | None:
    """Return the first release after those that are dropped, or the first of those that are left."""
    names = ("only", "below", "dropped", "ended", "with", "over", "old")
    major, _, minor = next(filter(None, map(found.group, names))).partition(".")
    if found["only"] or found["below"]:
        return int(major), int(minor or 0), 0
    last = (int(major), int(minor)) if minor else (int(major),)
    return next((release for release in GRID if release[: len(last)] > last), None)


def _subject(statements: Sequence[ast.stmt], comment: Comment, module: Module) -> ast.stmt | None:
    """Return the statement that a comment is about: beside it, around it, or below it."""
    line = comment.last
    if module.lines[line - 1][: comment.column].strip():  # it stands behind code
        on_line = [node for node in statements if node.lineno == line]
        return max(on_line, key=lambda node: node.col_offset, default=None)
    about = ". ".join(sentence for sentence in re.split(r"[.!?]\s", comment.text) if _GOES.search(sentence))
    wanted = next((types for pattern, types in _SUBJECTS if pattern.search(about)), None)
    below = sorted(
        (
            node
            for node in statements
            if line < first_line(node) <= line + _LOOKAHEAD and node.col_offset == comment.column
        ),
        key=first_line,
    )
    if wanted:
        around = [
            node
            for node in statements
            if isinstance(node, wanted)
            and node.lineno < line <= (node.end_lineno or 0)
            and node.body[0].lineno > line - _LOOKAHEAD
        ]
        first_below = next((node for node in below if isinstance(node, wanted)), None)
        return first_below or max(around, key=lambda node: node.lineno, default=None)
    suppressing = [
        node
        for node in statements
        if isinstance(node, ast.With)
        and node.body[0].lineno > line > node.lineno
        and "suppress" in ast.unparse(node.items[0])
    ]
    if suppressing:
        return max(suppressing, key=lambda node: node.lineno)
    return below[0] if below and first_line(below[0]) == _next_code_line(module, line) else None


def _next_code_line(module: Module, line: int) -> int:
    """Return the first line below that is neither blank nor a comment, or 0."""
    for number, text in enumerate(module.lines[line:], start=line + 1):
        if text.strip() and not text.lstrip().startswith("#"):
            return number
    return 0
