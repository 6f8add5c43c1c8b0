"""Judges a history: every parent had its children, no more and no less, and came to the right end.

It knows nothing of how this package identifies a child. Who triggered a child, in which epoch and try, stands
in the child's conf; when an epoch may begin is known from the clears in the history.
"""

from __future__ import annotations

import math
import urllib.parse
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from packaging.version import Version

from tests.soak.history import Event
from tests.soak.kinds import TASK

END_STATES: Final = ("success", "failed", "skipped", "upstream_failed", "removed")
RETRIES_KILLED_PROCESS: Final = Version("3.1.2")
"""From this release on, Airflow retries a task whose process was killed."""

KINDS: Final = ("duplicate", "lost", "orphan", "wrong-name", "wrong-end", "not-ended", "contradiction")
"""Of violations. The last one is about the history: what was seen does not fit what was there at the end."""

Instance = tuple[str, str, int]
"""A parent: dag id, run id, and map index or iteration, -1 without."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that may not be.

    :param kind: one of :data:`KINDS`.
    """

    kind: str
    instance: Instance
    text: str

    def __str__(self) -> str:
        dag, run, index = self.instance
        return f"{self.kind}: {dag} {run}{f' [{index}]' if index >= 0 else ''}: {self.text}"


@dataclass(slots=True)
class Verdict:
    """What a history shows."""

    violations: list[Violation] = field(default_factory=list)
    explained: Counter[str] = field(default_factory=Counter)
    """Parents that did not end as they should for a reason that is declared, by that reason."""
    instances: int = 0
    children: int = 0
    epochs: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    """How the parents ended, by state."""

    def count(self, kind: str) -> int:
        """Return how many violations of a kind there are."""
        return sum(violation.kind == kind for violation in self.violations)


@dataclass(slots=True)
class _Facts:
    """A history, sorted by what it is about."""

    start: Event
    kind_of: dict[tuple[str, str], str] = field(default_factory=dict)
    ends: dict[tuple[str, str], list[Event]] = field(default_factory=lambda: defaultdict(list))
    children: dict[Instance, list[Event]] = field(default_factory=lambda: defaultdict(list))
    openings: dict[tuple[str, str], list[Event]] = field(default_factory=lambda: defaultdict(list))
    """What may begin an epoch: clears of the parent, and runs that were created again."""
    killed: set[Instance] = field(default_factory=set)
    """Parents whose process was killed alone."""
    dropping: dict[int, list[float]] = field(default_factory=dict)
    """When answers of the API were dropped: begin and end, by the number of the fault."""
    successes: dict[Instance, float] = field(default_factory=dict)
    """When a parent was first seen to have succeeded for the last time."""
    nobodys: list[Event] = field(default_factory=list)


def judge(events: Sequence[Event]) -> Verdict:
    """Judge a history that :func:`tests.soak.history.read` has accepted."""
    facts = _sorted(events)
    verdict = Verdict(children=sum(event["event"] == "child-end" for event in events))
    verdict.violations += _contradictions(events, facts)
    for child in facts.nobodys:
        where = (child["dag"], child["run"], -1)
        verdict.violations.append(Violation("orphan", where, "no parent of this history triggered it"))
    for (dag, run), name in facts.kind_of.items():
        kind = facts.start["kinds"][name]
        ends = facts.ends.get((dag, run), [])
        if len(ends) != kind["instances"]:
            text = f"{len(ends)} of {kind['instances']} task instances at the end"
            verdict.violations.append(Violation("not-ended", (dag, run, -1), text))
        known = {end["index"] for end in ends}
        for child in (c for each, cs in facts.children.items() if each[:2] == (dag, run) for c in cs):
            if child["of"]["index"] not in known:
                where = (dag, run, child["of"]["index"])
                verdict.violations.append(Violation("orphan", where, f"has the child {child['run']}"))
        for end in ends:
            verdict.instances += 1
            verdict.ends[str(end["state"])] += 1
            _judge_one(facts, verdict, kind, end)
    return verdict


def _sorted(events: Sequence[Event]) -> _Facts:
    facts = _Facts(events[0])
    for event in events:
        run = (event.get("dag", ""), event.get("run", ""))
        match event["event"]:
            case "parent":
                facts.kind_of[run] = event["kind"]
            case "parent-end":
                facts.ends[run].append(event)
            case "recreate":
                _begin_again(facts, run, event)
            case "clear" if event["task"] == TASK:
                _begin_again(facts, run, event)
            case "fault" | "fault-over":
                _note_fault(facts, event)
            case "try":
                _note_success(facts.successes, event)
    for event in (event for event in events if event["event"] == "child-end"):
        of = event["of"]
        if of is None or (of["dag"], of["run"]) not in facts.kind_of:
            facts.nobodys.append(event)
        else:
            facts.children[of["dag"], of["run"], of["index"]].append(event)
    return facts


def _contradictions(events: Sequence[Event], facts: _Facts) -> Iterator[Violation]:
    """Yield what was seen and is not there at the end, or is otherwise."""
    seen: dict[str, dict[Instance, Event]] = {}
    for event in events:
        if event["event"] in ("try", "child"):
            instance = (event["dag"], event["run"], event.get("index", -1))
            seen.setdefault(event["event"], {})[instance] = event
    for what, end in (("try", "parent-end"), ("child", "child-end")):
        last = seen.get(what, {})
        ends = {(e["dag"], e["run"], e.get("index", -1)): e for e in events if e["event"] == end}
        for instance in last.keys() ^ ends.keys():
            missing = "was never seen before" if instance in ends else "was seen, and is not there at the end"
            yield Violation("contradiction", instance, missing)
        for instance in last.keys() & ends.keys():
            before, after = last[instance], ends[instance]
            if before["state"] in END_STATES and before["state"] != after["state"]:
                yield Violation(
                    "contradiction", instance, f"was {before['state']}, and {after['state']} at the end"
                )
            elif what == "try" and before["state"] in END_STATES and before["try"] != after["try"]:
                text = f"ended on try {before['try']}, and on try {after['try']} at the end"
                yield Violation("contradiction", instance, text)
    for dag, run in facts.ends.keys() - facts.kind_of.keys():
        yield Violation("contradiction", (dag, run, -1), "nobody triggered this parent")


def _note_fault(facts: _Facts, event: Event) -> None:
    if event["event"] == "fault-over":
        if event["number"] in facts.dropping:
            facts.dropping[event["number"]][1] = event["at"]
    elif (target := event["target"]) and event["fault"] == "kill-task":
        facts.killed.add((target["dag"], target["run"], target["index"]))
    elif target and event["fault"] == "cut-dropped-answers":
        facts.dropping[event["number"]] = [event["at"], math.inf]


def _begin_again(facts: _Facts, run: tuple[str, str], event: Event) -> None:
    facts.openings[run].append(event)
    for instance in [instance for instance in facts.successes if instance[:2] == run]:
        del facts.successes[instance]


def _note_success(successes: dict[Instance, float], event: Event) -> None:
    instance = (event["dag"], event["run"], event["index"])
    if event["state"] == "success":
        successes.setdefault(instance, event["at"])
    else:
        successes.pop(instance, None)


def _judge_one(facts: _Facts, verdict: Verdict, kind: Mapping[str, Any], end: Event) -> None:
    """Judge one task instance of a parent."""
    instance = (end["dag"], end["run"], end["index"])
    by_key: dict[str, list[Event]] = defaultdict(list)
    for child in sorted(facts.children.get(instance, []), key=lambda child: int(child["number"])):
        by_key[child["of"]["key"]].append(child)
    verdict.epochs += sum(len({_epoch(child) for child in children}) for children in by_key.values())
    last = [children[-1] for _, children in sorted(by_key.items())]
    found = [*_wrong_children(facts, kind, end, by_key)]
    if end["state"] == "success":
        found += [("lost", text) for text in _losses(facts, kind, end, last)]
        found += [("wrong-name", text) for text in _misnamings(end, last)]
    elif reason := _explanation(facts, kind, end, last):
        verdict.explained[reason] += 1
    else:
        what = "wrong-end" if end["state"] in END_STATES else "not-ended"
        found.append((what, f"is {end['state']} on try {end['try']}, its last children are {_states(last)}"))
    verdict.violations += [Violation(what, instance, text) for what, text in found]


def _wrong_children(
    facts: _Facts, kind: Mapping[str, Any], end: Event, by_key: Mapping[str, Sequence[Event]]
) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the children of a parent, whatever its end."""
    openings = facts.openings.get((end["dag"], end["run"]), [])
    for children in by_key.values():
        yield from (("duplicate", text) for text in _duplicates(children, openings, pinned=kind["pinned"]))
        firsts = (
            {_epoch(child): child for child in reversed(children)}.values() if kind["fails_first"] else ()
        )
        for child in children:
            if child["state"] == "failed" and child not in firsts and _is_retried_when_killed(facts):
                yield "wrong-end", f"its child {child['run']} failed, and was not to"
    every = [child for children in by_key.values() for child in children]
    recreated = any(opening["event"] == "recreate" for opening in openings)
    for child in every:
        if child["state"] not in END_STATES:
            yield "not-ended", f"its child {child['run']} is {child['state']} at the end"
        if child["of"]["try"] > end["try"] and not recreated:
            yield "orphan", f"try {child['of']['try']}, which it never had, triggered {child['run']}"
    if stray := set(end["named"]) - {child["run"] for child in every}:
        yield "wrong-name", f"its XCom names {', '.join(sorted(stray))}, which it did not trigger"


def _is_retried_when_killed(facts: _Facts) -> bool:
    airflow = Version(facts.start["airflow"])
    return airflow.major == 2 or airflow >= RETRIES_KILLED_PROCESS


def _epoch(child: Event) -> tuple[str, int]:
    return child["of"]["start"], child["of"]["epoch"]


def _duplicates(children: Sequence[Event], openings: Sequence[Event], *, pinned: bool) -> Iterator[str]:
    """Yield what is wrong with the number of children of one key, in the order in which they were created."""
    if pinned:
        for child in children[1:]:
            yield f"{child['run']} beside {children[0]['run']}, although its run id is given"
        return
    epochs: dict[tuple[str, int], Event] = {}
    newest = children[0]
    for child in children:
        before = epochs.get(_epoch(child))
        if before is not None:
            if before["state"] != "failed":
                yield f"{child['run']} (try {child['of']['try']}) beside {_described(before)}"
            elif before["ended"] is None or before["ended"] > child["created"]:
                yield f"{child['run']} (try {child['of']['try']}) before {before['run']} had failed"
        elif epochs and not _may_begin(child, newest, openings):
            yield f"{child['run']} (try {child['of']['try']}) without a clear, beside {_described(newest)}"
        newest = child
        epochs[_epoch(child)] = child


def _may_begin(child: Event, before: Event, openings: Sequence[Event]) -> bool:
    """Whether anything may have begun a new epoch between two children."""
    return any(before["created"] <= each["at"] and each["sent"] <= child["created"] for each in openings)


def _described(child: Event) -> str:
    return f"{child['run']} (try {child['of']['try']}, {child['state']})"


def _losses(facts: _Facts, kind: Mapping[str, Any], end: Event, last: Sequence[Event]) -> Iterator[str]:
    """Yield what a parent that succeeded lacks."""
    if len(last) != kind["children"]:
        yield f"succeeded with {len(last)} children instead of {kind['children']}"
    instance = (end["dag"], end["run"], end["index"])
    for child in last:
        if child["of"]["epoch"] != end["epoch"] and not kind["pinned"]:
            epochs = f"max_tries {end['epoch']} by a child of max_tries {child['of']['epoch']}"
            yield f"succeeded with {epochs}: {child['run']}"
        if kind["waits"] and child["state"] != "success":
            yield f"succeeded, but its child {child['run']} is {child['state']}"
        done = facts.successes.get(instance)
        if kind["waits"] and done is not None and child["ended"] is not None and done < child["ended"]:
            yield f"had succeeded {child['ended'] - done:.1f} s before its child {child['run']} ended"
    for opening in facts.openings.get(instance[:2], []):
        finished = opening["event"] == "recreate" or _was_finished(opening, end["index"])
        if not (opening["answered"] and finished):
            continue
        for child in last:
            begun = child["started"] if kind["pinned"] else child["created"]
            if begun is None or begun < opening["sent"]:
                yield f"succeeded by {child['run']}, which was there before the {opening['event']}"


def _was_finished(clear: Event, index: int) -> bool:
    return clear["found"].get(str(index)) in ("success", "failed")


def _misnamings(end: Event, last: Sequence[Event]) -> Iterator[str]:
    wanted = [child["run"] for child in last]
    if sorted(end["named"]) != sorted(wanted):
        named, right = (", ".join(names) or "nothing" for names in (end["named"], wanted))
        yield f"its XCom names {named} instead of {right}"
    if end["link"] is not None and not all(run in urllib.parse.unquote(end["link"]) for run in wanted):
        yield f"its link leads to {end['link']} instead of {', '.join(wanted)}"


def _explanation(facts: _Facts, kind: Mapping[str, Any], end: Event, last: Sequence[Event]) -> str:
    """Return the declared reason why a parent has not succeeded; empty without one."""
    airflow, state = Version(facts.start["airflow"]), end["state"]
    killed = (end["dag"], end["run"], end["index"]) in facts.killed
    failed_child = bool(last) and last[-1]["state"] == "failed"
    by_runner = facts.start["path"] == "exception" and kind["children"] == 1
    runner_waits = by_runner and kind["waits"] and not kind["defers"]
    if state == "failed" and end["try"] > end["epoch"]:
        return "all retries were used up"
    if state == "failed" and by_runner and _answer_was_dropped(facts, end, last):
        return "exception-T8: the task runner takes its own run for somebody else's"
    if state == "failed" and runner_waits and failed_child:
        return "exception-W2-retries: a wait in the task runner fails without a retry"
    if airflow.major == 3 and airflow < RETRIES_KILLED_PROCESS and state == "failed" and killed:
        return "until 3.1.1 a killed process is not retried"
    if airflow.release[:2] == (3, 0) and state == "restarting":
        return "3.0 leaves a task that is cleared while it runs `restarting`"
    return ""


def _answer_was_dropped(facts: _Facts, end: Event, last: Sequence[Event]) -> bool:
    """Whether a try failed that had triggered its child, but may not have got the answer."""
    return (
        bool(last)
        and not end["named"]
        and last[-1]["of"]["try"] == end["try"]
        and any(begin <= last[-1]["created"] <= over for begin, over in facts.dropping.values())
    )


def _states(children: Sequence[Event]) -> str:
    return ", ".join(f"{child['run']} ({child['state']})" for child in children) or "none"
