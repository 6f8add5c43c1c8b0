"""The command that prints the matrix: ``python -m trigger_compat.matrix`` and ``trigger-compat matrix``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from trigger_compat.errors import MatrixError
from trigger_compat.matrix import output
from trigger_compat.matrix.model import FILE_NAME, Matrix, Release
from trigger_compat.matrix.reader import load

_OF_ROWS: Final[Mapping[str, Callable[[Matrix, Sequence[Release]], str]]] = {
    "table": output.as_table,
    "github": lambda _, rows: output.as_github(rows),
    "json": output.as_json,
}
"""Formats that print the default run, or all releases with ``--all``."""
_OF_MATRIX: Final[Mapping[str, Callable[[Matrix], str]]] = {
    "markdown": output.as_markdown,
    "github-untried": output.as_github_untried,
    "tox": output.as_tox,
}
"""Formats of the whole matrix."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that :func:`answer` reads."""
    parser.add_argument("file", nargs="?", type=Path, help=f"default: the {FILE_NAME} of this package")
    parser.add_argument("--format", choices=(*_OF_ROWS, *_OF_MATRIX), default="table")
    parser.add_argument("--all", action="store_true", help="every release, not only the default run")
    parser.add_argument("--check", action="store_true", help="check the file; print no rows")


def answer(options: argparse.Namespace) -> str:
    """Return the matrix in the requested format, or only its size.

    :raises MatrixError: see :func:`load`.
    """
    matrix = load(options.file)
    if options.check:
        return f"{len(matrix.releases)} releases, {len(matrix.deviations)} deviations"
    if options.format in _OF_MATRIX:
        return _OF_MATRIX[options.format](matrix)
    return _OF_ROWS[options.format](matrix, matrix.releases if options.all else matrix.defaults)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the matrix, or only check it."""
    parser = argparse.ArgumentParser(prog="python -m trigger_compat.matrix", description=main.__doc__)
    add_arguments(parser)
    try:
        sys.stdout.write(f"{answer(parser.parse_args(arguments))}\n")
    except MatrixError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0
