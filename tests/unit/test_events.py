"""The lines of a task's log: their words, their fields, and the page that lists them."""

from __future__ import annotations

import logging
import pathlib
import string

import pytest

from trigger_compat import dispatch, events

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "logs.md"
WORDS = {name: words for name, words in vars(events).items() if name.isupper()}


class Structured:
    """A structlog logger as 3.1+ gives one to an operator."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        self.said.append((event, fields))


def test_a_structured_log_has_the_words_and_the_fields() -> None:
    log = Structured()
    events.TaskLog(log).info(events.TRIGGERING, dag_id="child", run_id="r1", identity="computed")
    assert log.said == [
        ("Triggering dag run r1 of child", {"dag_id": "child", "run_id": "r1", "identity": "computed"})
    ]


def test_airflow_2_has_the_same_words(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "release", lambda: (2, 11, 2))
    dispatch.within.cache_clear()
    with caplog.at_level(logging.INFO):
        events.TaskLog(logging.getLogger("task")).info(events.TRIGGERING, dag_id="child", run_id="100%s{}")
    dispatch.within.cache_clear()
    assert caplog.messages == ["Triggering dag run 100%s{} of child"]


@pytest.mark.parametrize("name", WORDS)
def test_every_line_is_on_the_page(name: str) -> None:
    shown = "".join(
        before + (f"<{field}>" if field else "")
        for before, field, _, _ in string.Formatter().parse(WORDS[name])
    )
    assert f"`{shown}`" in DOCS.read_text()
