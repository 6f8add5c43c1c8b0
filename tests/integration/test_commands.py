"""The `airflow` commands, as a user types them, on dags that hold the operator.

One home and one SQLite database for all of them. A new interpreter takes seconds to import Airflow, so most
commands run in forks of one that has; those whose start is what is tested have an interpreter of their own.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.integration.warm import Done, WarmInterpreter
from tests.without_package import without_package
from trigger_compat import dispatch
from trigger_compat.suite.deviations import gap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DAGS: Final = Path(__file__).with_name("dags")
AIRFLOW3: Final = dispatch.default_path(dispatch.release()) != "airflow2"
LINK: Final = "trigger_compat.links.TriggerDagRunLink"
LINK_NAME: Final = "Triggered DAG"
TASKS: Final = ("durable", "mapped", "plain", "templated", "waiting")
IMPORT_ERRORS: Final = ("dags", "list-import-errors", *(["--local"] if AIRFLOW3 else []))
"""Of the files; without the option, 3.x lists what its dag processor has noted."""
OF_FILES: Final = pytest.mark.skipif(
    dispatch.within(">=3.0,<3.0.2"), reason="the command has no --local before Airflow 3.0.2"
)
KNOWS_NO_TRIGGER: Final = gap("exception-P5-trigger")
DEFERRALS_FAIL: Final = dispatch.within(">=3.0,<3.1")
"""``dags test`` of one does, so there another dag is run in a new interpreter, which takes longer."""
SECONDS: Final = 240
"""How long a command may take, on a busy machine."""

# What a webserver and a scheduler do with a dag that another process has serialised.
LOAD: Final = """
import importlib.util, json
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from sqlalchemy import select

with create_session() as session:
    [run] = session.scalars(select(DagRun).where(DagRun.dag_id == "parent", DagRun.run_id == "scheduled"))
    run.dag = SerializedDagModel.get("parent", session=session).dag
    decisions = run.task_instance_scheduling_decisions(session=session)
    found = {
        "package": importlib.util.find_spec("trigger_compat") is not None,
        # Before 3.0.2 a mapped operator that was serialised has no extra_links.
        "links": {
            task.task_id: sorted(
                task.extra_links if hasattr(task, "extra_links")
                else [link.name for link in task.operator_extra_links]
            )
            for task in run.dag.tasks
        },
        "operators": sorted({task.task_type for task in run.dag.tasks}),
        "schedulable": sorted([ti.task_id, ti.map_index] for ti in decisions.schedulable_tis),
    }
print("FOUND", json.dumps(found))
"""


@dataclass(frozen=True)
class Home:
    """A home of Airflow's, and commands in it."""

    folder: Path
    python: str = sys.executable
    dags: Path = DAGS
    warm: WarmInterpreter | None = None

    @property
    def environ(self) -> dict[str, str]:
        """Nothing of this process's own, which is set up for the contract suite."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }

    def run(self, *arguments: str, codes: Sequence[int] = (0,), fresh: bool = False) -> str:
        """Run an interpreter that has to end with one of these exit codes, and return what it printed.

        :param fresh: a new one, even if there is a warm one.
        """
        done = self.warm.run(arguments, SECONDS) if self.warm and not fresh else self._run_fresh(arguments)
        assert done.returncode in codes, f"{arguments}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def _run_fresh(self, arguments: Sequence[str]) -> Done:
        done = subprocess.run(
            [self.python, "-W", "ignore", *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def airflow(self, *arguments: str, codes: Sequence[int] = (0,), fresh: bool = False) -> str:
        """Run an `airflow` command, and return what it printed."""
        return self.run("-m", "airflow", *arguments, codes=codes, fresh=fresh)

    def table(
        self, *arguments: str, codes: Sequence[int] = (0,), fresh: bool = False
    ) -> list[dict[str, Any]]:
        """Run an `airflow` command that lists something, and return the rows."""
        answer = self.airflow(*arguments, "--output", "json", codes=codes, fresh=fresh)
        # A release may print other things first, and for an empty table a sentence.
        start = next((at for at in ("[{", "[]") if at in answer), None)
        if start is None:
            assert "No data found" in answer
            return []
        rows: list[dict[str, Any]] = json.loads(answer[answer.index(start) :].splitlines()[0])
        return rows

    def database(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement on the database."""
        with closing(sqlite3.connect(self.folder / "airflow.db", timeout=30)) as connection, connection:
            return connection.execute(sql).fetchall()

    def loads(self) -> dict[str, Any]:
        """Load the serialised dag as a webserver and a scheduler do, and return what they see."""
        answer = self.run("-c", LOAD)
        [line] = [line for line in answer.splitlines() if line.startswith("FOUND ")]
        found: dict[str, Any] = json.loads(line.removeprefix("FOUND "))
        return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with a database that knows the dags."""
    cold = Home(tmp_path_factory.mktemp("home"))
    warm = WarmInterpreter(cold.folder, cold.environ)
    try:
        home = replace(cold, warm=warm)
        home.airflow("db", "migrate")
        home.airflow("dags", "reserialize")
        yield home
    finally:
        warm.end()


@contextmanager
def children_end(home: Home) -> Iterator[None]:
    """Forget the children there are, and let all that come succeed, for which there is no scheduler."""
    home.database("delete from dag_run where dag_id in ('child', 'other')")
    stop = threading.Event()

    def end_children() -> None:
        while not stop.wait(0.5):
            home.database("update dag_run set state = 'success' where dag_id in ('child', 'other')")

    thread = threading.Thread(target=end_children)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def children(home: Home) -> list[tuple[str, str]]:
    """The children there are, by dag id, with the letters that their run id begins with."""
    runs = home.database("select dag_id, run_id from dag_run where dag_id in ('child', 'other')")
    return sorted((dag_id, run_id.partition("__")[0]) for dag_id, run_id in runs)


def test_airflow_starts_with_the_package_installed(home: Home) -> None:
    assert home.airflow("version", fresh=True).splitlines()[-1] == version("apache-airflow")


def test_the_package_is_listed_among_the_providers(home: Home) -> None:
    [row] = [row for row in home.table("providers", "list") if row["package_name"] == "trigger-compat"]

    assert row["version"] == version("trigger-compat")
    assert row["description"]


def test_the_link_is_listed_among_those_of_providers(home: Home) -> None:
    """By this list, 2.11 knows a link class that a serialised dag names."""
    assert LINK in [row["extra_link_class_name"] for row in home.table("providers", "links")]


@OF_FILES
def test_dags_with_the_operator_have_no_import_errors(home: Home) -> None:
    assert home.table(*IMPORT_ERRORS, fresh=True) == []


@OF_FILES
def test_an_import_error_names_argument_value_and_remedy(home: Home, tmp_path: Path) -> None:
    source = (
        DAGS.joinpath("commands.py")
        .read_text(encoding="utf-8")
        .replace('"poke_interval": 0.5', '"poke_interval": 0')
    )
    tmp_path.joinpath("broken.py").write_text(source, encoding="utf-8")

    [row] = replace(home, dags=tmp_path).table(*IMPORT_ERRORS, codes=(1,), fresh=True)

    assert row["filepath"].endswith("broken.py")
    assert "poke_interval" in row["error"].splitlines()[-1]


def test_tasks_render(home: Home) -> None:
    rendered = home.airflow("tasks", "render", "parent", "templated", "2024-01-01")

    assert "property: trigger_dag_id" in rendered
    assert "\nchild\n" in rendered
    assert "{'asked': '2024-01-01'}" in rendered


@KNOWS_NO_TRIGGER
@pytest.mark.parametrize("task", ["plain", "durable"])
def test_tasks_test(home: Home, task: str) -> None:
    with children_end(home):
        said = home.airflow("tasks", "test", "parent", task, "2024-01-01")

    # The command succeeds whatever becomes of the task; what 3.4.0b2 complains of at the end is its own.
    assert "Traceback" not in said.partition("[DAG TEST] end task")[0]
    assert children(home) == [("child", "durable" if task == "durable" else "manual")]


@KNOWS_NO_TRIGGER
def test_dags_test(home: Home) -> None:
    with children_end(home):
        home.airflow("dags", "test", "parent", "2024-01-02", fresh=DEFERRALS_FAIL)

    states = home.database("select task_id, state from task_instance where dag_id = 'parent'")
    assert sorted(states) == sorted((task, "success") for task in (*TASKS, "mapped"))
    assert children(home) == [("child", "durable"), *[("child", "manual")] * 4, ("other", "manual")]


@KNOWS_NO_TRIGGER
@gap("exception-P5-deferral")
def test_dags_test_of_a_deferral(home: Home) -> None:
    with children_end(home):
        home.airflow("dags", "test", "deferring", "2024-01-02", fresh=not DEFERRALS_FAIL)

    states = home.database("select task_id, state from task_instance where dag_id = 'deferring'")
    assert states == [("deferrable", "success")]
    assert children(home) == [("child", "manual")]


def test_a_serialised_dag_loads_without_the_package(home: Home, tmp_path: Path) -> None:
    """A scheduler needs no operator class; of a webserver, that of 2.11 shows no link without it."""
    home.airflow("dags", "trigger", "parent", "--run-id", "scheduled")
    bare = replace(home, python=str(without_package(Path(sys.executable), tmp_path / "bare")), warm=None)

    there, absent = home.loads(), bare.loads()

    links = {task: [LINK_NAME] for task in TASKS}
    without = links if AIRFLOW3 else {task: [] for task in TASKS}
    assert (there["package"], there["links"]) == (True, links)
    assert (absent["package"], absent["links"]) == (False, without)
    for found in (there, absent):
        assert found["operators"] == ["TriggerDagRunOperator"]
        assert [task for task, _ in found["schedulable"]] == sorted((*TASKS, "mapped"))
