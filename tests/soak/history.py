"""The history of a soak: everything that was done and seen, one JSON object a line.

``history.schema.json`` says what a line holds, docs/soak.md what it means. A history can be judged without
the Airflow that it is about.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

import jsonschema

Event = dict[str, Any]
SCHEMA: Final = json.loads(Path(__file__).with_name("history.schema.json").read_text(encoding="utf-8"))
FORMAT: Final = 1


class HistoryError(ValueError):
    """A history that cannot be judged: which line, and why."""


class Recorder:
    """Writes a history. May be used by several threads at once.

    :param file: the file to write, which may not exist yet.
    """

    def __init__(self, file: Path) -> None:
        self.counts: Counter[str] = Counter()
        self._file = file.open("x", encoding="utf-8")
        self._lock = threading.Lock()

    def write(self, event: str, **facts: Any) -> None:
        """Add an event, at the present time."""
        with self._lock:
            at = round(time.time(), 3)
            self._file.write(json.dumps({"at": at, "event": event, **facts}, default=str) + "\n")
            self._file.flush()
            self.counts[event] += 1

    def close(self) -> None:
        """End the history."""
        self._file.close()


def read(file: Path) -> list[Event]:
    """Read a history.

    :raises HistoryError: it cannot be read, a line is not what the schema says, the times go backwards, it
        does not begin with ``start`` and end with ``end``, or events are missing that ``end`` counts.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise HistoryError(f"{file}: cannot be read: {error}") from error
    events = list(_parsed(file, lines))
    if not events or events[0]["event"] != "start":
        raise HistoryError(f"{file}: line 1: is not the event `start`")
    if events[-1]["event"] != "end":
        raise HistoryError(f"{file}: line {len(events)}: is not the event `end`: the soak was not finished")
    _check_counts(file, events)
    return events


def _parsed(file: Path, lines: Iterable[str]) -> Iterator[Event]:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    before = float("-inf")
    for number, line in enumerate(lines, 1):

        def wrong(why: object, number: int = number) -> NoReturn:
            raise HistoryError(f"{file}: line {number}: {why}")

        try:
            event = json.loads(line)
        except ValueError as error:
            wrong(f"is not JSON: {error}")
        if found := jsonschema.exceptions.best_match(validator.iter_errors(event)):
            wrong(f"{'.'.join(map(str, found.absolute_path)) or 'event'}: {found.message}")
        if event["at"] < before:
            wrong("is earlier than the line before it")
        if (event["event"] == "start") != (number == 1):
            wrong("a history has one event `start`, at its beginning")
        before = event["at"]
        yield event


def _check_counts(file: Path, events: list[Event]) -> None:
    counts = Counter(event["event"] for event in events)
    end = events[-1]
    for name, event in (("parents", "parent"), ("children", "child-end"), ("faults", "fault")):
        if end[name] != counts[event]:
            raise HistoryError(f"{file}: {counts[event]} events `{event}`, but `end` counts {end[name]}")
    if counts["end"] != 1:
        raise HistoryError(f"{file}: {counts['end']} events `end`")
    for event in ("child-end", "parent-end", "parent", "fault"):
        keys = ["number"] if event == "fault" else ["dag", "run"]
        keys += ["index"] if event == "parent-end" else []
        names = Counter(tuple(each[key] for key in keys) for each in events if each["event"] == event)
        if twice := [name for name, number in names.items() if number > 1]:
            raise HistoryError(f"{file}: several events `{event}` about {twice[0]}")
