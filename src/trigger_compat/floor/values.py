"""What an expression is on each release, as far as that can be known.

``UNKNOWN`` where it cannot, a :class:`Constant` where it is the same on all, a :class:`PerRelease` where it
depends on the release; :class:`Reference` is an import that stands for itself.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from trigger_compat.floor.versions import EVERY, GRID

if TYPE_CHECKING:
    from trigger_compat.floor.scopes import Scope


class Unknown:
    """Nothing is known."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, slots=True)
class Constant:
    """The same Python object on every release."""

    value: Any


@dataclass(frozen=True, slots=True)
class PerRelease:
    """One Python object, or ``UNKNOWN``, for each point of the grid."""

    values: tuple[Any, ...]

    @property
    def is_boolean(self) -> bool:
        """Whether it is a flag: true, false or unknown, and known somewhere."""
        known = [value for value in self.values if value is not UNKNOWN]
        return bool(known) and all(isinstance(value, bool) for value in known)


@dataclass(frozen=True, slots=True)
class Reference:
    """Something imported, by its dotted name."""

    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the scanned source, which may turn out to return a flag."""

    node: ast.FunctionDef | ast.AsyncFunctionDef
    scope: Scope


@dataclass(frozen=True, slots=True)
class SkipMark:
    """A pytest mark that skips a test: the releases where it surely does, and where it surely does not."""

    skips: int
    runs: int


Value = Unknown | Constant | PerRelease | Reference | Function | SkipMark


def truth(value: Value) -> tuple[int, int]:
    """Return the releases where a value is surely true, and those where it is surely false."""
    if isinstance(value, Constant):
        return (EVERY, 0) if value.value else (0, EVERY)
    if not isinstance(value, PerRelease):
        return 0, 0
    true = false = 0
    for at, each in enumerate(value.values):
        if each is not UNKNOWN:
            if each:
                true |= 1 << at
            else:
                false |= 1 << at
    return true, false


def boolean(true: int, false: int) -> Value:
    """Return the value that is true and false on these releases, and unknown on the others."""
    if not true and not false:
        return UNKNOWN
    if EVERY in (true, false):
        return Constant(true == EVERY)
    answers = {(1, 0): True, (0, 1): False}
    return PerRelease(
        tuple(answers.get((true >> at & 1, false >> at & 1), UNKNOWN) for at in range(len(GRID)))
    )


def lifted(function: Callable[..., Any], *values: Value) -> Value:
    """Apply a Python function on each release; what it cannot do is unknown there."""
    if not all(isinstance(value, (Constant, PerRelease)) for value in values):
        return UNKNOWN
    if all(isinstance(value, Constant) for value in values):
        result = _attempt(function, [value.value for value in values if isinstance(value, Constant)])
        return UNKNOWN if result is UNKNOWN else Constant(result)
    rows = zip(*(_spread(value) for value in values), strict=True)
    results = tuple(
        UNKNOWN if any(each is UNKNOWN for each in row) else _attempt(function, list(row)) for row in rows
    )
    return UNKNOWN if all(each is UNKNOWN for each in results) else PerRelease(results)


def _spread(value: Value) -> tuple[Any, ...]:
    if isinstance(value, PerRelease):
        return value.values
    return (value.value,) * len(GRID) if isinstance(value, Constant) else (UNKNOWN,) * len(GRID)


def _attempt(function: Callable[..., Any], given: list[Any]) -> Any:
    try:
        return function(*given)
    except Exception:  # noqa: BLE001 - it runs code of the scanned source on made-up versions
        return UNKNOWN


@dataclass(frozen=True, slots=True)
class Reach:
    """The releases that may come to a place, and those that surely do once its function is entered."""

    may: int = EVERY
    must: int = EVERY

    def when(self, true: int, false: int) -> Reach:
        """Return what is left where a condition, so known, holds."""
        return Reach(self.may & ~false, self.must & true)

    def __or__(self, other: Reach) -> Reach:
        return Reach(self.may | other.may, self.must | other.must)


NOWHERE: Final = Reach(0, 0)
