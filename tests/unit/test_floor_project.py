"""What a higher floor means for this project: the evidence of its tests, and the work list, carried out."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.floors import tree
from trigger_compat import matrix
from trigger_compat.cli import main
from trigger_compat.errors import SourceError
from trigger_compat.floor import evidence, worklist
from trigger_compat.floor.report.render import wording
from trigger_compat.floor.rewrite.lines import delete_lines
from trigger_compat.floor.scan.model import Category, Kind, Removal
from trigger_compat.floor.scan.releases import minor_of

ROOT = Path(__file__).parents[2]
COPIED = ("src", "tests", "docs", "compat-matrix.yaml", "pyproject.toml", "README.md", "noxfile.py")


@pytest.fixture(scope="module")
def raised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout without 2.11, exactly as the work list says."""
    copy = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(place, copy / name)
    worklist.carry_out(copy, worklist.steps(copy, (3, 0)))
    return copy


def test_the_matrix_without_2_11_is_right(raised: Path) -> None:
    known = matrix.parse((raised / matrix.FILE_NAME).read_text(encoding="utf-8"))

    assert {row.minor for row in known.releases} == {"3.0", "3.1", "3.2", "3.3", "3.4"}
    assert [row.airflow for row in known.history][-2:] == ["2.11.0", "2.11.2"]
    assert [path.name for path in known.paths] == ["exception", "accessor"]


@pytest.mark.parametrize("file", worklist.SHOWN_IN)
def test_what_shows_the_matrix_shows_it_without_2_11(raised: Path, file: str) -> None:
    (begin, end), block = worklist.SHOWN_IN[file]
    known = matrix.parse((raised / matrix.FILE_NAME).read_text(encoding="utf-8"))

    assert f"{begin}\n{block(known)}\n{end}\n" in (raised / file).read_text(encoding="utf-8")


def test_every_file_is_still_python(raised: Path) -> None:
    for file in [*(raised / "src").rglob("*.py"), *(raised / "tests").rglob("*.py")]:
        ast.parse(file.read_text(encoding="utf-8"), str(file))


def test_what_2_11_alone_needed_is_gone(raised: Path) -> None:
    gone = ("src/trigger_compat/paths/airflow2.py", "src/trigger_compat/suite/harness/airflow2.py")

    assert not [name for name in gone if (raised / name).exists()]
    assert "airflow.models.baseoperator" not in (raised / "src/trigger_compat/_airflow.py").read_text()


def test_dispatch_refuses_2_11_and_carries_the_rest(raised: Path) -> None:
    code = (
        "from trigger_compat import dispatch\n"
        "from trigger_compat.errors import UnsupportedAirflow\n"
        "assert dispatch.default_path((3, 0, 0)) == 'exception'\n"
        "assert dispatch.default_path((3, 3, 0)) == 'accessor'\n"
        "try:\n    dispatch.default_path((2, 11, 2))\n"
        "except UnsupportedAirflow as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(raised / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.startswith("trigger-compat needs Airflow 3.0 or newer, found 2.11.2"), done.stderr


def test_the_raised_copy_has_nothing_more_to_take_out(raised: Path) -> None:
    assert not [step for step in worklist.steps(raised, (3, 0)) if not step.by_hand]


@pytest.mark.parametrize(
    "minor", [(3, 1), (3, 2), (3, 3), (3, 4)], ids=lambda minor: f"{minor[0]}.{minor[1]}"
)
def test_the_matrix_of_any_higher_floor_is_right(tmp_path: Path, minor: tuple[int, int]) -> None:
    text = (ROOT / matrix.FILE_NAME).read_text(encoding="utf-8")
    tree(tmp_path, {matrix.FILE_NAME: text})
    todo = [step for step in worklist.steps(ROOT, minor) if step.file == matrix.FILE_NAME]
    worklist.carry_out(tmp_path, todo)
    known = matrix.parse((tmp_path / matrix.FILE_NAME).read_text(encoding="utf-8"))

    assert {row.minor for row in known.releases} == {
        row.minor for row in matrix.load().releases if minor_of(row.airflow) >= minor
    }
    noted = [*(row.airflow for row in known.pins), *(row.airflow for row in known.excluded)]
    assert all(minor_of(airflow) >= minor for airflow in noted)


def test_what_names_a_minor_that_is_gone_is_left_to_a_person(raised: Path) -> None:
    page = raised / "docs" / "page.md"
    page.write_text("3.0\n3\\.0\n(3, 0)\n13.0\n1.3.0\n3.01\n", encoding="utf-8")
    [step] = [step for step in worklist.steps(raised, (3, 1)) if step.file == "docs/page.md"]
    page.unlink()

    assert (step.by_hand, step.what) == (True, "it names 3.0 in lines 1, 2, 3")


def test_a_work_list_that_does_not_fit_any_more_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, {"module.py": "a = 1\n"})
    step = worklist.Step(file="module.py", what="change", before="b = 1", after="b = 2")

    with pytest.raises(SourceError, match=r"module\.py: change: the text is not there once"):
        worklist.carry_out(tmp_path, [step])


def test_no_checkout_has_no_work_list(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no checkout of trigger-compat"):
        worklist.steps(tmp_path, (3, 0))


def _removal(line: int, end: int, category: Category) -> Removal:
    return Removal(file="f.py", line=line, end=end, category=category, removable_from=1, reason="")


def test_what_a_dead_condition_held_moves_to_the_left() -> None:
    before = (
        "def f():\n    if NEW:\n        # why\n        a = 1\n        return a\n    else:\n        b = 2\n"
    )
    removals = [_removal(2, 2, Category.CONSTANT), _removal(6, 7, Category.DEAD)]

    assert delete_lines(before, removals) == "def f():\n    # why\n    a = 1\n    return a\n"


def test_a_block_that_loses_all_it_held_passes() -> None:
    before = "class A:\n    if OLD:\n        b = 1\n"

    assert delete_lines(before, [_removal(2, 3, Category.DEAD)]) == "class A:\n    pass\n"


def _evidence(folder: Path, airflow: str, lines: dict[str, str], tests: dict[str, str]) -> None:
    data = {"airflow": airflow, "digest": "", "seconds": 120, "lines": lines, "tests": tests}
    (folder / f"{airflow}.json").write_text(json.dumps(data), encoding="utf-8")


@pytest.fixture
def found(tmp_path: Path) -> evidence.Raise:
    file, old, test = (
        "src/trigger_compat/links.py",
        "src/trigger_compat/paths/airflow2.py",
        "tests/integration/dying.py",
    )
    tests = {"one": "xfailed", "two": "passed", "three": "skipped"}
    _evidence(tmp_path, "2.11.2", {file: "1-40", old: "1-9", test: "5"}, {**tests, "three": "passed"})
    _evidence(tmp_path, "3.3.2", {file: "1-27", test: "6"}, {**tests, "one": "passed"})
    [result] = evidence.raises(ROOT, matrix.load(), evidence.read(tmp_path), [(3, 0)])
    return result


def test_lines_that_only_older_releases_ran_die(found: evidence.Raise) -> None:
    assert found.places == {
        "src/trigger_compat/links.py": "28-40",
        "src/trigger_compat/paths/airflow2.py": "1-9",
        "tests/integration/dying.py": "5",
    }
    assert (found.lines[Kind.PACKAGE], found.lines[Kind.TESTS]) == (22, 1)
    assert found.files == ("src/trigger_compat/paths/airflow2.py",)


def test_tests_and_expected_failures_go_with_the_last_release_that_has_them(found: evidence.Raise) -> None:
    assert (found.tests, found.xfails) == (1, 1)


def test_what_is_left_behind_is_counted_and_what_is_not_measured_is_said(found: evidence.Raise) -> None:
    assert found.environments == ("2.11.0", "2.11.1", "2.11.2")
    assert found.minutes == 2.0
    assert found.unmeasured == ("3.0.6", "3.1.8", "3.2.2", "3.4.0b2")


def test_a_file_that_goes_is_not_taken_apart(found: evidence.Raise) -> None:
    facts = dict(wording.measured_facts(found))

    assert facts["files that go"] == "src/trigger_compat/paths/airflow2.py"
    assert facts["lines that go, in files that stay"] == (
        "src/trigger_compat/links.py: 28-40; tests/integration/dying.py: 5"
    )
    assert not [what for name, what in facts.items() if name != "files that go" and "airflow2.py" in what]


@pytest.mark.parametrize("how", ["table", "markdown", "html"])
def test_nothing_is_to_be_done_for_the_declared_floor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    _evidence(tmp_path, "2.11.2", {"src/trigger_compat/links.py": "1-40"}, {})
    _evidence(tmp_path, "3.3.2", {"src/trigger_compat/links.py": "1-27"}, {})
    floors = ("--floor", "2.11", "--floor", "3.0")

    assert main(["floor", "--source", str(ROOT), "--evidence", str(tmp_path), *floors, "--format", how]) == 0
    shown = capsys.readouterr().out
    assert re.findall("[Tt]o raise the floor to ([0-9.]+[0-9])", shown) == ["3.0"]


def test_without_a_release_to_compare_with_nothing_is_said_to_die(tmp_path: Path) -> None:
    _evidence(tmp_path, "2.11.2", {"src/trigger_compat/links.py": "1-9"}, {"one": "passed"})
    [result] = evidence.raises(ROOT, matrix.load(), evidence.read(tmp_path), [(3, 0)])

    assert not result.compared
    assert (result.places, result.tests) == ({}, 0)
    assert set(wording.measured_cells(result)[1:7]) == {"-"}


def test_a_capability_is_unconditional_once_all_releases_have_it(tmp_path: Path) -> None:
    _evidence(tmp_path, "2.11.2", {}, {})
    floors = [(3, 0), (3, 2), (3, 3)]
    results = evidence.raises(ROOT, matrix.load(), evidence.read(tmp_path), floors)

    assert [set(each.capabilities) for each in results] == [
        set(),
        {"note", "fail_when_dag_is_paused"},
        {"note", "fail_when_dag_is_paused", "run_after"},
    ]


@pytest.mark.parametrize("broken", ["", "{}", '{"airflow": "x", "seconds": 1, "lines": {}, "tests": {}}'])
def test_broken_evidence_is_refused(tmp_path: Path, broken: str) -> None:
    (tmp_path / "3.3.2.json").write_text(broken, encoding="utf-8")

    with pytest.raises(SourceError, match=r"3\.3\.2\.json: not evidence"):
        evidence.read(tmp_path)


def test_no_evidence_says_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds none; run: nox -s floor"):
        evidence.read(tmp_path)
