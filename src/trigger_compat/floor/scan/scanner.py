"""Scans a source: which of its lines no release from some floor on needs, and why."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Final

from trigger_compat.floor.scan import names as names_file
from trigger_compat.floor.scan.abstract_values import DEPENDS, UNKNOWN, Reference, Unknown, Value, from_truth
from trigger_compat.floor.scan.airflow_version import AIRFLOW_VERSION, imported, unbound
from trigger_compat.floor.scan.bindings import stored_names
from trigger_compat.floor.scan.evaluate import Evaluator
from trigger_compat.floor.scan.expressions import BY_TYPE
from trigger_compat.floor.scan.functions import version_names
from trigger_compat.floor.scan.mentions import undecided_mentions
from trigger_compat.floor.scan.model import Kind, Removal, Undecided
from trigger_compat.floor.scan.names import NameTable
from trigger_compat.floor.scan.patches import assigned_attributes, changes_version
from trigger_compat.floor.scan.providers import Providers
from trigger_compat.floor.scan.reach import Reach, Truth
from trigger_compat.floor.scan.recorder import Recorder
from trigger_compat.floor.scan.registry import RULES
from trigger_compat.floor.scan.releases import ALL_RELEASES, NEVER, index_of
from trigger_compat.floor.scan.rules.comments_on_dead_code import comments_on_dead_code
from trigger_compat.floor.scan.rules.flag_uses import keep_used_flags
from trigger_compat.floor.scan.rules.removal_comments import announced
from trigger_compat.floor.scan.rules.skip_marks import walk_body
from trigger_compat.floor.scan.rules.unused import unused
from trigger_compat.floor.scan.scopes import Scope, is_version_like
from trigger_compat.floor.scan.source import Module, Source
from trigger_compat.floor.scan.syntax import assigned_name, holds_one_of
from trigger_compat.floor.scan.walk import Walker
from trigger_compat.parsing import many_trees

_MAY_DEPEND_ON_VERSION: Final = re.compile(
    r"AIRFLOW_V_\d|__version__|airflow\.version|ImportError|ModuleNotFoundError|hasattr|signature|find_spec"
    r"|__getattr__|create_module_getattr|get_base_airflow_version_tuple|importlib.?metadata|_PLUS\b"
    r"|getattr\(\w+, *[\"']\w+[\"'],|pkg_resources|importorskip\([\"']airflow"
    r"|except *:|except \(?(Base)?Exception|suppress\("
)
"""A file without any of these does not depend on the version, unless it imports a flag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """All that was found in one source."""

    source: Source
    removals: tuple[Removal, ...]
    undecided: tuple[Undecided, ...]


@many_trees()
def scan(source: Source, names: NameTable | None = None) -> Scan:
    """Scan a source.

    :param names: which names each Airflow lets code import; default: the table of this package.
    """
    return _Scanner(source, names or names_file.load()).scan()


class _Scanner:
    def __init__(self, source: Source, names: NameTable) -> None:
        self.source = source
        self.names = names
        self.providers = Providers(source.name, source.requirements)
        self.evaluator = Evaluator(BY_TYPE, self._attribute, self._has, self._star, self._is_patched)
        self._scopes: dict[str, Scope] = {}
        self._flags: set[str] = set()
        """The names that some module has for a version flag, or for Airflow's version."""
        self._own_flags: dict[str, set[str]] = {}
        """The same for each file."""
        self._unsteady: set[str] = set()
        """The files that change what Airflow or a helper says about the version."""
        self._patched: set[str] = set()
        """The names that some code assigns to a module, a class or an instance."""

    def scan(self) -> Scan:
        removals: list[Removal] = []
        undecided: set[Undecided] = set()
        modules = self._version_dependent()
        recorders = {module.file: self._recorder(module) for module in modules}
        for recorder in recorders.values():
            removals += recorder.removals
            undecided.update(recorder.open)
        removals = keep_used_flags(removals, self.source.modules, self._module)
        removals += unused(self.source.modules, modules, removals, self._module)
        by_file: dict[str, list[Removal]] = defaultdict(list)
        for removal in removals:
            by_file[removal.file].append(removal)
        of_classes = {name for name in self._flags if name.isupper()}.union(
            *(recorder.class_attributes for recorder in recorders.values())
        )
        for module in self.source.modules:
            recorder = recorders.get(module.file) or Recorder(module)
            attributes = of_classes | recorder.instance_attributes
            found = by_file[module.file]
            undecided.update(
                undecided_mentions(
                    module,
                    found,
                    recorder.open,
                    recorder.understood,
                    attributes=attributes,
                    flags=self._own_flags.get(module.file, ()),
                    everywhere=self._flags,
                )
            )
            removals += comments_on_dead_code(module, found)
            removals += announced(module)
        ordered = sorted(set(removals), key=_position)
        return Scan(source=self.source, removals=tuple(ordered), undecided=tuple(sorted(undecided)))

    def _recorder(self, module: Module) -> Recorder:
        return self._walk(module, self._scope(module), reports=True).recorder

    def _version_dependent(self) -> list[Module]:
        """Return the modules to walk: those that ask for the version, and those that use a flag of theirs."""
        found: set[str] = set()
        flags = self._flags
        new = [module for module in self.source.modules if _MAY_DEPEND_ON_VERSION.search(module.text)]
        while new:
            for module in new:
                found.add(module.file)
                asks = partial(holds_one_of, module.lines_with(_MAY_DEPEND_ON_VERSION, flags))
                self._own_flags[module.file] = set(version_names(self.evaluator, self._scope(module), asks))
                flags |= self._own_flags[module.file]
            others = (module for module in self.source.modules if module.file not in found)
            new = [module for module in others if not flags.isdisjoint(module.words)]
        self._patched = assigned_attributes(self.source.modules, flags)
        unsteady = [module for module in self.source.modules if changes_version(module, flags)]
        if any(module.kind is not Kind.TESTS for module in unsteady):
            unsteady = list(self.source.modules)
        self._unsteady = {module.file for module in unsteady}
        if self._patched or self._unsteady:
            self._scopes.clear()  # the names are not what they seemed to be
        return [module for module in self.source.modules if module.file in found]

    def _walk(self, module: Module, scope: Scope, *, reports: bool) -> Walker:
        if reports:
            scope.restart()
            self.evaluator.forget()
        floor = index_of(self.source.floor) if self.source.floor else 0
        walker = Walker(
            module,
            scope,
            self.evaluator,
            self.names,
            RULES,
            reports=reports,
            floor=floor,
            providers=self.providers,
        )
        walker.asks = module.lines_with(_MAY_DEPEND_ON_VERSION, self._flags) if reports else ()
        outer, self.evaluator.is_unsteady = self.evaluator.is_unsteady, module.file in self._unsteady
        walk_body(walker, module.tree.body, Reach(), NEVER)
        self.evaluator.is_unsteady = outer
        return walker

    def _scope(self, module: Module) -> Scope:
        """Return the names of a module, bound by the first walk over it."""
        if module.file not in self._scopes:
            stored = stored_names(module.tree).without(self._patched)
            scope = Scope(None, resolve=unbound, stored=stored, package=module.package)
            self._scopes[module.file] = scope  # before the walk, because modules may import one another
            self._walk(module, scope, reports=False)
        return self._scopes[module.file]

    def _attribute(self, module: str, name: str) -> Value:
        """Return what ``from module import name`` gives; a definition in the source comes first."""
        own = self._module(module)
        if own:
            scope = self._scope(own)
            value = self.evaluator.exported(name, scope)
            if isinstance(value, Reference) and scope.exported("__getattr__") is not None:
                bound = any(reach.must == ALL_RELEASES for reach, _ in scope.final_bindings(name))
                return replace(value, is_certain=bound)
            if value is not None:
                return DEPENDS if isinstance(value, Unknown) and is_version_like(unbound(name)) else value
            if scope.exported("__getattr__") is not None:
                return DEPENDS if is_version_like(unbound(name)) else UNKNOWN
        value = imported(f"{module}.{name}")
        return DEPENDS if self.evaluator.is_unsteady and value is AIRFLOW_VERSION else value

    def _star(self, module: str) -> Collection[str] | None:
        """Return the names that ``from module import *`` gives; None if the module is not in the source."""
        own = self._module(module)
        if own is None:
            return None
        names = list(self._scope(own).names())
        for statement in own.tree.body:
            if isinstance(statement, ast.Assign) and assigned_name(statement) == "__all__":
                text = ast.unparse(statement.value)
                return [name for name in names if re.search(rf"['\"]{name}['\"]", text)]
        return [name for name in names if not name.startswith("_")]

    def _is_patched(self, name: str) -> bool:
        return name in self._patched

    def _has(self, module: str, name: str) -> Value:
        """Return on which releases a module or a class of Airflow has a name."""
        found = self.names.name(module, name)
        if not found.present:
            found = self.names.attribute(module, name)
            if found.present and assigned_attributes(self.source.modules, {name}):
                return UNKNOWN  # nobody knows whether that has happened by then
        return from_truth(Truth(found.present, found.absent)) if found.present else UNKNOWN

    def _module(self, dotted: str) -> Module | None:
        """Return the module of the source that an import means; the folders above packages do not count.

        ``airflow.version`` is not the module ``version`` in a package ``airflow`` inside another package. If
        several folders hold such a module, nobody knows which one is meant.
        """
        parts = tuple(dotted.split("."))
        found = [
            module
            for module in self._by_last_part.get(parts[-1], ())
            if module.parts[-len(parts) :] == parts and module.parts[: -len(parts)] not in self._packages
        ]
        nearest = min((len(module.parts) for module in found), default=0)
        found = [module for module in found if len(module.parts) == nearest]
        return found[0] if len(found) == 1 else None

    @cached_property
    def _packages(self) -> set[tuple[str, ...]]:
        return {module.parts for module in self.source.modules if module.file.endswith("__init__.py")} - {()}

    @cached_property
    def _by_last_part(self) -> dict[str, list[Module]]:
        found: dict[str, list[Module]] = {}
        for module in self.source.modules:
            if module.parts:
                found.setdefault(module.parts[-1], []).append(module)
        return found


def _position(removal: Removal) -> tuple[str, int, int, int, int]:
    return removal.file, removal.line, -removal.end, removal.column, removal.removable_from
