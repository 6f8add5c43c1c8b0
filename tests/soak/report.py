"""The report about a soak: figures and violations as Markdown, and a timeline as a page."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.soak.checker import END_STATES, KINDS, Instance, Verdict
from tests.soak.history import Event
from trigger_compat import markdown
from trigger_compat.pages import templates


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is said about a soak."""

    start: Event
    verdict: Verdict
    minutes: float
    """From the first parent to the last event."""
    runs: int
    """Runs of parents."""
    faults: dict[str, list[float]] = field(default_factory=dict)
    """For each kind of fault the seconds from it to the end of each parent that it hurt."""
    numbers: dict[str, int] = field(default_factory=dict)
    """How often each fault happened."""
    skipped: dict[str, int] = field(default_factory=dict)
    """How often one could not be carried out, by reason."""
    loads: tuple[float, ...] = ()

    @property
    def operator(self) -> str:
        """Which operator triggered, in words."""
        names = {"durable": "durable", "plain": "without durable", "upstream": "upstream's operator"}
        return names[self.start["operator"]]


def figures(events: Sequence[Event], verdict: Verdict) -> Figures:
    """Work out the figures of a history."""
    over = {event["number"]: event["why"] for event in events if event["event"] == "fault-over"}
    ends = _last_ends(events)
    seconds: dict[str, list[float]] = defaultdict(list)
    numbers: dict[str, int] = defaultdict(int)
    skipped: dict[str, int] = defaultdict(int)
    for event in (event for event in events if event["event"] == "fault"):
        if not event["target"]:
            skipped[f"{event['fault']}: {over.get(event['number'], '')}"] += 1
            continue
        numbers[event["fault"]] += 1
        seconds[event["fault"]] += [end - event["at"] for end in _hurt(event, ends)]
    first = next((event["at"] for event in events if event["event"] == "parent"), events[0]["at"])
    return Figures(
        start=events[0],
        verdict=verdict,
        minutes=(events[-1]["at"] - first) / 60,
        runs=sum(event["event"] == "parent" for event in events),
        faults=dict(seconds),
        numbers=dict(sorted(numbers.items(), key=lambda item: -item[1])),
        skipped=dict(skipped),
        loads=tuple(events[-1]["loads"]),
    )


def _last_ends(events: Sequence[Event]) -> dict[Instance, list[tuple[float, bool]]]:
    """Return when each parent was seen to be at its end, and when not, in order."""
    seen: dict[Instance, list[tuple[float, bool]]] = defaultdict(list)
    for event in events:
        if event["event"] == "try":
            seen[event["dag"], event["run"], event["index"]].append(
                (event["at"], event["state"] in END_STATES)
            )
    return seen


def _hurt(fault: Event, seen: dict[Instance, list[tuple[float, bool]]]) -> list[float]:
    """Return when the parents ended that a fault hurt: its target, or all that had not ended."""
    target, found = fault["target"], []
    for instance, changes in seen.items():
        if "dag" in target and instance != (target["dag"], target["run"], target["index"]):
            continue
        before = [ended for at, ended in changes if at <= fault["at"]]
        later = [at for at, ended in changes if at > fault["at"] and ended]
        if later and before and ("dag" in target or not before[-1]):
            found.append(later[0])
    return found


def as_markdown(figures: Figures) -> str:
    """Return the report as Markdown."""
    start, verdict = figures.start, figures.verdict
    lines = [
        f"# Soak: Airflow {start['airflow']}, {start['executor']} executor, {figures.operator}",
        "",
        (
            f"Seed {start['seed']}, {start['minutes']:g} minutes of faults, {figures.minutes:.1f} in all,"
            f" {start['parents']} parent runs at a time, path {start['path']}."
            f" Load of the machine: {_spread(figures.loads, 1)}."
        ),
        "",
        markdown.table(("", "number"), [(name, str(number)) for name, number in totals(figures)]),
        "",
        "## Faults",
        "",
        markdown.table(
            ("fault", "times", "parents hurt", "seconds to their end: p50, p95"),
            [
                (name, str(number), str(len(figures.faults[name])), _spread(figures.faults[name], 0))
                for name, number in figures.numbers.items()
            ],
        ),
    ]
    for title, reasons in (("Not carried out", figures.skipped), ("Declared", verdict.explained)):
        if reasons:
            lines += [
                "",
                f"## {title}",
                "",
                *(f"- {number} x {reason}" for reason, number in reasons.items()),
            ]
    if verdict.violations:
        lines += ["", "## Violations", "", *(f"- {violation}" for violation in verdict.violations)]
    return "\n".join([*lines, ""])


def totals(figures: Figures) -> list[tuple[str, int]]:
    """Return the numbers that stand for the whole soak."""
    verdict = figures.verdict
    return [
        ("runs of parents", figures.runs),
        ("parents (task instances)", verdict.instances),
        ("child runs", verdict.children),
        ("epochs", verdict.epochs),
        ("faults", sum(figures.numbers.values())),
        *((f"parents {state}", number) for state, number in sorted(verdict.ends.items())),
        ("ended otherwise, declared", sum(verdict.explained.values())),
        *((f"violation: {kind}", verdict.count(kind)) for kind in KINDS),
    ]


def _spread(numbers: Sequence[float], digits: int) -> str:
    if not numbers:
        return "-"
    if len(numbers) == 1:
        return f"{numbers[0]:.{digits}f}"
    return f"{statistics.median(numbers):.{digits}f}, {statistics.quantiles(numbers, n=20)[-1]:.{digits}f}"


def as_html(events: Sequence[Event], figures: Figures) -> str:
    """Return the report as a page with a timeline, which loads nothing else."""
    from tests.soak import timeline

    page = templates("tests.soak").get_template("page.html.j2")
    return page.render(
        figures=figures,
        totals=totals(figures),
        spread=_spread,
        picture=timeline.picture(events, figures.verdict),
    )
