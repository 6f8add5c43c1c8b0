"""The steps that raise the floor of this project, and a function that carries them out.

Each step names a file and a change. :func:`carry_out` does most of them, which proves the list. Prose, and
tests that name a release, are left to a person: their steps list the lines.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.generated import OF_RELEASES
from trigger_compat import dispatch, ranges
from trigger_compat import matrix as matrix_module
from trigger_compat.errors import SourceError
from trigger_compat.floor.rewrite import bounds
from trigger_compat.floor.rewrite.python import without
from trigger_compat.floor.rewrite.raising import proven
from trigger_compat.floor.scan import scanner, source
from trigger_compat.floor.scan.releases import minor_of
from trigger_compat.floor.scan.scanner import Scan
from trigger_compat.matrix import Matrix, Release

Minor = tuple[int, int]
MATRIX_FILE: Final = matrix_module.FILE_NAME
DISPATCH: Final = "src/trigger_compat/dispatch.py"
PROSE: Final = ("README.md", "docs", "src", "tests", "tools", "noxfile.py", "pyproject.toml")
DATED: Final = "docs/reports/"
"""Reports of a given day, which do not change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step.

    :param before: the text to replace, which stands in the file once; None: the step is about the whole file.
    :param after: the text that replaces it; None: the file is deleted.
    """

    file: str
    what: str
    before: str | None = None
    after: str | None = None
    by_hand: bool = False


def scan_of(root: Path) -> Scan:
    """Return what the floor report finds in a checkout."""
    return scanner.scan(source.read(str(root)))


def steps(root: Path, minor: Minor, scan: Scan | None = None) -> tuple[Step, ...]:
    """Return the steps that raise the floor of the checkout at ``root`` to a minor, in order.

    :param scan: that of the checkout, if it was scanned before.
    :raises SourceError: ``root`` is not a checkout of this project.
    """
    try:
        text = (root / MATRIX_FILE).read_text(encoding="utf-8")
    except OSError as error:
        raise SourceError(
            f"{root} is not a checkout of trigger-compat: {MATRIX_FILE}: {error.strerror}"
        ) from error
    matrix = matrix_module.parse(text)
    of_matrix = list(_matrix_steps(text, matrix, minor))
    paths = list(_path_steps(root, matrix, minor))
    done = [
        *of_matrix,
        *_shown_steps(text, of_matrix),
        *paths,
        *_floor_steps(root, matrix, minor),
        *_scan_steps(root, minor, scan or scan_of(root), {step.file for step in paths if step.after is None}),
    ]
    return (*done, *_by_hand(root, matrix, minor, {step.file for step in done if step.after is None}))


def carry_out(root: Path, todo: Iterable[Step]) -> None:
    """Carry out the steps in a checkout, except those that are left to a person.

    :raises SourceError: a step no longer fits its file.
    """
    for step in todo:
        if step.by_hand:
            continue
        file = root / step.file
        if step.after is None:
            file.unlink()
            continue
        text = file.read_text(encoding="utf-8")
        if step.before is None:
            file.write_text(step.after, encoding="utf-8")
            continue
        if text.count(step.before) != 1:
            raise SourceError(
                f"{step.file}: {step.what}: the text is not there exactly once; create the list again"
            )
        file.write_text(text.replace(step.before, step.after), encoding="utf-8")


def _shown_steps(text: str, todo: Iterable[Step]) -> Iterator[Step]:
    """Yield the changes of the generated blocks that list the releases."""
    new = text
    for step in todo:
        new = new.replace(step.before or "", step.after or "")
    old_matrix, new_matrix = matrix_module.parse(text), matrix_module.parse(new)
    for (file, _), block in OF_RELEASES.items():
        before, after = block(old_matrix), block(new_matrix)
        if before != after:
            yield Step(file=file, what="show the new matrix", before=before, after=after)


def _matrix_steps(text: str, matrix: Matrix, minor: Minor) -> Iterator[Step]:
    """Delete the rows below the floor, and move the first and the last of each minor to the history."""
    gone = [row for row in matrix.releases if minor_of(row.airflow) < minor]
    if not gone:
        return
    kept = [row.airflow for row in matrix.releases if minor_of(row.airflow) >= minor]
    for row in gone:
        before = _row(text, "releases", row.airflow)
        yield Step(file=MATRIX_FILE, what=f"delete the row of {row.airflow}", before=before, after="")
    notes = {
        "excluded": [row.airflow for row in matrix.excluded],
        "pins": [row.airflow for row in matrix.pins],
    }
    for section, noted in notes.items():
        if dropped := [airflow for airflow in noted if minor_of(airflow) < minor]:
            before = "".join([f"{section}:\n", *(_row(text, section, airflow) for airflow in noted)])
            left = [_row(text, section, airflow) for airflow in noted if airflow not in dropped]
            after = "".join([f"{section}:\n", *left]) if left else f"{section}: []\n"
            what = f"delete {', '.join(dropped)} from {section}"
            yield Step(file=MATRIX_FILE, what=what, before=before, after=after)
    last = _row(text, "history", matrix.history[-1].airflow)
    what = f"add {', '.join(row.airflow for row in _ends(gone))} to the history"
    yield Step(file=MATRIX_FILE, what=what, before=last, after=last + "".join(map(_past, _ends(gone))))
    for deviation in matrix.deviations:
        if not any(map(deviation.covers, kept)):
            found = re.search(rf"^  - id: {deviation.id}\n(    .*\n)+", text, re.MULTILINE)
            before = found[0] if found else ""
            yield Step(file=MATRIX_FILE, what=f"delete the deviation {deviation.id}", before=before, after="")


def _row(text: str, section: str, airflow: str) -> str:
    """Return the line about a release in a section of the matrix, with the comment above it."""
    rows = text.partition(f"\n{section}:\n")[2]
    found = re.search(rf'(^  #.*\n)*^  - {{airflow: "{re.escape(airflow)}", .*\n', rows, re.MULTILINE)
    return found[0] if found else ""


def _ends(rows: Sequence[Release]) -> list[Release]:
    """Return the first and the last release of each minor."""
    by_minor: dict[str, list[Release]] = defaultdict(list)
    for row in rows:
        by_minor[row.minor].append(row)
    return [row for members in by_minor.values() for row in (members[0], *members[-1:][: len(members) - 1])]


def _past(row: Release) -> str:
    return f'  - {{airflow: "{row.airflow}", released: {row.released}, resolve: {row.resolve}}}\n'


def _path_steps(root: Path, matrix: Matrix, minor: Minor) -> Iterator[Step]:
    """Delete the paths that no release from the floor on takes."""
    kept = [
        matrix_module.release_tuple(row.airflow) for row in matrix.releases if minor_of(row.airflow) >= minor
    ]
    lines = (root / DISPATCH).read_text(encoding="utf-8").splitlines(keepends=True)
    for path in dispatch.PATHS:
        row = [line for line in lines if line.startswith(f'    PathRow("{path.name}", ')]
        if row and not any(ranges.contains(path.supported_on, release) for release in kept):
            yield Step(file=DISPATCH, what=f"delete the row of {path.name}", before=row[0], after="")
            # Every module named after a path exists for that path alone: it itself, and its test harness.
            for file in sorted((root / "src").rglob(f"{path.name}.py")):
                what = f"delete: no Airflow takes the path {path.name} any more"
                yield Step(file=file.relative_to(root).as_posix(), what=what)


def _floor_steps(root: Path, matrix: Matrix, minor: Minor) -> Iterator[Step]:
    """Raise the floor where it is declared: in dispatch, and in the package's requirements."""
    old = minor_of(matrix.releases[0].airflow)
    requirement = f"apache-airflow>={old[0]}.{old[1]}"
    declared = {
        DISPATCH: (f"OLDEST: Final = ({old[0]}, {old[1]})", f"OLDEST: Final = ({minor[0]}, {minor[1]})"),
        "pyproject.toml": (f'"{requirement}"', f'"{bounds.raised(requirement, (*minor, 0))}"'),
    }
    for file, (before, after) in declared.items():
        if before != after and before in (root / file).read_text(encoding="utf-8"):
            what = f"raise the floor to {minor[0]}.{minor[1]}"
            yield Step(file=file, what=what, before=before, after=after)


def _scan_steps(root: Path, minor: Minor, scan: Scan, gone: set[str]) -> Iterator[Step]:
    """Take out of each file that stays what the scan finds dead at the new floor."""
    for file, removals in sorted(proven(scan.removals, (*minor, 0)).items()):
        if file in gone:
            continue
        places = ", ".join(
            f"{removal.line}-{removal.end}" if removal.end > removal.line else str(removal.line)
            for removal in removals
        )
        after = without((root / file).read_text(encoding="utf-8"), removals)
        yield Step(file=file, what=f"take out the lines {places}", after=after)


def _by_hand(root: Path, matrix: Matrix, minor: Minor, gone: set[str]) -> Iterator[Step]:
    """Yield the files that name a minor that is gone: prose, and tests of the matrix itself."""
    minors = sorted({row.minor for row in matrix.releases if minor_of(row.airflow) < minor})
    if not minors:  # this is the declared floor
        return
    words = [name.replace(".", r"\\?\.") for name in minors]  # in a pattern of a test it has a backslash
    words += [rf"\({name.replace('.', ', ')}\b" for name in minors]
    pattern = re.compile(rf"(?<![\d.])({'|'.join(words)})(?!\d)")
    for file in _texts(root):
        name = file.relative_to(root).as_posix()
        if name in gone or name == MATRIX_FILE or "/floor/" in name or name.startswith(DATED):
            continue
        lines = file.read_text(encoding="utf-8").splitlines()
        named = [str(number) for number, line in enumerate(lines, start=1) if pattern.search(line)]
        if named:
            yield Step(
                file=name, what=f"it names {', '.join(minors)} in lines {', '.join(named)}", by_hand=True
            )


def _texts(root: Path) -> Iterator[Path]:
    for place in (root / top for top in PROSE):
        found = [place] if place.is_file() else sorted(place.rglob("*"))
        yield from (file for file in found if file.suffix in (".py", ".md", ".toml"))
