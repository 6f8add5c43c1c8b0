"""The awaitable functions take what the others take (A1-A4). No Airflow."""

from __future__ import annotations

import asyncio
from inspect import signature

import pytest

from trigger_compat import accessor, aio
from trigger_compat.errors import InvalidRequest, OutsideTask


@pytest.mark.parametrize("name", aio.__all__)
def test_a1_the_signature_is_the_same(name: str) -> None:
    assert signature(getattr(aio, name)) == signature(getattr(accessor, name))


def test_a5_outside_a_task_one_line_says_so() -> None:
    with pytest.raises(OutsideTask, match="no task is running here"):
        asyncio.run(aio.wait_for_dag_runs([]))


def test_c3_a_bad_argument_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="poke_interval: 0"):
        asyncio.run(aio.wait_for_dag_runs([], poke_interval=0))
