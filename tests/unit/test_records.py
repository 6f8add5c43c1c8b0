"""The durable record: kept when it can be, never a reason to fail (X10). No Airflow."""

from __future__ import annotations

from typing import Any

import pytest

from trigger_compat import events
from trigger_compat.task.records import STORE, Records, with_records


class Store:
    """A task state store that counts its calls and fails on demand."""

    def __init__(self, error: Exception | None = None) -> None:
        self.rows: dict[str, Any] = {}
        self.calls: list[str] = []
        self.error = error

    def get(self, key: str) -> Any:
        self.calls.append("get")
        if self.error:
            raise self.error
        return self.rows.get(key)

    def set(self, key: str, value: Any) -> None:
        self.calls.append("set")
        if self.error:
            raise self.error
        self.rows[key] = value


class Log:
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, words: str, /, **fields: object) -> None:
        self.lines.append(words.format_map(fields))

    warning = info


def test_a_record_is_kept_and_an_unchanged_one_is_not_sent_again() -> None:
    store = Store()
    records = Records(store, Log())
    assert records.get("child") is None
    records.set("child", {"run_id": "a"})
    records.set("child", {"run_id": "a"})
    assert store.rows == {"child": {"run_id": "a"}}
    assert store.calls == ["get", "set"]
    records.set("child", {"run_id": "b"})
    assert store.rows == {"child": {"run_id": "b"}}


def test_a_record_that_was_read_is_not_written_back() -> None:
    store = Store()
    store.rows["child"] = {"run_id": "a"}
    records = Records(store, Log())
    assert records.get("child") == {"run_id": "a"}
    records.set("child", {"run_id": "a"})
    assert store.calls == ["get"]


def test_a_first_try_asks_for_nothing_and_sends_its_record_all_the_same() -> None:
    store = Store()
    store.rows["child"] = {"run_id": "a"}
    records = Records(store, Log(), empty=True)
    assert records.get("child") is None
    records.set("child", {"run_id": "a"})
    records.set("child", {"run_id": "a"})
    assert store.calls == ["set"]


def test_a_store_that_is_away_costs_a_warning_and_no_try() -> None:
    log = Log()
    records = Records(Store(RuntimeError("no such table")), log)
    assert records.get("child") is None
    records.set("child", {"run_id": "a"})
    said = [events.NO_RECORD.format(action=action, error="no such table") for action in ("read", "write")]
    assert log.lines == said


@pytest.mark.parametrize("error", [BrokenPipeError(), EOFError()])
def test_a_supervisor_that_is_gone_is_no_store_that_is_away(error: Exception) -> None:
    records = Records(Store(error), Log())
    with pytest.raises(type(error)):
        records.get("child")
    with pytest.raises(type(error)):
        records.set("child", {})


def test_a_context_without_a_store_stays_as_it_is() -> None:
    context = {"ti": object()}
    assert with_records(context, Log()) is context
    wrapped = with_records({**context, STORE: Store()}, Log())
    assert isinstance(wrapped[STORE], Records)
    assert wrapped["ti"] is context["ti"]


def test_the_store_in_the_context_is_airflows_own_with_a_log() -> None:
    assert STORE == "task_state_store", "the name that Airflow 3.3 gives it in the context"
    store, log = Store(), Log()
    store.rows["child"] = {"run_id": "a"}
    assert with_records({STORE: store}, log)[STORE].get("child") == {"run_id": "a"}
    assert with_records({STORE: store}, log, empty=True)[STORE].get("child") is None
    store.error = RuntimeError("no such table")
    assert with_records({STORE: store}, log)[STORE].get("child") is None
    assert log.lines == [events.NO_RECORD.format(action="read", error="no such table")]
