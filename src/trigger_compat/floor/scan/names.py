"""Which names each Airflow release lets code import. ``nox -s names`` makes the table from real installs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from packaging.version import Version

from trigger_compat.floor.scan.releases import (
    ALL_RELEASES,
    FIRST_UNKNOWN,
    PRE_RELEASES,
    ReleaseSet,
    ReleaseTuple,
    between,
)

FILE_NAME: Final = "names.json.gz"
_KNOWN_MINORS: Final = (1 << FIRST_UNKNOWN) - 1
_FUTURE: Final = ALL_RELEASES & ~_KNOWN_MINORS


@dataclass(frozen=True, slots=True)
class Presence:
    """The releases that surely have a name or module, and those that surely do not."""

    present: ReleaseSet = 0
    absent: ReleaseSet = 0


class NameTable:
    """The names of each module of Airflow, by release.

    The table stores runs of releases: ``0-3,7`` are the first four releases and the eighth. Classes that code
    asks about are like modules there, ``package:Class``, and so are methods: ``package:Class.method()``.

    :param releases: the releases that were asked, oldest first.
    :param modules: for each module, the names that the same runs of releases have, separated by spaces.
    :param broken: for each module, the runs of releases that have the module and cannot import it.
    :param known: the releases to take into account; default: all. Others count as not yet published.
    """

    def __init__(
        self,
        releases: Sequence[str],
        modules: Mapping[str, Mapping[str, str]],
        broken: Mapping[str, str],
        known: Container[str] | None = None,
    ) -> None:
        self.releases: tuple[str, ...] = tuple(releases)
        self._modules = modules
        self._broken = broken
        self._bits = _bits_of(self.releases, self.releases if known is None else known)

    def of(self, releases: Container[str]) -> NameTable:
        """Return the table as it was when only these releases were published."""
        return NameTable(self.releases, self._modules, self._broken, releases)

    def module(self, name: str) -> Presence:
        """Say which releases have a module."""
        return self._presence(self._runs_of(name, "."), self._broken.get(name, ""))

    def name(self, module: str, name: str) -> Presence:
        """Say which releases have a name in a module. A submodule is a name too."""
        return self._presence(self._runs_of(module, name), self._broken.get(module, ""))

    def attribute(self, dotted: str, name: str) -> Presence:
        """Say which releases have an attribute in a class, of those known to have the class.

        :param dotted: the class, or ``package.Class.method()`` for the names of its parameters.
        """
        key = next(filter(self.knows, _keys(dotted)), "")
        found = self.name(key, name)
        return Presence(found.present, found.absent & self.module(key).present)

    def knows(self, module: str) -> bool:
        """Say whether any release has a module."""
        return bool(self._releases_of(self._runs_of(module, ".")))

    def _runs_of(self, module: str, name: str) -> str:
        """Return the runs of releases that have a name; the name ``.`` stands for the module itself."""
        rows = self._modules.get(module, {})
        return next((runs for runs, names in rows.items() if name in names.split()), "")

    def _presence(self, runs: str, broken: str) -> Presence:
        known = sum(self._bits)
        present = self._releases_of(runs)
        if not present:
            return Presence()
        unknown = self._releases_of(broken) & ~present
        absent = known & ~present & ~unknown
        present, absent = _with_pre_releases(present), _with_pre_releases(absent)
        # Later releases are expected to have what the newest known one has, and to lack what it lacks.
        newest = next(filter(None, reversed(self._bits)))
        if newest & present:
            present |= _FUTURE
        elif newest & absent:
            absent |= _FUTURE
        return Presence(present, absent)

    def _releases_of(self, runs: str) -> ReleaseSet:
        return sum(self._bits[index] for index in parse_runs(runs))


def _keys(dotted: str) -> Iterator[str]:
    """Yield the ways to split the name of a class or method: ``package:Class``. No module has a colon."""
    parts = dotted.split(".")
    yield from (f"{'.'.join(parts[:at])}:{'.'.join(parts[at:])}" for at in range(1, len(parts)))


def _bits_of(releases: Sequence[str], known: Container[str]) -> list[ReleaseSet]:
    """Return what each release stands for: itself, and all possible releases up to the next known one."""
    versions = [_numbers(text) if text in known else None for text in releases]
    return [
        between(version, next(filter(None, versions[index + 1 :]), None)) & _KNOWN_MINORS if version else 0
        for index, version in enumerate(versions)
    ]


def _with_pre_releases(releases: ReleaseSet) -> ReleaseSet:
    """Let the release candidate of a minor have the names of its first release."""
    return releases & ~PRE_RELEASES | (PRE_RELEASES & releases >> 1)


def _numbers(text: str) -> ReleaseTuple:
    major, minor, patch = Version(text).release
    return major, minor, patch


def parse_runs(text: str) -> Iterator[int]:
    """Yield the numbers in runs: 0, 1, 2, 3 and 7 for ``0-3,7``."""
    for run in filter(None, text.split(",")):
        first, _, last = run.partition("-")
        yield from range(int(first), int(last or first) + 1)


def format_runs(numbers: Iterable[int]) -> str:
    """Return numbers as runs: ``0-3,7`` for 3, 0, 1, 2 and 7."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def build(probes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the data of a table.

    :param probes: what each release has, oldest release first: ``airflow`` is its version, ``modules`` maps
        each module to its names, or to None if the module is there and cannot be imported. ``package:Class``
        maps to attributes. One with a ``?`` is not always there, and no release gets it.
    """
    where: dict[str, dict[str, set[int]]] = {}
    broken: dict[str, set[int]] = {}
    for index, probe in enumerate(probes):
        for module, names in probe["modules"].items():
            known = where.setdefault(module, {})
            known.setdefault(".", set()).add(index)
            if names is None:
                broken.setdefault(module, set()).add(index)
            for name in names or ():
                known.setdefault(name, set()).add(index)
    modules: dict[str, dict[str, str]] = {}
    for module in sorted(where):
        rows: dict[str, list[str]] = {}
        for name, indexes in sorted(where[module].items()):
            if name.endswith("?") or f"{name}?" in where[module]:
                continue
            rows.setdefault(format_runs(indexes), []).append(name)
        modules[module] = {runs: " ".join(names) for runs, names in sorted(rows.items())}
    return {
        "releases": [probe["airflow"] for probe in probes],
        "modules": modules,
        "broken": {module: format_runs(indexes) for module, indexes in sorted(broken.items())},
    }


def encode(table: Mapping[str, Any]) -> bytes:
    """Return the bytes of the table file; the same data always gives the same bytes."""
    return gzip.compress(json.dumps(table, separators=(",", ":")).encode(), compresslevel=9, mtime=0)


def decode(data: bytes) -> NameTable:
    """Return the table in the bytes of a file."""
    table = json.loads(gzip.decompress(data))
    return NameTable(table["releases"], table["modules"], table["broken"])


@cache
def load() -> NameTable:
    """Return the table that this package brings."""
    return decode(resources.files("trigger_compat.floor.scan").joinpath(FILE_NAME).read_bytes())
