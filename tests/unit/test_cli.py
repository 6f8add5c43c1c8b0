"""The command line: what it prints, what it refuses, and with which exit code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.floors import tree
from trigger_compat import cli, dispatch, doctor, errors, matrix
from trigger_compat.matrix import cli as matrix_cli
from trigger_compat.suite import __main__ as suite_command

GOOD = {"package/module.py": "a = 1\n"}
OLD = {
    "package/module.py": "from x import AIRFLOW_V_2_9_PLUS\nif not AIRFLOW_V_2_9_PLUS:\n    a = 1\n",
    "pyproject.toml": '[project]\nname = "old"\nversion = "1"\ndependencies = ["apache-airflow>=2.11"]\n',
}


def run(*arguments: str) -> int:
    return cli.main(arguments)


def test_every_error_has_an_exit_code_of_its_own() -> None:
    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    codes = [each.exit_code for each in classes if issubclass(each, errors.TriggerCompatError)]

    assert len(set(codes)) == len(codes)
    assert errors.TriggerCompatError.exit_code == 1, "the base itself is never raised"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["floor", "--source", "no-such-distribution"], 7, "neither a folder nor an installed distribution"),
        (["floor", "--source", "{root}/empty"], 7, "holds no Python file"),
        (["floor", "--source", "{root}/broken"], 7, "no file can be read as Python"),
        (["floor", "--source", "{root}/good/package/module.py"], 7, "is a file; give the folder"),
        (["floor", "--source", "{root}/good", "--floor", "9.9"], 8, "Airflow 9.9 is not known"),
        (["floor", "--source", "{root}/good", "--floor", "new"], 8, "'new' is not a version"),
        (["floor", "--source", "{root}/good", "--today", "soon"], 8, "'soon' is not a date"),
        (["floor", "--source", "{root}/good", "--policy", "mine"], 8, "'mine' is unknown"),
        (
            ["floor", "--source", "{root}/good", "--matrix", "{root}/none.yaml"],
            4,
            "name a file that can be read",
        ),
        (["floor", "--source", "{root}/good", "--matrix", "{root}/short.yaml"], 4, "missing"),
        (
            ["floor", "--source", "{root}/good", "--drift", "{root}/none.json"],
            7,
            "name a file that can be read",
        ),
        (
            ["floor", "--source", "{root}/good", "--output", "{root}/no/where"],
            7,
            "name a file that can be written",
        ),
        (["floor", "--source", "{root}/good", "--format", "pdf"], 10, "invalid choice"),
        (["floor", "--source", "{root}/good", "--source", "{root}/broken"], 7, "no file can be read"),
        (["fly"], 10, "invalid choice"),
        ([], 10, "COMMAND"),
    ],
)
def test_bad_input_gives_one_line_and_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    tree(tmp_path / "good", GOOD)
    tree(tmp_path / "broken", {"module.py": "def f(:\n"})
    tree(tmp_path / "empty", {"README.md": "nothing"})
    tree(tmp_path, {"short.yaml": 'schema: "1"\n'})

    assert run(*(each.format(root=tmp_path) for each in arguments)) == code
    [line] = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_broken_file_does_not_hide_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree(tmp_path, {**GOOD, "package/broken.py": "def f(:\n", "package/binary.py": "\0"})

    assert run("floor", "--source", str(tmp_path)) == 0
    assert "cannot be read: package/broken.py: invalid syntax" in capsys.readouterr().out


def test_the_check_fails_on_dead_code_below_the_floor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree(tmp_path, OLD)

    assert run("floor", "--source", str(tmp_path), "--check") == 1
    assert "package/module.py:2: left below the declared floor 2.11" in capsys.readouterr().err


def test_the_check_asks_the_policy_on_the_day(tmp_path: Path) -> None:
    tree(tmp_path, {**GOOD, "pyproject.toml": OLD["pyproject.toml"]})
    check = ("floor", "--source", str(tmp_path), "--check", "--policy", "airflow-providers", "--today")

    assert run(*check, "2026-05-19") == 0
    assert run(*check, "2026-05-20") == 1
    assert run(*check, "2026-05-20", "--allow-older") == 0


def test_an_installed_distribution_is_read_with_its_floor(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("floor", "--source", "trigger-compat", "--format", "json", "--today", "2026-11-22") == 0

    data = json.loads(capsys.readouterr().out)
    assert data["source"]["name"] == "trigger-compat"
    assert data["source"]["declared_floor"] == "2.11.0"
    assert any(each["file"].endswith("trigger_compat/_airflow.py") for each in data["findings"])


def test_a_report_of_a_past_day_knows_what_was_out_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until 3.0 came, every known Airflow from 2.6 on had this name, so that the fallback was what goes."""
    text = """
        try:
            from airflow.cli.cli_config import ARG_EXECUTION_DATE
        except ImportError:
            ARG_EXECUTION_DATE = None
        """
    tree(tmp_path, {"package/module.py": text})

    def dead(day: str) -> list[tuple[int, str]]:
        assert run("floor", "--source", str(tmp_path), "--format", "json", "--today", day) == 0
        findings = json.loads(capsys.readouterr().out)["findings"]
        return [(each["line"], each["dies"]) for each in findings if each["category"] == "dead"]

    assert dead("2025-04-21") == [(3, "2.6")]
    assert dead("2025-04-22") == [(2, "3.0")]


def test_the_same_day_gives_the_same_report(tmp_path: Path) -> None:
    tree(tmp_path / "source", OLD)
    outputs = [tmp_path / "one.html", tmp_path / "two.html"]
    for output in outputs:
        arguments = ("--today", "2026-11-22", "--format", "html", "--output", str(output))
        assert run("floor", "--source", str(tmp_path / "source"), *arguments) == 0

    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_the_matrix_command_is_that_of_the_module(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("matrix", "--format", "github") == 0
    printed = capsys.readouterr().out
    assert matrix_cli.main(["--format", "github"]) == 0

    assert printed == capsys.readouterr().out
    assert [row["airflow"] for row in json.loads(printed)["include"]] == [
        row.airflow for row in matrix.load().defaults
    ]


def test_the_matrix_can_be_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree(tmp_path, {"wrong.yaml": 'schema: "2"\n'})

    assert run("matrix", "--check") == 0
    assert run("matrix", str(tmp_path / "wrong.yaml"), "--check") == 4
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_help_spells_names_as_their_owners_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("doctor", "--help")

    assert "Say which Airflow is here" in capsys.readouterr().out


def test_the_suite_without_its_extra_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(suite_command, "OF_THE_EXTRA", ("pytest", "no_such_module"))

    assert suite_command.main([]) == errors.ToolMissing.exit_code
    wanted = "the suite needs no_such_module; run: pip install 'trigger-compat[suite]'\n"
    assert capsys.readouterr().err == wanted


def test_what_the_suite_looks_for_is_what_its_extra_installs() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    [extra] = re.findall(r"^suite = \[(.*)\]$", project, re.MULTILINE)
    names = {re.split(r"[^\w]", each)[0].lower() for each in re.findall(r'"([^"]+)"', extra)}

    assert {name.replace("pyyaml", "yaml") for name in names} == set(suite_command.OF_THE_EXTRA)


@pytest.mark.parametrize("command", [[], ["doctor"], ["migrate"], ["matrix"], ["floor"]], ids=" ".join)
def test_help_fits_a_screen(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*command, "--help")

    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 0
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100


def test_the_module_can_be_run_and_no_dag_imports_it() -> None:
    names = tuple(f"trigger_compat.{name}" for name in ("cli", "dags", "floor", "migrate"))
    ours = f"[n for n in sys.modules if n.startswith({names})]"
    command = f"import trigger_compat.operator, sys; print('found', {ours})"
    version = subprocess.run(
        [sys.executable, "-m", "trigger_compat", "--version"], capture_output=True, text=True, check=True
    )
    imported = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False)

    assert version.stdout.strip() == "0.1.0"
    # Where there is no Airflow the operator cannot be imported at all.
    assert imported.stdout.strip().endswith("found []") or "No module named 'airflow" in imported.stderr


@pytest.fixture
def on_airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Pretend that a release is installed."""

    def forget() -> None:
        dispatch.within.cache_clear()
        dispatch.default_path.cache_clear()

    def pretend(release: str) -> None:
        major, minor, patch = map(int, release.split("."))
        monkeypatch.setattr(dispatch, "release", lambda: (major, minor, patch))
        monkeypatch.setattr(doctor, "version", lambda _name: release)
        monkeypatch.delenv(dispatch.FORCING_VARIABLE, raising=False)
        forget()

    yield pretend
    monkeypatch.undo()
    forget()


def _diagnosis(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert run("doctor", "--format", "json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_doctor_names_the_path_and_what_it_cannot_keep(
    on_airflow: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    on_airflow("3.2.2")
    found = _diagnosis(capsys)

    assert (found["path"], found["deferral_path"]) == ("exception", "exception")
    assert found["why"] == "the default on Airflow 3.2.2"
    assert found["capabilities"]["note"] == "supported"
    assert found["capabilities"]["run_after"] == "fails the task; needs Airflow >=3.3"
    assert "exception-W2-retries" in found["deviations"]
    assert found["in_matrix"] == "tested, released 2026-05-29"


def test_the_doctor_says_what_forces_a_path(
    on_airflow: Callable[[str], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_airflow("3.2.2")
    monkeypatch.setenv(dispatch.FORCING_VARIABLE, "accessor")
    found = _diagnosis(capsys)

    assert (found["path"], found["why"]) == ("accessor", "forced by TRIGGER_COMPAT_PATH=accessor")
    assert set(found["deviations"]) == {"accessor-R2-params"}


def test_the_doctor_refuses_what_the_package_refuses(
    on_airflow: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    on_airflow("2.10.5")

    assert run("doctor") == 5
    assert capsys.readouterr().err.startswith("trigger-compat needs Airflow 2.11 or newer, found 2.10.5")


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_the_doctor_speaks_to_people(
    on_airflow: Callable[[str], None], capsys: pytest.CaptureFixture[str], form: str
) -> None:
    on_airflow("3.3.2")

    assert run("doctor", "--format", form) == 0
    shown = capsys.readouterr().out
    assert "accessor" in shown
    assert "when it defers" in shown or "which a deferral takes" in shown


@pytest.mark.parametrize("by", ["direct_url", "pth"])
def test_an_editable_install_is_read_where_its_source_is(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``pip install -e`` notes the folder; a wheel that was built editable has it in a .pth file alone."""
    tree(tmp_path / "checkout", OLD)
    site = tmp_path / "site"
    info = site / "some_editable-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: some-editable\nVersion: 1.0\nRequires-Dist: apache-airflow>=2.11\n")
    (site / "some.pth").write_text(f"{tmp_path / 'checkout'}\n")
    (info / "RECORD").write_text("some.pth,,\nsome_editable-1.0.dist-info/METADATA,,\n")
    local = {"url": f"file://{tmp_path}/some.whl", "archive_info": {}}
    if by == "direct_url":
        (site / "some.pth").unlink()
        local = {"url": f"file://{tmp_path / 'checkout'}", "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(local))
    monkeypatch.syspath_prepend(str(site))

    assert run("floor", "--source", "some-editable", "--format", "json", "--today", "2026-11-22") == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["source"]["name"], data["source"]["declared_floor"]) == ("some-editable", "2.11.0")
    assert data["findings"]
