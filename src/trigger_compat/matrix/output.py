"""The matrix in the forms that other tools read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from trigger_compat import markdown
from trigger_compat.matrix.checks import PYTHONS
from trigger_compat.matrix.model import Matrix, Release

_HEADINGS: Final = ("Airflow", "Released", "Python", "Default path", "In the default run")


def common_pythons(rows: Sequence[Release]) -> tuple[str, ...]:
    """Return the Pythons that run every one of these releases, oldest first."""
    return tuple(python for python in PYTHONS if all(python in row.pythons for row in rows))


def _plain(row: Release) -> dict[str, Any]:
    return {
        key: value.isoformat() if isinstance(value, date) else value for key, value in asdict(row).items()
    }


def as_json(matrix: Matrix, rows: Sequence[Release]) -> str:
    """Return rows as a JSON list: the keys of the file, what of them is untried, and what to install."""
    plain = []
    for row in rows:
        tried = matrix.tried(row)
        untried = [python for python in row.pythons if python not in tried]
        plain.append(_plain(row) | {"untried": untried, "requirements": matrix.requirements(row)})
    return json.dumps(plain, indent=2)


def as_github(rows: Sequence[Release]) -> str:
    """Return the rows as a GitHub Actions matrix, in one line."""
    common = common_pythons(rows)
    return _github((row, (common or row.pythons)[0]) for row in rows)


def as_github_untried(matrix: Matrix) -> str:
    """Return the newest final release on each Python that no run here has tried, for GitHub Actions."""
    newest = matrix.final_defaults[-1]
    return _github((newest, other.python) for other in matrix.untried if other.python in newest.pythons)


def _github(rows: Iterable[tuple[Release, str]]) -> str:
    include = [{"airflow": row.airflow, "python": python, "preview": row.preview} for row, python in rows]
    return json.dumps({"include": include})


def as_tox(matrix: Matrix) -> str:
    """Return every release as an environment of tox, in its native TOML.

    tox-uv hands ``UV_EXCLUDE_NEWER`` to uv, which takes dependencies of the resolve date. What all
    environments share, such as their commands, stands in ``[tool.tox.env_run_base]``.
    """
    common = common_pythons(matrix.releases)
    labels = {"all": matrix.releases, "default": matrix.defaults}
    labels |= {
        row.minor: tuple(other for other in matrix.releases if other.minor == row.minor)
        for row in matrix.releases
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


def _pythons(matrix: Matrix, row: Release) -> str:
    """Return the range of a release's Pythons, those in brackets that no run here has tried."""
    tried = matrix.tried(row)
    untried = [f" ({python})" for python in row.pythons if python not in tried]
    return "".join([f"{tried[0]}-{tried[-1]}" if tried else "", *untried]).strip()


def _cells(matrix: Matrix, rows: Sequence[Release]) -> list[tuple[str, ...]]:
    return [
        (
            row.airflow + (" (preview)" if row.preview else ""),
            row.released.isoformat(),
            _pythons(matrix, row),
            row.path,
            "yes" if row.default else "",
        )
        for row in rows
    ]


def as_table(matrix: Matrix, rows: Sequence[Release]) -> str:
    """Return the rows as columns for a terminal."""
    return markdown.columns(_HEADINGS, _cells(matrix, rows))


def as_markdown(matrix: Matrix) -> str:
    """Return every release as a row of a Markdown table."""
    return markdown.table(_HEADINGS, _cells(matrix, matrix.releases))


def as_yaml_row(row: Release) -> str:
    """Return a row as the matrix file writes it."""
    pythons = ", ".join(f'"{python}"' for python in row.pythons)
    return (
        f'  - {{airflow: "{row.airflow}", released: {row.released}, resolve: {row.resolve}, '
        f"pythons: [{pythons}], path: {row.path}, "
        f"default: {str(row.default).lower()}, preview: {str(row.preview).lower()}}}"
    )
