"""The in-process wait against a simulated clock: W1-W4, W6, W7. No Airflow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_compat import events
from trigger_compat.contract import TRANSIENT_ERRORS_TOLERATED_FOR, build_request
from trigger_compat.paths import TransientError
from trigger_compat.polling import next_poll
from trigger_compat.task.wait import ChildGone, Outage, wait_for


class Clock:
    """A clock that only a sleep moves, and a log that remembers."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.began = self.now
        self.lines: list[str] = []
        self.looks: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def info(self, words: str, /, **fields: object) -> None:
        self.lines.append(words.format_map(fields))

    warning = info

    def wait(self, child: Callable[[float], str | None], poke: float = 60, state: str | None = None) -> str:
        request = build_request(
            trigger_dag_id="child", trigger_run_id="r", wait_for_completion=True, poke_interval=poke
        )

        def look() -> str | None:
            elapsed = self.now - self.began
            self.looks.append(elapsed)
            return child(elapsed)

        return wait_for(request, look, self, state=state, clock=lambda: self.now, sleep=self.sleep)


def ends_after(seconds: float, state: str = "success") -> Callable[[float], str | None]:
    return lambda elapsed: state if elapsed >= seconds else "running"


@pytest.mark.parametrize("state", ["success", "failed"])
def test_w1_w2_ends_with_the_childs_state(state: str) -> None:
    assert Clock().wait(ends_after(5, state)) == state


def test_x2_a_state_known_to_decide_needs_no_look() -> None:
    clock = Clock()
    assert clock.wait(ends_after(0), state="success") == "success"
    assert clock.looks == []


def test_w3_a_state_in_neither_list_is_waited_out_and_said_once() -> None:
    clock = Clock()
    assert clock.wait(lambda elapsed: "queued" if elapsed < 500 else "success") == "success"
    assert sum("queued" in line for line in clock.lines) == 1


def test_w4_a_child_that_is_gone_ends_the_wait() -> None:
    with pytest.raises(ChildGone):
        Clock().wait(lambda elapsed: "running" if elapsed < 100 else None)


def test_w7_passing_failures_are_waited_out_and_said_once() -> None:
    clock = Clock()

    def child(elapsed: float) -> str:
        if 10 < elapsed < 10 + TRANSIENT_ERRORS_TOLERATED_FOR:
            message = "connection refused"
            raise TransientError(message)
        return "running" if elapsed < 700 else "success"

    assert clock.wait(child) == "success"
    assert sum("connection refused" in line for line in clock.lines) == 1


def test_w7_failures_that_do_not_pass_end_the_wait_with_the_last_error() -> None:
    clock = Clock()

    def child(elapsed: float) -> str:
        raise TransientError(str(elapsed))

    with pytest.raises(TransientError):
        clock.wait(child)
    failing_for = clock.looks[-1] - clock.looks[0]
    assert TRANSIENT_ERRORS_TOLERATED_FOR <= failing_for <= TRANSIENT_ERRORS_TOLERATED_FOR + 60


def test_w7_each_spell_of_failures_has_its_own_ten_minutes() -> None:
    clock = Clock()

    def child(elapsed: float) -> str:
        if elapsed < 5000 and int(elapsed / 300) % 2:
            message = "away"
            raise TransientError(message)
        return "running" if elapsed < 5000 else "success"

    assert clock.wait(child) == "success"


def test_w7_any_other_error_ends_the_wait_at_once() -> None:
    clock = Clock()

    def child(elapsed: float) -> str:
        message = "forbidden"
        raise PermissionError(message)

    with pytest.raises(PermissionError):
        clock.wait(child)
    assert len(clock.looks) == 1


@pytest.mark.parametrize("poll_takes", [0.0, 1.25, 7.0])
def test_w6_the_wait_polls_when_it_is_due_and_sleeps_in_between(poll_takes: float) -> None:
    clock = Clock()
    slept: list[float] = []

    def child(elapsed: float) -> str:
        clock.sleep(poll_takes)
        return "running" if elapsed < 200 else "success"

    original = clock.sleep

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        original(seconds)

    clock.sleep = sleep  # type: ignore[method-assign]
    clock.wait(child, poke=60)

    due = 0.0
    expected: list[float] = []
    while not expected or expected[-1] < 200:
        due = next_poll(max(due, expected[-1] + poll_takes if expected else 0.0), 60)
        expected.append(due)
    assert clock.looks == pytest.approx(expected)
    assert clock.looks[0] == 2
    assert min(slept) >= 0


def test_w6_a_short_poke_interval_is_kept() -> None:
    clock = Clock()
    clock.wait(ends_after(1), poke=0.25)
    assert clock.looks == pytest.approx([0.25, 0.5, 0.75, 1.0], abs=1e-2)


def test_w7_an_outage_is_over_at_exactly_ten_minutes() -> None:
    now = 100.0
    outage = Outage(lambda: now)
    assert outage.is_new(TransientError("first"))
    now += TRANSIENT_ERRORS_TOLERATED_FOR - 0.001
    assert not outage.is_new(TransientError("second"))
    now = 100.0 + TRANSIENT_ERRORS_TOLERATED_FOR
    with pytest.raises(TransientError, match="third"):
        outage.is_new(TransientError("third"))


def test_w1_w3_the_log_says_what_each_state_means_to_the_wait() -> None:
    clock = Clock()
    states = iter(["queued", "failed", "success"])
    request = build_request(trigger_dag_id="child", trigger_run_id="r", failed_states=[])

    assert (
        wait_for(request, lambda: next(states), clock, clock=lambda: clock.now, sleep=clock.sleep)
        == "success"
    )

    name = {"dag_id": "child", "run_id": "r"}
    undecided = {"state": "failed", "allowed": ["success"], "failed": []}
    assert clock.lines == [
        events.WAITING.format(**name, state="queued"),
        events.UNDECIDED.format(**name, **undecided),
        events.ENDED.format(**name, state="success"),
    ]


def test_w7_a_failed_poll_is_no_state_to_log() -> None:
    clock = Clock()
    answers: list[str | TransientError] = ["running", TransientError("away"), "running", "success"]
    request = build_request(trigger_dag_id="child", trigger_run_id="r")

    def poll() -> str:
        answer = answers.pop(0)
        if isinstance(answer, TransientError):
            raise answer
        return answer

    wait_for(request, poll, clock, clock=lambda: clock.now, sleep=clock.sleep)

    name = {"dag_id": "child", "run_id": "r"}
    assert clock.lines == [
        events.WAITING.format(**name, state="running"),
        events.POLL_FAILED.format(**name, error="away", patience=TRANSIENT_ERRORS_TOLERATED_FOR),
        events.ENDED.format(**name, state="success"),
    ]


@pytest.mark.parametrize("state", ["success", "failed"])
def test_w3_a_final_state_in_neither_list_is_not_logged_as_if_the_run_went_on(state: str) -> None:
    clock = Clock()
    request = build_request(
        trigger_dag_id="child", trigger_run_id="r", allowed_states=["queued"], failed_states=[]
    )
    states = iter([state, "queued"])

    wait_for(request, lambda: next(states), clock, clock=lambda: clock.now, sleep=clock.sleep)

    name = {"dag_id": "child", "run_id": "r", "state": state}
    assert clock.lines[0] == events.UNDECIDED.format(**name, allowed=["queued"], failed=[])


POKES = st.sampled_from([0.1, 0.2, 1, 1.5, 2, 3, 5, 7.3, 10, 30, 60, 61.7, 300, 600, 3600])


@given(st.floats(0, 100_000), POKES)
def test_w6_a_child_is_noticed_early_and_never_later_than_by_plain_polling(took: float, poke: float) -> None:
    looked = 0.0
    while looked < took or not looked:
        looked = next_poll(looked, poke) if took - looked < 50 * poke else looked + poke
    plain = max(math.ceil(took / poke), 1) * poke
    assert looked <= plain + 1e-6
    if max(1.5 * took, took + 2) < plain:
        assert looked <= max(1.5 * took, took + 2) + 1e-6


@given(POKES.filter(lambda poke: poke >= 1))
def test_w6_the_extra_looks_are_few(poke: float) -> None:
    looks = [0.0]
    while looks[-1] < 20 * poke:
        looks.append(next_poll(looks[-1], poke))
    extra = (len(looks) - 1) - round(looks[-1] / poke)
    assert extra <= 2 * math.log2(poke) + 2
    gaps = [later - earlier for earlier, later in itertools.pairwise(looks)]
    assert max(gaps) <= poke + 1e-6
    assert min(gaps) > 0
