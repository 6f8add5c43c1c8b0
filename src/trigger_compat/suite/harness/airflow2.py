"""Airflow 2.11: the task instance runs itself, with the database at hand."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from trigger_compat.suite.harness.backend import AtTrigger, Files, fire, hold, prepare_to_hold
from trigger_compat.suite.harness.process import Outage, Report, import_error


class Airflow2:
    def create_database(self) -> None:
        from airflow.utils import db

        db.initdb()

    def _parse(self, dag_file: Path) -> Any:
        from airflow.models.dagbag import DagBag

        bag = DagBag(str(dag_file), include_examples=False)
        if bag.import_errors:
            raise import_error(bag.import_errors)
        return bag

    def store(self, dag_file: Path) -> None:
        self._parse(dag_file).sync_to_db()

    def create_run(
        self, dag_id: str, run_id: str, *, conf: Mapping[str, Any], logical_date: Any, session: Any
    ) -> Any:
        from airflow.api.common.trigger_dag import trigger_dag

        return trigger_dag(
            dag_id=dag_id,
            run_id=run_id,
            conf=dict(conf),
            execution_date=logical_date,
            replace_microseconds=False,
            session=session,
        )

    def warm_up(self, requests: Iterable[str]) -> None:
        """There is no API whose first answers take longer."""

    def before_fork(self) -> None:
        from airflow import settings

        settings.engine.dispose()

    def run_task(self, task_instance: Any, files: Files, report: Report, *, at_trigger: AtTrigger) -> None:
        _log_to(files.log)
        _interfere(Outage(), at_trigger)
        report({"pid": os.getpid()})
        bag = self._parse(Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"], "parent.py"))
        task_instance.task = bag.dags[task_instance.dag_id].get_task(task_instance.task_id)
        try:
            task_instance.run(ignore_ti_state=True, verbose=False)
        except BaseException as error:  # noqa: BLE001 - a timeout is no Exception; the process ends with it
            logging.getLogger("airflow.task").info("the try raised %r", error)
            report({"exit_code": 1})
        else:
            report({"exit_code": 0})

    def run_triggers(self, triggers: Sequence[Any], files: Files, report: Report) -> None:
        from airflow import settings
        from sqlalchemy import event

        def executing(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            if "FROM dag_run" in statement:
                with files.requests.open("a") as requests:
                    requests.write("SELECT dag_run\t\n")

        event.listen(settings.engine, "before_cursor_execute", executing)
        asyncio.run(fire(triggers, report))

    def share_api(self) -> None:
        """There is none."""

    def run_dag(self, dag_file: Path, files: Files, date: datetime | None, *, own_api: bool) -> None:
        _log_to(files.log)
        self._parse(dag_file).dags["parent"].test(**({"execution_date": date} if date else {}))

    def honours(self, feature: str) -> bool:
        return feature in ("dag.test", "fail_when_dag_is_paused")

    def records(self) -> list[Any]:
        return []

    def put_record(self, record: Any) -> None:
        raise NotImplementedError

    def logical_date(self, dag_run: Any) -> Any:
        return dag_run.execution_date

    def xcom_model(self) -> Any:
        from airflow.models.xcom import XCom

        return XCom

    def xcom_value(self, xcom: Any) -> Any:
        return xcom.value  # decoded when it was loaded


def _interfere(outage: Outage, at_trigger: AtTrigger) -> None:
    """Fail to read dag runs in an outage; hold before one is created, or never return from its commit."""
    from airflow import settings
    from sqlalchemy import event
    from sqlalchemy.exc import OperationalError
    from sqlalchemy.orm import Session

    def executing(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if "FROM dag_run" in statement and outage.strikes():
            raise OperationalError(statement, None, sqlite3.OperationalError("the database is away"))
        if not statement.startswith("INSERT INTO dag_run "):
            return
        if at_trigger == "hold":
            hold()
        if at_trigger == "freeze":
            event.listen(Session, "after_commit", lambda _: signal.pause())

    prepare_to_hold()
    event.listen(settings.engine, "before_cursor_execute", executing)


def _log_to(path: Path) -> None:
    """Send everything the task logs to this file."""
    logging.getLogger("airflow.task").handlers = []
    logging.getLogger("airflow.task").propagate = True
    logging.getLogger().handlers = [logging.FileHandler(path)]
    logging.getLogger().setLevel(logging.INFO)
