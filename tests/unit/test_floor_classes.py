"""What classes of Airflow have on each release: ``hasattr(Class, "name")``, and parameters of methods."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.unit.floors import brief, tree
from trigger_compat.floor.scan import names, scanner, source
from trigger_compat.floor.scan.model import Category
from trigger_compat.floor.scan.names import NameTable

RELEASES = ("2.10.0", "2.11.0", "3.0.0", "3.1.0", "3.2.0", "3.3.0", "3.4.0")


def table() -> NameTable:
    """Return what a probe found: nothing about 2.10, and a class that moves to the SDK with 3.0."""
    found = []
    for at, release in enumerate(RELEASES):
        modules: dict[str, list[str] | None] = {"airflow.models": ["DagRun"], "airflow.sdk": ["BaseHook"]}
        if at:
            later = ["later"] if at > 3 else []
            modules["airflow.models:DagRun"] = ["old"] if at < 2 else ["new", "later?", *later]
            modules["airflow.models:DagRun.__init__()"] = ["self", *(["run_after"] if at > 1 else [])]
        if at > 1:
            modules["airflow.sdk:BaseHook"] = ["get", *(["aget"] if at > 2 else [])]
        found.append({"airflow": release, "modules": modules})
    return names.decode(names.encode(names.build(found)))


def scan(root: Path, files: str | dict[str, str]) -> scanner.Scan:
    if isinstance(files, str):
        files = {"package/module.py": "from airflow.models import DagRun\n" + dedent(files)}
    return scanner.scan(source.read(str(tree(root, files))), table())


def dead(found: scanner.Scan) -> list[str]:
    return [brief(each) for each in found.removals if each.category is Category.DEAD]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("hasattr(DagRun, 'old')", ["3-3 dead 3.0"]),
        ("hasattr(DagRun, 'new')", ["5-5 dead 3.0"]),
        ("not hasattr(DagRun, 'new')", ["3-3 dead 3.0"]),
        ("'run_after' in signature(DagRun.__init__).parameters", ["5-5 dead 3.0"]),
        ("'run_after' not in signature(DagRun.__init__).parameters", ["3-3 dead 3.0"]),
    ],
)
def test_what_a_class_has_is_decided(tmp_path: Path, condition: str, expected: list[str]) -> None:
    code = f"if {condition}:\n    a = 1\nelse:\n    a = 2\n"
    found = scan(tmp_path, _with(code))
    assert [each.partition("-")[2].partition(" ")[2] for each in dead(found)] == [
        each.partition(" ")[2] for each in expected
    ]
    assert not found.undecided


def _with(code: str) -> str:
    return "from inspect import signature\n" + code


@pytest.mark.parametrize(
    "code",
    [
        "if hasattr(DagRun, 'unheard_of'): a = 1\n",
        "if hasattr(DagRun, 'later'): a = 1\n",  # not there before mappers are set up
        "DagRun.new = 1\nif hasattr(DagRun, 'new'): a = 1\n",
        "setattr(DagRun, 'new', 1)\nif hasattr(DagRun, 'new'): a = 1\n",
        "from inspect import signature\nif 'x' in signature(DagRun.__init__).parameters: a = 1\n",
        "from inspect import signature\nif 'run_after' in signature(DagRun.other).parameters: a = 1\n",
    ],
)
def test_what_is_not_certain_of_a_class_is_listed(tmp_path: Path, code: str) -> None:
    found = scan(tmp_path, code)
    assert dead(found) == []
    assert len(found.undecided) == 1


@pytest.mark.parametrize(
    "code",
    [
        "class DagRun(DagRun): new = 1\nif hasattr(DagRun, 'new'): a = 1\nelse: a = 2\n",
        "def f(run):\n    if hasattr(run, 'new'): return 1\n    return 2\n",
        "if hasattr(DagRun(), 'new'): a = 1\nelse: a = 2\n",
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from airflow.sdk import BaseHook\n"
            "else:\n    from mine import BaseHook\nif hasattr(BaseHook, 'aget'): a = 1\nelse: a = 2\n"
        ),
        (
            "try:\n    from mine import BaseHook\nexcept ImportError:\n    from airflow.sdk import BaseHook\n"
            "if hasattr(BaseHook, 'aget'): a = 1\nelse: a = 2\n"
        ),
    ],
)
def test_another_object_is_not_the_class(tmp_path: Path, code: str) -> None:
    assert dead(scan(tmp_path, code)) == []


def test_a_class_that_a_lazy_module_may_replace(tmp_path: Path) -> None:
    lazy = """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from airflow.sdk import BaseHook
        def __getattr__(name): ...
        """
    use = "from package.lazy import BaseHook\nif hasattr(BaseHook, 'aget'):\n    a = 1\nelse:\n    a = 2\n"
    found = scan(tmp_path, {"package/__init__.py": "", "package/lazy.py": lazy, "package/use.py": use})
    assert dead(found) == []
    assert [place.file for place in found.undecided] == ["package/use.py"]


def test_a_release_that_was_not_asked_decides_nothing() -> None:
    known = table()
    old = known.attribute("airflow.models.DagRun", "old")
    there = known.module("airflow.models:DagRun").present
    assert not (old.present | old.absent) & ~there
    assert known.attribute("airflow.models.DagRun", "unheard_of") == names.Presence()


def test_the_table_of_this_package_knows_what_providers_ask() -> None:
    known = names.load()
    for owner, name in (
        ("airflow.models.dagrun.DagRun", "execution_date"),
        ("airflow.executors.base_executor.BaseExecutor", "get_task_key"),
        ("airflow.sdk.BaseHook", "aget_hook"),
        ("airflow.sdk.Connection", "aextra_dejson"),
    ):
        found = known.attribute(owner, name)
        assert found.present, name
        assert found.absent, name
