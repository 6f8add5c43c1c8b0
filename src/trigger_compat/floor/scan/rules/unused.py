"""What only dead code uses: imports, private helpers, and the functions behind the flags.

This rule does not follow the flow. It looks at the uses of a name: the name goes if there are any, and all of
them are dead. These removals have a category of their own, because code may use a name in a way that cannot
be seen, such as by a string that is built at run time.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from trigger_compat.floor.scan.airflow_version import RELEASE_FUNCTION
from trigger_compat.floor.scan.bindings import bound_name
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.floor.scan.releases import NEVER, Point, floor_name
from trigger_compat.floor.scan.source import Module
from trigger_compat.floor.scan.syntax import (
    ImportStatement,
    character,
    first_line,
    is_alone,
    last_line,
    nodes_in,
    top_level,
)
from trigger_compat.floor.scan.uses import (
    DeadCode,
    Place,
    Resolve,
    Uses,
    imports_of,
    patches_of,
    place_of,
    uses_of,
)

_MAX_ROUNDS: Final = 10


@dataclass(frozen=True, slots=True)
class _Symbol:
    """A definition or an imported name that may have no use left.

    :param alias: the imported name, if it is one.
    :param function: the first and last line of the function that an import is local to.
    """

    module: Module
    name: str
    node: ast.stmt
    alias: ast.alias | None = None
    is_method: bool = False
    function: tuple[int, int] | None = None


def unused(
    modules: Sequence[Module], walked: Sequence[Module], removals: Sequence[Removal], resolve: Resolve
) -> Iterator[Removal]:
    """Yield what only dead code uses, then what only that uses, until there is nothing more.

    Before: ``import os``, ``def _old(): return os.name``, and ``if not AIRFLOW_V_3_0_PLUS: _old()``
    After 3.0: nothing, since the branch is dead, then the helper, then the import

    :param modules: all modules of the source.
    :param walked: those that removals can be in.
    :param resolve: returns the module of the source that a dotted name means.
    """
    gone = [
        removal for removal in removals if removal.category not in (Category.ANNOUNCED, Category.RESTATED)
    ]
    if not gone:
        return
    affected = {removal.file for removal in gone}
    dead = DeadCode(gone)
    symbols = [symbol for module in walked if module.file in affected for symbol in _symbols(module)]
    uses = uses_of(modules, {symbol.name for symbol in symbols})
    for _ in range(_MAX_ROUNDS):
        points = {
            symbol: point
            for symbol in symbols
            if (point := _unused_from(symbol, modules, uses, dead, resolve)) < NEVER
        }
        if not points:
            return
        symbols = [symbol for symbol in symbols if symbol not in points]
        for removal in _removals(points):
            dead.add(removal)
            yield removal


def _symbols(module: Module) -> Iterator[_Symbol]:
    for node in top_level(module.tree.body):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from _imported(module, node)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from _defined(module, node)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Name) and _is_private(target.id):
                yield _Symbol(module, target.id, node)
    yield from _local_imports(module)


def _imported(module: Module, node: ImportStatement) -> Iterator[_Symbol]:
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return
    for alias in node.names:
        if alias.name not in ("*", alias.asname):  # "X as X" is an export
            yield _Symbol(module, bound_name(alias), node, alias)


def _defined(
    module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
) -> Iterator[_Symbol]:
    if _is_private(node.name) or node.name == RELEASE_FUNCTION:
        yield _Symbol(module, node.name, node)
    if isinstance(node, ast.ClassDef):
        for method in node.body:
            if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_private(method.name):
                yield _Symbol(module, method.name, method, is_method=True)


def _local_imports(module: Module) -> Iterator[_Symbol]:
    """Yield the imports inside functions, each with the outermost function around it."""
    seen: set[int] = set()
    for function in module.nodes:
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        lines = (function.lineno, last_line(function))
        for node in nodes_in(function):
            if isinstance(node, (ast.Import, ast.ImportFrom)) and id(node) not in seen:
                seen.add(id(node))
                for alias in node.names:
                    yield _Symbol(module, bound_name(alias), node, alias, function=lines)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def _unused_from(
    symbol: _Symbol, modules: Sequence[Module], uses: Uses, dead: DeadCode, resolve: Resolve
) -> Point:
    """Return the floor from which on nothing uses a symbol.

    :returns: ``NEVER`` too if nothing used it before, or if it goes earlier for another reason.
    """
    own = symbol.alias or symbol.node
    places = list(_places(symbol, uses, resolve))
    if not symbol.alias:  # a function that only calls itself is not used
        lines = range(symbol.node.lineno, last_line(symbol.node) + 1)
        places = [place for place in places if place[0] != symbol.module.file or place[1] not in lines]
    point = max(map(dead.at, places), default=NEVER)
    if point < NEVER and symbol.alias and not symbol.function:  # a test may patch it here
        patches = patches_of(symbol.name, symbol.module, modules)
        point = max(point, *map(dead.at, patches), 0)
    return point if point < dead.at(place_of(symbol.module, own)) else NEVER


def _places(symbol: _Symbol, uses: Uses, resolve: Resolve) -> Iterator[Place]:
    """Yield the places that use a symbol, or may."""
    file = symbol.module.file
    in_file = uses.names.get((file, symbol.name), ())
    if symbol.function:
        first, last = symbol.function
        yield from (place for place in in_file if first <= place[1] <= last)
    elif symbol.alias:
        yield from in_file
        yield from (place for place in uses.words.get(symbol.name, ()) if place[0] == file)
        # Another file may use it from here: by an import, or as an attribute of this module.
        here = place_of(symbol.module, symbol.alias)
        yield from (place for place in imports_of(symbol.name, symbol.module, uses, resolve) if place != here)
        for place in uses.attributes.get(symbol.name, ()):
            if place[0] != file and uses.bases[place] in symbol.module.parts[-1:]:
                yield place
    else:
        if not symbol.is_method:
            yield from in_file
            yield from uses.imports.get(symbol.name, ())
        yield from uses.attributes.get(symbol.name, ())
        yield from uses.words.get(symbol.name, ())


def _removals(points: dict[_Symbol, Point]) -> Iterator[Removal]:
    """Yield one removal for all names of an import statement, or else one for each name."""
    groups: dict[tuple[str, int, Point], list[_Symbol]] = defaultdict(list)
    for symbol, point in points.items():
        groups[symbol.module.file, id(symbol.node), point].append(symbol)
    for (_, _, point), symbols in groups.items():
        node = symbols[0].node
        if symbols[0].alias is None or len(symbols) == len(getattr(node, "names", ())):
            names = tuple(symbol.name for symbol in symbols)
            alone = is_alone(symbols[0].module.lines, node, node)
            yield _removal(symbols[0].module, first_line(node), last_line(node), point, names, whole=alone)
        else:
            for symbol in symbols:
                if symbol.alias:
                    yield _imported_name(symbol, symbol.alias, point)


def _removal(
    module: Module, line: int, end: int, point: Point, names: tuple[str, ...], *, whole: bool = True
) -> Removal:
    return Removal(
        file=module.file,
        line=line,
        end=end,
        category=Category.FOLLOWS,
        removable_from=point,
        reason=f"only code that is dead on Airflow >= {floor_name(point)} uses {', '.join(names)}",
        whole=whole,
        names=names,
    )


def _imported_name(symbol: _Symbol, alias: ast.alias, point: Point) -> Removal:
    """Return the removal of one name of an import."""
    lines = symbol.module.lines
    code = lines[alias.lineno - 1].partition("#")[0]
    return replace(
        _removal(symbol.module, alias.lineno, last_line(alias), point, (symbol.name,)),
        column=character(lines[alias.lineno - 1], alias.col_offset),
        end_column=character(lines[last_line(alias) - 1], alias.end_col_offset or 0),
        whole=code.strip().rstrip(",") == ast.unparse(alias),
    )
