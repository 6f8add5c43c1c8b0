"""What the harness reads from and writes to Airflow's database, with Airflow's own models."""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trigger_compat.suite.harness.backend import Backend


def hurry(settings: Any) -> None:
    """Do without SQLite's waits for the disk: a database that lasts for one test survives no power cut."""
    from sqlalchemy import event

    asynchronous = getattr(settings, "async_engine", None)  # of 3.x
    for engine in filter(None, (settings.engine, getattr(asynchronous, "sync_engine", None))):
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))


class Watch:
    """Tells cheaply whether anybody has written to the database since it was asked last.

    To be closed before the next fork: SQLite's connections do not survive one.
    """

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, timeout=60)
        self._seen: int | None = None

    def changed(self) -> bool:
        """Whether there is anything new to read: at first, there is. Ask before reading, not after it."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        seen, self._seen = self._seen, int(version)
        return self._seen != seen

    def close(self) -> None:
        self._connection.close()


@contextlib.contextmanager
def open_session() -> Iterator[Any]:
    from airflow.utils.session import create_session

    with create_session() as session:
        yield session


TRIGGER = "trigger"
"""The task under test; the dag may have others."""
LOOP = "loop"
"""The task group that the task under test is in, if it is in a loop."""


def dag_run(session: Any, dag_id: str, run_id: str) -> Any:
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    return session.scalars(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)).one()


def parent_run(session: Any) -> Any:
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    return session.scalars(select(DagRun).where(DagRun.dag_id == "parent")).one()


def task_instances(session: Any, map_index: int, *, task_id: str = TRIGGER, iteration: int = 0) -> list[Any]:
    """The task instances of a task, in a loop those of one iteration."""
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    query = select(TaskInstance).where(TaskInstance.dag_id == "parent", TaskInstance.task_id == task_id)
    # Only what can match is loaded: a hundred mapped task instances take a while.
    can_match: Any = TaskInstance.map_index == map_index
    if hasattr(TaskInstance, "region_id"):  # in a loop, the index that is stored is another one
        can_match |= TaskInstance.region_id != uuid.UUID(int=0)
    query = query.where(can_match)
    return [each for each in session.scalars(query) if coordinates(each, session) == (map_index, iteration)]


def coordinates(task_instance: Any, session: Any) -> tuple[int, int]:
    """The map index of a task instance as users know it, and its iteration of a loop; loops came with 3.4."""
    region_id = getattr(task_instance, "region_id", None)
    if not getattr(region_id, "int", 0):
        return task_instance.map_index, 0
    from airflow.models.dynamic_region import DynamicRegion
    from airflow.models.task_coordinates import get_public_map_index

    region = session.get(DynamicRegion, region_id)
    iteration = task_instance.region_index if region.node_id == LOOP else region.parent_region_index
    return get_public_map_index(task_instance, session=session), iteration or 0


def task_instance(session: Any, map_index: int, *, task_id: str = TRIGGER, iteration: int = 0) -> Any:
    (found,) = task_instances(session, map_index, task_id=task_id, iteration=iteration)
    return found


def serialized_parent(session: Any) -> Any:
    from airflow.models.serialized_dag import SerializedDagModel

    return SerializedDagModel.get_dag("parent", session=session)


def xcoms(backend: Backend, map_index: int, *, task_id: str = TRIGGER, iteration: int = 0) -> dict[str, Any]:
    from sqlalchemy import select

    model = backend.xcom_model()
    with open_session() as session:
        found = task_instances(session, map_index, task_id=task_id, iteration=iteration)
        if hasattr(model, "task_instance_id"):  # 3.4+, where a map index may be one of many
            mine = model.task_instance_id.in_([task_instance.id for task_instance in found])
        else:
            mine = (model.task_id == task_id) & (model.map_index == map_index)
        rows = session.scalars(select(model).where(model.dag_id == "parent", mine))
        return {row.key: backend.xcom_value(row) for row in rows}


def plain(state: Any) -> Any:
    """The plain text of a state, which is an enumeration on some releases."""
    return getattr(state, "value", state)


def copy(source: Path, target: Path) -> None:
    """Copy with SQLite's own means, which is safe while connections to either are open."""
    with (
        contextlib.closing(sqlite3.connect(source)) as origin,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        origin.backup(copy)
