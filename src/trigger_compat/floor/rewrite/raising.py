"""A whole raise: what becomes of each file of a source, and what is left to a person."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from trigger_compat.dags.files import TextFile, Unreadable
from trigger_compat.dags.files import read as read_text
from trigger_compat.floor.rewrite import bounds, remaining
from trigger_compat.floor.rewrite.change import Change, Left, Raise
from trigger_compat.floor.rewrite.emptied import emptied
from trigger_compat.floor.rewrite.names import names_of
from trigger_compat.floor.rewrite.newlines import normalised, with_newlines_of
from trigger_compat.floor.rewrite.python import Remarks, without
from trigger_compat.floor.scan import scanner
from trigger_compat.floor.scan.model import Category, Kind, Removal, Role
from trigger_compat.floor.scan.releases import ReleaseTuple, index_of
from trigger_compat.floor.scan.scanner import Scan
from trigger_compat.floor.scan.source import Module, Source
from trigger_compat.floor.scan.uses import patch_pattern
from trigger_compat.parsing import parse_python

_CATCHES_IMPORTS: Final = re.compile(r"except\b.*\b(?:ImportError|ModuleNotFoundError)")
_DEFINES: Final = (Role.DEFINITION, Role.EXPORT)
_ANNOUNCED: Final = (Category.ANNOUNCED,)


def raise_floor(scan: Scan, floor: ReleaseTuple, places: Mapping[str, Path], root: Path | None) -> Raise:
    """Return what a floor changes in a source; nothing is written.

    :param scan: that of the source.
    :param places: where each Python file of the source is.
    :param root: the folder of the source, for what is not Python; None: it has none.
    """
    by_file = proven(scan.removals, floor)
    changes, left, done = _change_all(scan, floor, by_file, places)
    while kept := _flags_in_use(by_file, changes):
        # Code that stays uses them: the modules that define them have to keep them.
        by_file = {
            file: [each for each in removals if each.role not in _DEFINES or not kept & {*each.names}]
            for file, removals in by_file.items()
        }
        changes, left, done = _change_all(scan, floor, by_file, places)
    _without_idle_handlers(scan.source, floor, changes)
    for kind in (Kind.TESTS, Kind.PACKAGE, Kind.DOCS):  # a deleted test uses no module
        modules = [module for module in scan.source.modules if module.kind is kind]
        changes.update(emptied(modules, scan.source.modules, changes))
    if root:
        _raise_bounds(root, floor, changes, left)
    left += remaining.of(scan, floor, done, changes, root)
    return Raise(changes, sorted(set(left)))


def _change_all(
    scan: Scan, floor: ReleaseTuple, by_file: Mapping[str, Sequence[Removal]], places: Mapping[str, Path]
) -> tuple[dict[str, Change], list[Left], dict[str, Sequence[Removal]]]:
    """Return what becomes of each Python file, what stays there, and the removals that were carried out."""
    changes: dict[str, Change] = {}
    left: list[Left] = []
    done = dict(by_file)
    for module in scan.source.modules:
        if found := by_file.get(module.file):
            removals = [removal for removal in found if not _is_old_check(removal, scan.source.floor)]
            left += [
                Left(module.file, removal.line, "refuses an Airflow that the declared floor refuses already")
                for removal in found
                if removal not in removals
            ]
            remarks = Remarks()
            try:
                may_export = partial(_may_export, module, scan.source.modules)
                change = _change(read_text(places[module.file]), module, removals, floor, may_export, remarks)
            except Unreadable as error:
                left.append(Left(module.file, 0, str(error)))
                continue
            left += [
                Left(module.file, removal.line, f"dead code that has to stay: {reason}")
                for removal, reason in remarks.kept
            ]
            done[module.file] = [removal for removal in removals if removal not in remarks.kept_parts]
            if change.new != change.old:
                changes[module.file] = change
    return changes, left, done


def _is_old_check(removal: Removal, declared: ReleaseTuple | None) -> bool:
    """Say whether a place refuses releases, and allows some that are older than the declared floor."""
    is_check = removal.category is Category.RESTATED
    return is_check and declared is not None and removal.removable_from < index_of(declared)


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
    patch = patch_pattern(own, name)
    return any(
        name in other.words
        and own in other.words
        and (pattern.search(other.text) or patch.search(other.text))
        for other in modules
        if other is not module
    )


def _change(  # noqa: PLR0917
    file: TextFile,
    module: Module,
    removals: Sequence[Removal],
    floor: ReleaseTuple,
    may_export: Callable[[str], bool],
    remarks: Remarks,
) -> Change:
    checks = [removal for removal in removals if removal.category is Category.RESTATED]
    checked = bounds.raise_checks(module.text, checks, floor)
    same_places = list(map(len, checked.split("\n"))) == list(map(len, module.text.split("\n")))
    new = without(module.text, removals, module.tree, may_export, remarks)
    if checks and new == module.text:
        new = checked
    elif checks and same_places:
        new = without(checked, removals, may_export=may_export)
    if normalised(file.text) != module.text:
        raise Unreadable("is read in another way than Python does; raise it by hand")
    lines = [
        node.lineno
        for node in (module.nodes if remarks.still_evaluated else ())
        if isinstance(node, ast.Assign) and ast.unparse(node) in remarks.still_evaluated
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
