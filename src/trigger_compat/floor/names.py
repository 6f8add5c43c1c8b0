"""Which names can be imported from which Airflow: a table made from real installs by ``nox -s names``."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
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
    """The table. ``modules`` maps a module to its names, and these to the runs of releases that have them."""

    def __init__(
        self, releases: Sequence[str], modules: Mapping[str, Mapping[str, str]], broken: Mapping[str, str]
    ) -> None:
        self.releases: tuple[str, ...] = tuple(releases)
        self._modules = modules
        self._broken = broken
        self._bits = _bits_of(self.releases)

    def module(self, name: str) -> Presence:
        """Say which releases have a module."""
        if name not in self._modules:
            return Presence()
        runs = next((runs for runs, names in self._modules[name].items() if "." in names.split()), "")
        return self._presence(runs, self._broken.get(name, ""))

    def name(self, module: str, name: str) -> Presence:
        """Say from which releases a name can be imported; a submodule is a name too."""
        if module not in self._modules:
            return Presence()
        for runs, names in self._modules[module].items():
            if name in names.split():
                return self._presence(runs, self._broken.get(module, ""))
        return Presence()

    def knows(self, module: str) -> bool:
        """Say whether any release has a module."""
        return module in self._modules

    def _presence(self, runs: str, unsure: str) -> Presence:
        known = sum(self._bits)
        present = self._mask(runs)
        unknown = self._mask(unsure) & ~present
        absent = known & ~present & ~unknown
        # What the newest release has, later ones are taken to have; what it lost, they are taken to lack.
        newest = self._bits[-1]
        if newest & present:
            present |= _FUTURE
        elif newest & absent:
            absent |= _FUTURE
        return Presence(present, absent)

    def _mask(self, runs: str) -> int:
        return sum(self._bits[at] for first, last in _runs(runs) for at in range(first, last + 1))


def _bits_of(releases: Sequence[str]) -> list[int]:
    """Return the points that each release stands for: its own, and those up to the next one."""
    points = [_release(text) for text in releases]
    return [
        between(point, points[at + 1] if at + 1 < len(points) else None) & _SEEN
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
