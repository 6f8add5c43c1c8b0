"""Which names can be imported from which Airflow: a table made from real installs by ``nox -s names``."""

from __future__ import annotations

import gzip
import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from packaging.version import Version

from trigger_compat.floor.versions import EVERY, FIRST_UNKNOWN, Release, between

FILE_NAME: Final = "names.json.gz"
_SEEN: Final = (1 << FIRST_UNKNOWN) - 1
_FUTURE: Final = EVERY & ~_SEEN


@dataclass(frozen=True, slots=True)
class Presence:
    """The releases that surely have something, and those that surely have not."""

    present: int = 0
    absent: int = 0


class Names:
    """The table.

    :param modules: maps a module to runs of releases that have the same names of it, each with the names.
    :param broken: maps a module to the runs of releases that have it and cannot import it.
    :param known: the releases to take into account; default: all.
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

    def of(self, releases: Container[str]) -> Names:
        """Return the table as it would be if there were only these releases."""
        return Names(self.releases, self._modules, self._broken, releases)

    def module(self, name: str) -> Presence:
        """Say which releases have a module."""
        return self._presence(self._runs_of(name, "."), self._broken.get(name, ""))

    def name(self, module: str, name: str) -> Presence:
        """Say from which releases a name can be imported; a submodule is a name too."""
        return self._presence(self._runs_of(module, name), self._broken.get(module, ""))

    def knows(self, module: str) -> bool:
        """Say whether any release has a module."""
        return bool(self._mask(self._runs_of(module, ".")))

    def _runs_of(self, module: str, name: str) -> str:
        """Return the releases that have a name, the module itself being ``.``; none: an empty text."""
        rows = self._modules.get(module, {})
        return next((runs for runs, names in rows.items() if name in names.split()), "")

    def _presence(self, runs: str, unsure: str) -> Presence:
        known = sum(self._bits)
        present = self._mask(runs)
        if not present:
            return Presence()
        unknown = self._mask(unsure) & ~present
        absent = known & ~present & ~unknown
        # What the newest release has, later ones are taken to have; what it lost, they are taken to lack.
        newest = next(filter(None, reversed(self._bits)))
        if newest & present:
            present |= _FUTURE
        elif newest & absent:
            absent |= _FUTURE
        return Presence(present, absent)

    def _mask(self, runs: str) -> int:
        return sum(self._bits[at] for first, last in _runs(runs) for at in range(first, last + 1))


def _bits_of(releases: Sequence[str], known: Container[str]) -> list[int]:
    """Return the points that each release stands for: its own, and those up to the next known one."""
    points = [_release(text) if text in known else None for text in releases]
    return [
        between(point, next(filter(None, points[at + 1 :]), None)) & _SEEN if point else 0
        for at, point in enumerate(points)
    ]


def _release(text: str) -> Release:
    major, minor, patch = Version(text).release
    return major, minor, patch


def _runs(text: str) -> Iterable[tuple[int, int]]:
    """Read ``0-3,7``."""
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        yield int(first), int(last or first)


def spell(places: Iterable[int]) -> str:
    """Write places as runs: the inverse of reading them."""
    found: list[list[int]] = []
    for at in sorted(set(places)):
        if found and found[-1][1] == at - 1:
            found[-1][1] = at
        else:
            found.append([at, at])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def unspell(text: str) -> Iterable[int]:
    """Read runs of places: the inverse of :func:`spell`."""
    return (place for first, last in _runs(text) for place in range(first, last + 1))


def build(probes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Make the table of what each release was found to have, oldest release first.

    :param probes: one mapping per release: ``airflow``, its version, and ``modules``, each with its names or
        None where the module is there and cannot be imported.
    """
    where: dict[str, dict[str, set[int]]] = {}
    broken: dict[str, set[int]] = {}
    for at, probe in enumerate(probes):
        for module, names in probe["modules"].items():
            known = where.setdefault(module, {})
            known.setdefault(".", set()).add(at)
            if names is None:
                broken.setdefault(module, set()).add(at)
            for name in names or ():
                known.setdefault(name, set()).add(at)
    modules: dict[str, dict[str, str]] = {}
    for module in sorted(where):
        rows: dict[str, list[str]] = {}
        for name, places in sorted(where[module].items()):
            rows.setdefault(spell(places), []).append(name)
        modules[module] = {runs: " ".join(names) for runs, names in sorted(rows.items())}
    return {
        "releases": [probe["airflow"] for probe in probes],
        "modules": modules,
        "broken": {module: spell(places) for module, places in sorted(broken.items())},
    }


def encode(table: Mapping[str, Any]) -> bytes:
    """Return the table as it is stored: the same bytes for the same table."""
    return gzip.compress(json.dumps(table, separators=(",", ":")).encode(), compresslevel=9, mtime=0)


def decode(data: bytes) -> Names:
    """Read a table."""
    table = json.loads(gzip.decompress(data))
    return Names(table["releases"], table["modules"], table["broken"])


@cache
def load() -> Names:
    """Return the table that belongs to this package."""
    return decode(resources.files("trigger_compat.floor").joinpath(FILE_NAME).read_bytes())
