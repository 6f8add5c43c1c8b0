"""What sleeps and calls, written once: taken in this thread, or while an event loop goes on.

Imports no Airflow.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

Steps = Generator[float | Callable[[], Any], Any, Result]
"""What a wait yields: seconds to sleep, or what to call; it is sent what the call returned."""


_ONE_CALL: Final = threading.Lock()
"""Before 3.2 a task's channel to its supervisor mixes up the messages of two threads, and waits for ever."""


def run(steps: Steps[Result]) -> Result:
    """Take all steps in this thread, and return what they return."""
    try:
        step = next(steps)
        while True:
            if callable(step):
                step = _called(steps, step)()
            else:
                time.sleep(step)
                step = next(steps)
    except StopIteration as end:
        result: Result = end.value
        return result


async def run_async(steps: Steps[Result]) -> Result:
    """Take all steps without blocking the event loop: each call has a thread, a sleep has none."""
    try:
        step = next(steps)
        while True:
            if callable(step):
                step = (await in_thread(partial(_called, steps, step)))()
            else:
                await asyncio.sleep(step)
                step = next(steps)
    except StopIteration as end:
        result: Result = end.value
        return result


async def in_thread(call: Callable[[], Result]) -> Result:
    """Call in a thread, while the event loop goes on; one call at a time."""

    def alone() -> Result:
        with _ONE_CALL:
            return call()

    return await asyncio.to_thread(alone)


def _called(steps: Steps[Any], call: Callable[[], Any]) -> Callable[[], float | Callable[[], Any]]:
    """Call, and return how the steps go on: with the answer, or with the error, about which they decide."""
    try:
        answer = call()
    except Exception as error:  # noqa: BLE001
        return partial(steps.throw, error)
    return partial(steps.send, answer)
