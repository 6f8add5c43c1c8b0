"""What the blocks of the pages say, on this release: see ``tests.docs.blocks.RULES``."""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import io
import os
import re
import shlex
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.docs.blocks import ROOT, RULES, Tier, Unit, claimed, command_of
from tests.integration.running import Job, Ran, run_all
from tests.shells import newcomer
from trigger_compat import dispatch, matrix
from trigger_compat.suite.harness import AIRFLOW, Airflow

RUN_HERE: Final = {Tier.ROW: {"airflow", "doctor", "dag", "import"}, Tier.NEWEST: {"floor", "suite", "copy"}}
NEWEST: Final = next(row.airflow for row in reversed(matrix.load().defaults) if not row.preview)
DAGS: Final = claimed(Tier.ROW, "dag")


def on_newest(name: str) -> Sequence[Unit]:
    """The units that one release is enough for: empty, so that no test is made of them, on the others."""
    return claimed(Tier.NEWEST, name) if AIRFLOW == NEWEST else ()


def for_this_major(name: str) -> Sequence[Unit]:
    return [unit for unit in claimed(Tier.ROW, name) if unit.of_major in (None, AIRFLOW.partition(".")[0])]


def test_what_is_run_here_is_what_the_rules_leave_to_here() -> None:
    for tier, names in RUN_HERE.items():
        assert {rule.name for rule in RULES if rule.tier is tier} == names


# Blocks of Python


def _as_file(unit: Unit, folder: Path) -> tuple[Path, str]:
    """Write a block as a dag file, inside a dag of its own; return the file and the id of the dag."""
    name = re.sub(r"\W", "_", str(unit))
    block = folder / f"{name}_block.txt"
    block.write_text(unit.text, encoding="utf-8")
    imports = (
        ""
        if "import TriggerDagRunOperator" in unit.text
        else "from trigger_compat import TriggerDagRunOperator"
    )
    file = folder / f"{name}.py"
    file.write_text(
        "try:\n    from airflow.sdk import DAG\nexcept ImportError:\n    from airflow import DAG\n"
        f"{imports}\n# {unit.text!r}\n"
        f"with DAG({name!r}, schedule=None):\n    exec(open({str(block)!r}).read())\n",
        encoding="utf-8",
    )
    return file, name


def _targets(unit: Unit) -> set[str]:
    """The dags that a block triggers."""
    calls = [node for node in ast.walk(ast.parse(unit.text)) if isinstance(node, ast.Call)]
    words = [word for call in calls for word in call.keywords if word.arg == "trigger_dag_id"]
    return {word.value.value for word in words if isinstance(word.value, ast.Constant)}  # type: ignore[misc]


@pytest.fixture(scope="module")
def ran(stack: Airflow, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Ran]:
    if not stack.honours("dag.test"):
        pytest.skip("the dag of the SDK has no test() before Airflow 3.0.2")
    folder = tmp_path_factory.mktemp("pages")
    stack.reset()
    children = folder / "children.py"
    children.write_text(
        "# Airflow parses files alone in which it finds its name.\n"
        "from trigger_compat.suite.dags.children import child\n"
        + "".join(f"{name} = child({name!r})\n" for unit in DAGS for name in sorted(_targets(unit)))
    )
    stack.backend.store(children)
    jobs = {}
    for unit in DAGS:
        file, name = _as_file(unit, folder)
        stack.backend.store(file)
        jobs[str(unit)] = Job(file, name, {})
    done = run_all(stack, list(jobs.values()))
    return {unit: done[job.name] for unit, job in jobs.items()}


@pytest.mark.parametrize("unit", DAGS, ids=str)
def test_a_block_with_an_operator_is_a_dag_that_runs(ran: Mapping[str, Ran], unit: Unit) -> None:
    this = ran[str(unit)]

    assert this.state == "success"
    assert {child.dag_id for child in this.children} == _targets(unit) != set()


@pytest.mark.parametrize("unit", claimed(Tier.ROW, "import"), ids=str)
def test_a_swap_of_imports_is_one_between_two_operators(unit: Unit) -> None:
    """The old one may not be on this release; the new one takes all its arguments, with the same defaults."""
    old, new = (line[1:].split()[1::2] for line in unit.text.splitlines())
    ours = inspect.signature(getattr(importlib.import_module(new[0]), new[1]).__init__).parameters
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # 3.x still has the old place, and says that it is one
            theirs = inspect.signature(getattr(importlib.import_module(old[0]), old[1]).__init__).parameters
    except ImportError:
        # The provider is no part of Airflow 2.
        assert AIRFLOW.startswith("2.") == ("providers" in old[0]), f"{old[0]} is not on {AIRFLOW}"
        return
    assert set(theirs) - set(ours) <= {"execution_date"}, "docs/migrate.md names what is not taken"


# Commands


@pytest.mark.parametrize("unit", for_this_major("airflow"), ids=lambda unit: f"{unit}: {unit.text[:50]}")
def test_an_airflow_command_is_one_that_this_release_has(unit: Unit) -> None:
    from airflow.cli.cli_parser import get_parser

    words = shlex.split(command_of(unit))
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            get_parser().parse_args(words[1:])
        except SystemExit as stopped:
            pytest.fail(f"{unit.text} ends with {stopped.code}: {said.getvalue()}")


def _typed(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Type a command in a shell that has this environment's programs, and an Airflow home of its own."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environ = {**newcomer(), "PATH": programs, "AIRFLOW_HOME": str(folder / "airflow")}
    return subprocess.run(
        ["bash", "-e", "-c", command], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("unit", claimed(Tier.ROW, "doctor"), ids=str)
def test_the_doctor_knows_this_release(unit: Unit, tmp_path: Path) -> None:
    done = _typed(unit.text, tmp_path)

    assert done.returncode == 0, done.stderr
    assert AIRFLOW in done.stdout
    assert dispatch.default_path(dispatch.release()) in done.stdout


@pytest.mark.parametrize("unit", on_newest("floor"), ids=str)
def test_the_floor_report_is_written(unit: Unit, tmp_path: Path) -> None:
    """Run where a folder of a provider is what the page calls one."""
    source = ROOT / "src" / "trigger_compat"
    for folder in (tmp_path / "providers" / "standard", tmp_path):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        (folder / "code.py").write_text((source / "links.py").read_text(encoding="utf-8"))
    done = _typed(unit.text, tmp_path)

    found_something = 1  # what --check is for
    assert done.returncode in ((0, found_something) if "--check" in unit.text else (0,)), done.stderr
    if output := re.search(r"--output (\S+)", unit.text):
        assert (tmp_path / output[1]).read_text(encoding="utf-8").startswith("<!")
    elif "--to" in unit.text:
        assert "code.py" in done.stdout
    elif "--check" not in unit.text:
        assert "3.1" in done.stdout


@pytest.mark.parametrize("unit", on_newest("suite"), ids=str)
def test_the_suite_runs_on_an_operator(unit: Unit, tmp_path: Path) -> None:
    """As far as collecting the tests: that they run is the session ``tests``, and test_suite.py."""
    package = tmp_path / "my_provider"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "operators.py").write_text(
        "from trigger_compat import TriggerDagRunOperator\n\n\n"
        "class MyTrigger(TriggerDagRunOperator):\n    pass\n"
    )
    done = _typed(f"PYTHONPATH={tmp_path} {unit.text} --collect-only -q", tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d{2,}(/\d+)? tests collected", done.stdout)


@pytest.mark.parametrize("unit", on_newest("copy"), ids=str)
def test_the_examples_are_copied(unit: Unit, tmp_path: Path) -> None:
    (tmp_path / "airflow" / "dags").mkdir(parents=True)
    done = _typed(unit.text, tmp_path)

    assert done.returncode == 0, done.stderr
    copied = {file.name for file in (tmp_path / "airflow" / "dags").glob("*.py")}
    examples = ROOT / "src" / "trigger_compat" / "example_dags"
    assert copied == {file.name for file in examples.glob("*.py")}
