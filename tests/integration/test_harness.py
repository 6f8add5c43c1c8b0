"""The harness itself: what it does to be fast changes nothing that the tests of the contract see."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from trigger_compat.suite import plugin
from trigger_compat.suite.harness import Airflow, Try, database, finish

NO_API = "a task of Airflow 2 has neither a supervisor nor an API"


def heartbeats(running: Try) -> int:
    return sum("/heartbeat\t" in request for request in running.requests())


@pytest.fixture
def with_api(stack: Airflow) -> Airflow:
    if not stack.has_api:
        pytest.skip(NO_API)
    stack.reset()
    return stack


# Heartbeats


def test_heartbeats_go_on_as_long_as_the_task_runs(with_api: Airflow) -> None:
    def beats(running: Try) -> None:
        running.until(lambda: heartbeats(running) >= 3, "three heartbeats")
        finish("success")(running)

    outcome = with_api.parent(wait_for_completion=True).run(beats)

    assert outcome.state == "success"


def test_a_task_whose_heartbeat_is_refused_is_ended(with_api: Airflow) -> None:
    """A user has marked it as failed meanwhile; only the answer to a heartbeat tells its supervisor."""

    def mark_as_failed(running: Try) -> None:
        running.child()
        running.looked()
        with database.open_session() as session:
            database.task_instance(session, -1).state = "failed"
        running.ends(30)

    outcome = with_api.parent(wait_for_completion=True).run(mark_as_failed)

    assert "shouldn't be running anymore" in outcome.log
    assert outcome.state == "failed"
    assert [child.state for child in outcome.children] == ["queued"]


# The API that dag.test() shares


def parts(backend: Any) -> tuple[dict[Any, Any], dict[str, Any]]:
    """What can differ between two apps of the execution API."""
    app = backend._api.app
    return dict(app.dependency_overrides), dict(app.state._state)


def test_dag_test_leaves_the_api_of_other_tests_as_it_is(with_api: Airflow) -> None:
    if not with_api.honours("dag.test"):
        pytest.skip("the dag of the SDK has no test() before Airflow 3.0.2")
    before = parts(with_api.backend)

    assert with_api.test_dag(retries=0).state == "success"

    assert parts(with_api.backend) == before


def test_what_tests_share_is_the_api_as_airflow_builds_it(with_api: Airflow) -> None:
    """Whatever the harness, or an earlier test, has made of it."""
    backend: Any = with_api.backend

    def share(report: Any) -> None:
        backend._api.app.dependency_overrides["of another test"] = None
        backend._api.app.state.of_another_test = True
        backend.share_api()
        overrides, state = parts(backend)
        report({"as built": (overrides, state) == (backend._overrides_as_built, backend._state_as_built)})
        report({"left": ["of another test" in overrides, "of_another_test" in state]})

    process = with_api.fork(share)

    assert process.report("as built")
    assert process.report("left") == [False, False]


def test_warming_up_leaves_the_api_as_it_is(with_api: Airflow) -> None:
    """The dags that it reads go elsewhere: a try must not be judged by one of an earlier parent."""
    backend: Any = with_api.backend
    before = parts(backend)
    during = []

    def requests() -> Iterator[str]:
        during.append(parts(backend)[1]["dag_bag"])
        yield from ()

    backend.warm_up(requests())

    assert parts(backend) == before
    assert during[0] is not before[1]["dag_bag"]


# The watch on the database


def write(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("insert into written values (1)")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "some.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("create table written (number)")
    return file


def test_a_watch_sees_every_write_once(file: Path, tmp_path: Path) -> None:
    with closing(database.Watch(file)) as watch:
        assert watch.changed(), "nobody has looked yet"
        assert not watch.changed()
        for _ in range(2):
            write(file)
            assert watch.changed()
            assert not watch.changed()
        database.copy(file, tmp_path / "copy.db")
        assert not watch.changed()
        database.copy(tmp_path / "copy.db", file)
        assert watch.changed()


def test_what_is_written_during_a_look_is_seen_by_the_next_one(stack: Airflow) -> None:
    stack.reset()
    seen = []

    def look() -> int:
        seen.append(len(stack.children()))
        if len(seen) < 3:
            with database.open_session() as session:
                stack.backend.create_run(
                    "child", f"run-{len(seen)}", conf={}, logical_date=None, session=session
                )
        return seen[-1]

    with stack.when_changed(look) as look_again:
        assert [look_again() for _ in range(4)] == [0, 1, 2, 2]
    assert seen == [0, 1, 2]


# Warming up


def test_warming_up_does_not_need_the_operator_under_test(
    stack: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "operator", "no.such.module:Operator")

    assert stack.warm_up() is None
    assert stack.children() == ()
    assert threading.enumerate() == [threading.main_thread()]


def test_a_warm_up_that_fails_costs_one_line(stack: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(requests: object) -> None:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(stack.backend, "warm_up", fail)
    reason = stack.warm_up()
    said: list[str] = []
    config: Any = SimpleNamespace(stash=pytest.Stash())
    reporter: Any = SimpleNamespace(write_line=lambda line, **_: said.append(line))
    plugin.pytest_terminal_summary(reporter, config)
    assert said == []
    config.stash[plugin.NOT_WARM] = reason
    plugin.pytest_terminal_summary(reporter, config)

    assert reason == "RuntimeError: first line"
    assert len(said) == 1
    assert said[0].endswith(reason)
    assert stack.parent().run().state == "success"
