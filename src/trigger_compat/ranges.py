"""Ranges of releases, in the forms that this package uses: ``>=``, ``<`` and ``!=X.Y.*``, as in PEP 440.

``packaging.specifiers`` reads all of PEP 440, and costs a dag file more to import than the rest of this
package; a test holds the two together. What comes from outside, such as ``compat-matrix.yaml``, is left to
that library.
"""

from __future__ import annotations


def contains(specifier: str, release: tuple[int, ...]) -> bool:
    """Say whether a final release is in all clauses of a range.

    :raises ValueError: a clause is of another form.
    """
    return all(_holds(clause, release) for clause in specifier.split(","))


def _holds(clause: str, release: tuple[int, ...]) -> bool:
    version = clause.lstrip("<>=!")
    bound = tuple(map(int, version.removesuffix(".*").split(".")))
    operator = clause.removesuffix(version) + version[len(version.removesuffix(".*")) :]
    if operator == ">=":
        return release >= bound
    if operator == "<":
        return release < bound
    if operator == "!=.*":
        return release[: len(bound)] != bound
    raise ValueError(f"{clause!r} is not >=X, <X or !=X.*")
