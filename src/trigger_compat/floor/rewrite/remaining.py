"""What a raise leaves to a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from trigger_compat.floor.rewrite import prose
from trigger_compat.floor.rewrite.change import Change, Left
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.floor.scan.releases import ReleaseTuple, floor_name, index_of
from trigger_compat.floor.scan.scanner import Scan

_STILL_EVALUATED: Final = (
    "only deleted code used this value, but to evaluate it may have an effect; delete it if it has none"
)


def of(
    scan: Scan,
    floor: ReleaseTuple,
    by_file: Mapping[str, Sequence[Removal]],
    changes: Mapping[str, Change],
    root: Path | None,
) -> Iterator[Left]:
    """Yield what a person has to look at.

    :param by_file: the removals that were carried out.
    :param root: the folder of the source, for what is not Python; None: it has none.
    """
    for file, problem in scan.source.broken:
        yield Left(file, 0, f"cannot be read as Python: {problem}")
    yield from _open(scan, floor, by_file, changes)
    for change in changes.values():
        for line in change.still_evaluated if change.new is not None else ():
            yield Left(change.file, line, _STILL_EVALUATED)
    if root:
        yield from _prose(root, floor, changes)


def _prose(root: Path, floor: ReleaseTuple, changes: Mapping[str, Change]) -> Iterator[Left]:
    for file, line, text in prose.places(root, floor):
        change = changes.get(file)
        if change:
            after = (change.new or "").splitlines()
            now = change.line_after(line)
            if not 0 < now <= len(after) or after[now - 1].strip() != text:
                continue  # a raised bound
        yield Left(file, line, f"names an older Airflow: {text[:100]}")


def _open(
    scan: Scan, floor: ReleaseTuple, by_file: Mapping[str, Sequence[Removal]], changes: Mapping[str, Change]
) -> Iterator[Left]:
    """Yield what the scan cannot decide, and what comments announce, in what is left of the files."""
    point = index_of(floor)

    def goes(file: str, line: int) -> bool:
        change = changes.get(file)
        return (change is not None and change.new is None) or any(
            removal.whole and not removal.end_column and removal.line <= line <= removal.end
            for removal in by_file.get(file, ())
            if removal.category is not Category.RESTATED
        )

    for place in scan.undecided:
        if not goes(place.file, place.line):
            yield Left(place.file, place.line, f"not decided: {place.code}: {place.reason}")
    for removal in scan.removals:
        is_announced = removal.category is Category.ANNOUNCED and removal.removable_from <= point
        if is_announced and not any(goes(removal.file, line) for line in (removal.line, removal.end)):
            since = floor_name(removal.removable_from)
            reason = f"a comment says that this can go from {since} on; the code does not prove it"
            yield Left(removal.file, removal.line, reason)
