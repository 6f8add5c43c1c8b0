"""The verdicts of all runs, in a file from which a later run goes on, and the explained survivors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml

from tests.mutation.mutants import Mutant


class Judge(Protocol):
    """The part of a tier that verdicts depend on."""

    name: str

    @property
    def fingerprint(self) -> str: ...

    def reaches(self, mutant: Mutant) -> bool: ...


class Verdicts:
    """The verdicts of all runs, by mutant and tier. Each is written at once, so nothing is lost by a kill."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._found: dict[tuple[str, str], dict[str, Any]] = {}
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            complete = text[: text.rfind("\n") + 1]
            if complete != text:  # the run was killed while it wrote
                file.write_text(complete, encoding="utf-8")
            for line in complete.splitlines():
                verdict = json.loads(line)
                self._found[verdict["id"], verdict["tier"]] = verdict

    def add(self, mutant: Mutant, tier: Judge, answer: Mapping[str, Any]) -> None:
        """Keep a verdict."""
        verdict = {"id": mutant.id, "tier": tier.name, "tests": tier.fingerprint, **answer}
        self._found[mutant.id, tier.name] = verdict
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(verdict) + "\n")

    def of(self, mutant: Mutant, tier: Judge) -> Mapping[str, Any] | None:
        return self._found.get((mutant.id, tier.name))

    def killer(self, mutant: Mutant, tiers: Sequence[Judge]) -> str | None:
        """Return the tier that killed a mutant, None if none did."""
        found = ((tier, self.of(mutant, tier)) for tier in tiers)
        return next(
            (tier.name for tier, verdict in found if verdict and verdict["verdict"] != "survived"), None
        )

    def waits_for(self, mutant: Mutant, tiers: Sequence[Judge], *, again: bool = False) -> Judge | None:
        """Return the tier that has to judge a mutant next, None if its fate is known.

        :param again: a tier whose tests have changed since its verdict has to judge anew.
        """
        if self.killer(mutant, tiers):
            return None
        for tier in tiers:
            verdict = self.of(mutant, tier)
            if verdict is None and tier.reaches(mutant):
                return tier
            if again and verdict and verdict["tests"] != tier.fingerprint:
                return tier
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A survivor that changes no behaviour, and why."""

    name: tuple[str, str, str, str, int]
    reason: str


def explained(file: Path) -> list[Explained]:
    """Read the list of explained survivors.

    :raises ValueError: an entry has no reason, or lacks another field.
    """
    found = []
    for number, entry in enumerate(yaml.safe_load(file.read_text(encoding="utf-8")) or [], 1):
        fields = ("module", "was", "now", "reason")
        if lacking := [name for name in fields if not str(entry.get(name) or "").strip()]:
            raise ValueError(f"{file.name}: entry {number} has no {lacking[0]}; add it")
        name = (
            entry["module"],
            entry.get("function") or "",
            entry["was"],
            entry["now"],
            entry.get("number", 1),
        )
        found.append(Explained(name=name, reason=entry["reason"]))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What all verdicts come to."""

    killed: Mapping[str, Sequence[Mutant]]
    """By the tier that killed them."""
    survived: Sequence[Mutant]
    explained: Sequence[Mutant]
    open: Sequence[Mutant]
    """Not judged yet, or not by all tiers that reach them."""
    stale: Sequence[str] = field(default=())
    """What the list of explained survivors should no longer say."""

    @property
    def passed(self) -> bool:
        return not self.survived and not self.stale


def summarise(
    mutants: Iterable[Mutant],
    verdicts: Verdicts,
    tiers: Sequence[Judge],
    known: Sequence[Explained],
    *,
    complete: bool = True,
) -> Summary:
    """Sort the mutants by their fates, and compare the survivors with the explained ones.

    :param complete: these are all tiers. Otherwise another one may kill what has survived, so it is open.
    """
    killed: dict[str, list[Mutant]] = {tier.name: [] for tier in tiers}
    survived, listed, not_judged = [], [], []
    all_mutants = list(mutants)
    modules, by_name = {mutant.module for mutant in all_mutants}, {entry.name: entry for entry in known}
    stale = []
    names = {mutant.name for mutant in all_mutants}
    for mutant in all_mutants:
        if killer := verdicts.killer(mutant, tiers):
            killed[killer].append(mutant)
            if mutant.name in by_name:
                stale.append(f"{_title(mutant.name)}: is killed by {killer}; remove it")
        elif verdicts.waits_for(mutant, tiers):
            not_judged.append(mutant)
        elif mutant.name in by_name:
            listed.append(mutant)
        elif complete:
            survived.append(mutant)
        else:
            not_judged.append(mutant)
    gone = (entry.name for entry in known if entry.name[0] in modules and entry.name not in names)
    stale += [f"{_title(name)}: there is no such mutant; remove it" for name in gone]
    return Summary(killed=killed, survived=survived, explained=listed, open=not_judged, stale=stale)


def _title(name: tuple[str, str, str, str, int]) -> str:
    module, function, was, now, number = name
    return f"{module} {function or 'on import'}: {was} -> {now}" + (f" ({number})" if number > 1 else "")
