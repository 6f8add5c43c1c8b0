"""The kinds of parents of a soak: what each has to come to, whatever happens to it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

TASK: Final = "trigger"
SIBLING: Final = "sibling"
"""The other task of each parent dag, to be cleared."""
CLONES: Final = 3
"""Task instances of a mapped parent, and iterations of a loop."""
FAN_OUT: Final = 4
"""Children of a task function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What holds for all parents of a kind."""

    waits: bool = True
    """The parent ends after its children, and needs each of them in an allowed state."""
    instances: int = 1
    """Task instances that trigger, each of which is a parent of its own."""
    children: int = 1
    """Child runs that a parent needs."""
    fails_first: bool = False
    """The first child of each epoch fails, so that there has to be a second one."""
    pinned: bool = False
    """The author chose the run id of the child, so there is one run for all epochs."""
    defers: bool = False
    since: tuple[int, int] = (2, 11)
    """The first minor of Airflow that has what this kind needs."""
    durable_only: bool = False
    """Whether it needs what only this package has, so that no control can run it."""


KINDS: Final[dict[str, Kind]] = {
    "waiting": Kind(),
    "forget": Kind(waits=False),
    "deferrable": Kind(defers=True),
    "mapped": Kind(instances=CLONES),
    "pinned": Kind(pinned=True),
    "failing": Kind(fails_first=True),
    "failing-deferrable": Kind(fails_first=True, defers=True),
    "function": Kind(children=FAN_OUT, durable_only=True),
    "loop": Kind(instances=CLONES, since=(3, 4)),
}


def kinds_for(minor: tuple[int, int], *, durable: bool) -> dict[str, Kind]:
    """Return the kinds that an Airflow can run, with this package's ``durable`` or without."""
    return {
        name: kind
        for name, kind in KINDS.items()
        if minor >= kind.since and (durable or not kind.durable_only)
    }


def as_data(kinds: dict[str, Kind]) -> dict[str, dict[str, Any]]:
    """Return kinds as they stand in a history."""
    return {name: asdict(kind) for name, kind in kinds.items()}
