"""The contract suite itself: it finds fault where there is one, and with deviations that are none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from trigger_compat import dispatch, matrix
from trigger_compat.suite import deviations
from trigger_compat.suite.harness import Airflow, operator_path

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the suite as a maintainer does, in a process and a folder of its own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "HARNESS_"))}
    command = [sys.executable, "-m", "trigger_compat.suite", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)


def test_a_broken_operator_is_found_out(tmp_path: Path) -> None:
    operator = "tests.integration.broken:TriggersTwice"
    wanted = "fire_and_forget or a_foreign_run_is_not or the_path_is_the_one or the_template_fields"
    file = tmp_path / "findings.json"
    done = run("--operator", operator, "--findings", str(file), "-k", wanted)
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads(file.read_text())

    assert report["operator"] == operator
    found: dict[str, dict[str, Any]] = {finding["title"]: finding for finding in report["findings"]}
    assert {title: finding["verdict"] for title, finding in found.items()} == {
        "fire and forget": "fail",
        "a foreign run is not adopted": "not applicable",
        "the path is the one chosen": "not applicable",
        "the template fields are those of upstream": "pass",
    }
    assert found["fire and forget"]["observed"] == "2 child runs instead of one"
    assert found["fire and forget"]["clauses"] == ["T1"]


class Collected:
    """As much of a collected test as the suite looks at."""

    def __init__(self, clause: str, aspect: str | None = None) -> None:
        self.callspec = SimpleNamespace(params={"path": "default"})
        self.marks = [pytest.mark.clause(clause, aspect=aspect).mark]

    def iter_markers(self, name: str) -> list[pytest.Mark]:
        return [mark for mark in self.marks if mark.name == name]

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        return next(iter(self.iter_markers(name)), None)

    def add_marker(self, mark: pytest.MarkDecorator) -> None:
        self.marks.append(mark.mark)


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> matrix.Deviation:
    """A deviation of the default path, which covers the installed release."""
    row = replace(
        matrix.load().deviations[0], id=f"{dispatch.default_path(dispatch.release())}-T1-odd", clause="T1"
    )
    monkeypatch.setattr(deviations, "deviations_here", lambda: {row.id: row})
    return row


def test_a_declared_deviation_is_a_strict_expected_failure(declared: matrix.Deviation) -> None:
    config: Any = SimpleNamespace(stash=pytest.Stash())
    tests: list[Any] = [Collected("T1", "odd"), Collected("T1"), Collected("W1")]
    deviations.expect(config, tests)
    (mark,) = tests[0].iter_markers("xfail")

    assert mark.kwargs["strict"] is True
    assert mark.kwargs["raises"] is AssertionError
    assert f"delete {declared.id}" in mark.kwargs["reason"]
    assert not [mark for test in tests[1:] for mark in test.iter_markers("xfail")]
    assert config.stash[deviations.PROVED] == {declared.id}


@pytest.mark.usefixtures("declared")
def test_every_path_with_a_deviation_is_tested_whether_or_not_it_is_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = [row.name for row in supported() if row.name != dispatch.default_path(dispatch.release())]
    rows = [replace(matrix.load().deviations[0], id=f"{name}-T1", clause="T1", path=name) for name in others]
    monkeypatch.setattr(deviations, "deviations_here", lambda: {row.id: row for row in rows})
    test: Any = Collected("T1")

    assert deviations.paths_to_test(test) == ["default", *others]


def supported() -> list[dispatch.PathRow]:
    return [row for row in dispatch.PATHS if dispatch.within(row.supported_on)]


def test_an_operator_of_another_form_is_refused_in_one_line() -> None:
    config: Any = SimpleNamespace(getoption=lambda *_: "no-colon")
    with pytest.raises(pytest.UsageError, match="'no-colon' is not MODULE:CLASS; write"):
        operator_path(config)


@pytest.mark.parametrize("asked", ["no.such.module:Operator", "trigger_compat:NoSuchOperator"])
def test_an_operator_that_is_not_there_is_refused_in_one_line(stack: Airflow, asked: str) -> None:
    other = object.__new__(Airflow)
    other.operator = asked
    with pytest.raises(pytest.UsageError, match=rf"^--operator: cannot import {asked}: [^\n]*$"):
        other.operator_class  # noqa: B018 - imported on first access
