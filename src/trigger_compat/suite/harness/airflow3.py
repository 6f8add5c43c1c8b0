"""Airflow 3: a supervisor forks the task process, which reaches the execution API through it.

The API runs inside the supervisor's process; the task process, its sockets and its blocked database are
the real ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import importlib.util
import inspect
import json
import signal
import threading
import time
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from trigger_compat.suite.harness import database
from trigger_compat.suite.harness.backend import AtTrigger, Files, fire, hold, is_trigger, prepare_to_hold
from trigger_compat.suite.harness.process import Outage, Report, import_error

USED_BY_EVERY_TRY = (
    "a2wsgi",
    "airflow.dag_processing.bundles.local",
    "airflow.sdk.definitions.asset.metadata",
    "airflow.sdk.execution_time.request_handlers",
    "airflow.sdk.execution_time.supervisor",
    "encodings.idna",
    "jinja2.ext",
    "setproctitle",
)
"""Modules that are imported before a fork rather than after each one; not every release has them all."""

SECONDS_BETWEEN_LOOKS = 0.1
"""How often a supervisor looks whether its task has ended."""
SECONDS_BETWEEN_HEARTBEATS = 1.0
"""How often it sends a heartbeat; a worker's own default is 5."""


class Airflow3:
    def create_database(self) -> None:
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.utils import db

        db.initdb()
        DagBundlesManager().sync_bundles_to_db()

    def _parse(self, dag_file: Path) -> Any:
        try:
            from airflow.dag_processing.dagbag import BundleDagBag as DagBag
        except ImportError:  # before 3.2
            from airflow.models.dagbag import DagBag
        known = inspect.signature(DagBag.__init__).parameters
        wanted = {"bundle_path": dag_file.parent, "bundle_name": "dags-folder", "include_examples": False}
        bag = DagBag(str(dag_file), **{key: value for key, value in wanted.items() if key in known})
        if bag.import_errors:
            raise import_error(bag.import_errors)
        return bag

    def store(self, dag_file: Path) -> None:
        bag = self._parse(dag_file)
        if hasattr(bag, "sync_to_db"):  # 3.0
            bag.sync_to_db("dags-folder", bundle_version=None)
            return
        try:
            from airflow.dag_processing.dagbag import sync_bag_to_db
        except ImportError:  # 3.1
            from airflow.models.dagbag import sync_bag_to_db
        sync_bag_to_db(bag, "dags-folder", bundle_version=None)

    def create_run(
        self, dag_id: str, run_id: str, *, conf: Mapping[str, Any], logical_date: Any, session: Any
    ) -> Any:
        from airflow.api.common.trigger_dag import trigger_dag
        from airflow.utils.types import DagRunTriggeredByType

        return trigger_dag(
            dag_id=dag_id,
            run_id=run_id,
            conf=dict(conf),
            logical_date=logical_date,
            triggered_by=DagRunTriggeredByType.TEST,
            replace_microseconds=False,
            session=session,
        )

    @functools.cached_property
    def _api(self) -> Any:
        """The execution API. Its first request builds the routes for seconds, so it is made before a fork."""
        from airflow.api_fastapi.execution_api import deps
        from airflow.api_fastapi.execution_api.app import InProcessExecutionAPI

        api = InProcessExecutionAPI()
        self._overrides_as_built = dict(api.app.dependency_overrides)
        self._state_as_built = dict(api.app.state._state)
        if not hasattr(api.app.state, "dag_bag"):  # 3.0, where starting any task would be a server error
            api.app.state.dag_bag = _new_dag_bag()
        if hasattr(deps, "JWTBearer") and not hasattr(deps, "JWTBearerTIPathDep"):  # until 3.0.2
            from airflow.api_fastapi.execution_api.routes.task_instances import ti_id_router

            allowed = api.app.dependency_overrides[deps.JWTBearerDep.dependency]
            for check in ti_id_router.dependencies:
                api.app.dependency_overrides[check.dependency] = allowed
        asyncio.run(call_app(api.app, "GET", "/health"))
        return api

    def share_api(self) -> None:
        """Let every ``dag.test()`` of this process use the API that is built already.

        To be called in a fork: it undoes what ``_api`` has added for the tries of workers, because that would
        hide what ``dag.test()`` of 3.0 cannot do.
        """
        from airflow.sdk.execution_time import supervisor as supervising

        app = self._api.app
        app.dependency_overrides = dict(self._overrides_as_built)
        _set_state(app, self._state_as_built)
        if hasattr(supervising, "in_process_api_server"):  # from 3.0.2
            supervising.in_process_api_server = lambda: self._api

    def warm_up(self, requests: Iterable[str]) -> None:
        """Answer the requests of a try once more, here; whether they succeed does not matter.

        The first of each kind compiles statements, validators and routes, which every fork then inherits.
        """
        import structlog
        import svcs
        from airflow import settings
        from airflow.api_fastapi.auth.tokens import JWTValidator

        async def answer() -> None:
            async with app.router.lifespan_context(app):
                registry = app.state.svcs_registry
                validator = await svcs.Container(registry).aget(JWTValidator)
                for line in requests:
                    method, _, rest = line.partition(" ")
                    await call_app(app, method, *json.loads(rest.partition("\t")[2]))
            if validator is None:  # from 3.3 on: a stub, which the end of the app has forgotten
                registry.register_value(JWTValidator, None)
            if engine := getattr(settings, "async_engine", None):
                # From 3.4 on: a connection of it has a thread, which no fork would have.
                await engine.dispose()

        app = self._api.app
        state, logging = dict(app.state._state), structlog.get_config()
        # It keeps the dags that it reads, so the one of the tries is not for this.
        app.state.dag_bag = _new_dag_bag()
        # A logger that is cached would log in every fork as it does here.
        structlog.configure(**{**logging, "cache_logger_on_first_use": False})
        try:
            asyncio.run(answer())
        finally:
            _set_state(app, state)
            structlog.configure(**logging)

    def before_fork(self) -> None:
        from airflow import settings

        self._api  # noqa: B018  # built on first access
        for module in USED_BY_EVERY_TRY:
            with contextlib.suppress(ImportError):
                importlib.import_module(module)
        settings.engine.dispose()

    def _client(self, task_instance_id: Any, requests: Path, at_trigger: AtTrigger = "go on") -> Any:
        from airflow.sdk.api.client import Client

        transport = Transport(self._api.transport, requests, at_trigger)
        client = Client(base_url=None, token="", dry_run=True, transport=transport)
        client.base_url = "http://in-process.invalid./"
        # 3.4 knows the caller by it.
        client.headers["X-Airflow-In-Process-Attempt-Id"] = str(task_instance_id)
        return client

    def run_task(self, task_instance: Any, files: Files, report: Report, *, at_trigger: AtTrigger) -> None:
        import structlog
        from airflow.executors.workloads import BundleInfo
        from airflow.sdk.execution_time import supervisor as supervising

        try:
            from airflow.executors.workloads.task import TaskInstanceDTO
        except ImportError:  # before 3.2
            from airflow.executors.workloads import TaskInstance as TaskInstanceDTO
        # A supervisor looks for the end of its task as often, and the option takes whole seconds.
        supervising.MIN_HEARTBEAT_INTERVAL = SECONDS_BETWEEN_LOOKS
        # From 3.4 on it waits a minute before each stronger signal, also for a task that has ended.
        supervising.KILLED_TASK_CLEANUP_TIME = 2.0
        # By default the API's own log is drawn for a terminal; one traceback in colour takes seconds.
        plain = [structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()]
        structlog.configure(processors=plain)
        what = TaskInstanceDTO.model_validate(task_instance, from_attributes=True)
        with database.open_session() as session:  # the scheduler of 3.4 sends the map index that users know
            what.map_index = database.coordinates(task_instance, session)[0]
        with files.log.open("a", buffering=1) as log:
            logger = structlog.wrap_logger(
                structlog.PrintLogger(log),
                processors=[structlog.processors.KeyValueRenderer(key_order=["event"])],
            )
            supervisor = _supervisor_class().start(
                what=what,
                dag_rel_path="parent.py",
                bundle_info=BundleInfo(name="dags-folder", version=None),
                client=self._client(task_instance.id, files.requests, at_trigger),
                logger=logger.bind(),
            )
            report({"pid": supervisor.pid})
            report({"exit_code": supervisor.wait()})

    def run_triggers(self, triggers: Sequence[Any], files: Files, report: Report) -> None:
        from airflow.sdk.execution_time import task_runner

        task_runner.SUPERVISOR_COMMS = TriggererComms(self._client("", files.requests))
        asyncio.run(fire(triggers, report))

    def run_dag(self, dag_file: Path, files: Files, date: datetime | None, *, own_api: bool) -> None:
        if not own_api:
            self.share_api()
        dag = self._parse(dag_file).dags["parent"]
        if not hasattr(dag, "test"):  # before 3.0.2 that of the SDK has none: `airflow dags test` does this
            from airflow.models.dag import DAG

            dag = DAG.from_sdk_dag(dag)  # noqa: AIR311 - the SDK has no other
        dag.test(**({"logical_date": date} if date else {}))

    def honours(self, feature: str) -> bool:
        from airflow.sdk.execution_time import comms

        if feature in ("note", "run_after"):  # from 3.2, from 3.3
            return feature in comms.TriggerDagRun.model_fields
        if feature == "fail_when_dag_is_paused":
            return hasattr(comms, "GetDag")  # from 3.2
        if feature == "store":
            return hasattr(comms, "GetTaskStateStore")  # from 3.3
        if feature == "retry_policy":
            return importlib.util.find_spec("airflow.sdk.definitions.retry_policy") is not None  # from 3.3
        if feature == "dag.test":
            from airflow.sdk import DAG

            return hasattr(DAG, "test")  # from 3.0.2
        if feature == "loop":
            return importlib.util.find_spec("airflow.sdk.definitions.loop") is not None  # from 3.4
        return feature == "no logical date"

    def records(self) -> list[Any]:
        if not self.honours("store"):
            return []
        from airflow.models.task_state_store import TaskStateStoreModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            return [json.loads(value) for value in session.scalars(select(TaskStateStoreModel.value))]

    def put_record(self, record: Any) -> None:
        from airflow.models.task_state_store import TaskStateStoreModel
        from airflow.utils.session import create_session
        from sqlalchemy import update

        with create_session() as session:
            session.execute(update(TaskStateStoreModel).values(value=json.dumps(record)))

    def logical_date(self, dag_run: Any) -> Any:
        return dag_run.logical_date

    def xcom_model(self) -> Any:
        from airflow.models.xcom import XComModel

        return XComModel

    def xcom_value(self, xcom: Any) -> Any:
        return type(xcom).deserialize_value(xcom)


@functools.cache
def _supervisor_class() -> Any:
    from airflow.sdk.execution_time import supervisor as supervising

    class Supervisor(supervising.ActivitySubprocess):  # type: ignore[misc, unused-ignore]
        """Airflow's own, with fewer heartbeats than looks for the end of the task: each costs an API call."""

        def _send_heartbeat_if_needed(self) -> None:
            if time.monotonic() - self._last_heartbeat_attempt >= SECONDS_BETWEEN_HEARTBEATS:
                super()._send_heartbeat_if_needed()

    return Supervisor


class Transport:
    """Writes down each call to the execution API before it is made, and interferes as the test wants.

    One call a line: ``METHOD path``, a tab, and what else is needed to make it again.
    """

    def __init__(self, transport: Any, requests: Path, at_trigger: AtTrigger) -> None:
        self.transport = transport
        self.requests = requests
        self.at_trigger = at_trigger
        prepare_to_hold()
        self.outage: Outage = Outage()

    def handle_request(self, request: Any) -> Any:
        call = f"{request.method} {request.url.path}"
        with self.requests.open("a") as requests:
            requests.write(f"{call}\t{json.dumps(_arguments(request))}\n")
        if is_trigger(call) and self.at_trigger == "hold":
            hold()
        response = self.transport.handle_request(request)
        if is_trigger(call):
            if self.at_trigger == "freeze":
                signal.pause()
            if self.at_trigger == "repeat":
                response = self.transport.handle_request(request)
        if call.startswith("GET /dag-runs/") and self.outage.strikes():
            response = type(response)(503, json={"detail": "Service Unavailable"}, request=request)
        return response

    def close(self) -> None:
        self.transport.close()


class TriggererComms:
    """What the triggerer's supervisor answers to a trigger that looks at dag runs."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.lock: threading.Lock = threading.Lock()
        self.answer: Any = None

    def send_request(self, log: Any, msg: Any) -> None:  # until 3.0.3
        self.answer = self.send(msg)

    def get_message(self) -> Any:
        return self.answer

    def send(self, msg: Any) -> Any:
        from airflow.sdk.execution_time.comms import GetDagRunState, GetDRCount

        request = msg.model_dump(exclude={"type"})
        if isinstance(msg, GetDRCount):
            return self.client.dag_runs.get_count(**request)
        assert isinstance(msg, GetDagRunState), msg
        return self.client.dag_runs.get_state(**request)

    async def asend(self, msg: Any) -> Any:
        return await asyncio.to_thread(self.send, msg)


def _arguments(request: Any) -> tuple[str, list[tuple[str, str]], str]:
    """What ``call_app`` needs, beside the method, to make a request of the HTTP client's again."""
    headers = [(name.decode().lower(), value.decode()) for name, value in request.headers.raw]
    return request.url.raw_path.decode(), headers, request.read().decode()


def _new_dag_bag() -> Any:
    """Where the API finds dags: in the database."""
    try:
        from airflow.api_fastapi.common.dagbag import create_dag_bag
    except ImportError:  # until 3.0.1
        from airflow.models.dagbag import DagBag

        return DagBag(read_dags_from_db=True, include_examples=False)
    return create_dag_bag()


def _set_state(app: Any, state: Mapping[str, Any]) -> None:
    app.state._state.clear()
    app.state._state.update(state)


async def call_app(
    app: Any,
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]] = (("host", "in-process.invalid."),),
    body: str = "",
) -> None:
    """One request to an ASGI application, without a server, a thread that stays, or a look at the answer."""
    path, _, query = target.partition("?")
    to_come = [{"type": "http.request", "body": body.encode(), "more_body": False}]

    async def receive() -> dict[str, Any]:
        if to_come:
            return to_come.pop()
        await asyncio.Event().wait()  # the client stays until it has its answer, and then nobody waits here
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        pass

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": urllib.parse.unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "server": ("in-process.invalid.", 80),
    }
    await app(scope, receive, send)
