"""What only dead code uses: imports, private helpers, and the flags' own machinery.

Found by the uses that are left, not by the flow: a name follows when it was used, and each place that uses
it is dead. Reported as a category of its own, because a use that cannot be seen (by a string made at run
time) is possible.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from trigger_compat.floor.evaluate import RELEASE_FUNCTION
from trigger_compat.floor.model import Category, Finding
from trigger_compat.floor.scopes import bound_name
from trigger_compat.floor.source import Module
from trigger_compat.floor.versions import NEVER, shown

Place = tuple[str, int, int]
"""File, line, column in bytes."""
_ROUNDS: Final = 10
_WORD: Final = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A definition or import that may follow."""

    module: Module
    name: str
    node: ast.stmt
    alias: ast.alias | None = None
    method: bool = False
    within: tuple[int, int] | None = None
    """The lines of the function that an import is local to."""


@dataclass(slots=True)
class Uses:
    """Where the names of a source are used."""

    names: dict[tuple[str, str], list[Place]] = field(default_factory=lambda: defaultdict(list))
    attributes: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    imports: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    words: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))


class Dead:
    """From which point on each place of the source is dead."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._spans: dict[str, list[Finding]] = defaultdict(list)
        for finding in findings:
            self.add(finding)

    def add(self, finding: Finding) -> None:
        self._spans[finding.file].append(finding)

    def at(self, place: Place) -> int:
        file, line, column = place
        points = (
            finding.dies
            for finding in self._spans.get(file, ())
            if finding.line <= line <= finding.end and _covers(finding, line, column)
        )
        return min(points, default=NEVER)


def _covers(finding: Finding, line: int, column: int) -> bool:
    if not finding.end_column:
        return True
    after_start = line > finding.line or column >= finding.column
    return after_start and (line < finding.end or column < finding.end_column)


def follow(
    modules: Sequence[Module], walked: Sequence[Module], findings: Sequence[Finding]
) -> Iterator[Finding]:
    """Yield what follows the findings, until nothing more does.

    :param modules: all of the source; ``walked`` those that findings can be in.
    """
    gone = [each for each in findings if each.category not in (Category.ANNOUNCED, Category.RESTATED)]
    if not gone:
        return
    affected = {each.file for each in gone}
    dead = Dead(gone)
    symbols = [symbol for module in walked if module.file in affected for symbol in _symbols(module)]
    uses = _uses(modules, {symbol.name for symbol in symbols})
    for _ in range(_ROUNDS):
        news = [(symbol, point) for symbol in symbols if (point := _death(symbol, uses, dead)) < NEVER]
        if not news:
            return
        found = {symbol for symbol, _ in news}
        symbols = [symbol for symbol in symbols if symbol not in found]
        for finding in _findings(news):
            dead.add(finding)
            yield finding


def _symbols(module: Module) -> Iterator[Symbol]:
    for node in _top_level(module.tree.body):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from _imports(module, node)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from _definitions(module, node)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Name) and _private(target.id):
                yield Symbol(module, target.id, node)
    yield from _local_imports(module)


def _imports(module: Module, node: ast.Import | ast.ImportFrom) -> Iterator[Symbol]:
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return
    for alias in node.names:
        if alias.name not in ("*", alias.asname):  # "X as X" is meant to be exported
            yield Symbol(module, bound_name(alias), node, alias)


def _definitions(
    module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
) -> Iterator[Symbol]:
    if _private(node.name) or node.name == RELEASE_FUNCTION:
        yield Symbol(module, node.name, node)
    if isinstance(node, ast.ClassDef):
        for method in node.body:
            if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)) and _private(method.name):
                yield Symbol(module, method.name, method, method=True)


def _local_imports(module: Module) -> Iterator[Symbol]:
    """Yield the imports inside functions."""
    seen: set[int] = set()
    for function in ast.walk(module.tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for node in ast.walk(function):
            if isinstance(node, (ast.Import, ast.ImportFrom)) and id(node) not in seen:
                seen.add(id(node))
                lines = (function.lineno, function.end_lineno or function.lineno)
                yield from (
                    Symbol(module, bound_name(alias), node, alias, within=lines) for alias in node.names
                )


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, those under conditions and in try blocks too."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            for name in ("body", "orelse", "finalbody"):
                yield from _top_level(getattr(node, name, ()))
            for handler in getattr(node, "handlers", ()):
                yield from _top_level(handler.body)


def _private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def _uses(modules: Sequence[Module], wanted: set[str]) -> Uses:
    """Find the uses of these names; a file in which none of the words stands is not looked into."""
    uses = Uses()
    for module in modules:
        if wanted.isdisjoint(_WORD.findall(module.text)):
            continue
        documentation = _docstrings(module.tree)
        for node in ast.walk(module.tree):
            _use(node, module.file, wanted, uses, documentation)
    return uses


def _use(node: ast.AST, file: str, wanted: set[str], uses: Uses, documentation: set[int]) -> None:
    if isinstance(node, ast.Name):
        if node.id in wanted and not isinstance(node.ctx, ast.Store):
            uses.names[file, node.id].append((file, node.lineno, node.col_offset))
    elif isinstance(node, ast.Attribute):
        if node.attr in wanted:
            uses.attributes[node.attr].append((file, node.end_lineno or node.lineno, node.col_offset))
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if alias.name in wanted:
                uses.imports[alias.name].append((file, alias.lineno, alias.col_offset))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
        for word in wanted.intersection(_WORD.findall(node.value)):
            uses.words[word].append((file, node.lineno, node.col_offset))


def _docstrings(tree: ast.Module) -> set[int]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found.add(id(node.value))
    return found


def _death(symbol: Symbol, uses: Uses, dead: Dead) -> int:
    """Return the point from which on nothing uses a symbol, if something did before."""
    own = symbol.alias or symbol.node
    here = (symbol.module.file, own.lineno, own.col_offset)
    already = dead.at(here)
    places = list(_places(symbol, uses))
    # Its own body may call it again.
    first, last = symbol.node.lineno, symbol.node.end_lineno or symbol.node.lineno
    outside = [
        place
        for place in places
        if symbol.alias or place[0] != symbol.module.file or not first <= place[1] <= last
    ]
    if not outside:
        return NEVER
    point = max(map(dead.at, outside))
    return point if point < already else NEVER


def _places(symbol: Symbol, uses: Uses) -> Iterator[Place]:
    file = symbol.module.file
    if symbol.within:
        first, last = symbol.within
        yield from (place for place in uses.names.get((file, symbol.name), ()) if first <= place[1] <= last)
        return
    if symbol.alias:
        yield from uses.names.get((file, symbol.name), ())
        yield from (place for place in uses.words.get(symbol.name, ()) if place[0] == file)
        # Another file may take it from here; an import of the same name from elsewhere is taken for that too.
        here = (symbol.alias.lineno, symbol.alias.col_offset)
        if _reexported(symbol):
            yield from (
                place for place in uses.imports.get(symbol.name, ()) if place[0] != file or place[1:] != here
            )
        return
    if not symbol.method:
        yield from uses.names.get((file, symbol.name), ())
        yield from uses.imports.get(symbol.name, ())
    yield from uses.attributes.get(symbol.name, ())
    yield from uses.words.get(symbol.name, ())


def _reexported(symbol: Symbol) -> bool:
    """Say whether other files might import the name from this one."""
    stem = symbol.module.parts[-1] if symbol.module.parts else ""
    return symbol.module.file.endswith("__init__.py") or "compat" in stem


def _findings(news: Sequence[tuple[Symbol, int]]) -> Iterator[Finding]:
    """Make one finding of the names of one import that go together."""
    together: Mapping[tuple[str, int, int], list[tuple[Symbol, int]]] = _grouped(news)
    for members in together.values():
        symbol, point = members[0]
        node = symbol.node
        whole = symbol.alias is None or len(members) == len(node.names)  # type: ignore[attr-defined]
        names = ", ".join(each.name for each, _ in members)
        if whole:
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
            yield Finding(
                file=symbol.module.file, line=first, end=node.end_lineno or first, category=Category.FOLLOWS,
                dies=point, reason=f"only code that is dead on Airflow >= {shown(point)} uses {names}",
            )  # fmt: skip
            continue
        for each, one in members:
            alias = each.alias
            if alias is None:
                continue
            line = each.module.lines[alias.lineno - 1]
            alone = line.partition("#")[0].strip().rstrip(",") == ast.unparse(alias)
            yield Finding(
                file=each.module.file, line=alias.lineno, end=alias.end_lineno or alias.lineno,
                column=alias.col_offset, end_column=alias.end_col_offset or 0,
                category=Category.FOLLOWS, dies=one,
                reason=f"only code that is dead on Airflow >= {shown(one)} uses {each.name}", whole=alone,
            )  # fmt: skip


def _grouped(news: Sequence[tuple[Symbol, int]]) -> Mapping[tuple[str, int, int], list[tuple[Symbol, int]]]:
    groups: dict[tuple[str, int, int], list[tuple[Symbol, int]]] = defaultdict(list)
    for symbol, point in news:
        groups[symbol.module.file, id(symbol.node), point].append((symbol, point))
    return groups
