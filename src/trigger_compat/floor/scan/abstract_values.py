"""What an expression is on each Airflow release, as far as the scan can know without running it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trigger_compat.floor.scan.reach import UNKNOWN_TRUTH, Truth
from trigger_compat.floor.scan.releases import ALL_RELEASES, GRID, PRE_RELEASES, Point, ReleaseSet


class Value:
    """Base of what an expression can be."""

    __slots__ = ()


class Unknown(Value):
    """Nothing is known."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


class Depends(Unknown):
    """Nothing is known but that it depends on Airflow's version."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "DEPENDS"


DEPENDS: Final = Depends()


class Opaque:
    """An object of which only the truth is known: ``x or AIRFLOW_V_3_0_PLUS`` with an unknown ``x``."""

    __slots__ = ("truth",)

    def __init__(self, truth: bool) -> None:
        self.truth: Final = truth

    def __bool__(self) -> bool:
        return self.truth


TRUTHY: Final = Opaque(truth=True)
FALSY: Final = Opaque(truth=False)


@dataclass(frozen=True, slots=True)
class Constant(Value):
    """The same Python object on every release."""

    value: Any


@dataclass(frozen=True, slots=True)
class PerRelease(Value):
    """One Python object, or ``UNKNOWN``, for each point of the grid.

    :param is_choice: whether a condition chose it. ``"/v2" if AIRFLOW_V_3_0_PLUS else "/v1"`` is a path and
        not a version, so no question arises where it is used.
    """

    values: tuple[Any, ...]
    is_choice: bool = False

    @property
    def is_flag(self) -> bool:
        """Whether each known object is True or False, and one or more is known."""
        known = [value for value in self.values if value is not UNKNOWN]
        return bool(known) and all(isinstance(value, (bool, Opaque)) for value in known)

    def answer_from(self, point: Point, releases: ReleaseSet = ALL_RELEASES) -> bool | None:
        """Return True or False if that very object is what is known from a point on, or else None.

        :param releases: those that come to the place; the others do not matter.
        """
        here = (value for at, value in enumerate(self.values) if at >= point and releases >> at & 1)
        known = [value for value in here if value is not UNKNOWN]
        return next(
            (answer for answer in (True, False) if known and all(value is answer for value in known)), None
        )

    def is_known_on(self, releases: ReleaseSet) -> bool:
        """Whether the object is known on all these releases."""
        return not any(value is UNKNOWN and releases >> point & 1 for point, value in enumerate(self.values))


@dataclass(frozen=True, slots=True)
class Reference(Value):
    """Something imported, by its dotted name.

    :param is_certain: False if type checkers see this and a ``__getattr__`` may give something else.
    """

    name: str
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class SkipMark(Value):
    """A pytest mark that skips a test.

    :param skips: the releases where it surely skips the test.
    :param runs: the releases where it surely does not.
    """

    skips: ReleaseSet
    runs: ReleaseSet


def truth_of(value: Value) -> Truth:
    """Return where a value is true, as ``if`` sees it."""
    if isinstance(value, Constant):
        return Truth(ALL_RELEASES, 0) if value.value else Truth(0, ALL_RELEASES)
    if not isinstance(value, PerRelease):
        return UNKNOWN_TRUTH
    true = false = 0
    for point, known in enumerate(value.values):
        if known is UNKNOWN:
            continue
        if known:
            true |= 1 << point
        else:
            false |= 1 << point
    return Truth(true, false)


def from_truth(truth: Truth) -> Value:
    """Return the value that is true and false on these releases, and unknown on the others."""
    if truth == UNKNOWN_TRUTH:
        return UNKNOWN
    if ALL_RELEASES in truth:
        return Constant(truth.true == ALL_RELEASES)
    answers = {(1, 0): True, (0, 1): False}
    return PerRelease(
        tuple(
            answers.get((truth.true >> point & 1, truth.false >> point & 1), UNKNOWN)
            for point in range(len(GRID))
        )
    )


def apply(function: Callable[..., Any], *arguments: Value) -> Value:
    """Call a Python function once for each release.

    The result is unknown on a release where an argument is unknown or the function raises.
    """
    if not all(isinstance(argument, (Constant, PerRelease)) for argument in arguments):
        return UNKNOWN
    if all(isinstance(argument, Constant) for argument in arguments):
        result = _call(function, [argument.value for argument in arguments if isinstance(argument, Constant)])
        return UNKNOWN if result is UNKNOWN else Constant(result)
    by_release = list(zip(*map(on_each_release, arguments), strict=True))
    found = [UNKNOWN if _holds_unknown(row) else _call(function, row) for row in by_release]
    for point, row in enumerate(by_release):  # ``int("0rc1")`` fails: such code was not written for it
        if PRE_RELEASES >> point & 1 and found[point] is UNKNOWN and not _holds_unknown(row):
            found[point] = found[point + 1]
    results = tuple(found)
    if all(result is UNKNOWN for result in results):
        return UNKNOWN
    choice = not any(map(is_about_version, arguments))
    return PerRelease(results, is_choice=choice)


def is_about_version(value: Value) -> bool:
    """Say whether a value is Airflow's version or made from it, but not chosen by a known condition."""
    if isinstance(value, PerRelease):
        return not value.is_choice and not value.is_flag
    return isinstance(value, Depends)


def is_mutable(value: Value) -> bool:
    """Say whether a value is an object that other code may change, such as a list."""
    objects = value.values if isinstance(value, PerRelease) else (getattr(value, "value", None),)
    return any(isinstance(known, (list, dict, set)) for known in objects)


def first_decisive(values: Sequence[Value], *, stops_at: bool) -> Value:
    """Return what ``and`` (stops at False) or ``or`` (stops at True) gives: one of its operands."""
    rows = zip(*map(on_each_release, values), strict=True)
    results = tuple(_decisive(row, stops_at) for row in rows)
    if not any(isinstance(value, PerRelease) for value in values):
        return UNKNOWN if results[0] is UNKNOWN else Constant(results[0])
    return UNKNOWN if all(result is UNKNOWN for result in results) else PerRelease(results)


def _decisive(row: Sequence[Any], stops_at: bool) -> Any:
    is_sure = True
    for known in row:
        if known is UNKNOWN:
            is_sure = False
        elif bool(known) is stops_at:
            if is_sure:
                return known
            return TRUTHY if stops_at else FALSY
    return row[-1] if is_sure else UNKNOWN


def on_each_release(value: Value) -> tuple[Any, ...]:
    """Return the Python object that a value is on each release, or ``UNKNOWN``."""
    if isinstance(value, PerRelease):
        return value.values
    return (value.value if isinstance(value, Constant) else UNKNOWN,) * len(GRID)


def _holds_unknown(objects: tuple[Any, ...]) -> bool:
    return any(known is UNKNOWN or isinstance(known, Opaque) for known in objects)


def _call(function: Callable[..., Any], arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception:  # noqa: BLE001 - nobody knows whether the scanned source's arguments fit
        return UNKNOWN
