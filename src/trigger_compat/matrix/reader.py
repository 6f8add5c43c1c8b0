"""From the text of ``compat-matrix.yaml`` to a checked :class:`~trigger_compat.matrix.model.Matrix`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

from trigger_compat.errors import MatrixError
from trigger_compat.matrix import checks
from trigger_compat.matrix.model import (
    FILE_NAME,
    Deviation,
    Exclusion,
    Matrix,
    PastRelease,
    Pin,
    Policy,
    Release,
    Untried,
)

NO_ISSUE: Final = "none"


def find() -> Path:
    """Return the matrix file: inside the installed package, or at the top of a checkout.

    :raises MatrixError: the file is in neither place.
    """
    package = Path(__file__).parents[1]
    for file in (package / FILE_NAME, package.parents[1] / FILE_NAME):
        if file.is_file():
            return file
    raise MatrixError(f"{FILE_NAME} is neither in the package nor at the top of a checkout; install it again")


@cache
def load(path: Path | None = None) -> Matrix:
    """Read and check a matrix file, by default the one of this package.

    :raises MatrixError: the file is missing, is not YAML, or has a mistake.
    """
    path = path or find()
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MatrixError(f"{path}: {error.strerror}; name a file that can be read") from error
    return parse(text)


def parse(text: str) -> Matrix:
    """Check the text of a matrix file and return the matrix.

    :raises MatrixError: see :func:`load`.
    """
    document = _read_yaml(text)
    checks.check_shape(document)
    matrix = Matrix(
        releases=tuple(_release(row) for row in document["releases"]),
        history=tuple(PastRelease(**row | _dates(row)) for row in document["history"]),
        excluded=tuple(Exclusion(**row) for row in document["excluded"]),
        pins=tuple(Pin(**row) for row in document["pins"]),
        untried=tuple(Untried(**row) for row in document["untried"]),
        deviations=tuple(_deviation(row) for row in document["deviations"]),
        policies=tuple(_policy(row) for row in document["policies"]),
    )
    checks.check_rules(matrix)
    return matrix


def _dates(row: Mapping[str, Any]) -> dict[str, date]:
    return {name: date.fromisoformat(row[name]) for name in ("released", "resolve")}


def _release(row: Mapping[str, Any]) -> Release:
    return Release(**{**row, **_dates(row), "pythons": tuple(row["pythons"])})


def _policy(row: Mapping[str, Any]) -> Policy:
    ends = tuple((line, date.fromisoformat(day)) for line, day in row.get("ends", {}).items())
    read = date.fromisoformat(row["read"]) if "read" in row else None
    return Policy(**{**row, "ends": ends, "read": read})


def _deviation(row: Mapping[str, Any]) -> Deviation:
    return Deviation(**{**row, "issue": None if row["issue"] == NO_ISSUE else row["issue"]})


def _read_yaml(text: str) -> Any:
    """Read YAML as its version 1.2 does, and as editors do: dates and ``yes`` are text.

    :raises MatrixError: the text is not YAML, or a mapping has a key twice.
    """
    try:
        import yaml
    except ImportError as error:
        raise MatrixError(f"{FILE_NAME} needs PyYAML; run: pip install 'trigger-compat[matrix]'") from error

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own way to replace those of YAML 1.1

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            line = node.start_mark.line + 1
            seen: set[str] = set()
            for key, value in node.value:
                if key.value in seen:
                    checks.fail(f"line {line}", key.value, value.value, "the key is there twice; delete one")
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    for kind, pattern in {"bool": "true|false", "int": "0|[1-9][0-9]*", "float": r"[0-9]+\.[0-9]+"}.items():
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(rf"^(?:{pattern})$"), None)
    try:
        return yaml.load(text, Loader)  # noqa: S506 - a SafeLoader, with fewer types
    except yaml.YAMLError as error:
        what = " ".join(str(error).split())
        raise MatrixError(f"{FILE_NAME}: not YAML: {what}") from error
