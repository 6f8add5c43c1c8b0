"""What a scan returns: places in the source that a floor raise removes or simplifies, and open questions."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Role(enum.Enum):
    """What a place does with a version flag."""

    DEFINITION = "definition"
    IMPORT = "import"
    EXPORT = "export"
    VALUE = "value"
    """What a definition assigns; it is constant, even if the flag has to stay."""


class Kind(enum.Enum):
    """What a file is part of."""

    PACKAGE = "package"
    TESTS = "tests"
    DOCS = "docs"


class Category(enum.Enum):
    """Why a place is in the report."""

    DEAD = "dead"
    """No release from the floor on runs it."""
    CONSTANT = "constant"
    """A condition that has the same answer on every release from the floor on."""
    FLAG = "flag"
    """A definition, an import or an export of a version flag that is constant from the floor on."""
    FOLLOWS = "follows"
    """Only dead code uses it."""
    RESTATED = "restated"
    """The package refuses to run below its own floor here: the version in it must be raised too."""
    ANNOUNCED = "announced"
    """A comment says that it can go then; the code itself does not prove it."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Removal:
    """One place, and the lowest floor at which it can be removed or simplified.

    :param file: path relative to the root of the source, with ``/``.
    :param line: first line, counted from 1.
    :param end: last line, counted from 1.
    :param column: first character, counted from 0.
    :param end_column: the character after the last one; 0 if the removal is not a part of its lines.
    :param removable_from: the floor, as an index of :data:`trigger_compat.floor.scan.releases.GRID`.
    :param whole: True if whole lines can be deleted, False if the lines stay and change.
    :param branch: True if the place is one of several alternatives, such as an ``else`` block.
    :param replacement: what a part of a line becomes; empty: the part is deleted.
    :param names: the names of the flags that go, if it is about flags.
    :param role: what the place does with these flags.
    """

    file: str
    line: int
    end: int
    column: int = 0
    end_column: int = 0
    category: Category = field(compare=False)
    removable_from: int
    reason: str = field(compare=False)
    whole: bool = field(default=True, compare=False)
    branch: bool = field(default=False, compare=False)
    replacement: str = field(default="", compare=False)
    names: tuple[str, ...] = field(default=(), compare=False)
    role: Role | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Undecided:
    """A place that depends on the Airflow version in a way that the scan cannot decide, and why.

    :param end: the last line, counted from 1; 0 stands for the first line.
    """

    file: str
    line: int
    code: str
    reason: str
    end: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        if not self.end:
            object.__setattr__(self, "end", self.line)
