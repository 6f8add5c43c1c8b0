"""The matrix: what the file must hold, what is refused, and what must agree with it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from trigger_compat import dispatch, errors, matrix
from trigger_compat.errors import MatrixError
from trigger_compat.matrix.cli import main
from trigger_compat.matrix.output import tox_name

ROOT = Path(__file__).parents[2]
FILE = ROOT / matrix.FILE_NAME
TEXT = FILE.read_text(encoding="utf-8")
ROWS = matrix.load().releases

PATCHES = {
    "2.11": (0, 1, 2),
    "3.0": (0, 1, 2, 3, 4, 6),
    "3.1": (0, 1, 2, 3, 5, 6, 7, 8),
    "3.2": (0, 1, 2),
    "3.3": (0, 1, 2),
}
"""The final releases that were promised: a row must not get lost."""


def test_every_promised_release_has_a_row() -> None:
    promised = {f"{minor}.{patch}" for minor, patches in PATCHES.items() for patch in patches}

    assert promised == {row.airflow for row in ROWS if not row.preview}
    assert [row.minor for row in ROWS if row.preview] == ["3.4"]


def test_the_default_run_has_the_newest_patch_of_each_minor_and_the_preview() -> None:
    newest = [f"{minor}.{max(patches)}" for minor, patches in PATCHES.items()]

    assert [row.airflow for row in matrix.load().defaults if not row.preview] == newest
    assert [row.minor for row in matrix.load().defaults] == [*PATCHES, "3.4"]


def test_the_upgrades_of_the_default_run_come_from_the_minor_and_the_major_before() -> None:
    last = [f"{minor}.{max(patches)}" for minor, patches in PATCHES.items()]
    of_major_2 = [airflow for airflow in last if airflow.startswith("2.")]

    assert [(old.airflow, new.airflow) for old, new in matrix.load().upgrades] == [
        (of_major_2[-1], last[-1]),
        (last[-2], last[-1]),
    ]


def test_yanked_releases_are_excluded_with_the_reason() -> None:
    assert {gone.airflow: gone.reason.partition(":")[0] for gone in matrix.load().excluded} == {
        "3.0.5": "yanked",
        "3.1.4": "yanked",
    }


def test_one_python_runs_every_release() -> None:
    assert "3.11" in matrix.common_pythons(ROWS)


def test_what_no_run_here_has_tried_is_what_no_run_here_takes() -> None:
    known = matrix.load()
    untried = {row.python for row in known.untried}

    assert untried.isdisjoint(matrix.common_pythons(ROWS))
    for row in ROWS:
        assert set(row.pythons) - set(known.tried(row)) == untried & set(row.pythons)
        assert known.tried(row)


def test_the_classifiers_are_the_pythons_of_the_matrix() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text) == list(matrix.PYTHONS)
    assert {python for row in ROWS for python in row.pythons} == set(matrix.PYTHONS)


def test_each_release_is_one_line_in_canonical_form() -> None:
    written = [text for text in TEXT.splitlines() if text.startswith("  - {") and "pythons:" in text]
    assert written == list(map(matrix.as_yaml_row, ROWS))


def test_dispatch_chooses_the_path_of_each_row() -> None:
    for row in ROWS:
        major, minor, micro = map(int, re.split(r"[a-z]", row.airflow)[0].split("."))
        assert dispatch.default_path((major, minor, micro)) == row.path, row.airflow


def test_the_newest_minor_is_the_newest_that_dispatch_knows() -> None:
    assert ".".join(map(str, dispatch.NEWEST_KNOWN)) == ROWS[-1].minor
    assert ".".join(map(str, dispatch.OLDEST)) == ROWS[0].minor


def test_tox_has_an_environment_for_each_release() -> None:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 or newer reads TOML")
    tox = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["tox"]
    how = "run: nox -s docs -- --write"
    names, wanted = list(tox["env"]), [tox_name(row) for row in ROWS]
    if missing := [name for name in wanted if name not in names]:
        pytest.fail(f"[tool.tox.env] in pyproject.toml lacks {', '.join(missing)}; {how}", pytrace=False)
    if gone := [name for name in names if name not in wanted]:
        pytest.fail(
            f"[tool.tox.env] in pyproject.toml has {', '.join(gone)}, the matrix does not; {how}",
            pytrace=False,
        )
    assert tox["env"]["airflow-3.1.1"]["deps"] == ["apache-airflow==3.1.1", "structlog<25.5"]


def test_tox_runs_what_nox_runs() -> None:
    """Both leave the choice of the tests to pytest."""
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 or newer reads TOML")
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]

    [[*command, posargs]] = tool["tox"]["env_run_base"]["commands"]
    assert command == ["python", "-m", "pytest", "--cell={env_name}"]
    assert posargs == {"replace": "posargs", "extend": True}
    assert [path for path in tool["pytest"]["ini_options"]["testpaths"] if not (ROOT / path).is_dir()] == []


def test_a_pin_is_added_to_the_requirements_of_its_release() -> None:
    known = matrix.load()

    assert known.requirements(known.release("3.1.1")) == ("apache-airflow==3.1.1", "structlog<25.5")
    assert known.requirements(known.release("3.1.2")) == ("apache-airflow==3.1.2",)


def test_deviations_are_found_by_path_and_release() -> None:
    known = matrix.load()

    def clauses(path: str, airflow: str) -> set[str]:
        return {row.clause for row in known.deviations_of(path, airflow)}

    assert {"W2", "W5", "T5"} <= clauses("exception", "3.0.6")
    assert "T5" in clauses("exception", "3.3.0")
    assert "T5" not in clauses("exception", "3.3.1")
    assert "W5" in clauses("exception", "3.4.0b2")
    assert not clauses("exception", "2.11.2")


WRONG: dict[str, tuple[str, str, str]] = {
    "missing key": (
        "resolve: 2025-05-22, ",
        "",
        "releases[0] (2.11.0): resolve = None: missing; the keys are airflow, released, resolve, ",
    ),
    "unknown key": (
        "default: true, preview: true}",
        "default: true, preview: true, why: x}",
        "releases[23] (3.4.0b2): why = 'x': unknown key; the keys are ",
    ),
    "wrong order of keys": (
        "released: 2025-05-20, resolve: 2025-05-22",
        "resolve: 2025-05-22, released: 2025-05-20",
        "releases[0] (2.11.0): resolve = '2025-05-22': wrong order of keys; write airflow, released, ",
    ),
    "key twice": (
        "released: 2025-05-20,",
        "released: 2025-05-20, released: 2025-05-21,",
        "released = '2025-05-21': the key is there twice; delete one",
    ),
    "bad date": (
        "released: 2025-05-20",
        "released: 2025-13-20",
        "releases[0] (2.11.0): released = '2025-13-20': not a date; write it as YYYY-MM-DD",
    ),
    "week date": (
        "released: 2025-05-20",
        "released: 2025-W21-2",
        "releases[0] (2.11.0): released = '2025-W21-2': not a date; write it as YYYY-MM-DD",
    ),
    "resolve before release": (
        "resolve: 2025-05-22",
        "resolve: 2025-05-19",
        "releases[0] (2.11.0): resolve = '2025-05-19': not after released, 2025-05-20; add two days",
    ),
    "duplicate row": (
        'airflow: "2.11.1"',
        'airflow: "2.11.0"',
        "releases[1] (2.11.0): airflow = '2.11.0': the same as releases[0] (2.11.0); delete one of the two",
    ),
    "rows out of order": (
        'airflow: "2.11.0"',
        'airflow: "2.11.3"',
        "releases[1] (2.11.1): airflow = '2.11.1': comes after 2.11.3; order the rows by version",
    ),
    "bad version": (
        'airflow: "2.11.0"',
        'airflow: "2.11"',
        "releases[0] (2.11): airflow = '2.11': not a release; write it as PyPI does and in quotes, such as ",
    ),
    "unknown python": (
        'resolve: 2025-05-22, pythons: ["3.10"',
        'resolve: 2025-05-22, pythons: ["3.1"',
        "releases[0] (2.11.0): pythons = '3.1': not a known Python; use those of \"3.10\", ",
    ),
    "pythons out of order": (
        'resolve: 2025-05-22, pythons: ["3.10", "3.11"',
        'resolve: 2025-05-22, pythons: ["3.11", "3.10"',
        "releases[0] (2.11.0): pythons = ['3.11', '3.10', '3.12']: not in order; write the oldest first",
    ),
    "python that is a number": (
        'resolve: 2025-05-22, pythons: ["3.10"',
        "resolve: 2025-05-22, pythons: [3.10",
        'releases[0] (2.11.0): pythons = 3.1: not a known Python; use those of "3.10", ',
    ),
    "python twice": (
        'resolve: 2025-05-22, pythons: ["3.10", "3.11"',
        'resolve: 2025-05-22, pythons: ["3.11", "3.11"',
        "releases[0] (2.11.0): pythons = ['3.11', '3.11', '3.12']: not a list of Pythons, or one is there ",
    ),
    "path is not the default one": (
        "path: airflow2, default: true",
        "path: exception, default: true",
        "releases[2] (2.11.2): path = 'exception': by dispatch.PATHS it is airflow2; write that",
    ),
    "release that no path takes": (
        'airflow: "2.11.0"',
        'airflow: "2.10.9"',
        "releases[0] (2.10.9): path = 'airflow2': by dispatch.PATHS it is none; write that",
    ),
    "not a flag": (
        "default: true, preview: true",
        "default: yes, preview: true",
        "releases[23] (3.4.0b2): default = 'yes': neither true nor false; write one of them",
    ),
    "preview that is final": (
        "path: airflow2, default: true, preview: false",
        "path: airflow2, default: true, preview: true",
        "releases[2] (2.11.2): preview = true: the version says otherwise; write true for a1, b2 or rc3",
    ),
    "minor without default": (
        "path: airflow2, default: true",
        "path: airflow2, default: false",
        "releases[2] (2.11.2): default = false: it is the newest of 2.11; write true",
    ),
    "minor with two defaults": (
        'airflow: "3.4.0b2"',
        'airflow: "3.3.3b2"',
        "releases[23] (3.3.3b2): default = true: 3.3 has two, 3.3.2 too; keep the newest patch",
    ),
    "excluded and supported": (
        '- {airflow: "3.0.5", reason',
        '- {airflow: "3.0.6", reason',
        "excluded[0] (3.0.6): airflow = '3.0.6': has a row in releases too; delete one of the two",
    ),
    "exclusion without reason": (
        'reason: "yanked: bug with `conn.extra_dejson` masking fails task"',
        'reason: ""',
        "excluded[0] (3.0.5): reason = '': empty or not text; write a sentence",
    ),
    "bad pin": (
        'requirement: "structlog<25.5"',
        'requirement: "structlog below 25.5"',
        "pins[0] (3.1.1): requirement = 'structlog below 25.5': not a requirement; write one such as ",
    ),
    "pin of no release": (
        'airflow: "3.1.1", requirement',
        'airflow: "3.1.4", requirement',
        "pins[0] (3.1.4): airflow = '3.1.4': has no row in releases; add one or delete the pin",
    ),
    "unknown clause": (
        "id: exception-W5\n    clause: W5",
        "id: exception-W5\n    clause: Z5",
        "(exception-W5): clause = 'Z5': not a clause of the contract; use an id such as W2",
    ),
    "id of another clause": (
        "id: exception-W5\n    clause: W5",
        "id: exception-W5\n    clause: W6",
        "(exception-W5): id = 'exception-W5': write exception-W6, or that and -word",
    ),
    "deviation of an unknown path": (
        "id: exception-W5\n    clause: W5\n    path: exception",
        "id: callback-W5\n    clause: W5\n    path: callback",
        "(callback-W5): path = 'callback': not a known path; use one of airflow2, exception, accessor",
    ),
    "deviation on no release": (
        'id: exception-W5\n    clause: W5\n    path: exception\n    airflow: ">=3.0"',
        'id: exception-W5\n    clause: W5\n    path: exception\n    airflow: "<3.0"',
        "(exception-W5): airflow = '<3.0': matches no release that the path supports; delete the row",
    ),
    "bad range of a deviation": (
        'id: exception-W5\n    clause: W5\n    path: exception\n    airflow: ">=3.0"',
        'id: exception-W5\n    clause: W5\n    path: exception\n    airflow: "3.x"',
        "(exception-W5): airflow = '3.x': not a range; write one such as >=3.0,<3.3",
    ),
    "bad issue": (
        'issue: "66905"',
        'issue: "#66905"',
        "(exception-T8): issue = '#66905': not an issue; write its number in quotes, or none",
    ),
    "untried Python that no release has": (
        '- {python: "3.14", reason',
        '- {python: "3.15", reason',
        "untried[0] (3.15): python = '3.15': not a known Python; use those of \"3.10\", ",
    ),
    "unknown rule of a policy": (
        "id: spec-0, rule: drop-after",
        "id: spec-0, rule: drop",
        "policies[3] (spec-0): rule = 'drop': unknown; use one of drop-after, newest-at-least, end-of-life",
    ),
    "bad months": (
        "months: 24",
        "months: two years",
        "policies[3] (spec-0): months = 'two years': not a number from 0 to 999; write one",
    ),
    "days of another rule": (
        "rule: end-of-life",
        "rule: drop-after",
        "policies[2] (airflow-eol): ends = {'2': datetime.date(2026, 4, 22)}: the rule end-of-life has days",
    ),
    "days that nobody has read": (
        ", read: 2026-11-28",
        "",
        "policies[2] (airflow-eol): read = None: the day on which ends were read; add or delete it",
    ),
    "another schema": ("schema: 1", "schema: 2", "top level: schema = 2: unknown; use one of 1"),
    "unknown block": ("policies:\n", "rules:\n", "top level: rules = "),
    "row that is no mapping": (
        '- {airflow: "3.1.4", reason: "yanked: the wrong release candidate was released by mistake"}',
        "- 3.1.4",
        "excluded[1] (?): (row) = '3.1.4': not a mapping; write the keys airflow, reason",
    ),
    "not YAML": ("pins:\n", "pins: [\n", "compat-matrix.yaml: not YAML: "),
}


@pytest.mark.parametrize(("old", "new", "message"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_one_line_that_names_row_key_value_and_remedy(old: str, new: str, message: str) -> None:
    assert TEXT.count(old) == 1, "the mutation must hit one place"

    with pytest.raises(MatrixError) as caught:
        matrix.parse(TEXT.replace(old, new))

    text = str(caught.value)
    assert text.startswith("compat-matrix.yaml: ")
    assert message in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("airflow", "message"),
    [
        ("3.0.5", "Airflow 3.0.5 is excluded: yanked: bug with"),
        ("2.10.5", "Airflow '2.10.5' is not in the matrix; choose one of 2.11.0, 2.11.1, "),
    ],
)
def test_a_release_without_a_row_says_why(airflow: str, message: str) -> None:
    with pytest.raises(MatrixError, match=re.escape(message)):
        matrix.load().release(airflow)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MatrixError, match=r"gone\.yaml: No such file or directory; name a file"):
        matrix.load(tmp_path / "gone.yaml")


def test_exit_codes_of_errors_are_unique() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    codes = [kind.exit_code for kind in classes if issubclass(kind, errors.TriggerCompatError)]

    assert len(set(codes)) == len(codes)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def test_the_command_prints_the_default_run(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys).splitlines()

    assert lines[0].split("  ")[0] == "Airflow"
    assert [line.split()[0] for line in lines[1:]] == [row.airflow for row in matrix.load().defaults]


def test_the_command_prints_every_release_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, Any]] = json.loads(printed(capsys, "--format", "json", "--all"))

    assert [row["airflow"] for row in rows] == [row.airflow for row in ROWS]
    assert rows[0] == {
        "airflow": "2.11.0",
        "released": "2025-05-20",
        "resolve": "2025-05-22",
        "pythons": ["3.10", "3.11", "3.12"],
        "path": "airflow2",
        "default": False,
        "preview": False,
        "untried": [],
        "requirements": ["apache-airflow==2.11.0"],
    }
    assert rows[-1]["untried"] == ["3.14"]
    (pinned,) = (row for row in rows if row["airflow"] == "3.1.1")
    assert pinned["requirements"] == ["apache-airflow==3.1.1", "structlog<25.5"]


def test_the_command_prints_a_matrix_for_ci_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    line = printed(capsys, "--format", "github").strip()
    include = json.loads(line)["include"]

    assert "\n" not in line
    assert [row["airflow"] for row in include] == [row.airflow for row in matrix.load().defaults]
    assert {row["python"] for row in include} == {"3.11"}


def test_the_command_prints_the_newest_release_on_what_is_untried_for_ci(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = printed(capsys, "--format", "github-untried").strip()

    newest = matrix.load().final_defaults[-1]
    assert json.loads(line) == {"include": [{"airflow": newest.airflow, "python": "3.14", "preview": False}]}


def test_a_table_has_untried_pythons_in_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    cells = {line.split()[0]: line for line in printed(capsys).splitlines()}

    assert "  3.10-3.12  " in cells["2.11.2"]
    assert "  3.10-3.13 (3.14)  " in cells["3.3.2"]


def test_the_command_prints_a_configuration_of_tox(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "--format", "tox").splitlines()

    assert lines[0] == "[tool.tox]"
    assert f'"3.4" = ["airflow-{ROWS[-1].airflow}"]' in lines
    assert sum("UV_EXCLUDE_NEWER" in line for line in lines) == len(ROWS)


def test_the_command_checks_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "--check").startswith("24 releases, ")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(TEXT.replace("schema: 1", "schema: one"), encoding="utf-8")

    assert main(["--check", str(wrong)]) == MatrixError.exit_code
    assert capsys.readouterr().err.startswith("compat-matrix.yaml: top level: schema = 'one'")


@pytest.mark.skipif(find_spec("hatchling") is None, reason="the build backend is in the unit session alone")
def test_the_wheel_brings_the_matrix(tmp_path: Path) -> None:
    build = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)

    script = f"import sys; sys.path.insert(0, {str(installed)!r}); from trigger_compat import matrix; "
    script += "print(matrix.find()); print(len(matrix.load().releases))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == [str(installed / "trigger_compat" / matrix.FILE_NAME), str(len(ROWS))]
