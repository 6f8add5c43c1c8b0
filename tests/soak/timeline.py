"""The timeline of a soak: each parent a bar, its children below it, the faults as marks above."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.soak.checker import END_STATES, Instance, Verdict
from tests.soak.history import Event

ROW: Final = 12
"""Height of a parent or a child, in pixels."""
PER_SECOND: Final = 3.0
LEFT: Final = 190
TOP: Final = 58


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time on one line."""

    x: float
    width: float
    y: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A fault: on the line of the parent that it hurt, or across all of them."""

    x: float
    y: float
    height: float
    fault: str
    title: str


@dataclass(frozen=True, slots=True)
class Scale:
    """From seconds to pixels."""

    began: float
    ended: float

    def x(self, at: float) -> float:
        """Return where a moment is; what was before the beginning is at it."""
        return LEFT + (max(at, self.began) - self.began) * PER_SECOND

    def bar(self, begins: float, ends: float, y: float, kind: str, title: str) -> Bar:
        """Return a bar from one moment to another, wide enough to be seen."""
        left = self.x(begins)
        return Bar(left, max(1.5, self.x(ends) - left), y, kind, title)


@dataclass(slots=True)
class Row:
    """A parent with its name, and whether it broke a rule."""

    y: float
    height: float
    name: str
    violated: bool


@dataclass(slots=True)
class Picture:
    """All that the template draws, in pixels."""

    width: float = 0
    height: float = 0
    rows: list[Row] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    ticks: list[tuple[float, str]] = field(default_factory=list)


def picture(events: Sequence[Event], verdict: Verdict) -> Picture:
    """Lay out a history."""
    # From the first parent on, not from the start of the stack.
    began = next((event["at"] for event in events if event["event"] == "parent"), events[0]["at"])
    scale = Scale(began, events[-1]["at"])
    drawn = Picture(width=scale.x(scale.ended) + 20)
    tries: dict[Instance, list[Event]] = defaultdict(list)
    children: dict[Instance, list[Event]] = defaultdict(list)
    for event in events:
        if event["event"] == "try":
            tries[event["dag"], event["run"], event["index"]].append(event)
        elif event["event"] == "child-end" and event["of"]:
            of = event["of"]
            children[of["dag"], of["run"], of["index"]].append(event)
    wrong = {violation.instance for violation in verdict.violations}
    y = float(TOP)
    rows: dict[Instance, Row] = {}
    for instance in sorted(tries, key=lambda each: tries[each][0]["at"]):
        dag, run, index = instance
        name = f"{dag.removeprefix('parent-')} {run}{f' [{index}]' if index >= 0 else ''}"
        height = ROW * (1 + len(children[instance]))
        rows[instance] = Row(y, height, name, instance in wrong or (dag, run, -1) in wrong)
        drawn.bars += _bars_of_tries(tries[instance], name, y, scale)
        drawn.bars += _bars_of_children(children[instance], y, scale)
        y += height + 4
    drawn.rows = list(rows.values())
    drawn.height = y + 10
    drawn.marks = list(_marks(events, rows, drawn.height, scale))
    minutes = range(int((scale.ended - began) / 60) + 1)
    drawn.ticks = [(scale.x(began + minute * 60), f"{minute} min") for minute in minutes]
    return drawn


def _bars_of_tries(changes: Sequence[Event], name: str, y: float, scale: Scale) -> Iterator[Bar]:
    """Yield a bar for each state that a parent was in."""
    for number, change in enumerate(changes):
        state = change["state"] or "none"
        kind = f"end-{state}" if state in END_STATES else state
        if state in END_STATES and number == len(changes) - 1:
            yield Bar(scale.x(change["at"]), 4, y, kind, f"{name}: {state}")
            continue
        until = changes[number + 1]["at"] if number < len(changes) - 1 else scale.ended
        title = f"{name}, try {change['try']}: {state}, {until - change['at']:.0f} s"
        yield scale.bar(change["at"], until, y, kind, title)


def _bars_of_children(children: Sequence[Event], y: float, scale: Scale) -> Iterator[Bar]:
    for number, child in enumerate(children, 1):
        title = f"{child['run']}, by try {child['of']['try']}: {child['state']}"
        until = child["ended"] or scale.ended
        yield scale.bar(child["created"], until, y + ROW * number, f"child-{child['state']}", title)


def _marks(
    events: Sequence[Event], rows: Mapping[Instance, Row], height: float, scale: Scale
) -> Iterator[Mark]:
    """Yield a mark for each fault that was carried out."""
    for event in events:
        if event["event"] != "fault" or not event["target"]:
            continue
        target = event["target"]
        instance = (target.get("dag", ""), target.get("run", ""), target.get("index", -1))
        title = f"{event['fault']} {' '.join(str(value) for value in target.values())}"
        if row := rows.get(instance):
            yield Mark(scale.x(event["at"]), row.y, row.height, event["fault"], title)
        elif "dag" not in target:
            yield Mark(scale.x(event["at"]), TOP, height - TOP, event["fault"], title)
