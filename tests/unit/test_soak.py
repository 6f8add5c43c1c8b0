"""The checker of the soak finds what is wrong in a history, and nothing in one that is right."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.soak import checker, history, kinds, report, schedule

Events = list[dict[str, Any]]
BEGAN = 1_000_000.0


class Story:
    """Builds a history in which everything is right, to be changed by a test."""

    def __init__(self, **facts: Any) -> None:
        self.at = BEGAN
        self.numbers = itertools.count(1)
        chosen = kinds.as_data(kinds.kinds_for((3, 4), durable=True))
        start: dict[str, Any] = {
            "airflow": "3.3.2",
            "path": "accessor",
            "operator": "durable",
            "executor": "local",
        }
        start |= {"format": 1, "package": "1", "seed": 1, "minutes": 1, "parents": 2, "kinds": chosen}
        self.events: Events = []
        self.ends: Events = []
        self.add("start", **(start | facts))

    def add(self, event: str, **facts: Any) -> dict[str, Any]:
        self.at += 1
        self.events.append({"at": self.at, "event": event, **facts})
        return self.events[-1]

    def parent(self, kind: str, run: str = "0001") -> dict[str, str]:
        where = {"dag": f"parent-{kind}", "run": run}
        self.add("parent", **where, kind=kind)
        return where

    def state(self, where: dict[str, str], state: str, index: int = -1, **facts: Any) -> None:
        self.add("try", **where, index=index, state=state, **({"try": 1, "epoch": 30} | facts))

    def child(
        self, where: dict[str, str], state: str = "success", seconds: float = 5, **of: Any
    ) -> dict[str, Any]:
        """Trigger a child, and let it end after so many seconds."""
        number = next(self.numbers)
        owner = {"index": -1, "epoch": 30, "start": "then", "try": 1, "key": "0", **where} | of
        child = {"dag": "child", "run": f"child {number}", "number": number, "state": state, "of": owner}
        child |= {"created": self.at, "started": self.at + 0.5, "ended": self.at + seconds}
        self.ends.append({"event": "child-end", **child})
        self.at += seconds
        self.add("child", dag="child", run=child["run"], state="running", of=owner)
        return child

    def end(
        self, where: dict[str, str], *children: dict[str, Any], state: str = "success", **facts: Any
    ) -> None:
        """Let a parent end, with these children as its last ones."""
        end: dict[str, Any] = {"index": -1, "state": state, "epoch": 30, "link": None}
        end["try"] = max((child["of"]["try"] for child in children), default=1)
        end |= facts
        self.state(where, end["state"], end["index"], **{"try": end["try"]})
        end.setdefault("named", [child["run"] for child in children])
        self.ends.append({"event": "parent-end", **where, **end})

    def clear(self, where: dict[str, str], found: str, task: str = "trigger") -> None:
        sent = self.at + 0.5
        self.add("clear", **where, task=task, found={"-1": found}, sent=sent, answered=True)

    def done(self) -> Events:
        events = self.events + [{"at": self.at + 1, **end} for end in self.ends]
        counts = {name: sum(each["event"] == event for each in events) for name, event in COUNTED.items()}
        return [*events, {"at": self.at + 2, "event": "end", "loads": [1.0], **counts}]


FIRST_TRY: dict[str, Any] = {"try": 1}
SECOND_TRY: dict[str, Any] = {"try": 2}
COUNTED = {"parents": "parent", "children": "child-end", "faults": "fault"}


def broken(events: Events) -> list[str]:
    """Return the kinds of violations in a history."""
    return [violation.kind for violation in checker.judge(events).violations]


def right(kind: str = "waiting", state: str = "success") -> tuple[Story, dict[str, str], dict[str, Any]]:
    story = Story()
    where = story.parent(kind)
    story.state(where, "running")
    child = story.child(where, state=state)
    return story, where, child


def test_a_parent_with_its_child_is_right() -> None:
    story, where, child = right()
    story.end(where, child, link=f"/dags/child/runs/{child['run'].replace(' ', '%20')}")
    verdict = checker.judge(story.done())
    assert (verdict.violations, verdict.instances, verdict.children, verdict.epochs) == ([], 1, 1, 1)


def test_a_second_child_of_a_retry() -> None:
    story, where, _ = right()
    second = story.child(where, **SECOND_TRY)
    story.end(where, second)
    assert broken(story.done()) == ["duplicate"]


def test_a_new_child_after_a_failed_one() -> None:
    story, where, _ = right("failing", "failed")
    second = story.child(where, **SECOND_TRY)
    story.end(where, second)
    assert broken(story.done()) == []


def test_a_new_child_before_the_other_had_failed() -> None:
    story, where, first = right("failing", "failed")
    story.ends[-1]["ended"] = first["ended"] + 3
    second = story.child(where, **SECOND_TRY)
    story.end(where, second)
    assert broken(story.done()) == ["duplicate"]


def test_a_new_child_after_a_clear() -> None:
    story, where, child = right()
    story.end(where, child)
    story.ends.pop()
    story.clear(where, "success")
    second = story.child(where, epoch=31)
    story.end(where, second, epoch=31)
    assert broken(story.done()) == []


def test_a_new_epoch_without_a_clear() -> None:
    story, where, _ = right()
    story.clear(where, "success", task="sibling")
    second = story.child(where, epoch=31)
    story.end(where, second, epoch=31)
    assert broken(story.done()) == ["duplicate"]


def test_a_clear_that_was_answered_by_the_child_before_it() -> None:
    story, where, child = right()
    story.clear(where, "success")
    story.end(where, child)
    assert broken(story.done()) == ["lost"]


def test_a_clear_of_a_parent_that_ran_may_leave_its_child() -> None:
    story, where, child = right()
    story.clear(where, "running")
    story.end(where, child)
    assert broken(story.done()) == []


def test_a_parent_created_again_that_adopts_the_child_of_the_one_before() -> None:
    story, where, child = right()
    story.add("recreate", **where, sent=story.at, answered=True)
    story.end(where, child)
    assert broken(story.done()) == ["lost"]


def test_success_without_a_child() -> None:
    story = Story()
    story.end(story.parent("forget"))
    assert broken(story.done()) == ["lost"]


def test_success_with_a_failed_child() -> None:
    story, where, child = right("failing", "failed")
    story.end(where, child)
    assert broken(story.done()) == ["lost"]


def test_success_before_the_child_ended() -> None:
    story, where, child = right()
    story.ends[-1]["ended"] += 100
    story.end(where, child)
    assert broken(story.done()) == ["lost"]


def test_who_does_not_wait_may_end_before_its_child() -> None:
    story = Story()
    where = story.parent("forget")
    child = story.child(where)
    story.ends[-1]["ended"] += 100
    story.end(where, child)
    assert broken(story.done()) == []


def test_xcom_and_link_that_name_another_run() -> None:
    story, where, child = right()
    story.end(where, child, named=["other"], link="/dags/child/runs/other")
    assert broken(story.done()) == ["wrong-name"] * 3


def test_a_child_of_nobody() -> None:
    story, where, child = right()
    story.child({"dag": "parent-waiting", "run": "9999"})
    story.end(where, child)
    assert broken(story.done()) == ["orphan"]


def test_a_child_of_an_instance_that_is_not_there() -> None:
    story, where, child = right()
    story.child(where, index=7)
    story.end(where, child)
    assert broken(story.done()) == ["orphan"]


def test_a_child_that_never_ended() -> None:
    story = Story()
    where = story.parent("forget")
    child = story.child(where, state="running")
    story.end(where, child)
    assert broken(story.done()) == ["not-ended"]


def test_parents_that_are_missing_at_the_end() -> None:
    story, _, _ = right()
    assert "not-ended" in broken(story.done())


def test_an_end_without_a_reason() -> None:
    story, where, child = right()
    story.end(where, child, state="failed")
    assert broken(story.done()) == ["wrong-end"]


def test_pinned_runs_are_one() -> None:
    story = Story()
    where = story.parent("pinned")
    story.child(where)
    second = story.child(where, epoch=31)
    story.end(where, second)
    assert "duplicate" in broken(story.done())


def test_a_function_needs_each_of_its_children() -> None:
    story = Story()
    where = story.parent("function")
    made = [story.child(where, key=str(key)) for key in range(kinds.FAN_OUT)]
    story.end(where, *made)
    assert broken(story.done()) == []
    story.ends = [end for end in story.ends if end.get("run") != made[0]["run"]]
    assert sorted(broken(story.done())) == ["contradiction", "lost", "wrong-name", "wrong-name"]


@pytest.mark.parametrize(
    ("facts", "end", "killed", "reason"),
    [
        ({"airflow": "3.2.2", "path": "exception"}, {}, False, "exception-W2-retries"),
        ({"airflow": "3.1.1"}, {}, True, "until 3.1.1"),
        ({"airflow": "3.1.2"}, {}, True, ""),
        ({"airflow": "3.0.6"}, {"state": "restarting"}, False, "3.0"),
        ({"airflow": "3.1.8"}, {"state": "restarting"}, False, ""),
        ({}, {"try": 31}, False, "all retries"),
    ],
)
def test_ends_that_are_declared(facts: Any, end: Any, killed: bool, reason: str) -> None:
    story = Story(**facts)
    where = story.parent("failing")
    child = story.child(where, state="failed" if "path" in facts else "success")
    if killed:
        target = {**where, "index": -1, "try": 1}
        story.add("fault", number=0, fault="kill-task", target=target)
    story.end(where, child, **({"state": "failed"} | end))
    verdict = checker.judge(story.done())
    assert bool(verdict.violations) == (not reason)
    assert [found.startswith(reason) for found in verdict.explained] == [True] * bool(reason)


@pytest.mark.parametrize(
    ("path", "dropped_before", "named", "declared"),
    [
        ("exception", True, [], True),
        ("exception", False, [], False),
        ("exception", True, ["the child"], False),
        ("accessor", True, [], False),
    ],
)
def test_a_run_that_the_runner_takes_for_somebody_elses(
    path: str, dropped_before: bool, named: list[str], declared: bool
) -> None:
    story = Story(airflow="3.2.2", path=path)
    where = story.parent("forget")
    cut = {"number": 0, "fault": "cut-dropped-answers", "target": {"connection": "API server"}}
    if dropped_before:
        story.add("fault", **cut)
    child = story.child(where)
    if not dropped_before:
        story.add("fault", **cut)
    story.add("fault-over", number=0, why="")
    story.end(where, child, state="failed", named=[child["run"] for _ in named])
    verdict = checker.judge(story.done())
    assert [why.partition(":")[0] for why in verdict.explained] == ["exception-T8"] * declared
    assert [violation.kind for violation in verdict.violations] == ["wrong-end"] * (not declared)


def test_a_child_that_was_not_to_fail() -> None:
    story = Story()
    where = story.parent("forget")
    story.end(where, story.child(where, state="failed"))
    assert broken(story.done()) == ["wrong-end"]


def test_a_try_that_the_parent_never_had() -> None:
    story = Story()
    where = story.parent("forget")
    story.end(where, story.child(where, **SECOND_TRY), **FIRST_TRY)
    assert broken(story.done()) == ["orphan"]


def test_an_end_that_was_seen_otherwise() -> None:
    story, where, child = right()
    story.end(where, child)
    story.ends[-1]["state"] = "failed"
    assert "contradiction" in broken(story.done())
    story.ends[-1] |= {"state": "success", "try": 2}
    assert broken(story.done()) == ["contradiction"]


def test_a_parent_that_nobody_triggered() -> None:
    story, where, child = right()
    story.end(where, child)
    story.events = [event for event in story.events if event["event"] != "parent"]
    assert sorted(broken(story.done())) == ["contradiction", "orphan"]


# --- doctored histories ---


def every_kind() -> Events:
    """Return a history with a parent of each kind that one task instance makes, in which all is right."""
    story = Story()
    for number, (name, kind) in enumerate(kinds.KINDS.items()):
        if kind.instances > 1:
            continue
        where = story.parent(name, f"{number:04}")
        story.state(where, "running")
        if kind.fails_first:
            story.child(where, state="failed")
        made = [story.child(where, key=str(key)) for key in range(kind.children)]
        link = made[0]["run"] if len(made) == 1 else None
        story.end(where, *made, link=link)
    return story.done()


def other_state(event: dict[str, Any]) -> None:
    event["state"] = "failed" if event["state"] == "success" else "success"


def later_try(event: dict[str, Any]) -> None:
    event["of"] = event["of"] | {"try": 9}


def other_parent(event: dict[str, Any]) -> None:
    event["of"] = event["of"] | {"run": "9999"}


def other_epoch(event: dict[str, Any]) -> None:
    event["of"] = event["of"] | {"epoch": 77}


DOCTORED: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "a child in another state": ("child-end", other_state),
    "a child of a later try": ("child-end", later_try),
    "a child of another parent": ("child-end", other_parent),
    "a child of another epoch": ("child-end", other_epoch),
    "a child that never ended": ("child-end", lambda event: event.update(state="running", ended=None)),
    "a child under another name": ("child-end", lambda event: event.update(run="another")),
    "a parent in another state": ("parent-end", other_state),
    "a parent with another try": ("parent-end", lambda event: event.update({"try": 7})),
    "an XCom that names another run": ("parent-end", lambda event: event.update(named=["another"])),
    "an XCom that names nothing": ("parent-end", lambda event: event.update(named=[])),
    "a parent that is not there": ("parent-end", lambda event: event.update(run="9999")),
}


@pytest.mark.parametrize("what", DOCTORED)
def test_whatever_is_changed_is_found(what: str) -> None:
    """Each event of that kind in turn."""
    assert broken(every_kind()) == []
    event, change = DOCTORED[what]
    count = sum(each["event"] == event for each in every_kind())
    assert count >= 7
    for number in range(count):
        events = every_kind()
        change(doctored := [each for each in events if each["event"] == event][number])
        if what == "a child of another epoch" and "pinned" in doctored["of"]["dag"]:
            continue  # a pinned child keeps the conf of its first epoch
        assert broken(events), (what, number)


def test_a_child_that_is_added_is_found() -> None:
    for number, _ in enumerate(each for each in every_kind() if each["event"] == "child-end"):
        events = every_kind()
        child = [each for each in events if each["event"] == "child-end"][number]
        events.insert(-1, {**child, "run": "another", "number": 99})
        assert "duplicate" in broken(events), number


def test_a_child_that_is_taken_away_is_found() -> None:
    for number, _ in enumerate(each for each in every_kind() if each["event"] == "child-end"):
        events = every_kind()
        events.remove([each for each in events if each["event"] == "child-end"][number])
        assert broken(events), number


# --- the file ---


def written(tmp_path: Path, events: Events) -> Path:
    file = tmp_path / "history.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    return file


def whole() -> Events:
    story, where, child = right()
    story.end(where, child)
    return story.done()


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    recorder = history.Recorder(tmp_path / "h")
    for event in whole():
        facts = {name: value for name, value in event.items() if name not in ("at", "event")}
        recorder.write(event["event"], **facts)
    recorder.close()
    assert [event["event"] for event in history.read(tmp_path / "h")] == [event["event"] for event in whole()]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda events: events.pop(), "was not finished"),
        (lambda events: events.pop(0), "is not the event `start`|has one event"),
        (lambda events: events.pop(-2), "counts 1|several|events `child-end`"),
        (lambda events: events[1].update(at=0), "earlier than the line before"),
        (lambda events: events[1].update(kind=3), "line 2: kind: 3 is not of type 'string'"),
        (lambda events: events[1].update(more=3), "'more' was unexpected"),
        (lambda events: events.insert(1, dict(events[0])), "one event `start`"),
        (lambda events: events.insert(2, dict(events[1])), "2 events `parent`|several events `parent`"),
    ],
)
def test_a_history_that_cannot_be_judged(
    tmp_path: Path, change: Callable[[Events], object], why: str
) -> None:
    events = whole()
    if events[-2]["event"] == "parent-end":  # what is popped has to be counted
        events[-2], events[-3] = events[-3], events[-2]
    change(events)
    with pytest.raises(history.HistoryError, match=why):
        history.read(written(tmp_path, events))


def test_a_line_that_is_no_json(tmp_path: Path) -> None:
    file = written(tmp_path, whole())
    file.write_text(file.read_text().replace('"at"', "at", 1))
    with pytest.raises(history.HistoryError, match="line 1: is not JSON"):
        history.read(file)


# --- the schedule ---


def test_the_same_seed_gives_the_same_faults() -> None:
    names = frozenset(schedule.WEIGHTS)
    first, again, other = (list(schedule.schedule(seed, 1800, names)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert {planned.fault for planned in first} == names
    assert all(planned.at < 1800 for planned in first)
    assert 60 < len(first) < 180


def test_only_what_can_happen_to_a_stack_is_planned() -> None:
    planned = schedule.schedule(3, 600, frozenset({"clear", "freeze"}))
    assert {each.fault for each in planned} == {"clear", "freeze"}


# --- the report ---


def test_the_report_has_the_figures_and_the_violations() -> None:
    story, where, _ = right()
    story.add("fault", number=0, fault="kill-task", target={**where, "index": -1, "try": 1})
    story.add("fault", number=1, fault="full-disk", target={})
    story.add("fault-over", number=1, why="mounting a file system needs root")
    second = story.child(where, **SECOND_TRY)
    story.end(where, second)
    events = story.done()
    figures = report.figures(events, checker.judge(events))
    text = report.as_markdown(figures)
    assert "| violation: duplicate | 1 |" in text
    assert "- duplicate: parent-waiting 0001: child 2 (try 2) beside child 1 (try 1, success)" in text
    assert "| kill-task | 1 | 1 | 9 |" in text
    assert "- 1 x full-disk: mounting a file system needs root" in text
    page = report.as_html(events, figures)
    assert "1 violations." in page
    assert 'class="violated" x="6"' in page
