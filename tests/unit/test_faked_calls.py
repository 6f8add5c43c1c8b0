"""The functions for any task code, and waits for many runs, beside a fake Airflow."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any

import pytest

from tests.unit import fake_airflow as fake
from tests.unit.fake_airflow import ApiError, Run
from tests.unit.parents import SOON, reaching, said
from trigger_compat import accessor, aio, events
from trigger_compat.accessor import (
    ChildRun,
    get_dagrun_state,
    trigger_dag_run,
    trigger_dag_runs,
    wait_for_dag_runs,
)
from trigger_compat.contract import Identity, TriggerRequest
from trigger_compat.errors import InvalidRequest, OutsideTask
from trigger_compat.paths import TransientError, load
from trigger_compat.task import request as request_module
from trigger_compat.task import steps, wait_for_many
from trigger_compat.task.calls import Calls

DATE = datetime(2026, 1, 31, tzinfo=timezone.utc)


class Task:
    retries = 2


class Running:
    """A running task: its server, and the context that its code is given."""

    def __init__(self) -> None:
        self.server = fake.Server()
        self.server.new = lambda: Run("success")
        self.again(1)

    def again(self, number: int) -> None:
        """Begin a try."""
        Calls.used = (None, set())
        self.ti = fake.TaskInstance(self.server, Task(), try_number=number)
        self.context = {"ti": self.ti}


@pytest.fixture
def task() -> Iterator[Running]:
    running = Running()
    with reaching(running.server):
        yield running


def names(runs: list[ChildRun]) -> list[str]:
    return [run.run_id for run in runs]


# Triggers


def test_a1_every_argument_arrives(task: Running) -> None:
    given: dict[str, Any] = {
        "trigger_run_id": "r1",
        "conf": {"a": 1},
        "logical_date": DATE,
        "run_after": DATE,
    }
    found = trigger_dag_run("child", **given, note="n", reset_dag_run=True, context=task.context)
    assert found == ChildRun("child", "r1")
    sent = {"dag_id": "child", "run_id": "r1", "conf": {"a": 1}, "logical_date": DATE, "run_after": DATE}
    assert task.server.runs["child", "r1"].sent == {**sent, "note": "n", "reset_dag_run": True}
    assert task.ti.xcoms == {}, "its caller decides what becomes an XCom"


def test_a1_left_out_they_are_those_of_the_operator(task: Running) -> None:
    run = trigger_dag_run("child", context=task.context)
    sent = task.server.runs[run].sent
    assert run.run_id.startswith("manual__")
    assert (sent["conf"], sent["run_after"], sent["note"], sent["reset_dag_run"]) == (None, None, None, False)
    assert sent["logical_date"] is not None
    assert [what for what, *_ in task.server.asked] == ["trigger"], "the pause of a dag is not asked for"


def test_a1_can_be_called_again_and_again(task: Running) -> None:
    runs = {trigger_dag_run("child", context=task.context) for _ in range(3)}
    assert len(runs) == len(task.server.runs) == 3


def test_t2_and_t7_are_as_for_the_operator(task: Running) -> None:
    task.server.runs["child", "r1"] = Run()
    task.server.paused.add("child")
    with pytest.raises(fake.AirflowSkipException):
        trigger_dag_run("child", trigger_run_id="r1", skip_when_already_exists=True, context=task.context)
    with pytest.raises(fake.AirflowException, match="is paused"):
        trigger_dag_run("child", fail_when_dag_is_paused=True, context=task.context)
    with pytest.raises(fake.AirflowException, match="already exists"):
        trigger_dag_run("child", trigger_run_id="r1", context=task.context)


def test_a3_a_durable_call_reconnects(task: Running) -> None:
    first = trigger_dag_run("child", durable=True, key="eu", context=task.context)
    other = trigger_dag_run("child", durable=True, key="us", context=task.context)
    task.again(2)
    assert trigger_dag_run("child", durable=True, key="eu", context=task.context) == first != other
    assert len(task.server.runs) == 2


def test_a3_one_key_is_one_run(task: Running) -> None:
    trigger_dag_run("child", durable=True, key="eu", context=task.context)
    with pytest.raises(InvalidRequest, match="key: 'eu' is used twice for child"):
        trigger_dag_run("child", durable=True, key="eu", context=task.context)
    trigger_dag_run("other", durable=True, key="eu", context=task.context)
    with pytest.raises(InvalidRequest, match="key: 'eu' has no meaning without durable=True"):
        trigger_dag_run("child", key="eu", context=task.context)


def test_a5_outside_a_task_one_line_says_so(task: Running) -> None:
    for call in (
        lambda: trigger_dag_run("child"),
        lambda: get_dagrun_state("child", "r1"),
        lambda: wait_for_dag_runs([]),
        lambda: trigger_dag_runs([]),
        lambda: asyncio.run(aio.get_dagrun_state("child", "r1")),
        lambda: asyncio.run(aio.trigger_dag_run("child")),
        lambda: asyncio.run(aio.trigger_dag_runs([])),
    ):
        with pytest.raises(OutsideTask, match="no task is running here"):
            call()


def test_a2_the_state_of_a_run(task: Running) -> None:
    task.server.runs["child", "r 1"] = Run("running")
    assert get_dagrun_state("child", "r 1", context=task.context) == "running"
    assert get_dagrun_state("child", "r2", context=task.context) is None
    assert asyncio.run(aio.get_dagrun_state("child", "r 1", context=task.context)) == "running"
    with pytest.raises(InvalidRequest, match=r"^run_id: "):
        get_dagrun_state("child", "a/b", context=task.context)
    with pytest.raises(InvalidRequest, match=r"^dag_id: "):
        get_dagrun_state("a/b", "r1", context=task.context)
    task.server.fails = [ApiError(503)]
    with pytest.raises(TransientError):
        get_dagrun_state("child", "r1", context=task.context)


# Waits


def test_a4_states_come_in_the_order_of_the_children(task: Running) -> None:
    for number, state in enumerate(["success", "failed", "success"]):
        task.server.runs["child", f"r{number}"] = Run(state)
    task.server.runs["other", "r 0"] = Run("failed")
    children = [ChildRun("child", "r2"), ("child", "r1"), ("other", "r 0"), ("child", "r0"), ("child", "r2")]
    rules: dict[str, Any] = {"allowed_states": ["success", "failed"], "failed_states": []}
    wanted = ["success", "failed", "failed", "success", "success"]
    assert wait_for_dag_runs(children, **rules, context=task.context) == wanted
    assert asyncio.run(aio.wait_for_dag_runs(children, **rules, context=task.context)) == wanted
    assert wait_for_dag_runs([], context=task.context) == []


def test_a4_names_the_runs_that_failed(task: Running) -> None:
    task.server.runs.update({("child", "r1"): Run("failed"), ("child", "r2"): Run("success")})
    for call in (wait_for_dag_runs, lambda *a, **b: asyncio.run(aio.wait_for_dag_runs(*a, **b))):
        with pytest.raises(fake.AirflowException) as error:
            call([("child", "r1"), ("child", "r2"), ("child", "r3"), ("child", "r1")], context=task.context)
        assert str(error.value) == "2 of 3 dag runs failed: child r1 (failed), child r3 (deleted)"


def test_a4_names_twenty_at_most(task: Running) -> None:
    def said_of(count: int) -> str:
        with pytest.raises(fake.AirflowException) as error:
            wait_for_dag_runs([("child", f"r{n}") for n in range(count)], context=task.context)
        return str(error.value)

    assert said_of(20).endswith("child r19 (deleted)")
    assert said_of(21).endswith("child r19 (deleted) and 1 more")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"poke_interval": 0}, "poke_interval: 0"),
        ({"allowed_states": ["done"]}, "allowed_states: 'done'"),
        ({"failed_states": ["done"]}, "failed_states: 'done'"),
        ({"allowed_states": ["failed"]}, "both hold 'failed'"),
    ],
)
def test_c3_the_rules_of_a_wait_are_checked(task: Running, wrong: dict[str, Any], words: str) -> None:
    for call in (
        lambda: wait_for_dag_runs([], **wrong, context=task.context),
        lambda: trigger_dag_runs([], **wrong, context=task.context),
        lambda: asyncio.run(aio.wait_for_dag_runs([], **wrong, context=task.context)),
        lambda: asyncio.run(aio.trigger_dag_runs([], **wrong, context=task.context)),
    ):
        with pytest.raises(InvalidRequest, match=words):
            call()


def test_c3_so_are_the_children(task: Running) -> None:
    with pytest.raises(InvalidRequest, match=r"^children: "):
        wait_for_dag_runs([("a/b", "r1")], context=task.context)
    with pytest.raises(InvalidRequest, match=r"^children: "):
        wait_for_dag_runs([("child", "a/b")], context=task.context)


# Fan-outs


def test_a4_runs_come_in_the_order_of_the_requests(task: Running) -> None:
    requests = [{"trigger_dag_id": dag, "trigger_run_id": f"r{n}"} for n, dag in enumerate(["b", "a", "b"])]
    wanted = [ChildRun("b", "r0"), ChildRun("a", "r1"), ChildRun("b", "r2")]
    assert trigger_dag_runs(requests, context=task.context) == wanted
    task.server.runs.clear()
    assert asyncio.run(aio.trigger_dag_runs(requests, context=task.context)) == wanted
    assert trigger_dag_runs([], context=task.context) == []


def test_a3_the_key_of_a_request_is_its_number(task: Running) -> None:
    requests = [
        {"trigger_dag_id": "child"},
        {"trigger_dag_id": "child", "key": "own"},
        {"trigger_dag_id": "child"},
    ]
    first = trigger_dag_runs(requests, durable=True, context=task.context)
    assert [name.split("__")[1] for name in names(first)] == [
        f"parent.trigger.{key}" for key in (0, "own", 2)
    ]
    task.again(2)
    assert trigger_dag_runs(requests, durable=True, context=task.context) == first
    task.again(2)
    assert asyncio.run(aio.trigger_dag_runs(requests, durable=True, context=task.context)) == first
    assert task.server.triggers() == 3


def test_a3_a_request_may_be_durable_alone(task: Running) -> None:
    requests: list[dict[str, Any]] = [
        {"trigger_dag_id": "child"},
        {"trigger_dag_id": "child", "durable": True},
    ]
    first = trigger_dag_runs(requests, context=task.context)
    assert [name.startswith("durable__") for name in names(first)] == [False, True]


def test_a3_all_are_checked_before_the_first_is_triggered(task: Running) -> None:
    good = {"trigger_dag_id": "child"}
    for wrong, words in (
        ({"trigger_dag_id": "a/b"}, "trigger_dag_id: "),
        (
            {"trigger_dag_id": "child", "wait": 1, "zeal": 2},
            r"requests\[1\]: 'wait' is not an argument of trigger_dag_run",
        ),
        ({"trigger_dag_id": "child", "context": {}}, r"requests\[1\]: 'context' is not an argument"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            trigger_dag_runs([good, wrong], context=task.context)
    same = {**good, "key": "k"}
    with pytest.raises(InvalidRequest, match="key: 'k' is used twice"):
        trigger_dag_runs([same, same], durable=True, context=task.context)
    assert task.server.runs == {}


@pytest.mark.parametrize("number", [0, -1])
def test_c3_max_active_is_a_number_above_0(task: Running, number: int) -> None:
    with pytest.raises(
        InvalidRequest, match=f"max_active: {number} is not a number above 0; use None for all"
    ):
        trigger_dag_runs([], max_active=number, context=task.context)


@pytest.mark.parametrize("most", [1, 2, None])
def test_a4_at_most_so_many_at_a_time(task: Running, most: int | None) -> None:
    active: list[int] = []

    def new() -> Run:
        return Run("running")

    task.server.new = new
    count = task.server.count

    def count_and_end(dag_id: str, **of: Any) -> int:
        running = [run for run in task.server.runs.values() if run.state == "running"]
        active.append(len(running))
        found = count(dag_id, **of)
        for run in running:
            run.state = "success"
        return found

    server: Any = task.server
    server.count = count_and_end
    given: dict[str, Any] = {"max_active": most, "poke_interval": SOON, "context": task.context}
    for call in (trigger_dag_runs, lambda *a, **b: asyncio.run(aio.trigger_dag_runs(*a, **b))):
        active.clear()
        runs = call([{"trigger_dag_id": "child"}] * 5, **given)
        assert len(set(runs)) == 5
        assert max(active) == (most or 5)


def test_r6_a_run_is_told_its_parents_lineage(task: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_module, "with_parent_info", lambda conf, ti: {"parent": ti.task_id})
    told = {"trigger_dag_id": "child", "trigger_run_id": "r1"}
    untold = {"trigger_dag_id": "child", "trigger_run_id": "r2", "openlineage_inject_parent_info": False}
    trigger_dag_runs([told, untold], context=task.context)
    trigger_dag_run("child", trigger_run_id="r3", context=task.context)
    runs = [task.server.runs["child", f"r{number}"].sent["conf"] for number in (1, 2, 3)]
    assert runs == [{"parent": "trigger"}, None, {"parent": "trigger"}]


def test_a3_an_error_names_what_was_triggered_before(task: Running) -> None:
    requests = [{"trigger_dag_id": "child", "trigger_run_id": f"r{n}"} for n in range(3)]
    task.server.runs["child", "r1"] = Run()
    with pytest.raises(fake.AirflowFailException) as error:
        trigger_dag_runs(requests, context=task.context)
    assert said([str(error.value)], "Cannot trigger dag run 2 of 3: Dag run r1 of child already exists")
    assert str(error.value).endswith("triggered before: child r0")
    task.server.fails = [ApiError(404, "no such dag")]
    with pytest.raises(fake.AirflowException, match=r"no such dag \(HTTP 404\); triggered before: none"):
        trigger_dag_runs(requests, context=task.context)


# The wait itself, by a clock of its own


class Clock:
    """Takes the steps of a wait, and counts its sleeps instead of sleeping."""

    def __init__(self, server: fake.Server) -> None:
        self.server = server
        self.now = 0.0
        self.slept: list[float] = []
        self.log = fake.Log()

    def __call__(self) -> float:
        return self.now

    def wait(self, *children: str, poke: float = 60.0, max_active: int | None = None, **rules: Any) -> Any:
        def request(name: str) -> TriggerRequest:
            dag_id, _, run_id = name.partition(" ")
            return TriggerRequest(
                dag_id=dag_id, run_id=run_id, identity=Identity.PINNED, poke_interval=poke, **rules
            )

        starts = [lambda name=name: request(name) for name in children]
        going = wait_for_many.wait_for_many(
            starts,
            load("accessor"),
            {"ti": fake.TaskInstance(self.server, None)},
            events.TaskLog(self.log),
            max_active=max_active,
            clock=self,
        )
        try:
            step = next(going)
            while True:
                if callable(step):
                    try:
                        answer = step()
                    except Exception as error:  # noqa: BLE001
                        step = going.throw(error)
                    else:
                        step = going.send(answer)
                else:
                    self.slept.append(step)
                    assert len(self.slept) < 200, "this goes on for ever"
                    self.now += step
                    self.at(self.now)
                    step = next(going)
        except StopIteration as end:
            return [(run.run_id, state) for run, state in end.value]

    def at(self, now: float) -> None:
        """What happens in the world at this time."""


def test_w6_polls_are_close_together_at_first() -> None:
    server = fake.Server()
    server.runs["child", "r1"] = Run("running")
    clock = Clock(server)

    def at(now: float) -> None:
        if now >= 100:
            server.runs["child", "r1"].state = "success"

    clock.at = at  # type: ignore[method-assign]
    assert clock.wait("child r1", poke=20.0) == [("r1", "success")]
    assert clock.slept[0] == 2.0
    assert 2.0 <= clock.slept[1] <= 3.0
    assert max(clock.slept) <= 20.0
    assert clock.now == 100.0
    assert said(clock.log.lines, "Waiting for 1 dag runs: 1 triggered, 0 ended")
    assert said(clock.log.lines, "All 1 dag runs have ended: {'success': 1}")
    assert len(clock.log.lines) == 2, "each poll is not said"


def test_w6_a_short_interval_is_kept() -> None:
    server = fake.Server()
    server.runs["child", "r1"] = Run("running")
    clock = Clock(server)
    clock.now = 1000.0

    def at(now: float) -> None:
        if now >= 1010:
            server.runs["child", "r1"].state = "success"

    clock.at = at  # type: ignore[method-assign]
    clock.wait("child r1", poke=0.5)
    assert clock.slept == pytest.approx([0.5] * 20)


def test_w7_an_outage_is_said_once_and_tolerated_for_ten_minutes() -> None:
    server = fake.Server()
    server.runs["child", "r1"] = Run("running")
    clock = Clock(server)
    server.fails = [ApiError(503, "away") for _ in range(3)]

    def at(now: float) -> None:
        if now > 200:
            server.runs["child", "r1"].state = "success"

    clock.at = at  # type: ignore[method-assign]
    clock.wait("child r1")
    assert clock.log.warned == ["Cannot read the states of the dag runs (away); polling on for up to 600 s"]


def test_w7_a_second_outage_has_ten_minutes_of_its_own() -> None:
    server = fake.Server()
    server.runs["child", "r1"] = Run("running")
    clock = Clock(server)

    def at(now: float) -> None:
        if not 700 < now < 800:
            server.fails = [ApiError(503, "away")]

    clock.at = at  # type: ignore[method-assign]
    server.fails = [ApiError(503, "away")]
    with pytest.raises(TransientError, match="away"):
        clock.wait("child r1")
    assert 600 <= clock.now <= 660
    calm = Clock(server)

    def calmer(now: float) -> None:
        server.fails = [] if 400 < now < 500 or now > 900 else [ApiError(503, "away")]
        if now > 1000:
            server.runs["child", "r1"].state = "success"

    server.fails, calm.at = [], calmer  # type: ignore[method-assign]
    calm.wait("child r1")
    assert len(calm.log.warned) == 2


def test_a4_runs_of_several_dags_are_one_question_each() -> None:
    server = fake.Server()
    for name in ("a r1", "a r2", "b r1"):
        dag_id, run_id = name.split()
        server.runs[dag_id, run_id] = Run("success")
    clock = Clock(server)
    assert clock.wait("a r1", "b r1", "a r2") == [("r1", "success"), ("r1", "success"), ("r2", "success")]
    first = [(dag, runs) for what, dag, runs, *_ in server.asked if what == "count"]
    assert ("a", ("r1", "r2")) in first
    assert ("b", ("r1",)) in first
    assert clock.slept == [], "all had ended"


def test_a4_what_ends_makes_room_at_once_and_polls_begin_anew() -> None:
    server = fake.Server()
    for number in range(3):
        server.runs["child", f"r{number}"] = Run("running")
    clock = Clock(server)

    def at(now: float) -> None:
        if now >= 50:
            server.runs["child", "r0"].state = "success"
        if now >= 100:
            server.runs["child", "r1"].state = server.runs["child", "r2"].state = "success"

    clock.at = at  # type: ignore[method-assign]
    clock.wait("child r0", "child r1", "child r2", max_active=2)
    gaps = list(pairwise(clock.slept))
    assert any(before > 10 and after == 2.0 for before, after in gaps), "the new run may be a short one"
    assert [line for line in clock.log.lines if "Waiting" in line] == [
        "Waiting for 3 dag runs: 2 triggered, 0 ended",
        "Waiting for 3 dag runs: 3 triggered, 1 ended",
    ]


def test_a4_a_run_that_has_ended_already_is_not_waited_for_again() -> None:
    server = fake.Server()
    server.runs["child", "r0"] = Run("success")
    assert Clock(server).wait("child r0", "child r0", max_active=1) == [("r0", "success")] * 2


def test_w3_a_state_that_is_neither_is_waited_out() -> None:
    server = fake.Server()
    server.runs["child", "r0"] = Run("failed")
    clock = Clock(server)

    def at(now: float) -> None:
        server.runs["child", "r0"].state = "success"

    clock.at = at  # type: ignore[method-assign]
    assert clock.wait("child r0", failed_states=()) == [("r0", "success")]


# Steps


def test_steps_are_taken_with_answers_and_errors() -> None:
    def going() -> Any:
        first = yield lambda: 1
        yield 0.001
        try:
            yield lambda: 1 / 0
        except ZeroDivisionError:
            second = yield lambda: 2
        return first, second

    assert steps.run(going()) == (1, 2)
    assert asyncio.run(steps.run_async(going())) == (1, 2)

    def failing() -> Any:
        yield lambda: 1 / 0

    for take in (steps.run, lambda steps_of: asyncio.run(steps.run_async(steps_of))):
        with pytest.raises(ZeroDivisionError):
            take(failing())


def test_steps_sleep_for_the_time_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    def going() -> Any:
        yield 3.5
        yield 4.5

    steps.run(going())
    assert slept == [3.5, 4.5]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    asyncio.run(steps.run_async(going()))
    assert slept == [3.5, 4.5] * 2


def test_calls_from_an_event_loop_have_a_thread_and_come_one_at_a_time() -> None:
    at_once: list[int] = []
    inside = 0

    def call() -> int:
        nonlocal inside
        inside += 1
        at_once.append(inside)
        time.sleep(0.01)
        inside -= 1
        return threading.get_ident()

    async def several() -> list[int]:
        return list(await asyncio.gather(*(steps.in_thread(call) for _ in range(3))))

    idents = asyncio.run(several())
    assert at_once == [1, 1, 1]
    assert threading.get_ident() not in idents


def test_a1_an_awaitable_trigger_passes_all_on(task: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {name: object() for name in inspect.signature(aio.trigger_dag_run).parameters}
    got: dict[str, Any] = {}
    monkeypatch.setattr(accessor, "trigger_dag_run", lambda **arguments: got.update(arguments))
    asyncio.run(aio.trigger_dag_run(**given))
    assert got == given


def test_the_log_says_what_is_waited_for(task: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="airflow.task.trigger_compat"):
        run = trigger_dag_run("child", context=task.context)
        wait_for_dag_runs([run], context=task.context)
    assert said(caplog.messages, f"Triggering dag run {run.run_id} of child")
    assert said(caplog.messages, "All 1 dag runs have ended: {'success': 1}")
