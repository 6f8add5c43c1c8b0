"""The compatibility matrix: ``compat-matrix.yaml`` read, checked and printed.

Everything that depends on the list of Airflow releases (nox sessions, CI, the README table, expected
failures) takes it from :func:`load`. A mistake in the file is a :class:`~trigger_compat.errors.MatrixError`
of one line that names the row, the field, the value and what to write instead.

``python -m trigger_compat.matrix`` prints the matrix; ``--check`` only checks it. Needs the extra ``matrix``.
"""

from __future__ import annotations

from trigger_compat.matrix.checks import END_OF_LIFE, POLICY_RULES, PYTHONS
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
    release_tuple,
)
from trigger_compat.matrix.output import (
    as_github,
    as_github_untried,
    as_json,
    as_markdown,
    as_tox,
    as_yaml_row,
    common_pythons,
)
from trigger_compat.matrix.reader import find, load, parse

__all__ = (
    "END_OF_LIFE",
    "FILE_NAME",
    "POLICY_RULES",
    "PYTHONS",
    "Deviation",
    "Exclusion",
    "Matrix",
    "PastRelease",
    "Pin",
    "Policy",
    "Release",
    "Untried",
    "as_github",
    "as_github_untried",
    "as_json",
    "as_markdown",
    "as_tox",
    "as_yaml_row",
    "common_pythons",
    "find",
    "load",
    "parse",
    "release_tuple",
)
