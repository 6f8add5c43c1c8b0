"""Runs that have ended are found by counting (A4, S1). No Airflow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_compat.counting import Batches, Question, TooLong

PENDING = ["queued", "running"]
STATES = st.sampled_from(["queued", "running", "running", "running", "success", "failed", None])


class Server:
    """Answers as the API server does, and lists the questions. Refuses one that is too long."""

    def __init__(self, states: Sequence[str | None], longest: int = 10**9) -> None:
        self.states = {f"run {number}": state for number, state in enumerate(states)}
        self.longest = longest
        self.questions: list[str] = []
        self.refused = 0

    def count(self, run_ids: Sequence[str], states: Sequence[str]) -> int:
        if sum(len(f"&run_ids={run_id}") for run_id in run_ids) > self.longest:
            self.refused += 1
            raise TooLong("414")
        self.questions.append("count")
        return sum(self.states[run_id] in states for run_id in run_ids)

    def state(self, run_id: str) -> str | None:
        self.questions.append("state")
        return self.states[run_id]

    def ended(self, batches: Batches, pending: Sequence[str] = PENDING) -> dict[str, str | None]:
        return Question(self.count, self.state, pending).ended(list(self.states), batches)


@given(st.lists(STATES, max_size=60), st.integers(1, 400))
def test_s1_the_runs_that_ended_are_found_for_a_few_questions_each(
    states: list[str | None], length: int
) -> None:
    server = Server(states)
    batches = list(Batches(length).of(list(server.states)))
    ended = {run_id: state for run_id, state in server.states.items() if state not in PENDING}

    assert [run_id for batch in batches for run_id in batch] == list(server.states)
    assert server.ended(Batches(length)) == ended
    largest = max((len(batch) for batch in batches), default=1)
    assert len(server.questions) <= len(batches) + len(ended) * (math.ceil(math.log2(largest)) + 1)


def test_s1_a_thousand_that_go_on_cost_four_questions() -> None:
    server = Server(["running"] * 1000)
    server.states = {
        f"trigger_compat__parent__2026-11-27T00:00:00+00:00__{n:04}": "running" for n in range(1000)
    }
    assert server.ended(Batches()) == {}
    assert len(server.questions) == 4


def test_s1_a_thousand_that_succeeded_cost_few_questions_too() -> None:
    server = Server(["success"] * 1000)
    assert set(server.ended(Batches()).values()) == {"success"}
    assert len(server.questions) == 2 * len(list(Batches().of(list(server.states))))


@pytest.mark.parametrize("pending", [PENDING, []])
def test_a_run_in_no_other_state_is_asked_for(pending: list[str]) -> None:
    server = Server(["running", None, "failed"])
    ended = {"run 1": None, "run 2": "failed"}
    assert server.ended(Batches(), pending) == ended | ({} if pending else {"run 0": "running"})


def test_a_proxy_that_takes_only_short_questions_is_remembered() -> None:
    server = Server(["running"] * 1000, longest=8000)
    batches = Batches()
    assert server.ended(batches) == {}
    refused = server.refused
    assert refused > 0
    assert server.ended(batches) == {}
    assert server.refused == refused, "the second poll asks in the shorter form at once"


def test_one_question_that_is_too_long_is_an_error() -> None:
    with pytest.raises(TooLong):
        Server(["running"], longest=1).ended(Batches())


def test_s1_a_question_is_as_long_as_its_url() -> None:
    runs = ["a/b", "c d", "e/f", "g h"]  # with the slash or the space quoted, 14 characters each
    assert [list(batch) for batch in Batches(28).of(runs)] == [["a/b", "c d"], ["e/f", "g h"]]
    assert [list(batch) for batch in Batches(27).of(runs)] == [["a/b"], ["c d"], ["e/f"], ["g h"]]
    assert [list(batch) for batch in Batches(5).of(["too long"])] == [["too long"]]


def test_s1_what_was_refused_for_its_length_is_halved_for_good() -> None:
    server = Server(["running"] * 4, longest=45)
    batches = Batches(101)
    assert server.ended(batches) == {}
    assert (batches.length, server.refused) == (50, 1)


def test_s1_two_runs_are_counted_once() -> None:
    server = Server(["success", "failed"])
    assert server.ended(Batches()) == {"run 0": "success", "run 1": "failed"}
    assert server.questions == ["count", "state", "state"]


def test_a_wait_that_any_state_ends_counts_nothing() -> None:
    server = Server(["running", "failed"])
    assert server.ended(Batches(), []) == {"run 0": "running", "run 1": "failed"}
    assert server.questions == ["state", "state"]
