"""``dag.test()`` of dag files, one after the other, while this process plays the dags that they trigger."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from trigger_compat.suite.harness import Airflow, ChildRun, database
from trigger_compat.suite.harness.process import Forked, Report

LOOKS: Final = 0.2
"""Seconds between two looks at a child, whatever the file says: this is no test of patience."""


@dataclass(frozen=True)
class Job:
    """A run of a dag to be made."""

    file: Path
    dag_id: str
    conf: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.dag_id} {self.conf}"


@dataclass(frozen=True)
class Ran:
    """What a run of a dag has come to."""

    state: str
    tasks: Mapping[str, list[str]]
    """The states of each task's instances."""
    children: tuple[ChildRun, ...]


def run_all(airflow: Airflow, jobs: Sequence[Job]) -> dict[str, Ran]:
    """Run stored dags to their ends, in one process.

    A child that somebody waits for ends at once, as its conf's ``fail`` says.

    :returns: what came of each job, by its name.
    :raises trigger_compat.suite.harness.HarnessError: one does not end.
    """
    # Each job waits for its turn: its run must not be there while that of the one before is looked at.
    turn, go = os.pipe()
    process = airflow.fork(lambda report: _run(airflow, jobs, turn, report))
    ran: dict[str, Ran] = {}
    known: set[tuple[str, str]] = set()
    for job in jobs:
        os.write(go, b".")
        text = job.file.read_text(encoding="utf-8")
        waits = any(
            word in text for word in ("wait_for_completion=True", "wait_for_dag_runs", "trigger_dag_runs")
        )
        with airflow.when_changed(partial(_end_children, airflow, job)) as end_children:
            process.until(partial(_has_ended, process, job, end_children if waits else None), job.name)
        ran[job.name] = _ran(airflow, job, known)
        known |= {(run.dag_id, run.run_id) for run in airflow.children()}
    process.kill()
    os.close(turn)
    os.close(go)
    return ran


def _run(airflow: Airflow, jobs: Sequence[Job], turn: int, report: Report) -> None:
    """Run in the forked process."""
    backend: Any = airflow.backend
    backend.share_api()
    for job in jobs:
        os.read(turn, 1)
        dag = backend._parse(job.file).dags[job.dag_id]
        for task in dag.tasks:
            _hurry(task)
        dag.test(run_conf=dict(job.conf))
        report({"ended": job.name})


def _hurry(task: Any) -> None:
    if hasattr(task, "partial_kwargs"):
        task.partial_kwargs.update(poke_interval=LOOKS)
    elif hasattr(task, "poke_interval"):
        task.poke_interval = LOOKS


def _has_ended(process: Forked, job: Job, end_children: Callable[[], None] | None) -> bool:
    if {"ended": job.name} in process.reports:
        return True
    if end_children:
        end_children()
    return False


def _end_children(airflow: Airflow, job: Job) -> None:
    for child in airflow.active():
        if child.dag_id != job.dag_id:
            airflow.set_state(child, "failed" if child.conf.get("fail") else "success")


def _ran(airflow: Airflow, job: Job, known: set[tuple[str, str]]) -> Ran:
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    runs = [run for run in airflow.children() if (run.dag_id, run.run_id) not in known]
    (mine,) = [run for run in runs if run.dag_id == job.dag_id]
    tasks: dict[str, list[str]] = {}
    with database.open_session() as session:
        query = select(TaskInstance).where(
            TaskInstance.dag_id == job.dag_id, TaskInstance.run_id == mine.run_id
        )
        for found in session.scalars(query.order_by(TaskInstance.map_index)):
            tasks.setdefault(found.task_id, []).append(database.plain(found.state))
    children = tuple(run for run in runs if run.dag_id != job.dag_id)
    return Ran(mine.state, tasks, children)
