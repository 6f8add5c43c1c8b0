"""What a scan finds: places in the source that go, or become simpler, from some floor on."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Kind(enum.Enum):
    """What a file is part of."""

    PACKAGE = "package"
    TESTS = "tests"
    DOCS = "docs"


class Category(enum.Enum):
    """Why a place is in the report."""

    DEAD = "dead"  # no release from the floor on runs it
    CONSTANT = "constant"  # a condition that always has the same answer: it can be taken out
    FLAG = "flag"  # a definition, an import or an export of a flag that is constant
    FOLLOWS = "follows"  # only code that is dead uses it
    RESTATED = "restated"  # it refuses an Airflow below the floor: the version in it is raised along
    ANNOUNCED = "announced"  # a comment says that it goes then; the code itself does not show it


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One place, and the first floor at which it goes.

    :param file: relative to the root of the source, with ``/``.
    :param line: and ``end``: first and last line, from 1.
    :param column: and ``end_column``: from 0, the latter exclusive, where it is a part of its lines.
    :param dies: the point of :data:`trigger_compat.floor.versions.GRID` from which on it holds.
    :param whole: whether its lines go as a whole; otherwise they change.
    :param branch: whether it is one alternative of two or more.
    """

    file: str
    line: int
    end: int
    column: int = 0
    end_column: int = 0
    category: Category = field(compare=False)
    dies: int
    reason: str = field(compare=False)
    whole: bool = field(default=True, compare=False)
    branch: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Undecided:
    """A place whose fate depends on the version, and why this program does not decide it."""

    file: str
    line: int
    code: str
    reason: str
