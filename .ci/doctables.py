"""The tables in the pages that follow from the matrix file and from what was measured.

Each stands between two marks, ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``. ``nox -s docs -- --write``
writes them; a test fails where one is another. (The README's is that of ``trigger_compat.matrix``.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from trigger_compat import matrix

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
ISSUES: Final = "https://github.com/apache/airflow/issues/"


def write() -> list[Path]:
    """Write every table anew and return the pages that have changed."""
    changed = []
    for page in {page for page, _ in TABLES}:
        file = DOCS / page
        text = file.read_text(encoding="utf-8")
        fresh = text
        for name in [name for other, name in TABLES if other == page]:
            fresh = replaced(fresh, name, TABLES[page, name]())
        if fresh != text:
            file.write_text(fresh, encoding="utf-8")
            changed.append(file)
    return changed


def shown(page: str, name: str) -> str:
    """Return what stands between the marks."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return _between(text, name)[0]


def replaced(text: str, name: str, table: str) -> str:
    """Return the text of a page with another table between the marks."""
    _, start, end = _between(text, name)
    return f"{text[:start]}\n{table}\n{text[end:]}"


def _between(text: str, name: str) -> tuple[str, int, int]:
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{begin} and {end} must be there once each")
    start, stop = text.index(begin) + len(begin), text.index(end)
    return text[start:stop].strip(), start, stop


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def final_defaults() -> list[matrix.Release]:
    """Return the newest patch of each supported minor."""
    return [row for row in matrix.load().defaults if not row.preview]


def dates() -> str:
    """Return the day from which on the quickstart leaves out what was published."""
    rows = [
        (row.airflow, row.resolve.isoformat(), f"{row.pythons[0]} - {row.pythons[-1]}")
        for row in final_defaults()
    ]
    return _table(("Airflow", "day", "Python"), rows)


def deviations() -> str:
    """Return what the paths cannot keep, and where."""
    rows = [
        (
            row.id,
            row.clause,
            row.path,
            f"`{row.airflow}`",
            row.reason,
            "-" if row.issue in (None, "none") else f"[{row.issue}]({ISSUES}{row.issue})",
        )
        for row in matrix.load().deviations
    ]
    return _table(("deviation", "clause", "path", "Airflow", "why", "issue"), rows)


def kept() -> str:
    """Return how many deviations a path has on each release of the default run."""
    known = matrix.load()
    paths = [path.name for path in known.paths]
    rows = []
    for release in final_defaults():
        cells = []
        for path in paths:
            found = sorted({row.clause for row in known.deviations_of(path, release.airflow)})
            carries = matrix.within(
                next(each for each in known.paths if each.name == path).carries, release.airflow
            )
            text = ", ".join(found) or "all kept"
            cells.append("not there" if not carries else f"**{text}**" if path == release.path else text)
        rows.append((release.airflow, *cells))
    return _table(("Airflow", *(f"`{path}`" for path in paths)), rows)


def migrate() -> str:
    """Return, by release, what upstream's operator was measured to fail, and what this one cannot keep."""
    known = matrix.load()
    measured = _measured()
    rows = []
    for release in final_defaults():
        fails = measured[release.airflow]
        gaps = {row.clause for row in known.deviations_of(release.path, release.airflow)}
        settled = [clause for clause in fails if clause not in gaps]
        rows.append(
            (release.airflow, f"`{release.path}`", ", ".join(settled), ", ".join(sorted(gaps)) or "-")
        )
    return _table(("Airflow", "path", "settled by the swap", "as before, until another path is forced"), rows)


def _measured() -> Mapping[str, list[str]]:
    """Return the clauses that upstream's operator fails, by release: the first table of docs/drift.md."""
    text = (DOCS / "drift.md").read_text(encoding="utf-8")
    head, _, *lines = text.partition("### By clause\n")[2].strip().partition("\n\n")[0].splitlines()
    releases = _cells(head)[1:]
    found: dict[str, list[str]] = {release: [] for release in releases}
    for line in lines:
        clause, *verdicts = _cells(line)
        for release, verdict in zip(releases, verdicts, strict=True):
            if verdict.startswith("FAIL"):
                found[release].append(clause)
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


TABLES: Final[Mapping[tuple[str, str], Callable[[], str]]] = {
    ("quickstart.md", "dates"): dates,
    ("paths.md", "kept"): kept,
    ("paths.md", "deviations"): deviations,
    ("migrate.md", "migrate"): migrate,
}
"""By page and name of the marks."""
