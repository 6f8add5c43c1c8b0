"""The blocks of pages and of ``pyproject.toml`` that follow from the matrix and from what was measured.

Each stands between two marks: ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->`` in a page, ``# NAME:begin``
and ``# NAME:end`` in TOML. ``nox -s docs -- --write`` writes them all; a test fails where one is out of date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tools import ToolError
from trigger_compat import dispatch, markdown, matrix, ranges
from trigger_compat.matrix import Matrix

ROOT: Final = Path(__file__).parents[1]
ISSUES: Final = "https://github.com/apache/airflow/issues/"


def write() -> list[str]:
    """Write every block, and return the files that have changed."""
    changed = []
    for file in sorted({file for file, _ in BLOCKS}):
        old = new = (ROOT / file).read_text(encoding="utf-8")
        for name in [name for other, name in BLOCKS if other == file]:
            new = replaced(new, file, name, BLOCKS[file, name](matrix.load()))
        if new != old:
            (ROOT / file).write_text(new, encoding="utf-8")
            changed.append(file)
    return changed


def shown(file: str, name: str) -> str:
    """Return what stands between the marks of a file."""
    text = (ROOT / file).read_text(encoding="utf-8")
    start, end = _between(text, file, name)
    return text[start:end].strip("\n")


def replaced(text: str, file: str, name: str, block: str) -> str:
    """Return the text of a file with another block between the marks."""
    start, end = _between(text, file, name)
    return f"{text[:start]}\n{block}\n{text[end:]}"


def _between(text: str, file: str, name: str) -> tuple[int, int]:
    """Return where the block begins and ends.

    :raises ToolError: a mark is missing, or is there twice.
    """
    begin, end = (
        f"# {name}:{what}" if file.endswith(".toml") else f"<!-- {name}:{what} -->"
        for what in ("begin", "end")
    )
    if text.count(f"{begin}\n") != 1 or text.count(f"\n{end}\n") != 1 or text.index(begin) > text.index(end):
        raise ToolError(f"{file}: not one line {begin!r} and one {end!r} after it; restore them")
    return text.index(begin) + len(begin), text.index(f"{end}\n")


def _dates(known: Matrix) -> str:
    """Return the resolve date of each release that the quickstart offers."""
    rows = [
        (row.airflow, row.resolve.isoformat(), f"{row.pythons[0]} - {known.tried(row)[-1]}")
        for row in known.final_defaults
    ]
    return markdown.table(("Airflow", "day", "Python"), rows)


def _deviations(known: Matrix) -> str:
    """Return what the paths cannot keep, and where."""
    rows = []
    for row in known.deviations:
        issue = f"[{row.issue}]({ISSUES}{row.issue})" if row.issue else "-"
        rows.append((row.id, row.clause, row.path, f"`{row.airflow}`", row.reason, issue))
    return markdown.table(("deviation", "clause", "path", "Airflow", "why", "issue"), rows)


def _kept(known: Matrix) -> str:
    """Return the clauses that each path does not keep, on each release of the default run."""
    rows = []
    for release in known.final_defaults:
        cells = [release.airflow]
        for path in dispatch.PATHS:
            gaps = sorted({row.clause for row in known.deviations_of(path.name, release.airflow)})
            text = ", ".join(gaps) or "all kept"
            supported = ranges.contains(path.supported_on, matrix.release_tuple(release.airflow))
            default = path.name == release.path
            cells.append("not there" if not supported else f"**{text}**" if default else text)
        rows.append(cells)
    return markdown.table(("Airflow", *(f"`{path.name}`" for path in dispatch.PATHS)), rows)


def _migrate(known: Matrix) -> str:
    """Return, by release, what upstream's operator was measured to fail, and what this one cannot keep."""
    measured = _measured()
    rows = []
    for release in known.final_defaults:
        gaps = {row.clause for row in known.deviations_of(release.path, release.airflow)}
        settled = [clause for clause in measured[release.airflow] if clause not in gaps]
        rows.append(
            (release.airflow, f"`{release.path}`", ", ".join(settled), ", ".join(sorted(gaps)) or "-")
        )
    headings = ("Airflow", "path", "settled by the swap", "as before, until another path is forced")
    return markdown.table(headings, rows)


def _measured() -> Mapping[str, list[str]]:
    """Return the clauses that upstream's operator fails, by release: the first table of docs/drift.md."""
    text = (ROOT / "docs" / "drift.md").read_text(encoding="utf-8")
    head, _, *lines = text.partition("### By clause\n")[2].strip().partition("\n\n")[0].splitlines()
    releases = _cells(head)[1:]
    found: dict[str, list[str]] = {release: [] for release in releases}
    for clause, *verdicts in map(_cells, lines):
        for release, verdict in zip(releases, verdicts, strict=True):
            if verdict.startswith("FAIL"):
                found[release].append(clause)
    return found


def _cells(line: str) -> Sequence[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


OF_RELEASES: Final[Mapping[tuple[str, str], Callable[[Matrix], str]]] = {
    ("README.md", "matrix"): matrix.as_markdown,
    ("pyproject.toml", "matrix"): matrix.as_tox,
}
"""The blocks that change with any row of the matrix, by file and name."""
BLOCKS: Final[Mapping[tuple[str, str], Callable[[Matrix], str]]] = {
    **OF_RELEASES,
    ("docs/quickstart.md", "dates"): _dates,
    ("docs/paths.md", "kept"): _kept,
    ("docs/paths.md", "deviations"): _deviations,
    ("docs/migrate.md", "migrate"): _migrate,
}
"""All blocks."""
