"""What the harness needs of an Airflow that differs between 2 and 3."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from trigger_compat.suite.harness.process import Report, pack

AtTrigger = Literal["go on", "hold", "freeze", "repeat"]
"""What happens when the try triggers.

``hold``: it waits before, until the test lets it go on (:func:`hold`). Once the child has been created, and
before the task knows, ``freeze`` stops for good, and ``repeat`` triggers once more, as the client of the
execution API does when the first answer is lost.
"""


def is_trigger(call: str) -> bool:
    """Say whether a call to the execution API, ``METHOD path``, triggers a run."""
    return call.startswith("POST /dag-runs/") and not call.endswith("/clear")


def prepare_to_hold() -> None:
    """Keep the signal that ends :func:`hold` until then, however early it comes."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})


def hold() -> None:
    """Wait until the test has sent SIGUSR2 to this process."""
    signal.sigwait({signal.SIGUSR2})


@dataclass(frozen=True)
class Files:
    """Where one try writes."""

    log: Path
    requests: Path
    """One call to the execution API a line: ``METHOD path``, a tab, and the rest of it as JSON."""


class Backend(Protocol):
    """One module per major release of Airflow implements this."""

    def create_database(self) -> None:
        """Create the schema in the empty database the configuration names."""

    def store(self, dag_file: Path) -> None:
        """Parse the file and store its dags, as a dag processor does."""

    def create_run(
        self, dag_id: str, run_id: str, *, conf: Mapping[str, Any], logical_date: Any, session: Any
    ) -> Any:
        """Create a queued run."""

    def before_fork(self) -> None:
        """Do once what every try would otherwise repeat."""

    def warm_up(self, requests: Iterable[str]) -> None:
        """Do with the requests of a try what every try would otherwise be the first to do."""

    def run_task(self, task_instance: Any, files: Files, report: Report, *, at_trigger: AtTrigger) -> None:
        """Run the queued task instance to the end of its try; report its ``pid``, then its ``exit_code``.

        From SIGUSR1 to this process on, three looks at the child fail for a passing reason.
        """

    def run_triggers(self, triggers: Sequence[Any], files: Files, report: Report) -> None:
        """Run triggers in one event loop until each has fired: see :func:`fire`."""

    def share_api(self) -> None:
        """Let every ``dag.test()`` of this process use the execution API that has been built before it."""

    def run_dag(self, dag_file: Path, files: Files, date: datetime | None, *, own_api: bool) -> None:
        """``dag.test()`` of the parent, for this logical date or for now.

        :param own_api: let it build an execution API of its own, for seconds, as it does for a user
        """

    def honours(self, feature: str) -> bool:
        """Whether this Airflow has ``store``, ``dag.test``, ``loop``, ``no logical date``, or honours it."""

    def records(self) -> list[Any]:
        """The values in the task state store."""

    def put_record(self, record: Any) -> None:
        """Give every entry of the task state store this value."""

    def logical_date(self, dag_run: Any) -> Any:
        """The logical date of a dag run."""

    def xcom_model(self) -> Any:
        """The ORM class of XComs."""

    def xcom_value(self, xcom: Any) -> Any:
        """The value of a loaded XCom."""


async def fire(triggers: Sequence[Any], report: Report) -> None:
    """Run all triggers; report the number and payload of each as ``event``, or as ``error``."""

    async def first_event(number: int, trigger: Any) -> None:
        try:
            async for event in trigger.run():
                report({"event": [number, pack(event.payload)]})
                return
        except Exception as error:  # noqa: BLE001 - told to the test
            report({"error": [number, repr(error)]})

    await asyncio.gather(*(first_event(number, trigger) for number, trigger in enumerate(triggers)))
