"""The tests that ``nox -s quick`` chooses for an edit."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest

from tests import quick
from tests.quick import plugin

pytest_plugins = ("pytester",)
SRC = quick.ROOT / "src" / "trigger_compat"


def test_every_module_has_a_line_and_every_line_a_module() -> None:
    modules = [path.relative_to(SRC).as_posix() for path in SRC.rglob("*.py")]
    without = [name for name in modules if not any(fnmatch.fnmatch(name, each) for each in quick.TOUCHED)]
    assert without == []
    unused = [each for each in quick.TOUCHED if not any(fnmatch.fnmatch(name, each) for name in modules)]
    assert unused == []


def test_every_test_file_that_is_named_exists() -> None:
    names = {name for names in quick.TOUCHED.values() for name in names}
    assert [name for name in names if not (quick.ROOT / quick.SUITE / f"{name}.py").exists()] == []


@pytest.mark.parametrize(
    ("changed", "clauses", "units"),
    [
        (["src/trigger_compat/task/wait.py"], ["test_wait"], {"test_wait"}),
        (["src/trigger_compat/counting.py"], ["test_many_waits"], {"test_counting"}),
        (["src/trigger_compat/floor/scan/walk.py"], [], set()),
        (["tests/unit/test_events.py"], [], {"test_events"}),
        (["src/trigger_compat/suite/test_wait.py"], ["test_wait"], set()),
        (["README.md"], [], set()),
    ],
)
def test_what_is_chosen(changed: list[str], clauses: list[str], units: set[str]) -> None:
    assert [Path(path).stem for path in quick.clause_tests(changed)] == clauses
    assert units <= {Path(path).stem for path in quick.unit_tests(changed)}


def test_integration_tests_run_where_they_changed() -> None:
    path = "tests/integration/test_crash.py"
    assert quick.clause_tests([path]) == [path]


def test_a_budget_ends_a_run_and_says_what_is_left(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(test_a="def test_1(): pass\ndef test_2(): pass", test_b="def test_3(): pass")
    monkeypatch.setenv(plugin.BUDGET_VARIABLE, "-1")
    monkeypatch.setenv("PYTHONPATH", str(quick.ROOT))
    ran = pytester.runpytest_subprocess("-p", "tests.quick.plugin", "-v")
    ran.stdout.fnmatch_lines(["*-1 s are over: 3 tests were not run*"])
    monkeypatch.setenv(plugin.BUDGET_VARIABLE, "60")
    ran = pytester.runpytest_subprocess("-p", "tests.quick.plugin", "-v")
    ran.stdout.fnmatch_lines(["*test_1 PASSED*", "*test_3 PASSED*", "*test_2 PASSED*", "*3 passed*"])
