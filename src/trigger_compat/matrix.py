"""The compatibility matrix: ``compat-matrix.yaml`` read, checked, and shown.

Everything that depends on the list of Airflow releases (nox sessions, CI, the README table, expected
failures) takes it from :func:`load`. A mistake in the file is a :class:`MatrixError` of one line that
names the row, the key, the value and what to write instead.

``python -m trigger_compat.matrix`` prints it; ``--check`` only reads it. Needs the extra ``matrix``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final, NoReturn

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from trigger_compat.errors import MatrixError

FILE_NAME: Final = "compat-matrix.yaml"
SCHEMA: Final = "1"
PYTHONS: Final = ("3.10", "3.11", "3.12", "3.13")
POLICY_RULES: Final = ("drop-after", "newest-at-least")
CLAUSE: Final = re.compile(r"[CRTWDXP][1-9]\d*")
NO_ISSUE: Final = "none"
TABLE_MARKS: Final = ("<!-- matrix:begin -->", "<!-- matrix:end -->")
TOX_MARKS: Final = ("# matrix:begin", "# matrix:end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One supported Airflow release: what pins its dependencies, where it runs, which path it takes."""

    airflow: str
    released: date
    resolve: date
    pythons: tuple[str, ...]
    path: str
    default: bool
    preview: bool

    @property
    def major(self) -> int:
        """The major it belongs to, such as 3."""
        return Version(self.airflow).major

    @property
    def minor(self) -> str:
        """The minor it belongs to, such as ``3.2``."""
        version = Version(self.airflow)
        return f"{version.major}.{version.minor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A release that is older than the supported ones: the floor report compares with it."""

    airflow: str
    released: date
    resolve: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRange:
    """One path: where it can run, and where it is chosen by itself."""

    name: str
    carries: str
    default_for: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A release that exists and is not supported, and why."""

    airflow: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A requirement that a release needs besides its resolve date, and why."""

    airflow: str
    requirement: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """A clause of the contract that a path cannot keep on some releases, and why."""

    id: str
    clause: str
    path: str
    airflow: str
    issue: str | None
    reason: str

    def covers(self, airflow: str) -> bool:
        """Say whether it is declared for this release."""
        return within(self.airflow, airflow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A rule for the oldest Airflow that a package may require."""

    id: str
    rule: str
    months: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The whole file. Releases are in order of version."""

    paths: tuple[PathRange, ...]
    releases: tuple[Release, ...]
    history: tuple[Past, ...]
    excluded: tuple[Exclusion, ...]
    pins: tuple[Pin, ...]
    deviations: tuple[Deviation, ...]
    policies: tuple[Policy, ...]

    @property
    def defaults(self) -> tuple[Release, ...]:
        """The releases that stand for their minors in the default run."""
        return tuple(row for row in self.releases if row.default)

    @property
    def upgrades(self) -> tuple[tuple[Release, Release], ...]:
        """The upgrades of the default run: to its newest final release, from the minor and major before."""
        *older, newest = (row for row in self.defaults if not row.preview)
        last_of_major = [row for row in older if row.major != newest.major][-1:]
        return tuple((row, newest) for row in dict.fromkeys([*last_of_major, *older[-1:]]))

    def release(self, airflow: str) -> Release:
        """Return a row by its version.

        :raises MatrixError: no row has it; the message says why, or lists those that there are.
        """
        for row in self.releases:
            if row.airflow == airflow:
                return row
        for gone in self.excluded:
            if gone.airflow == airflow:
                raise MatrixError(f"Airflow {airflow} is excluded: {gone.reason}")
        known = ", ".join(row.airflow for row in self.releases)
        raise MatrixError(f"Airflow {airflow!r} is not in the matrix; choose one of {known}")

    def requirements(self, row: Release) -> tuple[str, ...]:
        """Return what to install for a release, besides taking its resolve date into account."""
        pins = (pin.requirement for pin in self.pins if pin.airflow == row.airflow)
        return (f"apache-airflow=={row.airflow}", *pins)

    def deviations_of(self, path: str, airflow: str) -> tuple[Deviation, ...]:
        """Return what a path cannot keep on a release."""
        return tuple(row for row in self.deviations if row.path == path and row.covers(airflow))


def find() -> Path:
    """Return the matrix file: inside the installed package, or at the top of a checkout.

    :raises MatrixError: neither is there.
    """
    places = (Path(__file__).with_name(FILE_NAME), Path(__file__).parents[2] / FILE_NAME)
    for place in places:
        if place.is_file():
            return place
    raise MatrixError(f"{FILE_NAME} is neither in the package nor at the top of a checkout; install again")


@cache
def load(path: Path | None = None) -> Matrix:
    """Read and check the matrix, by default the one that belongs to this package.

    :raises MatrixError: the file is missing, is not YAML, or a row of it is wrong.
    """
    path = path or find()
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MatrixError(f"{path}: {error.strerror}; name a file that can be read") from error
    return parse(text)


def parse(text: str) -> Matrix:
    """Check the text of a matrix and return it typed.

    :raises MatrixError: see :func:`load`.
    """
    document = _Row("top level", _read(text))
    document.keys("schema", "paths", "releases", "history", "excluded", "pins", "deviations", "policies")
    document.choice("schema", (SCHEMA,))
    matrix = Matrix(
        paths=tuple(_path(name, row) for name, row in document.mapping("paths").items()),
        releases=tuple(map(_release, document.rows("releases", "airflow"))),
        history=tuple(map(_past, document.rows("history", "airflow"))),
        excluded=tuple(map(_exclusion, document.rows("excluded", "airflow"))),
        pins=tuple(map(_pin, document.rows("pins", "airflow"))),
        deviations=tuple(map(_deviation, document.rows("deviations", "id"))),
        policies=tuple(map(_policy, document.rows("policies", "id"))),
    )
    _check_releases(matrix)
    _check_defaults(matrix)
    _check_others(matrix)
    _check_deviations(matrix)
    return matrix


def _fail(row: str, key: str, value: object, problem: str) -> NoReturn:
    raise MatrixError(f"{FILE_NAME}: {row}: {key} = {value!r}: {problem}")


@dataclass(frozen=True, slots=True)
class _Row:
    """A mapping of the file under its name; each method takes one value out and checks it."""

    name: str
    data: Any

    def keys(self, *wanted: str) -> None:
        """Insist on exactly these keys in this order."""
        if not isinstance(self.data, dict):
            _fail(self.name, "(row)", self.data, f"not a mapping; write the keys {', '.join(wanted)}")
        found = list(self.data)
        for key in found:
            if key not in wanted:
                _fail(self.name, key, self.data[key], f"unknown key; the keys are {', '.join(wanted)}")
        for key in wanted:
            if key not in found:
                _fail(self.name, key, None, f"missing; the keys are {', '.join(wanted)}")
        if tuple(found) != wanted:
            key = next(key for key, right in zip(found, wanted, strict=True) if key != right)
            _fail(self.name, key, self.data[key], f"wrong order of keys; write {', '.join(wanted)}")

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self.data[key]
        if not isinstance(value, dict) or not value:
            _fail(self.name, key, value, "not a mapping; give each row a name")
        return value

    def rows(self, key: str, label: str) -> list[_Row]:
        """Return the rows of a list, named after their place and their first key; no two the same."""
        value = self.data[key]
        if not isinstance(value, list):
            _fail(self.name, key, value, "not a list; write one row per line")
        rows: list[_Row] = []
        seen: dict[str, str] = {}
        for place, data in enumerate(value):
            text = data.get(label, "?") if isinstance(data, dict) else "?"
            row = _Row(f"{key}[{place}] ({text})", data)
            if text != "?" and str(text) in seen:
                _fail(row.name, label, text, f"the same as {seen[str(text)]}; delete one of the two")
            seen[str(text)] = row.name
            rows.append(row)
        return rows

    def text(self, key: str) -> str:
        value = self.data[key]
        if not isinstance(value, str) or not value.strip():
            _fail(self.name, key, value, "not a text; write one")
        return value

    def choice(self, key: str, allowed: Iterable[str]) -> str:
        value, allowed = self.text(key), tuple(allowed)
        if value not in allowed:
            _fail(self.name, key, value, f"unknown; use one of {', '.join(allowed)}")
        return value

    def flag(self, key: str) -> bool:
        return self.choice(key, ("true", "false")) == "true"

    def date(self, key: str) -> date:
        value = self.text(key)
        try:
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        _fail(self.name, key, value, "not a date; write it as YYYY-MM-DD")

    def number(self, key: str) -> int:
        value = self.text(key)
        if not re.fullmatch(r"[1-9]\d{0,2}", value):
            _fail(self.name, key, value, "not a number from 1 to 999; write one")
        return int(value)

    def version(self, key: str) -> str:
        value = self.text(key)
        try:
            if str(Version(value)) == value and len(Version(value).release) == len(
                ("major", "minor", "patch")
            ):
                return value
        except InvalidVersion:
            pass
        _fail(self.name, key, value, "not a release; write it as PyPI does, such as 3.2.2")

    def specifier(self, key: str) -> str:
        value = self.text(key)
        try:
            SpecifierSet(value)
        except InvalidSpecifier:
            _fail(self.name, key, value, "not a PEP 440 range; write one such as >=3.0,<3.3")
        return value


def within(specifier: str, airflow: str) -> bool:
    """Say whether a release is in a range, without its pre-release part."""
    return SpecifierSet(specifier).contains(Version(airflow).base_version)


def _path(name: str, data: Any) -> PathRange:
    row = _Row(f"paths ({name})", data)
    row.keys("carries", "default_for")
    return PathRange(name=name, carries=row.specifier("carries"), default_for=row.specifier("default_for"))


def _release(row: _Row) -> Release:
    row.keys("airflow", "released", "resolve", "pythons", "path", "default", "preview")
    pythons = row.data["pythons"]
    if not isinstance(pythons, list) or not pythons or any(python not in PYTHONS for python in pythons):
        _fail(row.name, "pythons", pythons, f"not a list of Pythons; use those of {', '.join(PYTHONS)}")
    if sorted(set(pythons), key=PYTHONS.index) != pythons:
        _fail(row.name, "pythons", pythons, "not in order, or one twice; write each once, oldest first")
    release = Release(
        airflow=row.version("airflow"),
        released=row.date("released"),
        resolve=row.date("resolve"),
        pythons=tuple(pythons),
        path=row.text("path"),
        default=row.flag("default"),
        preview=row.flag("preview"),
    )
    if release.resolve <= release.released:
        _fail(
            row.name, "resolve", str(release.resolve), f"not after released, {release.released}; add two days"
        )
    if release.preview != Version(release.airflow).is_prerelease:
        _fail(
            row.name, "preview", row.data["preview"], "the version says otherwise; true is for a1, b2 or rc3"
        )
    return release


def _past(row: _Row) -> Past:
    row.keys("airflow", "released", "resolve")
    return Past(airflow=row.version("airflow"), released=row.date("released"), resolve=row.date("resolve"))


def _exclusion(row: _Row) -> Exclusion:
    row.keys("airflow", "reason")
    return Exclusion(airflow=row.version("airflow"), reason=row.text("reason"))


def _pin(row: _Row) -> Pin:
    row.keys("airflow", "requirement", "reason")
    pin = Pin(airflow=row.version("airflow"), requirement=row.text("requirement"), reason=row.text("reason"))
    try:
        Requirement(pin.requirement)
    except InvalidRequirement:
        _fail(row.name, "requirement", pin.requirement, "not a requirement; write one such as structlog<25.5")
    return pin


def _deviation(row: _Row) -> Deviation:
    row.keys("id", "clause", "path", "airflow", "issue", "reason")
    deviation = Deviation(
        id=row.text("id"),
        clause=row.text("clause"),
        path=row.text("path"),
        airflow=row.specifier("airflow"),
        issue=None if row.text("issue") == NO_ISSUE else row.text("issue"),
        reason=row.text("reason"),
    )
    if not CLAUSE.fullmatch(deviation.clause):
        _fail(row.name, "clause", deviation.clause, "no clause of the contract; use an id such as W2")
    if not re.fullmatch(rf"{re.escape(deviation.path)}-{deviation.clause}(-[a-z]+)?", deviation.id):
        _fail(row.name, "id", deviation.id, f"not {deviation.path}-{deviation.clause}, or that and -word")
    if deviation.issue is not None and not re.fullmatch(r"[1-9]\d*", deviation.issue):
        _fail(row.name, "issue", deviation.issue, f"not an issue; write its number, or {NO_ISSUE}")
    return deviation


def _policy(row: _Row) -> Policy:
    row.keys("id", "rule", "months", "source")
    return Policy(
        id=row.text("id"),
        rule=row.choice("rule", POLICY_RULES),
        months=row.number("months"),
        source=row.text("source"),
    )


def _check_releases(matrix: Matrix) -> None:
    """Check what one row cannot know of the others: the order, and the path that is the default."""
    before: Past | Release | None = None
    for place, past in enumerate(matrix.history):
        if before and Version(past.airflow) < Version(before.airflow):
            name = f"history[{place}] ({past.airflow})"
            _fail(name, "airflow", past.airflow, f"comes after {before.airflow}; order the rows by version")
        before = past
    for place, row in enumerate(matrix.releases):
        name = f"releases[{place}] ({row.airflow})"
        if before and Version(row.airflow) < Version(before.airflow):
            _fail(name, "airflow", row.airflow, f"comes after {before.airflow}; order the rows by version")
        paths = [path.name for path in matrix.paths if within(path.default_for, row.airflow)]
        if paths != [row.path]:
            _fail(name, "path", row.path, f"the paths' default_for gives {' and '.join(paths) or 'none'}")
        before = row


def _check_defaults(matrix: Matrix) -> None:
    """Check that each minor has one default row, its newest."""
    newest = {row.minor: row for row in matrix.releases}  # the last of each minor, as the rows are in order
    chosen: dict[str, str] = {}
    for place, row in enumerate(matrix.releases):
        name = f"releases[{place}] ({row.airflow})"
        if row.default and row.minor in chosen:
            also = chosen[row.minor]
            _fail(name, "default", "true", f"{row.minor} has two, {also} too; keep the newest patch")
        if row is newest[row.minor] and not row.default:
            _fail(name, "default", "false", f"set true: the newest of {row.minor}")
        if row.default:
            chosen[row.minor] = row.airflow


def _check_others(matrix: Matrix) -> None:
    """Check that pins are for releases that have a row, and exclusions for others."""
    supported = {row.airflow for row in matrix.releases}
    for place, pin in enumerate(matrix.pins):
        if pin.airflow not in supported:
            _fail(
                f"pins[{place}] ({pin.airflow})",
                "airflow",
                pin.airflow,
                "has no row in releases; add it there",
            )
    for place, gone in enumerate(matrix.excluded):
        if gone.airflow in supported:
            name = f"excluded[{place}] ({gone.airflow})"
            _fail(name, "airflow", gone.airflow, "has a row in releases too; delete one of the two")


def _check_deviations(matrix: Matrix) -> None:
    paths = {path.name: path for path in matrix.paths}
    for place, row in enumerate(matrix.deviations):
        name = f"deviations[{place}] ({row.id})"
        if row.path not in paths:
            _fail(name, "path", row.path, f"unknown; use one of {', '.join(paths)}")
        carried = [known for known in matrix.releases if within(paths[row.path].carries, known.airflow)]
        if not any(row.covers(known.airflow) for known in carried):
            _fail(name, "airflow", row.airflow, "matches no release that the path carries; delete the row")


def _read(text: str) -> Any:
    """Read YAML with every scalar as its text (3.10 stays "3.10") and no key twice in a mapping."""
    try:
        import yaml
    except ImportError as error:
        raise MatrixError(f"{FILE_NAME} needs PyYAML; run: pip install 'trigger-compat[matrix]'") from error

    class Loader(yaml.BaseLoader):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            line = node.start_mark.line + 1
            seen: set[str] = set()
            for key, value in node.value:
                if key.value in seen:
                    _fail(f"line {line}", key.value, value.value, "the key is there twice; delete one")
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader)  # noqa: S506 - BaseLoader builds text, lists and mappings only
    except yaml.YAMLError as error:
        what = " ".join(str(error).split())
        raise MatrixError(f"{FILE_NAME}: not YAML: {what}") from error


def common_pythons(rows: Sequence[Release]) -> tuple[str, ...]:
    """Return the Pythons that run every one of these releases, oldest first."""
    return tuple(python for python in PYTHONS if all(python in row.pythons for row in rows))


def _plain(row: Release) -> dict[str, Any]:
    return {
        key: value.isoformat() if isinstance(value, date) else value for key, value in asdict(row).items()
    }


def as_json(matrix: Matrix, rows: Sequence[Release]) -> str:
    """Return rows as a JSON list, with the keys of the file, and what to install (the pins are in it)."""
    plain = [_plain(row) | {"requirements": matrix.requirements(row)} for row in rows]
    return json.dumps(plain, indent=2)


def as_github(rows: Sequence[Release]) -> str:
    """Return the rows as a GitHub Actions matrix, in one line."""
    common = common_pythons(rows)
    include = [
        {"airflow": row.airflow, "python": (common or row.pythons)[0], "preview": row.preview} for row in rows
    ]
    return json.dumps({"include": include})


def as_tox(matrix: Matrix) -> str:
    """Return every release as an environment of tox, in its native TOML.

    tox-uv hands ``UV_EXCLUDE_NEWER`` to uv, which takes dependencies of the resolve date. What the
    environments have in common, such as their commands, belongs into ``[tool.tox.env_run_base]``.
    """
    common = common_pythons(matrix.releases)
    labels = {"all": matrix.releases, "default": matrix.defaults}
    labels |= {
        row.minor: tuple(each for each in matrix.releases if each.minor == row.minor) for row in labels["all"]
    }
    lines = ["[tool.tox]", 'requires = ["tox>=4.22", "tox-uv>=1.16"]']
    lines += [f"env_list = {_tox_names(matrix.defaults)}", "", "[tool.tox.labels]"]
    lines += [f"{json.dumps(label)} = {_tox_names(rows)}" for label, rows in labels.items()]
    lines += ["", "[tool.tox.env]"]
    for row in matrix.releases:
        before = f"{row.resolve}T00:00:00Z"
        values = {
            "base_python": json.dumps([(common or row.pythons)[0]]),
            "deps": json.dumps(matrix.requirements(row)),
            "set_env": f'{{ AIRFLOW_HOME = "{{env_dir}}/home", UV_EXCLUDE_NEWER = "{before}" }}',
        }
        text = ", ".join(f"{key} = {value}" for key, value in values.items())
        lines.append(f"{json.dumps(tox_name(row))} = {{ {text} }}")
    return "\n".join(lines)


def tox_name(row: Release) -> str:
    """Return the name of a release's environment in tox."""
    return f"airflow-{row.airflow}"


def _tox_names(rows: Sequence[Release]) -> str:
    return json.dumps([tox_name(row) for row in rows])


def _cells(rows: Sequence[Release]) -> list[tuple[str, ...]]:
    return [
        (
            row.airflow + (" (preview)" if row.preview else ""),
            row.released.isoformat(),
            f"{row.pythons[0]}-{row.pythons[-1]}",
            row.path,
            "yes" if row.default else "",
        )
        for row in rows
    ]


_HEADINGS: Final = ("Airflow", "Released", "Python", "Default path", "In the default run")


def as_table(rows: Sequence[Release]) -> str:
    """Return the rows as columns for a terminal."""
    cells = [_HEADINGS, *_cells(rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)
    return "\n".join(lines)


def as_markdown(rows: Sequence[Release]) -> str:
    """Return the rows as a Markdown table."""
    lines = [_HEADINGS, tuple("---" for _ in _HEADINGS), *_cells(rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def readme_table(matrix: Matrix) -> str:
    """Return what stands between the two marks in the README, without them."""
    return as_markdown(matrix.releases)


_FORMATS: Final[Mapping[str, Callable[[Sequence[Release]], str]]] = {
    "table": as_table,
    "github": as_github,
}
# These show every release, whichever stand for their minors.
_WHOLE: Final[Mapping[str, Callable[[Matrix], str]]] = {"markdown": readme_table, "tox": as_tox}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that :func:`answer` reads."""
    parser.add_argument("file", nargs="?", type=Path, help=f"default: the {FILE_NAME} of this package")
    parser.add_argument("--format", choices=(*_FORMATS, "json", *_WHOLE), default="table")
    parser.add_argument("--all", action="store_true", help="every release, not the default run alone")
    parser.add_argument("--check", action="store_true", help="say whether the file is right; print no rows")


def answer(options: argparse.Namespace) -> str:
    """Return the matrix in the form that is asked for, or only its size.

    :raises MatrixError: see :func:`load`.
    """
    matrix = load(options.file)
    if options.check:
        return f"{len(matrix.releases)} releases, {len(matrix.deviations)} deviations"
    if options.format in _WHOLE:
        return _WHOLE[options.format](matrix)
    rows = matrix.releases if options.all else matrix.defaults
    return as_json(matrix, rows) if options.format == "json" else _FORMATS[options.format](rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the matrix, or only check it."""
    parser = argparse.ArgumentParser(prog="python -m trigger_compat.matrix", description=main.__doc__)
    add_arguments(parser)
    try:
        print(answer(parser.parse_args(arguments)))
    except MatrixError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
