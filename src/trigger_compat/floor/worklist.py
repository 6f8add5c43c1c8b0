"""What to do, step by step, to raise the floor of this project; and the doing of it.

Each step says where and what. Most are exact enough to be carried out by :func:`carry_out`, which is how the
list is proved; what is left to a person (prose, and tests that name a release) is listed with its lines.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trigger_compat import matrix as matrix_module
from trigger_compat.errors import SourceError
from trigger_compat.floor.rewrite.lines import delete_lines as carried_out
from trigger_compat.floor.scan import scanner, source
from trigger_compat.floor.scan.model import Category
from trigger_compat.floor.scan.model import Removal as Finding
from trigger_compat.floor.scan.releases import NEVER, index_of, minor_of
from trigger_compat.floor.scan.rules.unused import DeadCode as Dead
from trigger_compat.floor.scan.source import Module
from trigger_compat.matrix import Matrix, Release

Minor = tuple[int, int]
MATRIX_FILE: Final = matrix_module.FILE_NAME
DISPATCH: Final = "src/trigger_compat/dispatch.py"
PATHS: Final = "src/trigger_compat/paths"
_PAST: Final = re.compile(r'  - \{airflow: "[^"]+", released: [\d-]+, resolve: [\d-]+\}\n')
SHOWN_IN: Final[Mapping[str, tuple[tuple[str, str], Callable[[Matrix], str]]]] = {
    "README.md": (matrix_module.TABLE_MARKS, matrix_module.readme_table),
    "pyproject.toml": (matrix_module.TOX_MARKS, matrix_module.as_tox),
}
"""The files that show the matrix: between which marks, and how."""
PROSE: Final = ("README.md", "docs", "src", "tests", "noxfile.py", "pyproject.toml")
DATED: Final = "docs/reports/"
"""What was measured on a day: it stays as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step.

    :param before: the text that stands in the file now, once; None: the step concerns the file as a whole.
    :param after: what stands there then; None: the file is deleted.
    """

    file: str
    what: str
    before: str | None = None
    after: str | None = None
    by_hand: bool = False


def steps(root: Path, minor: Minor) -> tuple[Step, ...]:
    """Return what to do to raise the floor of the checkout at ``root`` to a minor, in this order.

    :raises SourceError: it is no checkout of this project.
    """
    try:
        text = (root / MATRIX_FILE).read_text(encoding="utf-8")
    except OSError as error:
        raise SourceError(
            f"{root} is no checkout of trigger-compat: {MATRIX_FILE}: {error.strerror}"
        ) from error
    matrix = matrix_module.parse(text)
    found = _findings(root, minor)
    of_matrix = list(_matrix_steps(text, matrix, minor))
    done = [
        *of_matrix,
        *_shown_steps(text, of_matrix),
        *_path_steps(root, matrix, minor),
        *_floor_steps(root, matrix, minor),
        *_scan_steps(root, found),
        *_orphans(root, found),
    ]
    return (*done, *_by_hand(root, matrix, minor, {step.file for step in done if step.after is None}))


def carry_out(root: Path, todo: Iterable[Step]) -> None:
    """Do the steps in a checkout, all but those that are left to a person.

    :raises SourceError: a step does not fit the file any more.
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
            raise SourceError(f"{step.file}: {step.what}: the text is not there once; make the list again")
        file.write_text(text.replace(step.before, step.after), encoding="utf-8")


def _shown_steps(text: str, todo: Iterable[Step]) -> Iterator[Step]:
    """Show the matrix as it is after these steps, where the one of today is shown."""
    new = text
    for step in todo:
        new = new.replace(step.before or "", step.after or "")
    for file, (marks, block) in SHOWN_IN.items():
        before, after = (
            f"{marks[0]}\n{block(matrix_module.parse(each))}\n{marks[1]}" for each in (text, new)
        )
        if before != after:
            yield Step(file=file, what="show the new matrix", before=before, after=after)


def _matrix_steps(text: str, matrix: Matrix, minor: Minor) -> Iterator[Step]:
    """Drop the rows below the floor; the first and the last of each minor become history."""
    gone = [row for row in matrix.releases if minor_of(row.airflow) < minor]
    if not gone:
        return
    kept = [row.airflow for row in matrix.releases if minor_of(row.airflow) >= minor]
    lines = text.splitlines(keepends=True)
    for row in gone:
        before = _row(lines, "releases", row.airflow)
        yield Step(file=MATRIX_FILE, what=f"delete the row of {row.airflow}", before=before, after="")
    yield from _notes_steps(lines, "excluded", [row.airflow for row in matrix.excluded], minor)
    yield from _notes_steps(lines, "pins", [row.airflow for row in matrix.pins], minor)
    last = next(line for line in reversed(lines) if _PAST.fullmatch(line))
    history = "".join(map(_past, _ends(gone)))
    names = ", ".join(row.airflow for row in _ends(gone))
    yield Step(file=MATRIX_FILE, what=f"add {names} to the history", before=last, after=last + history)
    for path in matrix.paths:
        if not any(matrix_module.within(path.carries, airflow) for airflow in kept):
            line = next(line for line in lines if line.startswith(f"  {path.name}: {{"))
            yield Step(file=MATRIX_FILE, what=f"delete the path {path.name}", before=line, after="")
    for deviation in matrix.deviations:
        if not any(map(deviation.covers, kept)):
            at = lines.index(f"  - id: {deviation.id}\n")
            end = next((n for n in range(at + 1, len(lines)) if not lines[n].startswith("    ")), len(lines))
            before = "".join(lines[at:end])
            yield Step(file=MATRIX_FILE, what=f"delete the deviation {deviation.id}", before=before, after="")


def _notes_steps(lines: list[str], section: str, noted: Sequence[str], minor: Minor) -> Iterator[Step]:
    """Drop what a section says about releases below the floor; it stays a list."""
    gone = [airflow for airflow in noted if minor_of(airflow) < minor]
    if not gone:
        return
    before = "".join([f"{section}:\n", *(_row(lines, section, airflow) for airflow in noted)])
    kept = [_row(lines, section, airflow) for airflow in noted if airflow not in gone]
    after = "".join([f"{section}:\n", *kept] if kept else [f"{section}: []\n"])
    yield Step(file=MATRIX_FILE, what=f"delete {', '.join(gone)} from {section}", before=before, after=after)


def _row(lines: list[str], section: str, airflow: str) -> str:
    """Return the line about a release in a section of the matrix, with the comment above it."""
    at = next(
        place
        for place in range(lines.index(f"{section}:\n"), len(lines))
        if lines[place].startswith(f'  - {{airflow: "{airflow}", ')
    )
    first = at
    while lines[first - 1].startswith("  #"):
        first -= 1
    return "".join(lines[first : at + 1])


def _ends(rows: Sequence[Release]) -> list[Release]:
    """Return the first and the last release of each minor."""
    by_minor: dict[str, list[Release]] = defaultdict(list)
    for row in rows:
        by_minor[row.minor].append(row)
    return [row for members in by_minor.values() for row in (members[0], *members[-1:][: len(members) - 1])]


def _past(row: Release) -> str:
    return f'  - {{airflow: "{row.airflow}", released: {row.released}, resolve: {row.resolve}}}\n'


def _path_steps(root: Path, matrix: Matrix, minor: Minor) -> Iterator[Step]:
    kept = [row.airflow for row in matrix.releases if minor_of(row.airflow) >= minor]
    lines = (root / DISPATCH).read_text(encoding="utf-8").splitlines(keepends=True)
    for path in matrix.paths:
        if any(matrix_module.within(path.carries, airflow) for airflow in kept):
            continue
        line = next(line for line in lines if line.startswith(f'    PathRow("{path.name}", '))
        yield Step(file=DISPATCH, what=f"delete the row of {path.name}", before=line, after="")
        yield Step(
            file=f"{PATHS}/{path.name}.py", what=f"delete: no Airflow takes the path {path.name} any more"
        )


def _floor_steps(root: Path, matrix: Matrix, minor: Minor) -> Iterator[Step]:
    old = minor_of(matrix.releases[0].airflow)
    places = (
        (DISPATCH, f"OLDEST: Final = ({old[0]}, {old[1]})", f"OLDEST: Final = ({minor[0]}, {minor[1]})"),
        (
            "pyproject.toml",
            f'"apache-airflow>={old[0]}.{old[1]}"',
            f'"apache-airflow>={minor[0]}.{minor[1]}"',
        ),
    )
    for file, before, after in places:
        if before != after and before in (root / file).read_text(encoding="utf-8"):
            yield Step(
                file=file, what=f"raise the floor to {minor[0]}.{minor[1]}", before=before, after=after
            )


def _findings(root: Path, minor: Minor) -> Mapping[Module, list[Finding]]:
    """Return what a scan of the sources says of the new floor, by file."""
    point = index_of((*minor, 0))
    scan = scanner.scan(source.read(str(root)))
    by_file: dict[str, list[Finding]] = defaultdict(list)
    for each in scan.removals:
        if each.removable_from <= point and each.category not in (Category.ANNOUNCED, Category.RESTATED):
            by_file[each.file].append(each)
    return {module: by_file[module.file] for module in scan.source.modules}


def _scan_steps(root: Path, found: Mapping[Module, list[Finding]]) -> Iterator[Step]:
    for module, findings in found.items():
        if findings:
            places = ", ".join(
                f"{each.line}-{each.end}" if each.end > each.line else str(each.line) for each in findings
            )
            after = carried_out((root / module.file).read_text(encoding="utf-8"), findings)
            yield Step(file=module.file, what=f"take out the lines {places}", after=after)


def _orphans(root: Path, found: Mapping[Module, list[Finding]]) -> Iterator[Step]:
    """Yield the files that only dead code imports."""
    dead = Dead(each for findings in found.values() for each in findings)
    uses: dict[str, list[int]] = defaultdict(list)
    for module in found:
        for node in ast.walk(module.tree):
            for name in _imported(node):
                place = (module.file, getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
                uses[name].append(dead.at(place))
    for module in found:
        names = {".".join(module.parts[at:]) for at in range(len(module.parts))}
        points = [point for name in names for point in uses.get(name, ())]
        if points and max(points) < NEVER and (root / module.file).is_file():
            yield Step(file=module.file, what="delete: only code that is gone imports it")


def _imported(node: ast.AST) -> Iterator[str]:
    """Yield the modules that an import may mean."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _by_hand(root: Path, matrix: Matrix, minor: Minor, gone: set[str]) -> Iterator[Step]:
    """Yield the files that name a minor or a path that is gone: prose, and tests of the matrix itself."""
    minors = sorted({row.minor for row in matrix.releases if minor_of(row.airflow) < minor})
    if not minors:  # the declared floor: nothing is gone
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
    for top in PROSE:
        place = root / top
        if place.is_file():
            yield place
        elif place.is_dir():
            yield from (file for file in sorted(place.rglob("*")) if file.suffix in (".py", ".md"))
