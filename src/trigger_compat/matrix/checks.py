"""What a matrix file must be: its shape, which ``schema.json`` describes, and the rules between its rows.

The schema's ``errorMessage`` is what both an editor and :func:`check_shape` say about a wrong value. The
order of ``required`` is the order of the keys in the file.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from packaging.version import Version

from trigger_compat import dispatch, ranges
from trigger_compat.errors import MatrixError
from trigger_compat.matrix.model import FILE_NAME, Matrix, PastRelease, Release, release_tuple

SCHEMA: Final[Any] = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))
PYTHONS: Final = tuple(SCHEMA["definitions"]["python"]["enum"])
POLICY_RULES: Final = tuple(SCHEMA["definitions"]["policy"]["properties"]["rule"]["enum"])

Row = TypeVar("Row")
END_OF_LIFE: Final = "end-of-life"
_KEYS: Final = {"untried": "python", "deviations": "id", "policies": "id"}
"""The first key of a row, where it is not ``airflow``."""


def fail(row: str, field: str, value: object, problem: str) -> NoReturn:
    """Refuse a value of the file with one line."""
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    raise MatrixError(f"{FILE_NAME}: {row}: {field} = {shown}: {problem}")


def check_shape(document: Any) -> None:
    """Check a file against the schema, then the order of its keys.

    :raises MatrixError: about the first mistake.
    """
    try:
        from jsonschema import Draft7Validator
    except ImportError as error:
        raise MatrixError(
            f"{FILE_NAME} needs jsonschema; run: pip install 'trigger-compat[matrix]'"
        ) from error
    validator = Draft7Validator(SCHEMA, format_checker=Draft7Validator.FORMAT_CHECKER)
    for mistake in validator.iter_errors(document):
        _explain(document, mistake)
    _check_order("top level", document, SCHEMA["required"])
    for section, rows in document.items():
        if isinstance(rows, list):
            keys = SCHEMA["definitions"][SCHEMA["properties"][section]["items"]["$ref"].split("/")[-1]]
            for place, row in enumerate(rows):
                optional = [key for key in keys["properties"] if key in row and key not in keys["required"]]
                _check_order(_name(section, place, row), row, [*keys["required"], *optional])


def _explain(document: Any, error: Any) -> NoReturn:
    """Turn an error of jsonschema into one line."""
    path = list(error.absolute_path)  # a section, the place of a row, a field, the place of a value
    row, field = "top level", "(row)"
    if len(path) > 1:
        row = _name(path[0], path[1], document[path[0]][path[1]])
        field = path[2] if path[2:] else field
    elif path:
        field = path[0]
    value, schema, keys = error.instance, error.schema, ", ".join(error.schema.get("required", ()))
    if error.validator == "required":
        field = next(key for key in error.validator_value if key not in value)
        fail(row, field, None, f"missing; the keys are {keys}")
    if error.validator == "additionalProperties":
        field = next(key for key in value if key not in schema["properties"])
        fail(row, field, value[field], f"unknown key; the keys are {keys}")
    if schema.get("type") == "object":
        fail(row, field, value, f"not a mapping; write the keys {keys}")
    if "errorMessage" in schema:
        fail(row, field, value, schema["errorMessage"])
    if error.validator == "enum":
        fail(row, field, value, f"unknown; use one of {', '.join(map(str, error.validator_value))}")
    fail(row, field, value, error.message)


def _name(section: str, place: int, row: Any) -> str:
    """Return what messages call a row: its section, its place and its first key."""
    keys = ("id", "airflow", "python")
    label = next((row[key] for key in keys if key in row), None) if isinstance(row, dict) else None
    return f"{section}[{place}] ({label or '?'})"


def _check_order(name: str, row: dict[str, Any], wanted: Sequence[str]) -> None:
    for key, right in zip(row, wanted, strict=True):
        if key != right:
            fail(name, key, row[key], f"wrong order of keys; write {', '.join(wanted)}")


def check_rules(matrix: Matrix) -> None:
    """Check what the schema cannot: how values of a row, and rows, go together.

    :raises MatrixError: about the first mistake.
    """
    _check_unique(matrix)
    for name, row in _named("releases", matrix.releases):
        _check_release(name, row)
    _check_versions(matrix)
    _check_defaults(matrix)
    _check_pins_and_exclusions(matrix)
    _check_untried(matrix)
    _check_deviations(matrix)
    _check_policies(matrix)


def _named(section: str, rows: Sequence[Row]) -> Iterable[tuple[str, Row]]:
    """Yield each row with the name that messages have for it."""
    for place, row in enumerate(rows):
        yield f"{section}[{place}] ({getattr(row, _KEYS.get(section, 'airflow'))})", row


def _check_unique(matrix: Matrix) -> None:
    sections: dict[str, Sequence[Any]] = {
        "releases": matrix.releases,
        "history": matrix.history,
        "excluded": matrix.excluded,
        "pins": matrix.pins,
        "untried": matrix.untried,
        "deviations": matrix.deviations,
        "policies": matrix.policies,
    }
    for section, rows in sections.items():
        key = _KEYS.get(section, "airflow")
        seen: dict[str, str] = {}
        for name, row in _named(section, rows):
            value = getattr(row, key)
            if value in seen:
                fail(name, key, value, f"the same as {seen[value]}; delete one of the two")
            seen[value] = name


def _check_release(name: str, row: Release) -> None:
    if sorted(row.pythons, key=PYTHONS.index) != list(row.pythons):
        fail(name, "pythons", list(row.pythons), "not in order; write the oldest first")
    if row.resolve <= row.released:
        fail(name, "resolve", str(row.resolve), f"not after released, {row.released}; add two days")
    if row.preview != Version(row.airflow).is_prerelease:
        fail(
            name,
            "preview",
            row.preview,
            "the version says otherwise; write true for a1, b2 or rc3, else false",
        )
    release = release_tuple(row.airflow)
    paths = [path.name for path in dispatch.PATHS if ranges.contains(path.default_for, release)]
    if paths != [row.path]:
        fail(name, "path", row.path, f"by dispatch.PATHS it is {' and '.join(paths) or 'none'}; write that")


def _check_versions(matrix: Matrix) -> None:
    """Check that the releases of ``history`` and then those of ``releases`` are in order of version."""
    named: list[tuple[str, PastRelease | Release]] = [
        *_named("history", matrix.history),
        *_named("releases", matrix.releases),
    ]
    for (_, before), (name, row) in itertools.pairwise(named):
        if Version(row.airflow) < Version(before.airflow):
            fail(name, "airflow", row.airflow, f"comes after {before.airflow}; order the rows by version")


def _check_defaults(matrix: Matrix) -> None:
    """Check that each minor has one default row, its newest."""
    newest = {row.minor: row for row in matrix.releases}  # the last of each minor, as the rows are in order
    chosen: dict[str, str] = {}
    for name, row in _named("releases", matrix.releases):
        if row.default and row.minor in chosen:
            also = chosen[row.minor]
            fail(
                name, "default", value=True, problem=f"{row.minor} has two, {also} too; keep the newest patch"
            )
        if row is newest[row.minor] and not row.default:
            fail(name, "default", value=False, problem=f"it is the newest of {row.minor}; write true")
        if row.default:
            chosen[row.minor] = row.airflow


def _check_pins_and_exclusions(matrix: Matrix) -> None:
    supported = {row.airflow for row in matrix.releases}
    for name, pin in _named("pins", matrix.pins):
        if pin.airflow not in supported:
            fail(name, "airflow", pin.airflow, "has no row in releases; add one or delete the pin")
    for name, exclusion in _named("excluded", matrix.excluded):
        if exclusion.airflow in supported:
            fail(name, "airflow", exclusion.airflow, "has a row in releases too; delete one of the two")


def _check_untried(matrix: Matrix) -> None:
    declared = {python for row in matrix.releases for python in row.pythons}
    for name, row in _named("untried", matrix.untried):
        if row.python not in declared:
            fail(name, "python", row.python, "no release has it; delete the row")


def _check_policies(matrix: Matrix) -> None:
    for name, row in _named("policies", matrix.policies):
        if bool(row.ends) != (row.rule == END_OF_LIFE):
            problem = f"the rule {END_OF_LIFE} has days, and no other; add or delete them"
            fail(name, "ends", dict(row.ends), problem)
        if bool(row.ends) != bool(row.read):
            fail(name, "read", row.read, "the day on which ends were read; add or delete it")


def _check_deviations(matrix: Matrix) -> None:
    paths = {path.name: path for path in dispatch.PATHS}
    for name, row in _named("deviations", matrix.deviations):
        if row.path not in paths:
            fail(name, "path", row.path, f"not a known path; use one of {', '.join(paths)}")
        if not re.fullmatch(rf"{re.escape(row.path)}-{row.clause}(-[a-z]+)?", row.id):
            fail(name, "id", row.id, f"write {row.path}-{row.clause}, or that and -word")
        supported = [
            known.airflow
            for known in matrix.releases
            if ranges.contains(paths[row.path].supported_on, release_tuple(known.airflow))
        ]
        if not any(map(row.covers, supported)):
            fail(name, "airflow", row.airflow, "matches no release that the path supports; delete the row")
