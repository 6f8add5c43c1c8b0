"""A whole raise: what becomes of each file of a source, and what is left to a person."""

from __future__ import annotations

import ast
import difflib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from trigger_compat.dags.files import TextFile, Unreadable
from trigger_compat.dags.files import read as read_text
from trigger_compat.floor.rewrite import bounds, prose
from trigger_compat.floor.rewrite.names import names_of
from trigger_compat.floor.rewrite.newlines import normalised, with_newlines_of
from trigger_compat.floor.rewrite.python import without
from trigger_compat.floor.scan import scanner
from trigger_compat.floor.scan.model import Category, Kind, Removal, Role
from trigger_compat.floor.scan.releases import ReleaseTuple, floor_name, index_of
from trigger_compat.floor.scan.scanner import Scan
from trigger_compat.floor.scan.source import Module, Source
from trigger_compat.parsing import parse_python

_CATCHES_IMPORTS: Final = re.compile(r"except\b.*\b(?:ImportError|ModuleNotFoundError)")
_DEFINES: Final = (Role.DEFINITION, Role.EXPORT)
_ANNOUNCED: Final = (Category.ANNOUNCED,)
_NO_TEST: Final = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr, ast.Pass)
_NOTHING: Final = (ast.Expr, ast.Pass)


class Left(NamedTuple):
    """Something that a person has to look at.

    :param line: in the file as it is now; 0 for the file as a whole.
    """

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one file.

    :param old: its text, with its own newlines.
    :param new: what it becomes; None: the file goes.
    :param still_evaluated: the lines of assignments of which only the value stays.
    """

    file: str
    path: Path
    old: str
    new: str | None
    encoding: str
    still_evaluated: Sequence[int] = ()

    @property
    def content(self) -> bytes:
        return (self.new or "").encode(self.encoding)

    def line_after(self, line: int) -> int:
        """Return where a line stands once the change is made."""
        old, new = self.old.splitlines(), (self.new or "").splitlines()
        for tag, first, last, start, stop in difflib.SequenceMatcher(
            None, old, new, autojunk=False
        ).get_opcodes():
            if first < line <= last:
                return start + line - first if tag == "equal" else min(start + line - first, max(stop, 1))
        return line


@dataclass(frozen=True, slots=True)
class Raise:
    """The changes of all files, by file, and what is left."""

    changes: Mapping[str, Change]
    left: Sequence[Left]

    def left_after(self) -> list[Left]:
        """Return what is left, with the lines after the changes."""
        return [
            place._replace(line=self.changes[place.file].line_after(place.line))
            if place.line and place.file in self.changes
            else place
            for place in self.left
        ]


def raise_floor(scan: Scan, floor: ReleaseTuple, places: Mapping[str, Path], root: Path | None) -> Raise:
    """Return what a floor changes in a source; nothing is written.

    :param scan: that of the source.
    :param places: where each Python file of the source is.
    :param root: the folder of the source, for what is not Python; None: it has none.
    """
    by_file = proven(scan.removals, floor)
    changes, left = _change_all(scan, floor, by_file, places)
    while kept := _flags_in_use(by_file, changes):
        # Code that stays uses them: the modules that define them have to keep them.
        by_file = {
            file: [each for each in removals if each.role not in _DEFINES or not kept & {*each.names}]
            for file, removals in by_file.items()
        }
        changes, left = _change_all(scan, floor, by_file, places)
    _without_idle_handlers(scan.source, floor, changes)
    for kind in (Kind.TESTS, Kind.PACKAGE, Kind.DOCS):  # a deleted test uses no module
        modules = [module for module in scan.source.modules if module.kind is kind]
        changes.update(_emptied(modules, scan.source.modules, changes))
    if root:
        _raise_bounds(root, floor, changes, left)
        left += _prose(root, floor, changes)
    left += [Left(file, 0, f"cannot be read as Python: {problem}") for file, problem in scan.source.broken]
    left += _open(scan, floor, by_file, changes)
    reason = (
        "only deleted code used this value, but to evaluate it may have an effect; delete it if it has none"
    )
    left += [
        Left(change.file, line, reason)
        for change in changes.values()
        if change.new is not None
        for line in change.still_evaluated
    ]
    return Raise(changes, sorted(set(left)))


def _change_all(
    scan: Scan, floor: ReleaseTuple, by_file: Mapping[str, Sequence[Removal]], places: Mapping[str, Path]
) -> tuple[dict[str, Change], list[Left]]:
    """Return what becomes of each Python file, and those that cannot be read."""
    changes: dict[str, Change] = {}
    left: list[Left] = []
    for module in scan.source.modules:
        if removals := by_file.get(module.file):
            try:
                may_export = partial(_may_export, module, scan.source.modules)
                change = _change(read_text(places[module.file]), module, removals, floor, may_export)
            except Unreadable as error:
                left.append(Left(module.file, 0, str(error)))
                continue
            if change.new != change.old:
                changes[module.file] = change
    return changes, left


def _flags_in_use(by_file: Mapping[str, Sequence[Removal]], changes: Mapping[str, Change]) -> set[str]:
    """Return the flags whose definition goes somewhere, and whose import a file had to keep."""
    defined = {
        name
        for removals in by_file.values()
        for each in removals
        if each.role in _DEFINES
        for name in each.names
    }
    found: set[str] = set()
    for file, removals in by_file.items():
        imported = {name for each in removals if each.role is Role.IMPORT for name in each.names} & defined
        new = changes[file].new if file in changes else None
        names = {name for name in imported if re.search(rf"\b{name}\b", new or "")}
        if names or (imported and new is None):
            text = normalised(new or "")
            found |= names_of(parse_python(text)).loaded & names if new else imported
    return found


def proven(removals: Iterable[Removal], floor: ReleaseTuple) -> dict[str, list[Removal]]:
    """Return by file the removals that a floor allows, without those that only a comment announces."""
    point, found = index_of(floor), defaultdict(list)
    for removal in removals:
        if removal.removable_from <= point and removal.category not in _ANNOUNCED:
            found[removal.file].append(removal)
    return found


def _may_export(module: Module, modules: Sequence[Module], name: str) -> bool:
    """Say whether another module imports a name from a module, or names it as an attribute of that module."""
    own = module.parts[-1] if module.parts else ""
    pattern = re.compile(rf"\b{own}\.{name}\b|\b{own}\s+import\b(?:\s*\([^)]*|[^\n(]*)(?:\b{name}\b|\*)")
    return any(
        name in other.words and own in other.words and pattern.search(other.text)
        for other in modules
        if other is not module
    )


def _change(
    file: TextFile,
    module: Module,
    removals: Sequence[Removal],
    floor: ReleaseTuple,
    may_export: Callable[[str], bool],
) -> Change:
    checks = [removal for removal in removals if removal.category is Category.RESTATED]
    checked = bounds.raise_checks(module.text, checks, floor)
    same_places = list(map(len, checked.split("\n"))) == list(map(len, module.text.split("\n")))
    evaluated: set[str] = set()
    new = without(module.text, removals, module.tree, may_export, evaluated)
    if checks and new == module.text:
        new = checked
    elif checks and same_places:
        new = without(checked, removals, may_export=may_export)
    if normalised(file.text) != module.text:
        raise Unreadable("is read in another way than Python does; raise it by hand")
    lines = [
        node.lineno
        for node in (module.nodes if evaluated else ())
        if isinstance(node, ast.Assign) and ast.unparse(node) in evaluated
    ]
    return Change(module.file, file.path, file.text, with_newlines_of(file.text, new), file.encoding, lines)


def _without_idle_handlers(source: Source, floor: ReleaseTuple, changes: dict[str, Change]) -> None:
    """Take out the handlers of imports that no release fails any more, once a check above them is gone.

    Before: ``if not AIRFLOW_V_3_0_PLUS: return``, then ``try: from airflow.sdk import DAG`` with a handler
    After 3.0: ``from airflow.sdk import DAG``; only releases that have it came there before
    """
    modules = {
        module.file: replace(module, text=text, tree=parse_python(text))
        for module in source.modules
        if (change := changes.get(module.file))
        and _CATCHES_IMPORTS.search(text := normalised(change.new or ""))
    }
    found = scanner.scan(replace(source, modules=tuple(modules.values()), broken=()))
    for file, removals in proven(found.removals, floor).items():
        tree = modules[file].tree
        handlers = {
            (node.lineno, node.end_lineno) for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)
        }
        # Nothing else: what other modules do to a flag is not seen here.
        chosen = [removal for removal in removals if (removal.line, removal.end) in handlers]
        new = without(modules[file].text, chosen, tree)
        old = changes[file].old
        changes[file] = replace(changes[file], new=with_newlines_of(old, new))


def _emptied(
    modules: Sequence[Module], all_modules: Sequence[Module], changes: Mapping[str, Change]
) -> list[tuple[str, Change]]:
    """Return the files of which nothing is left: tests without a test, modules without a statement."""
    found = []
    for module in modules:
        change = changes.get(module.file)
        if change is None or change.new is None or module.file.endswith(("__init__.py", "conftest.py")):
            continue
        kinds = _NO_TEST if module.kind is Kind.TESTS else _NOTHING
        body = parse_python(normalised(change.new)).body
        if all(isinstance(statement, kinds) or _is_future(statement) for statement in body):
            name = module.parts[-1]
            is_test = module.kind is Kind.TESTS and re.match(r"test_|.*_test$", name)
            if is_test or not any(
                _names(other, name, changes) for other in all_modules if other is not module
            ):
                found.append((module.file, replace(change, new=None)))
    return found


def _names(module: Module, name: str, changes: Mapping[str, Change]) -> bool:
    """Say whether a module has a word in it once it is changed."""
    if name not in module.words:
        return False
    change = changes.get(module.file)
    return change is None or bool(re.search(rf"\b{name}\b", change.new or ""))


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _raise_bounds(root: Path, floor: ReleaseTuple, changes: dict[str, Change], left: list[Left]) -> None:
    found = False
    for name in bounds.FILES:
        path = root / name
        if not path.is_file() or path.is_symlink():
            continue
        try:
            file = read_text(path)
        except Unreadable as error:
            left.append(Left(name, 0, str(error)))
            continue
        before = changes[name].new if name in changes else None
        text = normalised(before or file.text)
        new, remarks = bounds.raise_file(name, text, floor)
        found = found or bool(bounds.declared_in(new))
        left += [Left(name, line, reason) for line, reason in remarks]
        if new != normalised(file.text):
            changes[name] = Change(name, path, file.text, with_newlines_of(file.text, new), file.encoding)
    if not found:
        names = ", ".join(bounds.FILES)
        left.append(
            Left(".", 0, f"no bound on apache-airflow was found in {names}; raise it where it is declared")
        )


def _prose(root: Path, floor: ReleaseTuple, changes: Mapping[str, Change]) -> Iterator[Left]:
    for file, line, text in prose.places(root, floor):
        change = changes.get(file)
        if change and text not in (change.new or ""):
            continue
        yield Left(file, line, f"names an older Airflow: {text[:100]}")


def _open(
    scan: Scan, floor: ReleaseTuple, by_file: Mapping[str, Sequence[Removal]], changes: Mapping[str, Change]
) -> Iterator[Left]:
    """Yield what the scan cannot decide, and what comments announce, in what is left of the files."""
    point = index_of(floor)

    def goes(file: str, line: int) -> bool:
        change = changes.get(file)
        return (change is not None and change.new is None) or any(
            removal.whole and not removal.end_column and removal.line <= line <= removal.end
            for removal in by_file.get(file, ())
            if removal.category is not Category.RESTATED
        )

    for place in scan.undecided:
        if not goes(place.file, place.line):
            yield Left(place.file, place.line, f"not decided: {place.code}: {place.reason}")
    for removal in scan.removals:
        is_announced = removal.category is Category.ANNOUNCED and removal.removable_from <= point
        if is_announced and not any(goes(removal.file, line) for line in (removal.line, removal.end)):
            since = floor_name(removal.removable_from)
            reason = f"a comment says that this can go from {since} on; the code does not prove it"
            yield Left(removal.file, removal.line, reason)
