"""A file with the findings that were there when it was written; ``--check`` counts only the others."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from trigger_compat.errors import SettingsError, SourceError
from trigger_compat.floor.report.model import FloorReport
from trigger_compat.floor.scan.model import Removal

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Entry:
    """One finding. It names no line, so that code may move.

    :param source: the name of the distribution.
    :param code: the first line, to know it by.
    """

    source: str
    file: str
    category: str
    code: str
    fingerprint: str


def fingerprints(report: FloorReport, removals: Iterable[Removal]) -> list[tuple[Removal, Entry]]:
    """Return each finding with its entry.

    A fingerprint is of the file, the category, the code without its spaces, and a counter for what is the
    same in all of these.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    found = []
    for removal in sorted(removals, key=lambda each: (each.file, each.line, each.column)):
        lines = report.texts.get(removal.file, ())[removal.line - 1 : removal.end]
        code = " ".join(" ".join(lines).split())
        key = (removal.file, removal.category.value, code)
        seen[key] += 1
        text = "\0".join((report.source.name, *key, str(seen[key])))
        entry = Entry(
            source=report.source.name,
            file=removal.file,
            category=removal.category.value,
            code=report.code(removal),
            fingerprint=hashlib.sha256(text.encode()).hexdigest()[:32],
        )
        found.append((removal, entry))
    return found


def read(file: Path) -> tuple[Entry, ...]:
    """Read a baseline.

    :raises SourceError: the file cannot be read.
    :raises SettingsError: the file is not a baseline.
    """
    try:
        data: Any = json.loads(file.read_text(encoding="utf-8"))
        entries = {SCHEMA: data["findings"]}[data["schema"]]
        return tuple(Entry(**each) for each in entries)
    except OSError as error:
        raise SourceError(
            f"baseline: {file}: {error.strerror}; make it with --write-baseline {file}"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"baseline: {file}: not a baseline ({error}); make it with --write-baseline {file}"
        ) from error


def text_of(entries: Sequence[Entry]) -> str:
    """Return the text of a baseline."""
    findings = [asdict(entry) for entry in sorted(entries)]
    return json.dumps({"schema": SCHEMA, "findings": findings}, indent=2) + "\n"
