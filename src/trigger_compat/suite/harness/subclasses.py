"""What authors make of a trigger: subclasses that wrap ``super().execute()`` (clause C7)."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

try:
    from airflow.sdk import BaseOperator
except ImportError:  # Airflow 2
    from airflow.models.baseoperator import BaseOperator

try:
    from airflow.sdk.exceptions import AirflowException
except ImportError:  # until 3.1
    from airflow.exceptions import AirflowException


def lenient(operator: Any) -> Any:
    """A trigger that goes on when the child fails."""

    class Lenient(operator):  # type: ignore[misc]
        def execute(self, context: Any) -> str:
            try:
                super().execute(context)
            except AirflowException as error:
                return f"went on after {type(error).__name__}"
            return f"went on after {self.trigger_run_id}"

    return Lenient


def setting(operator: Any) -> Any:
    """A trigger that chooses its arguments at run time, and does nothing else."""

    class Setting(operator):  # type: ignore[misc]
        def execute(self, context: Any) -> Any:
            self.conf = {"chosen": context["ti"].task_id}
            return super().execute(context)

    return Setting


def calling(_: Any) -> Any:
    """A task that calls the functions of this package, and returns what comes of it (clauses A1-A5)."""

    class Calling(BaseOperator):  # type: ignore[misc, unused-ignore]
        def __init__(self, *, code: str, trigger_dag_id: str, poke_interval: float, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.code = code

        def execute(self, context: Any) -> Any:
            import trigger_compat

            return json.loads(json.dumps(eval(self.code, {"context": context, **_functions(trigger_compat)})))

    return Calling


def _functions(module: Any) -> dict[str, Any]:
    return {name: getattr(module, name) for name in module.__all__ if name.islower()}


def awaiting(_: Any) -> Any:
    """The same with the functions of ``trigger_compat.aio`` (A1-A4); returns also how often the loop went on.

    An ``async def`` task where Airflow has them, from 3.2 on. Below, it runs an event loop of its own.
    """
    home = sys.modules[BaseOperator.__module__]
    base: Any = getattr(home, "BaseAsyncOperator", BaseOperator)

    class Awaiting(base):  # type: ignore[misc, unused-ignore]
        def __init__(self, *, code: str, trigger_dag_id: str, poke_interval: float, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.code = code

        async def aexecute(self, context: Any) -> Any:
            from trigger_compat import aio

            ticks = 0

            async def tick() -> None:
                nonlocal ticks
                while True:
                    await asyncio.sleep(0.05)
                    ticks += 1

            clock = asyncio.ensure_future(tick())
            try:
                known = {"context": context, "gather": asyncio.gather, "wait": asyncio.wait_for}
                result = await eval(self.code, {**known, **_functions(aio)})
            finally:
                clock.cancel()
            return [json.loads(json.dumps(result)), ticks]

        if base is BaseOperator:

            def execute(self, context: Any) -> Any:
                return asyncio.run(self.aexecute(context))

    return Awaiting


def inside(operator: Any) -> Any:
    """A task of another class that calls a trigger, and goes on whatever becomes of it."""

    class Inside(BaseOperator):  # type: ignore[misc, unused-ignore]
        def __init__(self, *, task_id: str, retries: int, retry_delay: Any, **arguments: Any) -> None:
            callbacks = {name: arguments.pop(name) for name in list(arguments) if name.startswith("on_")}
            super().__init__(task_id=task_id, retries=retries, retry_delay=retry_delay, **callbacks)
            self.arguments = arguments

        def execute(self, context: Any) -> str:
            trigger = operator(task_id="inner", **self.arguments)
            try:
                trigger.execute(context)
            except AirflowException as error:
                return f"went on after {type(error).__name__}"
            return f"went on after {trigger.trigger_run_id}"

    return Inside
