"""Flags that code uses still: they stay until each use is gone, and for good if some use is not certain.

This rule does not follow the flow. It looks at the names, as ``unused`` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from trigger_compat.floor.scan.model import Category, Removal, Role
from trigger_compat.floor.scan.releases import NEVER, Point, floor_name
from trigger_compat.floor.scan.source import Module
from trigger_compat.floor.scan.uses import DeadCode, Place, Resolve, Uses, imports_of, patches_of, uses_of

_GONE: Final = (Category.DEAD, Category.CONSTANT, Category.FLAG)


def keep_used_flags(
    removals: Sequence[Removal], modules: Sequence[Module], resolve: Resolve
) -> list[Removal]:
    """Return the removals, without those of flags that some code uses still.

    Before: ``NEW = Version(airflow.__version__) >= Version("3.0")``, and ``if self.NEW: ...`` in some class
    After 3.0: the same, since nobody knows what ``self`` is

    :param resolve: returns the module of the source that a dotted name means.
    """
    flags = [removal for removal in removals if removal.role not in (None, Role.VALUE)]
    others = [removal for removal in removals if removal.role in (None, Role.VALUE)]
    uses = uses_of(modules, {name for removal in flags for name in removal.names}) if flags else Uses()
    by_file = {module.file: module for module in modules}
    pairs = [(flag, tuple(_places(flag, by_file[flag.file], modules, uses, resolve))) for flag in flags]
    while True:
        flags = [flag for flag, _ in pairs]
        dead = DeadCode([removal for removal in [*others, *flags] if removal.category in _GONE])
        last = _last_of_each_name(flags)
        moved = []
        for flag, places in pairs:
            point = max(flag.removable_from, *map(dead.at, places), 0)
            if flag.role is Role.EXPORT:
                point = max(point, *(last.get((flag.file, name), NEVER) for name in flag.names))
            if point < NEVER:
                moved.append((_at(flag, point), places))
        if moved == pairs:
            gone = {
                (flag.file, flag.end, flag.removable_from) for flag in flags if flag.role is Role.DEFINITION
            }
            values = [(other, (other.file, other.end, other.removable_from)) for other in others]
            return [*(other for other, key in values if not (other.role and key in gone)), *flags]
        pairs = moved


def _at(flag: Removal, point: Point) -> Removal:
    """Return the removal of a flag at a later floor."""
    if point == flag.removable_from:
        return flag
    reason = f"nothing uses {', '.join(flag.names)} any more on Airflow >= {floor_name(point)}"
    return replace(flag, removable_from=point, reason=reason)


def _last_of_each_name(flags: Sequence[Removal]) -> Mapping[tuple[str, str], Point]:
    """Return for each file and name from when on nothing in the file binds it, as far as that is known."""
    latest: dict[tuple[str, str], Point] = {}
    for flag in flags:
        for name in flag.names if flag.role is not Role.EXPORT else ():
            latest[flag.file, name] = max(latest.get((flag.file, name), 0), flag.removable_from)
    return latest


def _places(
    flag: Removal, module: Module, modules: Sequence[Module], uses: Uses, resolve: Resolve
) -> Iterator[Place]:
    """Yield the places that use a flag, or may."""
    if flag.role is Role.EXPORT:
        return
    for name in flag.names:
        yield from uses.names.get((flag.file, name), ())
        yield from imports_of(name, module, uses, resolve)
        words = uses.words.get(name, ())
        if flag.role is Role.DEFINITION:
            yield from uses.attributes.get(name, ())
            yield from words
        else:
            yield from (place for place in words if place[0] == flag.file)
            yield from patches_of(name, module, modules)
