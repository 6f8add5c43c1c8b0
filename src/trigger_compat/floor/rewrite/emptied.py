"""The files of which a raise leaves nothing: tests without a test, modules without a statement."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from trigger_compat.floor.rewrite.change import Change
from trigger_compat.floor.rewrite.names import walk
from trigger_compat.floor.rewrite.newlines import normalised
from trigger_compat.floor.scan.model import Kind
from trigger_compat.floor.scan.source import Module
from trigger_compat.floor.scan.syntax import assigned_name
from trigger_compat.parsing import parse_python

_NO_TEST: Final = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr, ast.Pass)
_NOTHING: Final = (ast.Expr, ast.Pass)


def emptied(
    modules: Sequence[Module], all_modules: Sequence[Module], changes: Mapping[str, Change]
) -> list[tuple[str, Change]]:
    """Return the files of which nothing is left: tests without a test, modules without a statement."""
    found = []
    for module in modules:
        change = changes.get(module.file)
        if change is None or change.new is None or module.file.endswith(("__init__.py", "conftest.py")):
            continue
        tree = parse_python(normalised(change.new))
        is_test = module.kind is Kind.TESTS and bool(re.match(r"test_|.*_test$", module.parts[-1]))
        lost_all_tests = is_test and _has_tests(module.tree) and not _has_tests(tree)
        is_empty = _holds_only(tree, _NO_TEST if module.kind is Kind.TESTS else _NOTHING)
        others = (other for other in all_modules if other is not module)
        if (is_test and is_empty) or (
            (is_empty or lost_all_tests) and not any(_names(other, module, changes) for other in others)
        ):
            found.append((module.file, replace(change, new=None)))
    return found


def _holds_only(tree: ast.Module, kinds: tuple[type[ast.stmt], ...]) -> bool:
    return all(
        isinstance(statement, kinds) or _is_future(statement) or _exports_nothing(statement)
        for statement in tree.body
    )


def _has_tests(tree: ast.Module) -> bool:
    """Say whether a function or class has the name of a test, or of tests; one deep in another counts too."""
    return any(
        node.name.lower().startswith("test")
        for node in walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    )


def _names(other: Module, module: Module, changes: Mapping[str, Change]) -> bool:
    """Say whether another module, as it will be, may mean a module: by its name, not in another package."""
    name, parent = module.parts[-1], module.parts[-2] if len(module.parts) > 1 else ""
    if name not in other.words:
        return False
    change = changes.get(other.file)
    text = other.text if change is None else normalised(change.new or "")
    packages = re.findall(rf"(?:\b(\w+)\.)?\b{name}\b", text)
    return any(package in ("", parent) for package in packages)


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _exports_nothing(statement: ast.stmt) -> bool:
    """Say whether a statement is an empty ``__all__``."""
    if not isinstance(statement, ast.Assign) or assigned_name(statement) != "__all__":
        return False
    return isinstance(statement.value, (ast.List, ast.Tuple)) and not statement.value.elts
