"""The floor command in CI: formats, settings, ignore comments, baselines, many sources, hook, action."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.unit.floors import tree
from trigger_compat import cli
from trigger_compat.floor.report.model import FloorReport, Problem
from trigger_compat.floor.report.render import github

ROOT = Path(__file__).parents[2]
SARIF = json.loads(gzip.decompress((Path(__file__).parent / "sarif-2.1.0.json.gz").read_bytes()))
"""As @microsoft/jest-sarif 1.0.0-beta.0 has it, under the MIT licence."""
PROJECT = '[project]\nname = "{}"\nversion = "1"\ndependencies = ["apache-airflow>=2.11"]\n'
CODE = """\
from x import AIRFLOW_V_2_9_PLUS, AIRFLOW_V_3_0_PLUS
if not AIRFLOW_V_2_9_PLUS:
    a = 1
if not AIRFLOW_V_3_0_PLUS:
    b = 1
"""
DAY = ("--today", "2026-11-22")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one package, and the working directory."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tree(tmp_path, {"src/m.py": CODE, "pyproject.toml": PROJECT.format("one")})


LIFECYCLE = """[tool.trigger-compat.floor.lifecycles.vendor]
source = "https://vendor.example"
read = 2026-06-01
ends = {"2.10" = 2026-10-31, "2.11" = 2027-05-31}
"""


def configure(folder: Path, text: str) -> None:
    text = f"{PROJECT.format('one')}[tool.trigger-compat.floor]\n{text}\n"
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")


class Ran:
    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
        self.code = cli.main(["floor", *DAY, *arguments])
        self.out, self.err = capsys.readouterr()

    @property
    def rules(self) -> list[str]:
        return re.findall(r"^\S+?:\d+: (.*)", self.err, re.MULTILINE)


Capture = pytest.CaptureFixture[str]


def test_the_check_prints_problems_and_no_report(folder: Path, capsys: Capture) -> None:
    ran = Ran(capsys, "--check")

    assert (ran.code, ran.out) == (1, "")
    first, second = ran.err.splitlines()
    assert first.startswith("src/m.py:1: left below the declared floor 2.11: AIRFLOW_V_2_9_PLUS")
    assert second.startswith("src/m.py:2: left below the declared floor 2.11: not AIRFLOW_V_2_9_PLUS")
    assert Ran(capsys, "--check", "--format", "table").out.startswith("one 1: declared floor 2.11")


def test_github_gets_a_command_for_each_problem(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "src")  # paths are of the repository, wherever the command runs
    lines = Ran(capsys, "--source", "..", "--format", "github", "--floor", "3.0").out.splitlines()

    assert lines[1].startswith(
        "::warning file=src/m.py,line=2,endLine=3,title=trigger-compat floor%3A dead::left"
    )
    assert [line.split(" ")[0] for line in lines] == ["::warning", "::warning", "::notice", "::notice"]


def test_github_commands_are_escaped(folder: Path) -> None:
    report = FloorReport.__new__(FloorReport)
    object.__setattr__(report, "folder", folder)
    problem = Problem(rule="dead", file="a,b:c%.py", line=1, message="50%\r\n::error::x")

    assert github._command(report, problem) == (
        "::warning file=a%2Cb%3Ac%25.py,line=1,endLine=1,title=trigger-compat floor%3A dead"
        "::50%25%0D%0A::error::x\n"
    )


def sarif(capsys: Capture, *arguments: str) -> Any:
    data = json.loads(Ran(capsys, "--format", "sarif", *arguments).out)
    jsonschema.Draft4Validator(SARIF).validate(data)
    return data["runs"][0]


def test_sarif_keeps_its_schema_and_its_fingerprints(folder: Path, capsys: Capture) -> None:
    configure(folder, 'policy = "airflow-providers"')
    before = sarif(capsys, "--floor", "3.0")
    tree(folder, {"src/m.py": "import os\n\n\n" + CODE.replace("    a = 1", "    a =  1")})
    after = sarif(capsys, "--floor", "3.0")

    rules = [rule["id"] for rule in before["tool"]["driver"]["rules"]]
    assert {"policy", "flag", "dead"} == {result["ruleId"] for result in before["results"]}
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in before["results"])
    assert all(rule["help"]["text"] for rule in before["tool"]["driver"]["rules"])
    prints = [[each.get("partialFingerprints") for each in run["results"]] for run in (before, after)]
    lines = [
        [each["locations"][0]["physicalLocation"]["region"]["startLine"] for each in run["results"]]
        for run in (before, after)
    ]
    assert prints[0] == prints[1]
    assert lines[0] != lines[1]
    assert len({str(each) for each in prints[0]}) == len(prints[0])


def test_a_wrong_result_breaks_the_schema() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(SARIF).validate({"version": "2.1.0", "runs": [{"tool": {"driver": {}}}]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('polici = "spec-0"', r"polici = 'spec-0': unknown key; did you mean policy\?"),
        ("policy = 3", "policy = 3: not a text; write one in quotes"),
        ('policy = "mine"', "policy: 'mine' is unknown; use airflow-providers"),
        ('floor = ["9.9"]', "Airflow 9.9 is not known; use one from"),
        ("floor = 3.0", r'floor = 3.0: not a list of texts; write \["..."'),
        ('allow-older = "yes"', "allow-older = 'yes': not a boolean; write true or false"),
        ("exclude = [1]", "not a list of texts"),
        ("exclude = [", "not TOML"),
        (
            "lifecycles = 1",
            r"lifecycles = 1: not a table; write \[tool\.trigger-compat\.floor\.lifecycles\.NAME",
        ),
        (LIFECYCLE.replace("vendor", "Vendor"), "lifecycles.Vendor: 'Vendor' is no name; write lower case"),
        (
            LIFECYCLE.replace("vendor", "spec-0"),
            "lifecycles.spec-0: .* has a policy of that name; choose another",
        ),
        ("lifecycles.vendor = 3", "lifecycles.vendor = 3: not a table; write source, read, ends"),
        (LIFECYCLE.replace("read =", "seen ="), "lifecycles.vendor: read is missing; write read = 2026-"),
        (f"{LIFECYCLE}months = 6", "lifecycles.vendor months = 6: unknown key; use source, read, ends"),
        (LIFECYCLE.replace('"https://vendor.example"', "1"), "vendor source = 1: not a text"),
        (
            LIFECYCLE.replace("2026-06-01", '"soon"'),
            "vendor read = 'soon': not a date; write it without quotes",
        ),
        (LIFECYCLE.replace("2026-06-01", "2026-06-01T10:00:00"), "vendor read = datetime.*: not a date"),
        (
            LIFECYCLE.replace('"2.11"', '"Airflow 2"'),
            "vendor ends: 'Airflow 2' is neither a major nor a minor",
        ),
        (f'{LIFECYCLE.partition("ends")[0]}ends = "2.11"', "vendor ends = '2.11': not a table with days"),
        (LIFECYCLE.replace("= 2027-05-31", "= 31"), "vendor ends.2.11 = 31: not a date"),
    ],
)
def test_a_wrong_setting_gives_one_line(folder: Path, capsys: Capture, text: str, message: str) -> None:
    configure(folder, text)
    ran = Ran(capsys)

    assert ran.code == 13
    [line] = ran.err.splitlines()
    assert str(folder / "pyproject.toml") in line
    assert re.search(message, line)


@pytest.mark.parametrize(
    ("day", "floor", "age"),
    [
        ("2026-11-28", "2.11", 0),  # read 180 days ago
        ("2027-05-30", "2.11", 363),
        ("2027-05-31", "3.0", 364),
        ("2029-01-01", "3.0", 945),  # the end of 3.0 is not known
    ],
)
def test_a_project_states_the_lifecycle_of_its_vendor(
    folder: Path, capsys: Capture, day: str, floor: str, age: int
) -> None:
    verdict = "kept" if floor == "2.11" else "overdue"
    configure(folder, f'policy = "vendor"\nallow = ["dead", "flag"]\n{LIFECYCLE}')

    ran = Ran(capsys, "--check", "--today", day)
    assert (f"floor 2.11: vendor asks for {floor} on {day} ({verdict}" in ran.err) is (verdict != "kept")
    [*_, status] = json.loads(Ran(capsys, "--format", "json", "--today", day).out)["policies"]
    assert (status["id"], status["asks_for"], status["verdict"]) == ("vendor", floor, verdict)
    stale = f"its days were read {age} days ago, on 2026-06-01: look at https://vendor.example again"
    assert status["caveat"] == (stale if age else "")


def test_the_command_line_wins_over_the_settings(folder: Path, capsys: Capture) -> None:
    configure(folder, 'policy = "airflow-providers"\nfloor = ["3.1"]\nallow = ["dead", "flag"]')

    [line] = Ran(capsys, "--check").err.splitlines()
    assert line.startswith("pyproject.toml:4: floor 2.11: airflow-providers asks for 3.2")
    assert Ran(capsys, "--check", "--policy", "spec-0").code == 0
    assert Ran(capsys, "--check", "--allow-older").code == 0
    asked = [
        [floor["floor"] for floor in json.loads(Ran(capsys, "--format", "json", *more).out)["floors"]]
        for more in ((), ("--floor", "3.3"))
    ]
    assert asked == [["3.1"], ["3.3"]]


@pytest.mark.parametrize("text", ['exclude = ["src/*"]', 'allow = ["src"]', 'allow = ["dead", "flag"]'])
def test_files_and_categories_can_be_left_out(folder: Path, capsys: Capture, text: str) -> None:
    tree(folder, {"other.py": "a = 1\n"})
    assert Ran(capsys, "--check").code == 1
    configure(folder, text)

    assert Ran(capsys, "--check").code == 0


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("# floor: ignore[dead] kept for a plugin", []),
        ("# floor: ignore kept for a plugin", []),
        ("# floor: ignore[dead]", ["floor: ignore has no reason"]),
        ("# floor: ignore[constant] a reason", ["left", "left", "floor: ignore is about nothing"]),
        ("# floor: ignore[old] a reason", ["left", "left", "floor: ignore[old] is no category"]),
    ],
)
@pytest.mark.parametrize("above", [False, True])
def test_a_comment_ignores_a_place(
    folder: Path, capsys: Capture, comment: str, left: list[str], above: bool
) -> None:
    line = "if not AIRFLOW_V_2_9_PLUS:"
    tree(folder, {"src/m.py": CODE.replace(line, f"{comment}\n{line}" if above else f"{line}  {comment}")})
    ran = Ran(capsys, "--check")

    assert ran.code == int(bool(left))
    assert len(ran.rules) == len(left)
    assert all(found.startswith(wanted) for found, wanted in zip(ran.rules, left, strict=True))


def test_a_baseline_hides_what_was_there_and_names_what_is_gone(folder: Path, capsys: Capture) -> None:
    assert Ran(capsys, "--write-baseline", "known.json").code == 0
    assert Ran(capsys, "--check").code == 1
    check = ("--check", "--baseline", "known.json")
    assert Ran(capsys, *check).code == 0
    configure(folder, 'baseline = "known.json"')
    assert Ran(capsys, "--check").code == 0

    twice = CODE + "if not AIRFLOW_V_2_9_PLUS:\n    a = 1\n"
    tree(folder, {"src/m.py": "import os\n\n" + twice})
    [line] = Ran(capsys, *check).err.splitlines()
    assert line.startswith("src/m.py:8: left below"), "the same code again is new, and moved code is not"

    tree(folder, {"src/m.py": "a = 1\n"})
    lines = Ran(capsys, *check).err.splitlines()
    assert len(lines) == 2
    assert all(
        line.startswith("known.json:1: src/m.py: `") and "not found any more" in line for line in lines
    )
    assert Ran(capsys, *check, "--write-baseline", "known.json").code == 0
    assert json.loads((folder / "known.json").read_text())["findings"] == []


@pytest.mark.parametrize(("text", "code"), [(None, 7), ("[]", 13), ("{", 13), ('{"schema": 2}', 13)])
def test_a_wrong_baseline_gives_one_line(folder: Path, capsys: Capture, text: str | None, code: int) -> None:
    if text is not None:
        (folder / "known.json").write_text(text, encoding="utf-8")
    ran = Ran(capsys, "--check", "--baseline", "known.json")

    assert ran.code == code
    assert "make it with --write-baseline known.json" in ran.err


def test_all_packages_of_a_monorepo_are_in_one_report(folder: Path, capsys: Capture) -> None:
    (folder / "pyproject.toml").write_text('[tool.trigger-compat.floor]\nsources = ["providers"]\n')
    for name in ("a", "deep/b"):
        project = PROJECT.format(name[-1])
        tree(folder / "providers" / name, {"src/m.py": CODE, "pyproject.toml": project})

    two = ("--source", "providers/a", "--source", "providers/deep/b")
    for arguments in ((), ("--source", "providers"), two):
        data = json.loads(Ran(capsys, "--format", "json", *arguments).out)
        assert [each["source"]["name"] for each in data["reports"]] == ["a", "b"]
        assert data["total"]["left_below_declared_floor"] == 4
        assert data["total"]["lines_at"]["3.0"] == 10
    assert re.search(r"^total of 2 +4 +4 +10", Ran(capsys).out, re.MULTILINE)
    assert "| total of 2 |  | 4 | 4 | 10 |" in Ran(capsys, "--format", "markdown").out
    page = Ran(capsys, "--format", "html").out
    assert page.count('<details class="package"') == 2
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "providers/deep/b/src/m.py:2: left" in Ran(capsys, "--check").err
    assert "providers/deep/b/src/m.py" in str(sarif(capsys))


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    out = Ran(capsys).out

    assert max(map(len, out.splitlines())) <= width
    assert "\x1b" not in out, "a pipe gets no colours"
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert re.search(r"\x1b\[31m *overdue", Ran(capsys).out)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in Ran(capsys).out


HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_names_all_that_it_needs_and_no_airflow(hook: Any) -> None:
    option, *named = hook["additional_dependencies"]
    assert option == "--no-deps"
    names = {canonicalize_name(Requirement(each).name) for each in named}
    assert not {each for each in names if "airflow" in each}
    for name in names:
        try:
            needed = [Requirement(each) for each in requires(name) or ()]
        except PackageNotFoundError:
            continue  # for another Python than this one
        wanted = {
            canonicalize_name(each.name)
            for each in needed
            if not each.marker or each.marker.evaluate({"extra": ""})
        }
        assert wanted <= names, name


def test_the_action_hands_on_what_it_is_given(folder: Path, tmp_path: Path) -> None:
    """Run its script with programs in place of pip and of the command."""
    [step] = ACTION["runs"]["steps"]
    assert "--no-deps" in step["run"]
    assert "airflow" not in step["run"].lower()
    assert set(step["env"]) - {"ACTION"} == {name.upper() for name in ACTION["inputs"]}
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "python3").write_text(
        '#!/bin/sh\nmkdir -p "$3/bin"; cd "$3/bin"\nprintf "#!/bin/sh\\n" > python\n'
        f'printf "#!/bin/sh\\nexec {sys.executable} -m trigger_compat \\"\\$@\\"\\n" > trigger-compat\n'
        "chmod +x python trigger-compat\n",
        encoding="utf-8",
    )
    (fake / "python3").chmod(0o755)
    output = tmp_path / "output"
    given = dict.fromkeys(step["env"], "") | {"SOURCE": "src\n", "FLOOR": "3.0", "FORMAT": "sarif"}
    given |= {"POLICY": "spec-0", "RUNNER_TEMP": str(tmp_path / "temp"), "GITHUB_OUTPUT": str(output)}
    (tmp_path / "temp").mkdir()
    path = f"{fake}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env=os.environ | given | {"PATH": path, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode in (0, 1), done.stderr
    assert "::notice file=src/m.py,line=4,endLine=5" in done.stdout
    file = Path(output.read_text(encoding="utf-8").strip().removeprefix("sarif="))
    jsonschema.Draft4Validator(SARIF).validate(json.loads(file.read_text(encoding="utf-8")))


def test_no_airflow_is_loaded() -> None:
    """In the unit session there is none; elsewhere none is imported."""
    code = (
        "import sys; from trigger_compat import cli; cli.main(['floor', '--source', sys.argv[1], '--check']);"
        " sys.exit(any(name.split('.')[0] == 'airflow' for name in sys.modules))"
    )
    command = [sys.executable, "-c", code, str(ROOT / "src" / "trigger_compat" / "matrix")]
    assert subprocess.run(command, check=False).returncode == 0
