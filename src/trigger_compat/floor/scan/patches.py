"""Names that other code of the source changes from outside: ``compat.AIRFLOW_V_3_0_PLUS = False``."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator

from trigger_compat.floor.scan.abstract_values import Unknown
from trigger_compat.floor.scan.airflow_version import flag_by_name
from trigger_compat.floor.scan.bindings import bound_name
from trigger_compat.floor.scan.model import Kind
from trigger_compat.floor.scan.source import Module


def assigned_attributes(modules: Iterable[Module], names: Collection[str]) -> set[str]:
    """Return those of some names that code assigns to a module or class.

    What only tests patch keeps its value elsewhere. An instance may have any attribute, of which only those
    with a flag's name count.
    """
    if not names:
        return set()
    either = "|".join(map(re.escape, names))
    pattern = re.compile(rf"\.(?:{either})\b\s*(?:[:,)]|[-+|&^]?=(?!=))|(?:set|del)attr\(|\bdel\b")
    return {
        name
        for module in modules
        if module.kind is not Kind.TESTS and pattern.search(module.text)
        for name in _assigned(module.tree)
        if name in names
    }


def _assigned(tree: ast.Module) -> Iterator[str]:
    imported = {
        bound_name(alias)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            root = ast.unparse(node.value)
            of_module = re.split(r"\W", root)[0] in imported
            if of_module or not isinstance(flag_by_name(node.attr), Unknown):
                yield node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) > 1:
            name = node.args[1]
            if node.func.id in ("setattr", "delattr") and isinstance(name, ast.Constant):
                yield str(name.value)
