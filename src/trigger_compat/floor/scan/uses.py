"""Where the names of a source are used, and which places are dead."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from trigger_compat.floor.scan.model import Removal
from trigger_compat.floor.scan.releases import NEVER, Point
from trigger_compat.floor.scan.source import Module
from trigger_compat.floor.scan.syntax import absolute, character, last_line, last_part

Place = tuple[str, int, int]
"""File, line from 1, column in characters from 0."""
Resolve = Callable[[str], "Module | None"]
_WORD: Final = re.compile(r"[A-Za-z_]\w*")


def place_of(module: Module, node: Any) -> Place:
    """Return where a node begins."""
    return module.file, node.lineno, character(module.lines[node.lineno - 1], node.col_offset)


@dataclass(slots=True)
class Uses:
    """Where the names of a source are used.

    :param names: by file and name.
    :param origins: the dotted module that each import is from.
    :param bases: what stands before the dot of each attribute, its last part.
    :param words: the words in strings, since code may import or look up a name by a string.
    """

    names: dict[tuple[str, str], list[Place]] = field(default_factory=lambda: defaultdict(list))
    attributes: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    imports: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    origins: dict[Place, str] = field(default_factory=dict)
    bases: dict[Place, str] = field(default_factory=dict)
    words: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))


class DeadCode:
    """Answers from which floor on a place of the source is dead."""

    def __init__(self, removals: Iterable[Removal]) -> None:
        self._by_file: dict[str, list[Removal]] = defaultdict(list)
        for removal in removals:
            self.add(removal)

    def add(self, removal: Removal) -> None:
        self._by_file[removal.file].append(removal)

    def at(self, place: Place) -> Point:
        """Return the lowest floor at which a place goes, or ``NEVER``."""
        file, line, column = place
        points = (
            removal.removable_from
            for removal in self._by_file.get(file, ())
            if removal.line <= line <= removal.end and _covers(removal, line, column)
        )
        return min(points, default=NEVER)


def _covers(removal: Removal, line: int, column: int) -> bool:
    if not removal.end_column:
        return True
    after_start = line > removal.line or column >= removal.column
    return after_start and (line < removal.end or column < removal.end_column)


def uses_of(modules: Sequence[Module], wanted: set[str]) -> Uses:
    """Find the uses of these names. Most files have none of the words, which is fast to see."""
    uses = Uses()
    for module in modules:
        if wanted.isdisjoint(module.words):
            continue
        docstrings = {
            id(node.value)
            for node in module.nodes
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in module.nodes:
            if id(node) not in docstrings:
                _add_use(node, module, wanted, uses)
    return uses


def _add_use(node: ast.AST, module: Module, wanted: set[str], uses: Uses) -> None:
    file = module.file
    if isinstance(node, ast.Name):
        if node.id in wanted and not isinstance(node.ctx, ast.Store):
            uses.names[file, node.id].append(place_of(module, node))
    elif isinstance(node, ast.Attribute):
        if node.attr in wanted:
            line = last_line(node)  # where the attribute itself is
            end = character(module.lines[line - 1], node.end_col_offset or 1)
            place = (file, line, end - 1)
            uses.attributes[node.attr].append(place)
            uses.bases[place] = last_part(ast.unparse(node.value))
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if alias.name in wanted or alias.name == "*":
                place = place_of(module, alias)
                uses.imports[alias.name].append(place)
                uses.origins[place] = absolute(node, module.package)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        for word in wanted.intersection(_WORD.findall(node.value)):
            uses.words[word].append(place_of(module, node))


def imports_of(name: str, module: Module, uses: Uses, resolve: Resolve) -> Iterator[Place]:
    """Yield where other modules import a name from a module, and where they use it after an import of all.

    :param resolve: returns the module of the source that a dotted name means.
    """
    for place in uses.imports.get(name, ()):
        if _means(uses.origins[place], module, resolve):
            yield place
    for place in uses.imports.get("*", ()):
        if _means(uses.origins[place], module, resolve):
            yield from uses.names.get((place[0], name), ())


def patches_of(name: str, module: Module, modules: Iterable[Module]) -> Iterator[Place]:
    """Yield where a text or ``setattr`` may mean a name in a module: ``patch("package.hook.NEW", False)``."""
    own = module.parts[-1] if module.parts else ""
    pattern = patch_pattern(own, name)
    for other in modules:
        if other is not module and name in other.words and own in other.words:
            for match in pattern.finditer(other.text):
                line = other.text.count("\n", 0, match.end()) + 1
                yield other.file, line, match.end() - other.text.rfind("\n", 0, match.end()) - 2


def patch_pattern(module: str, name: str) -> re.Pattern[str]:
    """Return a pattern of what may change a name of a module from outside; ``f"{HOOK}.NEW"`` may mean any."""
    quoted = rf"{name}[\"']"
    return re.compile(
        rf"[\"'][\w.]*\b{module}\.{quoted}|\}}\.{quoted}|setattr\(\s*(?:\w+\.)*{module},\s*[\"']{quoted}"
    )


def _means(origin: str, module: Module, resolve: Resolve) -> bool:
    found = resolve(origin)
    if found is None:  # it is not in the source, or several modules are called so
        parts = tuple(origin.split("."))
        return module.parts[-len(parts) :] == parts
    return found is module
