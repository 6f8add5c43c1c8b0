"""What an import does on each release: it works, it fails, or the scan cannot know."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from typing import Final

from trigger_compat.floor.scan.names import NameTable, Presence
from trigger_compat.floor.scan.providers import PREFIX, Providers
from trigger_compat.floor.scan.reach import Reach
from trigger_compat.floor.scan.releases import ALL_RELEASES, ReleaseSet
from trigger_compat.floor.scan.syntax import ImportStatement, absolute, last_part, nodes_in

CATCH_IMPORT_ERRORS: Final = {"ImportError", "Exception", "BaseException"}
MODULE_ERROR: Final = "ModuleNotFoundError"
_RISKY: Final = (
    ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.Attribute, ast.Subscript, ast.Import, ast.ImportFrom,
    ast.Raise,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImportEffect:
    """What an import does.

    :param works: the releases where it surely works.
    :param fails: the releases where it surely fails.
    :param missing: the releases where it fails because the module itself is not there.
    :param about: what is imported, for a message.
    :param problem: why nothing is known about the other releases; empty if all are known.
    """

    works: ReleaseSet
    fails: ReleaseSet
    missing: ReleaseSet
    about: str
    problem: str = ""

    def __and__(self, other: ImportEffect) -> ImportEffect:
        """Return the effect of both imports in one statement."""
        return ImportEffect(
            self.works & other.works,
            self.fails | other.fails,
            self.missing | other.missing,
            self.about,
            self.problem or other.problem,
        )


def effect_of(
    node: ImportStatement, package: tuple[str, ...], names: NameTable, providers: Providers
) -> ImportEffect:
    """Return what an import statement does.

    :param package: the package that a relative import starts from.
    :param providers: those that the source requires.
    """
    if isinstance(node, ast.Import):
        parts = [_of_module(alias.name, names, providers) for alias in node.names]
    else:
        module = absolute(node, package)
        parts = [_of_name(module, alias.name, names, providers) for alias in node.names]
    whole = reduce(ImportEffect.__and__, parts)
    about = whole.about if len(parts) == 1 else f"{whole.about} and {len(parts) - 1} more"
    return ImportEffect(whole.works, whole.fails, whole.missing, about, whole.problem)


def _of_module(name: str, names: NameTable, providers: Providers) -> ImportEffect:
    if providers.brings(name):
        return ImportEffect(ALL_RELEASES, 0, 0, name)
    problem = _not_in_table(name, names, providers)
    presence = Presence() if problem else names.module(name)
    return ImportEffect(presence.present, presence.absent, presence.absent, name, problem)


def _of_name(module: str, name: str, names: NameTable, providers: Providers) -> ImportEffect:
    about = f"{module}.{name}"
    if providers.brings(about):
        return ImportEffect(ALL_RELEASES, 0, 0, about)
    problem = _not_in_table(module, names, providers)
    if problem:
        return ImportEffect(0, 0, 0, about, problem)
    there = names.module(module)
    if name == "*":
        return ImportEffect(there.present, there.absent, there.absent, about)
    presence = names.name(module, name)
    if not presence.present:
        # The module is known. A name that no known release has may be one of the next release.
        known_absent = there.absent if there.present else 0
        return ImportEffect(0, known_absent, known_absent, about, f"no known release has {about}")
    absent = (presence.absent | there.absent) & ~presence.present
    return ImportEffect(presence.present, absent, there.absent, about)


def _not_in_table(module: str, names: NameTable, providers: Providers) -> str:
    """Return why the table of Airflow's names says nothing about a module, or an empty text."""
    if module.startswith(PREFIX):
        return providers.doubt(module)
    if module.partition(".")[0] != "airflow":
        return f"{module or 'it'} is not part of Airflow"
    return "" if names.knows(module) else f"no known release has the module {module}"


@dataclass(slots=True)
class Guard:
    """A block whose failing imports are caught: by ``except ImportError``, or by ``suppress(ImportError)``.

    The walk fills it in.

    :param may_fail: the releases on which the block may raise.
    :param must_fail: the releases on which it surely does.
    :param may_lack_module: the releases on which it may raise ``ModuleNotFoundError``.
    :param reasons: why the scan does not know more.
    :param about: what is imported.
    :param only_imports: whether nothing but an import can fail in the block.
    """

    may_fail: ReleaseSet = 0
    must_fail: ReleaseSet = 0
    may_lack_module: ReleaseSet = 0
    reasons: list[str] = field(default_factory=list)
    about: list[str] = field(default_factory=list)
    only_imports: bool = True

    @property
    def subject(self) -> str:
        """What is imported, for a message: the first two."""
        return " and ".join(self.about[:2])

    def imports(self, effect: ImportEffect, reach: Reach) -> None:
        """Note an import in the block."""
        unknown = ALL_RELEASES & ~effect.works
        self.may_fail |= reach.may & unknown
        self.must_fail |= reach.must & effect.fails
        self.may_lack_module |= reach.may & (unknown if effect.problem else effect.missing)
        self.about.append(effect.about)
        self._add_reason(effect.problem)

    def runs_other_code(self, reach: Reach, reason: str) -> None:
        """Note that other code runs in the block; it may raise anything."""
        self.may_fail |= reach.may
        self.may_lack_module |= reach.may
        self.only_imports = False
        self._add_reason(reason)

    def _add_reason(self, reason: str) -> None:
        if reason and reason not in self.reasons:
            self.reasons.append(reason)


def caught(handler: ast.ExceptHandler) -> set[str]:
    """Return the names of the exceptions that a handler catches; a bare ``except`` catches all."""
    if handler.type is None:
        return {"BaseException"}
    return class_names(handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type])


def class_names(classes: Iterable[ast.expr]) -> set[str]:
    """Return the names of classes, without their modules."""
    return {last_part(ast.unparse(node)) for node in classes}


def is_harmless(node: ast.AST | None) -> bool:
    """Say whether an expression surely raises no import error when it is evaluated."""
    return node is None or not any(isinstance(inner, _RISKY) for inner in nodes_in(node))
