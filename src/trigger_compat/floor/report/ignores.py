"""Comments that keep a finding out of the report: ``# floor: ignore[dead] reason``."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from typing import Final

from trigger_compat.floor.report.model import Problem
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.floor.scan.scanner import Scan
from trigger_compat.floor.scan.source import Module

COMMENT: Final = re.compile(r"#\s*floor:\s*ignore\b(?:\[([^\]]*)\])?[\s:-]*(.*)")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_KNOWN: Final = tuple(each.value for each in Category)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """A comment.

    :param line: where it stands.
    :param about: the line that it is about: its own, or the next one with code.
    :param categories: the categories it names; empty: all.
    """

    file: str
    line: int
    about: int
    categories: tuple[str, ...]
    reason: str

    def covers(self, removal: Removal) -> bool:
        return (
            removal.file == self.file
            and removal.line == self.about
            and (not self.categories or removal.category.value in self.categories)
        )


def apply(scan: Scan) -> tuple[Scan, tuple[Problem, ...]]:
    """Return a scan without the findings that comments ignore, and what is wrong with these comments.

    With a place goes what is inside it, and what it still uses: flags, imports and helpers.
    """
    comments = [each for module in scan.source.modules for each in _comments(module)]
    if not comments:
        return scan, ()
    problems = [problem for comment in comments for problem in _problems(comment, scan.removals)]
    ignored = [removal for removal in scan.removals if any(each.covers(removal) for each in comments)]
    texts = {module.file: module.lines for module in scan.source.modules}
    used = {
        word
        for removal in ignored
        for line in texts[removal.file][removal.line - 1 : removal.end]
        for word in _WORD.findall(line)
    }
    kept = [
        removal
        for removal in scan.removals
        if not any(_inside(removal, each) for each in ignored)
        and not (removal.category in (Category.FLAG, Category.FOLLOWS) and used & _names(removal, texts))
    ]
    return replace(scan, removals=tuple(kept)), tuple(problems)


def _comments(module: Module) -> Iterator[Ignore]:
    if "floor:" not in module.text:
        return
    for token in tokenize.generate_tokens(StringIO(module.text).readline):
        found = COMMENT.search(token.string) if token.type == tokenize.COMMENT else None
        if found:
            line, column = token.start
            about = line
            if not token.line[:column].strip():
                code = range(line + 1, len(module.lines) + 1)
                about = next((at for at in code if _is_code(module.lines[at - 1])), line)
            names = tuple(each.strip() for each in (found[1] or "").split(",") if each.strip())
            yield Ignore(file=module.file, line=line, about=about, categories=names, reason=found[2].strip())


def _is_code(line: str) -> bool:
    return bool(line.strip()) and not line.strip().startswith("#")


def _problems(comment: Ignore, removals: Sequence[Removal]) -> Iterator[Problem]:
    def problem(rule: str, message: str) -> Problem:
        return Problem(rule=rule, file=comment.file, line=comment.line, message=message)

    if not comment.reason:
        yield problem("ignore-without-reason", "floor: ignore has no reason; write one after it")
    unknown = [each for each in comment.categories if each not in _KNOWN]
    if unknown:
        known = ", ".join(_KNOWN)
        yield problem("unused-ignore", f"floor: ignore[{unknown[0]}] is no category; use one of {known}")
    elif not any(comment.covers(removal) for removal in removals):
        yield problem("unused-ignore", "floor: ignore is about nothing that was found; delete it")


def _inside(removal: Removal, ignored: Removal) -> bool:
    return removal == ignored or (
        ignored.whole
        and removal.file == ignored.file
        and ignored.line <= removal.line
        and removal.end <= ignored.end
    )


def _names(removal: Removal, texts: dict[str, list[str]]) -> set[str]:
    if removal.names:
        return set(removal.names)
    return set(_WORD.findall(texts[removal.file][removal.line - 1])) - {"from", "import", "def", "class"}
