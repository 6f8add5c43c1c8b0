"""As much of Airflow 2.11 as its path uses: its tables in SQLite, and what it does to them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from types import ModuleType, SimpleNamespace
from typing import Any

from sqlalchemy import Boolean, Column, DateTime, Integer, String, UniqueConstraint, create_engine
from sqlalchemy.orm import declarative_base, sessionmaker
from sqlalchemy.pool import StaticPool

from tests.unit import fake_airflow as fake

Base: Any = declarative_base()


class DagNotFound(fake.AirflowException): ...


class ParamValidationError(fake.AirflowException): ...


class DagRunAlreadyExists(fake.DagRunAlreadyExists):
    def __init__(self, dag_run: Any) -> None:
        super().__init__("exists")
        self.dag_run = dag_run


class DagModel(Base):  # type: ignore[misc]
    __tablename__ = "dag"
    dag_id = Column(String, primary_key=True)
    is_paused = Column(Boolean, default=False)
    has_import_errors = Column(Boolean, default=False)

    @staticmethod
    def get_current(dag_id: str) -> Any:
        with create_session() as session:
            found = session.get(DagModel, dag_id)
            session.expunge_all()
        return found


class DagRun(Base):  # type: ignore[misc]
    __tablename__ = "dag_run"
    id = Column(Integer, primary_key=True)
    dag_id = Column(String)
    run_id = Column(String)
    state = Column(String)
    execution_date = Column(DateTime)
    __table_args__ = (UniqueConstraint("dag_id", "run_id"), UniqueConstraint("dag_id", "execution_date"))


class TaskInstance(Base):  # type: ignore[misc]
    __tablename__ = "task_instance"
    id = Column(Integer, primary_key=True)
    dag_id = Column(String)
    run_id = Column(String)
    state = Column(String)


_ENGINE = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
_SESSIONS = sessionmaker(_ENGINE)


class World:
    """The database, and what Airflow was told."""

    def __init__(self) -> None:
        Base.metadata.drop_all(_ENGINE)
        Base.metadata.create_all(_ENGINE)
        self.triggered: list[dict[str, Any]] = []
        self.cleared: list[tuple[str, str, Any]] = []
        self.fails: list[Exception] = []
        """Raised by the next triggers, one each."""
        self.away: Exception | None = None
        """Raised by the next session."""
        self.add(DagModel(dag_id="child"))

    def add(self, row: Any) -> None:
        with create_session() as session:
            session.add(row)

    def run(
        self, run_id: str, state: str = "running", date: datetime | None = None, dag_id: str = "child"
    ) -> None:
        """Let a run exist, with one task."""
        self.add(DagRun(dag_id=dag_id, run_id=run_id, state=state, execution_date=date))
        self.add(TaskInstance(dag_id=dag_id, run_id=run_id, state=state))

    def runs(self) -> dict[str, Any]:
        """Return the logical dates of the runs of the child."""
        with create_session() as session:
            return {run.run_id: run.execution_date for run in session.query(DagRun) if run.dag_id == "child"}

    def trigger(self, **given: Any) -> None:
        if self.fails:
            raise self.fails.pop(0)
        date = given["execution_date"].replace(tzinfo=None)
        with create_session() as session:
            if session.get(DagModel, given["dag_id"]) is None:
                raise DagNotFound(f"Dag id {given['dag_id']} not found")
            for run in session.query(DagRun).filter(DagRun.dag_id == given["dag_id"]):
                if run.run_id == given["run_id"] or run.execution_date == date:
                    raise DagRunAlreadyExists(SimpleNamespace(run_id=run.run_id))
            session.add(
                DagRun(dag_id=given["dag_id"], run_id=given["run_id"], state="queued", execution_date=date)
            )
        self.triggered.append(given)

    def clear(self, task_instances: list[Any], session: Any, *, dag: Any) -> None:
        session.flush()
        self.cleared += [(one.dag_id, one.run_id, dag) for one in task_instances]
        for one in task_instances:
            one.state = None


WORLD: Any = None


@contextmanager
def create_session() -> Iterator[Any]:
    if WORLD is not None and WORLD.away:
        error, WORLD.away = WORLD.away, None
        raise error
    session = _SESSIONS()
    try:
        yield session
        session.commit()
    finally:
        session.close()


def world() -> World:
    """Return a new world, with which Airflow now answers."""
    module = sys.modules[__name__]
    module.WORLD = None  # type: ignore[attr-defined]
    module.WORLD = World()  # type: ignore[attr-defined]
    return WORLD  # type: ignore[no-any-return]


def _trigger(**given: Any) -> None:
    WORLD.trigger(**given)


def _clear(task_instances: list[Any], session: Any, *, dag: Any) -> None:
    WORLD.clear(task_instances, session, dag=dag)


def _serialized_dag(dag_id: str, *, session: Any) -> str:
    session.flush()
    return f"dag {dag_id}"


NOW = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
_MODULES: dict[str, dict[str, Any]] = {
    "airflow.api": {},
    "airflow.api.common": {},
    "airflow.api.common.trigger_dag": {"trigger_dag": _trigger},
    "airflow.models": {},
    "airflow.models.dag": {"DagModel": DagModel},
    "airflow.models.dagrun": {"DagRun": DagRun},
    "airflow.models.serialized_dag": {
        "SerializedDagModel": SimpleNamespace(get_dag=_serialized_dag),
    },
    "airflow.models.taskinstance": {
        "TaskInstance": TaskInstance,
        "clear_task_instances": _clear,
    },
    "airflow.utils.session": {"create_session": create_session},
}


def install() -> None:
    """Let this process find it beside the fake of Airflow 3."""
    for name, names in _MODULES.items():
        module = sys.modules[name] = ModuleType(name)
        module.__path__ = []
        vars(module).update(names)
        package, _, last = name.rpartition(".")
        setattr(sys.modules[package], last, module)
    vars(sys.modules["airflow.exceptions"]).update(
        DagNotFound=DagNotFound, ParamValidationError=ParamValidationError
    )
    utils: Any = sys.modules["airflow.utils"]
    utils.timezone = SimpleNamespace(utcnow=lambda: NOW)
