"""What sleeps and calls, written once: taken in this thread, or while an event loop goes on.

Imports no Airflow.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

Steps = Generator[float | Callable[[], Any], Any, Result]
"""What a wait yields: seconds to sleep, or what to call; it is sent what the call returned."""


_ONE_CALL: Final = threading.Lock()
"""Before 3.2 a task's channel to its supervisor mixes up the messages of two threads, and waits for ever."""


def run(steps: Steps[Result], sleep: Callable[[float], None] = time.sleep) -> Result:
    """Take all steps in this thread, and return what they return."""
    try:
        step = next(steps)
        while True:
            if not callable(step):
                sleep(step)
                step = steps.send(None)
                continue
            try:
                answer = step()
            except Exception as error:  # noqa: BLE001 - the steps decide
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        result: Result = end.value
        return result


async def in_thread(call: Callable[[], Result]) -> Result:
    """Call in a thread, while the event loop goes on; one call at a time."""

    def alone() -> Result:
        with _ONE_CALL:
            return call()

    return await asyncio.to_thread(alone)


async def run_async(steps: Steps[Result]) -> Result:
    """Take all steps without blocking the event loop: each call has a thread, a sleep has none."""
    try:
        step = next(steps)
        while True:
            if not callable(step):
                await asyncio.sleep(step)
                step = steps.send(None)
                continue
            try:
                answer = await in_thread(step)
            except Exception as error:  # noqa: BLE001 - the steps decide
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        result: Result = end.value
        return result
