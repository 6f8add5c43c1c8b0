"""``trigger-compat floor --to``: prints or writes a raise, and lists what is left to a person."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from trigger_compat.dags.files import write_all
from trigger_compat.diffs import unified_diff
from trigger_compat.errors import SourceError, UnknownFloor, UsageError
from trigger_compat.floor import targets
from trigger_compat.floor.report import ignores
from trigger_compat.floor.rewrite.change import Left, Raise
from trigger_compat.floor.rewrite.raising import raise_floor
from trigger_compat.floor.scan import names, releases, scanner, source
from trigger_compat.floor.scan.mentions import LOOKS_LIKE

_KINDS: Final = (LOOKS_LIKE, "names an older Airflow")
"""What a file may have many of."""
_IN_FULL: Final = 3


def run(options: argparse.Namespace) -> int:
    """Carry out a raise and return the exit code.

    :raises SourceError: the source is not there, or a file cannot be written.
    :raises UnknownFloor: the floor is unknown, or older than the declared one.
    """
    floor = releases.parse_floor(options.to)
    given = _only(options.source or ["."])
    root = _folder(given)
    if options.write and root is None:
        raise SourceError(
            f"--write: {given} is an installed distribution; give the folder of its source, or --diff to look"
        )
    [target, *others] = targets.read([given])
    if others:
        raise UsageError(
            f"trigger-compat floor: {given} holds {1 + len(others)} packages; raise one at a time"
        )
    read = target.source
    if read.floor and floor < read.floor:
        raise UnknownFloor(
            f"--to {options.to}: {read.name} requires Airflow {releases.dotted(read.floor)} already;"
            " name a newer one"
        )
    scan, _ = ignores.apply(scanner.scan(read, names.load()))
    result = raise_floor(scan, floor, _places(read, given, root), root)
    if options.write:
        _write(result)
    else:
        sys.stdout.write(
            "".join(unified_diff(name, each.old, each.new) for name, each in sorted(result.changes.items()))
        )
    _summarise(result, written=options.write, files=len(read.modules))
    return 0


def _only(given: list[str]) -> str:
    if len(given) > 1:
        raise UsageError("trigger-compat floor: --to raises one --source at a time")
    return given[0]


def _folder(given: str) -> Path | None:
    """Return the folder of a source: itself, or what an editable install points to."""
    path = Path(given)
    if path.is_dir():
        return path
    try:
        return source.editable_folder(importlib.metadata.distribution(given))
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return None  # reading the source says so


def _places(read: source.Source, given: str, root: Path | None) -> dict[str, Path]:
    if root:
        return {module.file: root / module.file for module in read.modules}
    distribution = importlib.metadata.distribution(given)
    return {module.file: Path(str(distribution.locate_file(module.file))) for module in read.modules}


def _write(result: Raise) -> None:
    changed = {each.path: each.content for each in result.changes.values() if each.new is not None}
    write_all(changed, delete=[each.path for each in result.changes.values() if each.new is None])
    for name, change in sorted(result.changes.items()):
        sys.stdout.write(f"{'deleted' if change.new is None else 'rewrote'} {name}\n")


def _summarise(result: Raise, *, written: bool, files: int) -> None:
    """Write to standard error, so that standard output is the diff and nothing else."""
    verb = "changed" if written else "would change"
    sys.stderr.write(f"{verb} {len(result.changes)} files; read {files} Python files\n")
    left = result.left_after() if written else result.left
    if left:
        sys.stderr.write("left to a person:\n" + "".join(f"  {line}\n" for line in _lines(left)))


def _lines(left: Sequence[Left]) -> Iterator[str]:
    """Yield a line for each place; of many of one kind in one file, a few and where the others are."""
    for (file, kind), group in groupby(sorted(left, key=_group), key=_group):
        places = list(group)
        shown = _IN_FULL if kind else len(places)
        yield from map(_line, places[:shown])
        if more := places[shown:]:
            yield f"{file}: {len(more)} more, at {', '.join(str(place.line) for place in more)}: {kind}"


def _group(place: Left) -> tuple[str, str]:
    """Return the file and the kind of a place; no kind: a reason of its own."""
    return place.file, next((kind for kind in _KINDS if kind in place.reason), "")


def _line(place: Left) -> str:
    return f"{place.file}:{place.line}: {place.reason}" if place.line else f"{place.file}: {place.reason}"
