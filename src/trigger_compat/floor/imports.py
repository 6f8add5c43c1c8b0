"""What an import can do on each release: succeed, fail, or who knows."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from trigger_compat.floor.evaluate import absolute
from trigger_compat.floor.names import Names, Presence
from trigger_compat.floor.values import Reach
from trigger_compat.floor.versions import EVERY

IMPORT_ERRORS: Final = {"ImportError", "Exception", "BaseException"}
MODULE_ERROR: Final = "ModuleNotFoundError"


@dataclass(frozen=True, slots=True)
class Effect:
    """Where an import surely works, where it surely fails, and why it is not known elsewhere.

    :param missing: where it fails because the module itself is not there.
    """

    works: int
    fails: int
    missing: int
    about: str
    problem: str = ""


def effect(node: ast.Import | ast.ImportFrom, package: tuple[str, ...], names: Names) -> Effect:
    """Return what an import statement does, all of its names together."""
    if isinstance(node, ast.Import):
        parts = [_module(alias.name, names) for alias in node.names]
    else:
        module = absolute(node, package)
        parts = [_name(module, alias.name, names) for alias in node.names]
    works, fails, missing = EVERY, 0, 0
    for part in parts:
        works, fails, missing = works & part.works, fails | part.fails, missing | part.missing
    about = parts[0].about if len(parts) == 1 else f"{parts[0].about} and {len(parts) - 1} more"
    limiting = next((part.problem for part in parts if part.problem), "")
    return Effect(works, fails, missing, about, limiting)


def _module(name: str, names: Names) -> Effect:
    problem = _foreign(name) or _unknown(name, names)
    presence = Presence() if problem else names.module(name)
    return Effect(presence.present, presence.absent, presence.absent, name, problem)


def _name(module: str, name: str, names: Names) -> Effect:
    about = f"{module}.{name}"
    problem = _foreign(module)
    if problem:
        return Effect(0, 0, 0, about, problem)
    if not names.knows(module):
        return Effect(0, 0, 0, about, _unknown(module, names))
    there = names.module(module)
    if name == "*":
        return Effect(there.present, there.absent, there.absent, about)
    presence = names.name(module, name)
    if not presence.present:
        # The module is known; a name that no known release has may be one of the next.
        known_absent = there.absent if there.present else 0
        return Effect(0, known_absent, known_absent, about, f"no known release has {about}")
    absent = presence.absent | (there.present & ~presence.present & presence.absent) | there.absent
    return Effect(presence.present, absent & ~presence.present, there.absent, about)


def _foreign(module: str) -> str:
    """Say why the table of Airflow's names does not speak of a module."""
    top = module.partition(".")[0]
    if module.startswith("airflow.providers."):
        return f"it depends on which provider is installed whether {module} is there"
    if top != "airflow":
        return f"{module or 'it'} is not a part of Airflow"
    return ""


def _unknown(module: str, names: Names) -> str:
    return "" if names.knows(module) else f"no known release has the module {module}"


@dataclass(slots=True)
class Attempt:
    """What the body of a ``try`` may raise, gathered while it is walked."""

    may: int = 0
    must: int = 0
    missing: int = 0
    reasons: list[str] = field(default_factory=list)
    about: list[str] = field(default_factory=list)
    only_imports: bool = True

    def imported(self, found: Effect, reach: Reach) -> None:
        self.may |= reach.may & ~found.works
        self.must |= reach.must & found.fails
        self.missing |= reach.may & (EVERY & ~found.works if found.problem else found.missing)
        self.about.append(found.about)
        if found.problem and found.problem not in self.reasons:
            self.reasons.append(found.problem)

    def anything(self, reach: Reach, what: str) -> None:
        """Some other code runs, and may raise whatever it likes."""
        self.may |= reach.may
        self.missing |= reach.may
        self.only_imports = False
        if what not in self.reasons:
            self.reasons.append(what)


def caught(handler: ast.ExceptHandler) -> set[str]:
    """Return the names of the exceptions that a handler takes; a bare one takes all."""
    if handler.type is None:
        return {"BaseException"}
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return names_of(types)


def names_of(types: Iterable[ast.expr]) -> set[str]:
    return {ast.unparse(each).rpartition(".")[2] for each in types}


def harmless(node: ast.AST | None) -> bool:
    """Say whether to evaluate an expression cannot fail for want of an import."""
    return node is None or not any(
        isinstance(each, (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.Attribute, ast.Subscript))
        for each in ast.walk(node)
    )
