"""Names that other code of the source changes from outside: ``compat.AIRFLOW_V_3_0_PLUS = False``."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, TypeGuard

from trigger_compat.floor.scan.abstract_values import Unknown
from trigger_compat.floor.scan.airflow_version import flag_by_name
from trigger_compat.floor.scan.bindings import bound_name
from trigger_compat.floor.scan.model import Kind
from trigger_compat.floor.scan.source import Module

_ANY: Final = "*"
_BY_NAME: Final = re.compile(r"\b(?:import_module|__import__)\(|sys\.modules\b")
_CHANGES: Final = {"update", "setdefault", "pop"}
_MAY_ASSIGN: Final = {"setattr", "delattr", "del", "__dict__", "vars"}
_PATCHES: Final = {"setattr", "delattr", "patch"}
_SETS_VERSION: Final = re.compile(r"\bairflow(?:\.version)?\.(?:__version__|version)\s*=(?!=)")
_VERSION_TEXT: Final = re.compile(r"airflow(?:\.version)?\.(?:__version__|version)")
_NAMESPACE: Final = re.compile(r"vars\((.+)\)|(.+)\.__dict__")


def assigned_attributes(modules: Iterable[Module], names: Collection[str]) -> set[str]:
    """Return those of some names that code assigns to a module or class.

    What only tests patch keeps its value elsewhere. An instance may have any attribute, of which only those
    with a flag's name count.
    """
    if not names:
        return set()
    either = "|".join(map(re.escape, names))
    assigned = re.compile(rf"\.(?:{either})\b\s*(?:[:,)]|[-+|&^]?=(?!=))")
    wanted = frozenset(names)
    found = {
        name
        for module in modules
        if module.kind is not Kind.TESTS
        and (
            not _MAY_ASSIGN.isdisjoint(module.words)
            or (not wanted.isdisjoint(module.words) and assigned.search(module.text))
        )
        for name in _assigned(module.nodes)
    }
    return set(names) if _ANY in found else found & set(names)


def changes_version(module: Module, flags: Collection[str]) -> bool:
    """Say whether a module makes Airflow, or a name that tests the version, say something else.

    Before: ``@mock.patch("airflow.__version__", "2.9")`` above a test that calls ``is_airflow_2()``
    After any floor: the same, since nothing is certain in such a module but its own flags

    :param flags: the names of flags, and of functions that ask for the version.
    """
    if _SETS_VERSION.search(module.text):
        return True
    if _PATCHES.isdisjoint(module.words):
        return False
    calls = (node for node in module.nodes if isinstance(node, ast.Call))
    return any(
        _patches(call, flags) for call in calls if not _PATCHES.isdisjoint(ast.unparse(call.func).split("."))
    )


def _patches(call: ast.Call, flags: Collection[str]) -> bool:
    target = _text(call.args[0]) if call.args else _ANY
    if target != _ANY:  # a dotted name
        return bool(_VERSION_TEXT.fullmatch(target)) or target.rpartition(".")[2] in flags
    name = _text(call.args[1]) if len(call.args) > 1 else _ANY
    return name in flags or name == "__version__"


def _assigned(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Yield the names that code assigns; :data:`_ANY` if it makes the name of a module's attribute."""
    roots = set(_modules(nodes))
    for node in nodes:
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            if _is_module(node.value, roots) or not isinstance(flag_by_name(node.attr), Unknown):
                yield node.attr
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            if _is_namespace(node.value, roots):
                yield _text(node.slice)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) > 1:
            name = _text(node.args[1])
            if node.func.id in ("setattr", "delattr") and (
                name != _ANY or _BY_NAME.search(ast.unparse(node.args[0]))
            ):
                yield name
        elif _changes_namespace(node, roots):
            yield from (keyword.arg or _ANY for keyword in node.keywords)
            yield from map(_text, node.args[:1])


def _modules(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Yield the names that may be modules: imported, or got by a text."""
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from map(bound_name, node.names)
        elif isinstance(node, ast.Assign) and _BY_NAME.search(ast.unparse(node.value)):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _is_module(node: ast.expr, roots: Collection[str]) -> bool:
    text = ast.unparse(node)
    return re.split(r"\W", text)[0] in roots or bool(_BY_NAME.search(text))


def _is_namespace(node: ast.expr, roots: Collection[str]) -> bool:
    found = _NAMESPACE.fullmatch(ast.unparse(node))
    return found is not None and _is_module(ast.parse(found[1] or found[2], mode="eval").body, roots)


def _changes_namespace(node: ast.AST, roots: Collection[str]) -> TypeGuard[ast.Call]:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    return node.func.attr in _CHANGES and _is_namespace(node.func.value, roots)


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else _ANY
