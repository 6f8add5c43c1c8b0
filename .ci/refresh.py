"""What PyPI has and ``compat-matrix.yaml`` has not: the rows to add, and the text of the file with them.

A final release belongs into the matrix from the oldest row on, unless it is there, excluded, or yanked. Of a
minor that has no final release yet its newest pre-release does: it takes the place of the one before it, and
gives its own to the first final release. No text is returned that has not been read as a matrix again.
"""

from __future__ import annotations

import difflib
import http.client
import json
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from trigger_compat import matrix
from trigger_compat.floor.worklist import SHOWN_IN
from trigger_compat.matrix import Matrix, Release

URL: Final = "https://pypi.org/pypi/apache-airflow/json"
TIMEOUT: Final = 60.0
"""Seconds until an index that says nothing is given up."""
PROVIDERS_FOLLOW: Final = timedelta(days=2)
"""What the file says of ``resolve``: the providers of a release may follow it by hours."""


class RefreshError(Exception):
    """The index cannot be asked, or its answer cannot be used; one line: what, and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A release on the index: the day of its first file there, what Pythons it is for, why it was yanked."""

    version: Version
    released: date
    requires_python: SpecifierSet
    yanked: str | None

    @property
    def minor(self) -> tuple[int, int]:
        """The minor it belongs to."""
        return self.version.major, self.version.minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the matrix lacks: rows to add, previews that they replace, rows that were yanked since."""

    add: tuple[Release, ...]
    drop: tuple[Release, ...]
    yanked: Mapping[str, str]

    def __bool__(self) -> bool:
        """Say whether there is anything to do."""
        return bool(self.add or self.yanked)


def fetch(url: str = URL) -> Any:
    """Ask the index for all releases.

    :raises RefreshError: it does not answer, or not with JSON.
    """
    if not url.startswith(("https://", "http://")):
        raise RefreshError(f"--url {url}: not an address; give one that begins with https://")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - checked above
            return json.load(answer)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        why = " ".join(str(error).split()) or type(error).__name__
        raise RefreshError(f"{url} does not answer: {why}; check the network, or give --url") from error
    except ValueError as error:
        raise RefreshError(f"{url} does not answer with JSON ({error}); give --url") from error


def uploads(index: Any) -> tuple[Upload, ...]:
    """Read the index's answer, in order of version; releases without files are left out.

    :raises RefreshError: it has another shape than PyPI's JSON API.
    """
    try:
        return tuple(
            sorted(
                (_upload(version, files) for version, files in index["releases"].items() if files),
                key=lambda upload: upload.version,
            )
        )
    except (KeyError, TypeError, AttributeError, ValueError, InvalidVersion, InvalidSpecifier) as error:
        why = f"{type(error).__name__}: {error}"
        raise RefreshError(
            f"the index's answer is not that of PyPI's JSON API ({why}); give --url"
        ) from error


def _upload(version: str, files: Sequence[Mapping[str, Any]]) -> Upload:
    first = min(files, key=lambda file: str(file["upload_time_iso_8601"]))
    whole = all(file["yanked"] for file in files)
    return Upload(
        version=Version(version),
        # Python 3.10 reads no Z; the day is all that matters, and the index gives it in UTC.
        released=datetime.fromisoformat(first["upload_time_iso_8601"].replace("Z", "+00:00")).date(),
        requires_python=SpecifierSet(first["requires_python"] or ""),
        yanked=str(first["yanked_reason"] or "no reason given") if whole else None,
    )


def plan(known: Matrix, found: Sequence[Upload]) -> Plan:
    """Compare the matrix with the index.

    :raises RefreshError: a release fits no Python or no path of the matrix; the message says what to extend.
    """
    there = {row.airflow for row in known.releases}
    wanted = [*_finals(known, found), *_previews(known, found)]
    add = [upload for upload in wanted if str(upload.version) not in there]
    replaced = {upload.minor for upload in add}
    drop = [row for row in known.releases if row.preview and _minor(row) in replaced]
    rows = [row for row in known.releases if row not in drop]
    versions = [*(Version(row.airflow) for row in rows), *(upload.version for upload in add)]
    last = {(version.major, version.minor): version for version in sorted(versions)}
    return Plan(
        add=tuple(
            row_of(known, upload, default=last[upload.minor] == upload.version)
            for upload in sorted(add, key=lambda upload: upload.version)
        ),
        drop=tuple(drop),
        yanked={
            str(each.version): each.yanked for each in found if each.yanked and str(each.version) in there
        },
    )


def newest(found: Sequence[Upload]) -> tuple[Upload, ...]:
    """Return the newest final release, and the newest pre-release of a minor after it."""
    usable = [upload for upload in found if not upload.yanked]
    finals = [upload for upload in usable if not _is_preview(upload)]
    if not finals:
        raise RefreshError("the index has no final release; give --url")
    later = [upload for upload in usable if _is_preview(upload) and upload.minor > finals[-1].minor]
    return (finals[-1], *later[-1:])


def row_of(known: Matrix, upload: Upload, *, default: bool) -> Release:
    """Return the row of a release.

    :raises RefreshError: it fits no Python or no path of the matrix.
    """
    airflow = str(upload.version)
    # By the letter `!=3.13` excludes 3.13.0 alone, but releases that say it mean 3.13 as a whole.
    pythons = tuple(each for each in matrix.PYTHONS if upload.requires_python.contains(f"{each}.0"))
    if not pythons:
        of = ", ".join(matrix.PYTHONS)
        raise RefreshError(
            f"Airflow {airflow} needs Python {upload.requires_python}, none of {of}; extend PYTHONS"
        )
    paths = [path.name for path in known.paths if matrix.within(path.default_for, airflow)]
    if len(paths) != 1:
        names = " and ".join(paths) or "none"
        raise RefreshError(f"Airflow {airflow}: the paths' default_for gives {names}; settle that first")
    return Release(
        airflow=airflow,
        released=upload.released,
        resolve=upload.released + PROVIDERS_FOLLOW,
        pythons=pythons,
        path=paths[0],
        default=default,
        preview=_is_preview(upload),
    )


def _is_preview(upload: Upload) -> bool:
    return upload.version.is_prerelease


def _minor(row: Release) -> tuple[int, int]:
    version = Version(row.airflow)
    return version.major, version.minor


def _finals(known: Matrix, found: Sequence[Upload]) -> list[Upload]:
    oldest = Version(known.releases[0].airflow)
    excluded = {gone.airflow for gone in known.excluded}
    return [
        upload
        for upload in found
        if not _is_preview(upload)
        and not upload.yanked
        and upload.version > oldest
        and str(upload.version) not in excluded
    ]


def _previews(known: Matrix, found: Sequence[Upload]) -> list[Upload]:
    """Return the newest pre-release of each minor after the newest that has a final release."""
    usable = [upload for upload in found if not upload.yanked]
    oldest = Version(known.releases[0].airflow)
    excluded = {gone.airflow for gone in known.excluded}
    final = max((upload.minor for upload in usable if not _is_preview(upload)), default=(0, 0))
    final = max(final, (oldest.major, oldest.minor))
    pre = [upload for upload in usable if _is_preview(upload) and upload.minor > final]
    by_minor = {upload.minor: upload for upload in pre if str(upload.version) not in excluded}
    return list(by_minor.values())


def line_of(row: Release) -> str:
    """Return a row as the file writes it."""
    pythons = ", ".join(f'"{python}"' for python in row.pythons)
    return (
        f'  - {{airflow: "{row.airflow}", released: {row.released}, resolve: {row.resolve}, '
        f"pythons: [{pythons}], path: {row.path}, "
        f"default: {str(row.default).lower()}, preview: {str(row.preview).lower()}}}"
    )


def edit(text: str, known: Matrix, todo: Plan) -> str:
    """Return the file's text with the rows of a plan, everything else as it was.

    :raises RefreshError: a row of the file is not one line, as ``line_of`` writes it.
    :raises MatrixError: the result would be no matrix, e.g. a pin is for a preview that is replaced.
    """
    minors = {row.minor for row in todo.add if row.default}
    lines = text.splitlines()
    kept = [row for row in known.releases if row not in todo.drop]
    outdone = {
        row.airflow: replace(row, default=False) for row in kept if row.default and row.minor in minors
    }
    for row in known.releases:
        if row.airflow in outdone:
            lines[_place(lines, row)] = line_of(outdone[row.airflow])
    rows = [outdone.get(row.airflow, row) for row in known.releases]
    for new in todo.add:
        # After the row before it, because a comment belongs to the row below.
        before = max(place for place, row in enumerate(rows) if Version(row.airflow) < Version(new.airflow))
        lines.insert(_place(lines, rows[before]) + 1, line_of(new))
        rows.insert(before + 1, new)
    for row in todo.drop:
        del lines[_place(lines, row)]
        rows.remove(row)
    result = "".join(f"{line}\n" for line in lines)
    if matrix.parse(result).releases != tuple(rows):
        raise RefreshError(f"{matrix.FILE_NAME} cannot be edited by line; add the rows by hand")
    return result


def _place(lines: Sequence[str], row: Release) -> int:
    try:
        return lines.index(line_of(row))
    except ValueError:
        wanted = line_of(row).strip()
        raise RefreshError(f"{matrix.FILE_NAME}: {row.airflow} has no line {wanted}; mend it first") from None


def between(text: str, marks: tuple[str, str], block: str) -> str:
    """Return a text with another block between two marks, each on a line of its own.

    :raises RefreshError: a mark is missing, or is there twice.
    """
    begin, end = marks
    lines = text.splitlines()
    if lines.count(begin) != 1 or lines.count(end) != 1 or lines.index(begin) > lines.index(end):
        raise RefreshError(f"not one line {begin!r} and one {end!r} after it; restore them")
    lines[lines.index(begin) + 1 : lines.index(end)] = block.splitlines()
    return "".join(f"{line}\n" for line in lines)


def texts(root: Path, todo: Plan) -> dict[Path, str]:
    """Return what the matrix file and those that show it become; nothing is written.

    :raises RefreshError: a file is not as it should be.
    :raises MatrixError: the result would be no matrix.
    """
    file = root / matrix.FILE_NAME
    old = file.read_text(encoding="utf-8")
    new = edit(old, matrix.parse(old), todo)
    result = {file: new}
    for name, (marks, block) in SHOWN_IN.items():
        shown = (root / name).read_text(encoding="utf-8")
        try:
            result[root / name] = between(shown, marks, block(matrix.parse(new)))
        except RefreshError as error:
            raise RefreshError(f"{name}: {error}") from error
    return result


def write(wanted: Mapping[Path, str]) -> None:
    """Write all files or none: what can fail comes before the first of them is replaced."""
    fresh: dict[Path, Path] = {}
    try:
        for path, text in wanted.items():
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            fresh[path] = Path(name)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            fresh[path].chmod(path.stat().st_mode)
        for path, new in fresh.items():
            new.replace(path)
    finally:
        for new in fresh.values():
            new.unlink(missing_ok=True)


def headline(todo: Plan) -> str:
    """Return the plan in one line."""
    parts = []
    if todo.add:
        parts.append(f"{matrix.FILE_NAME} lacks Airflow {', '.join(row.airflow for row in todo.add)}")
    if todo.drop:
        parts.append(f"which replaces {', '.join(row.airflow for row in todo.drop)}")
    parts += [
        f"Airflow {airflow} was yanked ({why}): move it to excluded" for airflow, why in todo.yanked.items()
    ]
    return "; ".join(parts) or f"{matrix.FILE_NAME} has every release that is on PyPI"


def difference(root: Path, wanted: Mapping[Path, str]) -> str:
    """Return what would change in the matrix file, as a unified diff."""
    file = root / matrix.FILE_NAME
    old, new = file.read_text(encoding="utf-8").splitlines(), wanted[file].splitlines()
    return "\n".join(difflib.unified_diff(old, new, file.name, file.name, n=1, lineterm=""))


def next_steps(known: Matrix, todo: Plan) -> str:
    """Return what is left for a person once the rows are there, as a Markdown list."""
    sessions = ", ".join(f'`nox -s "tests({row.airflow})"`' for row in todo.add)
    there = {row.minor for row in known.releases}
    steps = [
        "`nox -s refresh -- --force` writes the rows, the table of the README and the environments of tox",
        f"{sessions}: what breaks may need a row in `pins`, a gap one in `deviations`",
        "`PATCHES` in `tests/unit/test_matrix.py`: a row that is promised must not get lost",
        "`nox -s names`: the floor report needs their names",
    ]
    if new := sorted({row.minor for row in todo.add} - there):
        steps.append(f"`dispatch.NEWEST_KNOWN`, because {' and '.join(new)} is new")
    return "\n".join(f"- [ ] {step}" for step in steps)


def report(root: Path, known: Matrix, todo: Plan) -> str:
    """Return the question that a new release opens, as Markdown: what is missing, the rows, and the steps."""
    parts = [f"{headline(todo)}."]
    if todo.add:
        parts += [f"```diff\n{difference(root, texts(root, todo))}\n```", next_steps(known, todo)]
    return "\n\n".join(parts)


def refresh(root: Path, url: str = URL, *, force: bool = False, report_to: Path | None = None) -> bool:
    """Print what the matrix of a checkout lacks, or write it; say whether it was complete.

    :param report_to: a file that becomes the question to open, or is deleted if there is none.
    :raises RefreshError: the index or a file is not as it should be.
    :raises MatrixError: the matrix is wrong, or would be.
    """
    known = matrix.parse((root / matrix.FILE_NAME).read_text(encoding="utf-8"))
    todo = plan(known, uploads(fetch(url)))
    wanted = texts(root, todo)
    print(headline(todo))
    if todo.add:
        print(f"\n{difference(root, wanted)}\n\n{next_steps(known, todo)}")
    if report_to and todo:
        report_to.write_text(f"{report(root, known, todo)}\n", encoding="utf-8")
    elif report_to:
        report_to.unlink(missing_ok=True)
    if force and todo.add:
        write(wanted)
        print(f"\nwritten: {', '.join(path.name for path in wanted)}")
    return not todo


def newest_rows(known: Matrix, url: str = URL, only: Sequence[str] = ()) -> list[Release]:
    """Return the newest releases of the index as rows whose dependencies are those of today.

    :param only: releases to take instead, of those that the index has.
    :raises RefreshError: see :func:`fetch`, :func:`uploads` and :func:`row_of`; or it has no such release.
    """
    found = uploads(fetch(url))
    by_version = {str(upload.version): upload for upload in found}
    if unknown := [airflow for airflow in only if airflow not in by_version]:
        raise RefreshError(
            f"--airflow {unknown[0]}: not on the index; the newest are {_names(newest(found))}"
        )
    chosen = [by_version[airflow] for airflow in only] or newest(found)
    tomorrow = datetime.now(tz=timezone.utc).date() + timedelta(days=1)
    return [replace(row_of(known, upload, default=False), resolve=tomorrow) for upload in chosen]


def _names(found: Sequence[Upload]) -> str:
    return " and ".join(str(upload.version) for upload in found)
