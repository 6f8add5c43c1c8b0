"""Scans a source: which of its lines go, from which floor on, and why."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final

from trigger_compat.floor import names as names_table
from trigger_compat.floor.comments import announced, explaining
from trigger_compat.floor.evaluate import Evaluator, imported
from trigger_compat.floor.findings import Recorder
from trigger_compat.floor.flow import Walker
from trigger_compat.floor.follows import follow
from trigger_compat.floor.model import Finding, Undecided
from trigger_compat.floor.names import Names
from trigger_compat.floor.scopes import Scope, stored_names
from trigger_compat.floor.source import Module, Source
from trigger_compat.floor.tables import Tables
from trigger_compat.floor.values import UNKNOWN, Reference, Unknown, Value, boolean
from trigger_compat.floor.versions import index_of

_TRIGGERS: Final = (
    r"AIRFLOW_V_\d|__version__|airflow\.version|ImportError|ModuleNotFoundError|hasattr|signature|find_spec"
    r"|__getattr__|create_module_getattr|get_base_airflow_version_tuple|importlib.?metadata|_PLUS\b"
    r"|getattr\(\w+, *[\"']\w+[\"'],"
)
"""A file without any of these holds nothing that depends on the version, unless it imports a flag."""
_BUILTINS: Final = ("tuple", "list", "int", "str", "bool", "len", "map", "hasattr")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """All that was found in one source."""

    source: Source
    findings: tuple[Finding, ...]
    undecided: tuple[Undecided, ...]


def scan(source: Source, names: Names | None = None) -> Scan:
    """Scan a source.

    :param names: what each Airflow lets import; default: the table of this package.
    """
    return _Scanner(source, names or names_table.load()).scan()


class _Scanner:
    def __init__(self, source: Source, names: Names) -> None:
        self.source = source
        self.names = names
        self.evaluator = Evaluator(self.attribute, self.has)
        self._scopes: dict[str, Scope] = {}

    def scan(self) -> Scan:
        findings: list[Finding] = []
        undecided: list[Undecided] = []
        tables = Tables(self.names)
        walked = self._interesting()
        floor = index_of(self.source.floor) if self.source.floor else 0
        for module in walked:
            recorder = Recorder(module, tables, self.evaluator)
            Walker(
                module, self._scope(module), self.evaluator, self.names, recorder=recorder, floor=floor
            ).walk()
            findings += recorder.findings
            undecided += recorder.open
        findings += follow(self.source.modules, walked, findings)
        by_file: dict[str, list[Finding]] = defaultdict(list)
        for finding in findings:
            by_file[finding.file].append(finding)
        for module in self.source.modules:
            findings += explaining(module, by_file[module.file])
            findings += announced(module)
        return Scan(source=self.source, findings=_sorted(findings), undecided=tuple(sorted(set(undecided))))

    def _interesting(self) -> list[Module]:
        """Return the files to walk: those that speak of versions, and those that use a flag of theirs."""
        found: dict[str, Module] = {}
        flags: set[str] = set()
        pattern = re.compile(_TRIGGERS)
        while True:
            news = [
                each for each in self.source.modules if each.file not in found and pattern.search(each.text)
            ]
            if not news:
                return [each for each in self.source.modules if each.file in found]
            for module in news:
                found[module.file] = module
                flags.update(self._scope(module).flags())
            if not flags:
                return news
            pattern = re.compile(rf"\b({'|'.join(sorted(map(re.escape, flags)))})\b")

    def _scope(self, module: Module) -> Scope:
        """Return the names of a module, bound by a first walk over it."""
        if module.file not in self._scopes:
            _, unstable = stored_names(module.tree.body)
            scope = Scope(None, resolve=_builtin, unstable=unstable)
            self._scopes[module.file] = scope  # before it is full: modules may import one another
            Walker(module, scope, self.evaluator, self.names).walk()
        return self._scopes[module.file]

    def attribute(self, module: str, name: str) -> Value:
        """Return what ``from module import name`` gives."""
        own = self._module(module)
        if own:
            value = self._scope(own).lookup(name)
            if not isinstance(value, Unknown) or name in self._scope(own).names():
                return value
        return imported(f"{module}.{name}")

    def has(self, module: str, name: str) -> Value:
        """Return where a module of Airflow has a name, if the table knows it."""
        found = self.names.name(module, name)
        return boolean(found.present, found.absent) if found.present else UNKNOWN

    def _module(self, dotted: str) -> Module | None:
        """Return the file of the source that an import means; folders above the packages do not count."""
        parts = tuple(dotted.split("."))
        candidates = [each for each in self._by_name.get(parts[-1], ()) if each.parts[-len(parts) :] == parts]
        return min(candidates, key=lambda each: len(each.parts), default=None)

    @cached_property
    def _by_name(self) -> dict[str, list[Module]]:
        found: dict[str, list[Module]] = {}
        for module in self.source.modules:
            if module.parts:
                found.setdefault(module.parts[-1], []).append(module)
        return found


def _builtin(name: str) -> Value:
    if name in _BUILTINS:
        return Reference(f"builtins.{name}")
    value = imported(name)  # a flag may come by a star import
    return UNKNOWN if isinstance(value, Reference) else value


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings in order, none twice, and none inside another that goes no later."""
    ordered = sorted(
        set(findings), key=lambda each: (each.file, each.line, -each.end, each.column, each.dies)
    )
    return tuple(ordered)


def stem(file: str) -> str:
    """Return the name of a file without its folders."""
    return PurePosixPath(file).name
