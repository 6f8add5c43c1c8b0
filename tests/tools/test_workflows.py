"""The workflows: they run sessions that exist, on the releases of the matrix, and no job can fail unseen."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from trigger_compat import matrix

ROOT = Path(__file__).parents[2]
WORKFLOWS = {path.name: path for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}
NOXFILE = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
GATE = "all-pass"


def read(name: str) -> Any:
    return yaml.safe_load(WORKFLOWS[name].read_text(encoding="utf-8"))


def sessions() -> set[str]:
    """Return the names of all sessions, without starting nox, which the unit session has not."""
    found = set()
    for node in NOXFILE.body:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "nox.session":
                    named = {each.arg: each.value for each in decorator.keywords}
                    found.add(ast.literal_eval(named["name"]) if "name" in named else node.name)
    return found


def side_by_side() -> set[str]:
    """Return the sessions that ``nox`` runs without arguments, besides the tests of each release."""
    [run] = [node for node in NOXFILE.body if isinstance(node, ast.FunctionDef) and node.name == "run_matrix"]
    names = [
        ast.literal_eval(node.generators[0].iter)
        for node in ast.walk(run)
        if isinstance(node, ast.ListComp) and isinstance(node.generators[0].iter, ast.Tuple)
    ]
    return set(names[0])


def commands(job: Any) -> list[str]:
    """Return what a job runs, once for each row of its own matrix, with its variables filled in."""
    rows = job.get("strategy", {}).get("matrix", {})
    lists = rows if isinstance(rows, dict) else {}
    found = []
    for step in job["steps"]:
        texts = [step.get("run", "")]
        for name, value in step.get("env", {}).items():
            values = [value]
            if asked := re.fullmatch(r"\$\{\{ matrix\.(\w+) \}\}", str(value)):
                values = lists.get(asked[1], [value])
            texts = [text.replace(f"${name}", str(each)) for text in texts for each in values]
        found += [text for text in texts if text]
    return found


def sessions_of(job: Any) -> set[str]:
    found = (re.search(r"noxfile\.py -s \"?([\w-]+)", command) for command in commands(job))
    return {each[1] for each in found if each}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_runs_sessions_that_exist(name: str) -> None:
    asked = set().union(*(sessions_of(job) for job in read(name)["jobs"].values()))

    assert asked
    assert asked <= sessions()


def test_what_nox_runs_by_default_runs_on_each_push() -> None:
    asked = set().union(*(sessions_of(job) for job in read("ci.yml")["jobs"].values()))

    assert side_by_side() >= {"lint", "types", "unit"}
    assert asked >= side_by_side() | {"tests"}


def test_what_no_push_runs_is_run_once_a_week_or_needs_what_is_not_there() -> None:
    asked = set().union(*(sessions_of(job) for file in WORKFLOWS for job in read(file)["jobs"].values()))

    # One is all of the others, one is a part of them, and one needs a browser.
    assert sessions() - asked == {"matrix", "quick", "ui"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_gate_waits_for_every_job(name: str) -> None:
    jobs = read(name)["jobs"]

    assert jobs[GATE]["if"] == "always()", "a job that is skipped counts as passed"
    assert set(jobs[GATE]["needs"]) == set(jobs) - {GATE}


@pytest.mark.parametrize("name", WORKFLOWS)
@pytest.mark.parametrize(
    ("results", "code"),
    [
        ("success", 0),
        ("success success", 0),
        ("failure success", 1),
        ("success cancelled success", 1),
        ("success skipped", 1),
    ],
)
def test_the_gate_passes_if_all_jobs_did(name: str, results: str, code: int) -> None:
    [step] = read(name)["jobs"][GATE]["steps"]
    assert step["env"] == {"RESULTS": "${{ join(needs.*.result, ' ') }}"}

    # As GitHub runs it.
    done = subprocess.run(["bash", "-e", "-c", step["run"]], env={"RESULTS": results}, check=False)
    assert done.returncode == code


@pytest.mark.parametrize("name", sorted(WORKFLOWS.keys() - {"weekly.yml"}))
def test_a_job_asks_the_matrix_for_keys_that_it_has(name: str) -> None:
    keys = set(json.loads(matrix.as_github(matrix.load().defaults))["include"][0])
    fanned_out = [
        job for job in read(name)["jobs"].values() if "fromJSON" in str(job.get("strategy", {}).get("matrix"))
    ]

    assert fanned_out
    for job in fanned_out:
        assert "matrix" in job["needs"]
        assert set(re.findall(r"\bmatrix\.(\w+)", str(job))) - {"outputs", "matrix"} <= keys


def test_what_is_untried_here_is_run_on_each_push() -> None:
    job = read("ci.yml")["jobs"]["untried"]

    assert sessions_of(job) == {"tests"}
    assert "fromJSON(needs.matrix.outputs.untried)" in job["strategy"]["matrix"]
    # A matrix without rows is an error there: where nothing is untried, the job has to go.
    assert json.loads(matrix.as_github_untried(matrix.load()))["include"]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_read_and_only_the_question_may_write(name: str) -> None:
    workflow = read(name)
    writing = {job for job, of in workflow["jobs"].items() if "write" in of.get("permissions", {}).values()}

    assert workflow["permissions"] == {"contents": "read"}
    assert writing <= {"question"}


def test_the_newest_releases_are_tested_each_week() -> None:
    workflow = read("newest.yml")

    # YAML 1.1 reads the key `on` as true.
    [schedule] = workflow[True]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* \d", schedule["cron"])
    assert sessions_of(workflow["jobs"]["question"]) == {"refresh"}
    assert sessions_of(workflow["jobs"]["tests"]) == {"newest"}


GH = """\
import json, os, sys
from pathlib import Path

state = Path(os.environ["FAKE_GH"])
issues = json.loads(state.read_text()) if state.is_file() else []
command, arguments = sys.argv[1:3], sys.argv[3:]


def option(name):
    return arguments[arguments.index(name) + 1]


with open(f"{state}.log", "a") as log:
    log.write(" ".join(command) + "\\n")
if command == ["issue", "list"]:
    assert option("--state") == "open"
    for issue in reversed(issues):
        if issue["open"] and issue["label"] == option("--label"):
            print(issue["number"])
elif command == ["issue", "create"]:
    body = Path(option("--body-file")).read_text()
    issues.append({"number": 7 + len(issues), "open": True, "label": option("--label"), "body": body})
elif command == ["issue", "view"]:
    [issue] = [each for each in issues if str(each["number"]) == arguments[0]]
    print(issue["body"].replace("\\n", "\\r\\n"))
elif command == ["issue", "edit"]:
    [issue] = [each for each in issues if str(each["number"]) == arguments[0]]
    issue["body"] = Path(option("--body-file")).read_text()
elif command == ["issue", "close"]:
    [issue] = [each for each in issues if str(each["number"]) == arguments[0]]
    issue["open"] = False
else:
    assert command == ["label", "create"] and "--force" in arguments, sys.argv
state.write_text(json.dumps(issues))
"""


class Tracker:
    """An issue tracker behind a ``gh`` that keeps its issues in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "issues.json"
        self.question = folder / "question.md"
        gh = folder / "gh"
        gh.write_text(f"#!{sys.executable}\n{GH}", encoding="utf-8")
        gh.chmod(0o755)

    def ask(self, question: str | None) -> list[str]:
        """Run the script once, and return what it asked of the tracker to change."""
        self.question.unlink(missing_ok=True)
        if question is not None:
            self.question.write_text(question, encoding="utf-8")
        log = self.folder / "issues.json.log"
        log.unlink(missing_ok=True)
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(
            [ROOT / ".ci" / "ask", "A new Airflow is out", self.question],
            env={"PATH": path, "FAKE_GH": str(self.state)},
            check=True,
        )
        calls = log.read_text(encoding="utf-8").splitlines()
        return [call for call in calls if call not in {"issue list", "issue view", "label create"}]

    @property
    def open_bodies(self) -> list[str]:
        issues = json.loads(self.state.read_text(encoding="utf-8"))
        return [issue["body"] for issue in issues if issue["open"]]


def test_one_issue_is_open_as_long_as_there_is_a_question(tmp_path: Path) -> None:
    tracker = Tracker(tmp_path)
    first, second = "lacks 3.3.3.\n\n- [ ] a step\n", "lacks 3.3.3, 3.4.0.\n\n- [ ] a step\n"

    assert tracker.ask(None) == []
    assert tracker.ask(first) == ["issue create"]
    assert tracker.ask(first) == []
    assert tracker.open_bodies == [first]
    assert tracker.ask(second) == ["issue edit"]
    assert tracker.open_bodies == [second]
    assert tracker.ask(None) == ["issue close"]
    assert tracker.ask(None) == []
    assert tracker.ask(first) == ["issue create"]
    assert tracker.open_bodies == [first]


def test_steps_that_are_ticked_off_stay_so(tmp_path: Path) -> None:
    tracker = Tracker(tmp_path)
    question = "lacks 3.3.3.\n\n- [ ] a step\n"
    tracker.ask(question)
    ticked = tracker.state.read_text(encoding="utf-8").replace("[ ]", "[x]")
    tracker.state.write_text(ticked, encoding="utf-8")

    assert tracker.ask(question) == []
    assert tracker.open_bodies == [question.replace("[ ]", "[x]")]
