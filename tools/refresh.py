"""Find the releases that PyPI has and ``compat-matrix.yaml`` lacks, and add their rows.

The matrix needs every final release from its oldest row on that is neither excluded nor yanked. It also needs
the newest pre-release of a minor without a final release: that row replaces the pre-release before it, and
the first final release replaces that row.

What goes wrong is a ``ToolError`` of one line, or a ``MatrixError`` where the matrix is wrong or would be.
"""

from __future__ import annotations

import difflib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from tools import ToolError
from tools.generated import OF_RELEASES, replaced
from trigger_compat import dispatch, matrix, ranges
from trigger_compat.floor.report.policy_dates import stale
from trigger_compat.matrix import Matrix, Release, as_yaml_row

URL: Final = "https://pypi.org/pypi/apache-airflow/json"
TIMEOUT_SECONDS: Final = 60.0
PROVIDERS_FOLLOW: Final = timedelta(days=2)
"""The providers of a release may follow it by hours; the comment on ``resolve`` in the matrix says so too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A release on the index: the day of its first file, its Pythons, and why it was yanked, if it was."""

    version: Version
    released: date
    requires_python: SpecifierSet
    yanked: str | None

    @property
    def minor(self) -> tuple[int, int]:
        """Its major and minor version."""
        return self.version.major, self.version.minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the matrix lacks: rows to add, previews to drop for them, and rows that were yanked since."""

    add: tuple[Release, ...]
    drop: tuple[Release, ...]
    yanked: Mapping[str, str]

    def __bool__(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self.add or self.yanked)


def fetch(url: str = URL) -> Any:
    """Ask the index for all releases."""
    if not url.startswith(("https://", "http://")):
        raise ToolError(f"--url {url}: not an address; give one that begins with https://")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - checked above
            return json.load(answer)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        why = " ".join(str(error).split()) or type(error).__name__
        raise ToolError(f"{url} does not answer: {why}; check the network, or give --url") from error
    except ValueError as error:
        raise ToolError(f"{url} does not answer with JSON ({error}); give --url") from error


def uploads(index: Any) -> tuple[Upload, ...]:
    """Return the releases in an answer of the index, in order of version, but for those without files."""
    try:
        found = [_upload(version, files) for version, files in index["releases"].items() if files]
    except (KeyError, TypeError, AttributeError, ValueError, InvalidVersion, InvalidSpecifier) as error:
        problem = f"{type(error).__name__}: {error}"
        raise ToolError(
            f"the answer does not have the form of PyPI's JSON API ({problem}); give --url"
        ) from error
    return tuple(sorted(found, key=lambda upload: upload.version))


def _upload(version: str, files: Sequence[Mapping[str, Any]]) -> Upload:
    first = min(files, key=lambda file: str(file["upload_time_iso_8601"]))
    return Upload(
        version=Version(version),
        # Python 3.10 cannot read the Z; the index gives the day in UTC.
        released=datetime.fromisoformat(first["upload_time_iso_8601"].replace("Z", "+00:00")).date(),
        requires_python=SpecifierSet(first["requires_python"] or ""),
        yanked=str(first["yanked_reason"] or "no reason given")
        if all(file["yanked"] for file in files)
        else None,
    )


def plan(known: Matrix, found: Sequence[Upload]) -> Plan:
    """Compare the matrix with the index."""
    rows = {row.airflow: row for row in known.releases}
    wanted = [upload for upload in _wanted(known, found) if str(upload.version) not in rows]
    replaced_minors = {f"{upload.version.major}.{upload.version.minor}" for upload in wanted}
    drop = tuple(row for row in known.releases if row.preview and row.minor in replaced_minors)
    kept = [Version(row.airflow) for row in known.releases if row not in drop]
    versions = sorted([*kept, *(upload.version for upload in wanted)])
    newest_of = {(version.major, version.minor): version for version in versions}
    return Plan(
        add=tuple(
            row_of(upload, default=newest_of[upload.minor] == upload.version)
            for upload in sorted(wanted, key=lambda upload: upload.version)
        ),
        drop=drop,
        yanked={
            str(upload.version): upload.yanked
            for upload in found
            if upload.yanked and str(upload.version) in rows
        },
    )


def _wanted(known: Matrix, found: Sequence[Upload]) -> list[Upload]:
    """Return the releases that need a row: final ones, and the newest pre-release of each later minor."""
    oldest = Version(known.releases[0].airflow)
    excluded = {exclusion.airflow for exclusion in known.excluded}
    usable = [upload for upload in found if not upload.yanked]
    finals = [upload.minor for upload in usable if not upload.version.is_prerelease]
    newest_minor = max([(oldest.major, oldest.minor), *finals])
    allowed = [upload for upload in usable if upload.version > oldest and str(upload.version) not in excluded]
    later = [upload for upload in allowed if upload.version.is_prerelease and upload.minor > newest_minor]
    previews = {upload.minor: upload for upload in later}  # of each minor the last, which is the newest
    return [*(upload for upload in allowed if not upload.version.is_prerelease), *previews.values()]


def newest(found: Sequence[Upload]) -> tuple[Upload, ...]:
    """Return the newest final release, and the newest pre-release of a later minor if there is one."""
    usable = [upload for upload in found if not upload.yanked]
    finals = [upload for upload in usable if not upload.version.is_prerelease]
    if not finals:
        raise ToolError("the index has no final release; give --url")
    later = [upload for upload in usable if upload.version.is_prerelease and upload.minor > finals[-1].minor]
    return (finals[-1], *later[-1:])


def row_of(upload: Upload, *, default: bool) -> Release:
    """Return the row of a release."""
    airflow = str(upload.version)
    # By the letter `!=3.13` excludes only 3.13.0, but releases that say it mean 3.13 and all that came later.
    fits = [upload.requires_python.contains(f"{python}.0") for python in matrix.PYTHONS]
    last = min((at for at in range(1, len(fits)) if fits[at - 1] and not fits[at]), default=None)
    pythons = tuple(python for python, fit in zip(matrix.PYTHONS[:last], fits, strict=False) if fit)
    if not pythons:
        known = ", ".join(matrix.PYTHONS)
        raise ToolError(
            f"Airflow {airflow} needs Python {upload.requires_python}, none of {known}; extend schema.json"
        )
    release = matrix.release_tuple(airflow)
    paths = [path.name for path in dispatch.PATHS if ranges.contains(path.default_for, release)]
    if len(paths) != 1:
        names = " and ".join(paths) or "no path"
        raise ToolError(f"Airflow {airflow}: dispatch.PATHS gives {names}; correct its ranges first")
    return Release(
        airflow=airflow,
        released=upload.released,
        resolve=upload.released + PROVIDERS_FOLLOW,
        pythons=pythons,
        path=paths[0],
        default=default,
        preview=upload.version.is_prerelease,
    )


def edit(text: str, known: Matrix, todo: Plan) -> str:
    """Return the text of the matrix file with the rows of a plan, and everything else as it was."""
    minors = {row.minor for row in todo.add if row.default}
    rows = list(known.releases)
    for place, row in enumerate(rows):
        if row.default and row.minor in minors and row not in todo.drop:
            rows[place] = replace(row, default=False)
            text = _replace_row(text, row, rows[place])
    for new in todo.add:
        # After the row before it, because a comment belongs to the row below.
        before = max(place for place, row in enumerate(rows) if Version(row.airflow) < Version(new.airflow))
        text = _replace_row(text, rows[before], rows[before], new)
        rows.insert(before + 1, new)
    for row in todo.drop:
        text = _replace_row(text, row)
        rows.remove(row)
    if matrix.parse(text).releases != tuple(rows):
        raise ToolError(f"{matrix.FILE_NAME} cannot be edited by line; add the rows by hand")
    return text


def _replace_row(text: str, old: Release, *new: Release) -> str:
    line = f"{as_yaml_row(old)}\n"
    if text.count(line) != 1:
        raise ToolError(
            f"{matrix.FILE_NAME}: {old.airflow} has no line {line.strip()}; write it that way first"
        )
    return text.replace(line, "".join(f"{as_yaml_row(row)}\n" for row in new))


def texts(root: Path, todo: Plan) -> dict[Path, str]:
    """Return the new texts of the matrix file and of the files that list its releases; write nothing."""
    file = root / matrix.FILE_NAME
    old = file.read_text(encoding="utf-8")
    result = {file: edit(old, matrix.parse(old), todo)}
    known = matrix.parse(result[file])
    for (name, block), content in OF_RELEASES.items():
        text = (root / name).read_text(encoding="utf-8")
        result[root / name] = replaced(text, name, block, content(known))
    return result


def headline(todo: Plan) -> str:
    """Return the plan in one line."""
    parts = []
    if todo.add:
        parts.append(f"{matrix.FILE_NAME} lacks Airflow {', '.join(row.airflow for row in todo.add)}")
    if todo.drop:
        parts.append(f"which replaces {', '.join(row.airflow for row in todo.drop)}")
    for airflow, why in todo.yanked.items():
        parts.append(f"Airflow {airflow} was yanked ({why}): move it to excluded")
    return "; ".join(parts) or f"{matrix.FILE_NAME} has every release that is on PyPI"


def difference(root: Path, wanted: Mapping[Path, str]) -> str:
    """Return what would change in the matrix file, as a unified diff."""
    file = root / matrix.FILE_NAME
    old, new = file.read_text(encoding="utf-8").splitlines(), wanted[file].splitlines()
    return "\n".join(difflib.unified_diff(old, new, file.name, file.name, n=1, lineterm=""))


def next_steps(known: Matrix, todo: Plan) -> str:
    """Return what a person has to do about the new rows, as a Markdown list."""
    sessions = ", ".join(f'`nox -s "tests({row.airflow})"`' for row in todo.add)
    steps = [
        "`nox -s refresh -- --force` writes the rows, the table of the README and the environments of tox",
        f"{sessions}: a failure may need a row in `pins`, a gap one in `deviations`",
        "`PATCHES` in `tests/unit/test_matrix.py`: list the release, so that its row cannot get lost",
        "`nox -s names`: the floor report needs the names of the release",
    ]
    if new := sorted({row.minor for row in todo.add} - {row.minor for row in known.releases}):
        steps.append(f"`dispatch.NEWEST_KNOWN`, because {' and '.join(new)} is new")
    return "\n".join(f"- [ ] {step}" for step in steps)


def refresh(
    root: Path, url: str = URL, *, force: bool = False, check: bool = False, report_to: Path | None = None
) -> None:
    """Print what the matrix of a checkout lacks.

    :param force: write it too.
    :param check: raise an error if it lacks anything.
    :param report_to: a file for the text of the issue to open; it is deleted if there is nothing to do.
    """
    known = matrix.parse((root / matrix.FILE_NAME).read_text(encoding="utf-8"))
    todo, today = plan(known, uploads(fetch(url))), datetime.now(tz=timezone.utc).date()
    old = [f"The policy {row.id}: {why}" for row in known.policies if (why := stale(row, today))]
    report = [f"{headline(todo)}.", *old]
    print(headline(todo), *old, sep="\n")
    if todo.add:
        wanted = texts(root, todo)
        changes, steps = difference(root, wanted), next_steps(known, todo)
        print(f"\n{changes}\n\n{steps}")
        report += [f"```diff\n{changes}\n```", steps]
        if force:
            for path, text in wanted.items():
                path.write_text(text, encoding="utf-8")
            print(f"\nwritten: {', '.join(path.name for path in wanted)}")
    if report_to and (todo or old):
        report_to.write_text("\n\n".join(report) + "\n", encoding="utf-8")
    elif report_to:
        report_to.unlink(missing_ok=True)
    if check and todo:
        raise ToolError("the matrix lacks releases; see above")


def newest_rows(url: str = URL, only: Sequence[str] = ()) -> list[Release]:
    """Return the newest releases of the index as rows whose dependencies are those of today.

    :param only: take these releases of the index instead.
    """
    found = uploads(fetch(url))
    by_version = {str(upload.version): upload for upload in found}
    if unknown := [airflow for airflow in only if airflow not in by_version]:
        names = " and ".join(str(upload.version) for upload in newest(found))
        raise ToolError(f"--airflow {unknown[0]}: not on the index; the newest are {names}")
    chosen = [by_version[airflow] for airflow in only] or newest(found)
    tomorrow = datetime.now(tz=timezone.utc).date() + timedelta(days=1)
    return [replace(row_of(upload, default=False), resolve=tomorrow) for upload in chosen]
