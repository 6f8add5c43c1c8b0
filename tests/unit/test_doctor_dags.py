"""The doctor of a dag folder: what it names, what it leaves open, and how it shows it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from trigger_compat import cli, doctor

NAME = "TriggerDagRunOperator"
OURS = f"from trigger_compat import {NAME}\n"
UPSTREAM = f"from airflow.operators.trigger_dagrun import {NAME}\n"
WAITS = "wait_for_completion=True, retries=2"
Examine = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def examine(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Examine:
    """Write one file, and return what the doctor finds in it where no Airflow is installed."""
    monkeypatch.setattr(doctor, "installed", lambda: None)

    def examined(text: str, *options: str, name: str = "dag.py") -> list[dict[str, Any]]:
        (tmp_path / name).write_text(text)
        assert cli.main(["doctor", str(tmp_path / name), "--format", "json", *options]) == 0
        found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["findings"]
        return found

    return examined


def in_dag(call: str, defaults: str = "{}", header: str = UPSTREAM) -> str:
    return f"{header}with DAG('d', default_args={defaults}):\n    {call}\n"


# Which triggers are there

IMPORTS: dict[str, tuple[str, str]] = {
    "ours": (f"{OURS}{NAME}()", "ours"),
    "ours, by its module": (f"import trigger_compat as t\nt.{NAME}()", "ours"),
    "upstream's": (f"{UPSTREAM}{NAME}()", "upstream"),
    "upstream's, renamed": (
        f"from airflow.providers.standard.operators.trigger_dagrun import {NAME} as T\nT()",
        "upstream",
    ),
    "upstream's, by its module": (
        f"from airflow.operators import trigger_dagrun as t\nt.{NAME}()",
        "upstream",
    ),
    "upstream's, by its whole name": (
        f"import airflow.operators.trigger_dagrun\nairflow.operators.trigger_dagrun.{NAME}()",
        "upstream",
    ),
    "mapped": (f"{UPSTREAM}{NAME}.partial(task_id='a').expand(conf=[])", "upstream"),
    "a subclass": (
        f"{UPSTREAM}class Mine({NAME}): ...\nclass More(Mine): ...\nMore()",
        "subclass of upstream",
    ),
    "from the project's own module": (f"from .common import {NAME}\n{NAME}()", "unknown: from .common"),
    "from a star": (f"from x import *\n{NAME}()", f"unknown: {NAME}"),
}


@pytest.mark.parametrize(("text", "operator"), IMPORTS.values(), ids=IMPORTS)
def test_each_trigger_is_found_with_the_home_of_its_operator(
    examine: Examine, text: str, operator: str
) -> None:
    [found] = examine(text)

    assert found["operator"] == operator
    assert found["line"] == len(text.splitlines())


def test_other_operators_are_no_triggers(examine: Examine) -> None:
    assert examine(f"{UPSTREAM}BashOperator(task_id='a', {WAITS})\nisinstance(x, {NAME})\n") == []


YAML = f"""\
default:
  default_args: {{retries: 3}}
one:
  default_args: {{owner: me}}
  tasks:
    waits:
      operator: airflow.operators.trigger_dagrun.{NAME}
      wait_for_completion: true
"""


def test_the_triggers_of_dag_factory_are_found(examine: Examine) -> None:
    [found] = examine(YAML, name="dags.yaml")

    assert (found["line"], found["task"], found["operator"]) == (7, "waits", "upstream")
    assert (found["waits"], found["retries"], found["crash"]) == ("yes", "3", "duplicates")


def test_the_defaults_of_dag_factory_may_be_in_another_file(examine: Examine) -> None:
    text = f"d:\n  tasks:\n    a: {{operator: trigger_compat.{NAME}, wait_for_completion: true}}\n"
    [found] = examine(text, name="dags.yml")

    assert (found["operator"], found["retries"], found["crash"]) == ("ours", "unknown", "unknown")


# What a crash does

CRASHES: dict[str, tuple[str, str, str]] = {
    "waits and retries": (in_dag(f"{NAME}({WAITS})"), "duplicates", "a retry triggers a second child"),
    "ours, not durable": (in_dag(f"{NAME}({WAITS})", header=OURS), "duplicates", "is not durable"),
    "ours, durable": (in_dag(f"{NAME}({WAITS}, durable=True)", header=OURS), "safe", "reconnects"),
    "upstream's, with an argument that it lacks": (
        in_dag(f"{NAME}({WAITS}, durable=True)"),
        "duplicates",
        "",
    ),
    "does not wait": (in_dag(f"{NAME}(retries=2)"), "safe", "it does not wait"),
    "no retries": (in_dag(f"{NAME}(wait_for_completion=True)"), "safe", "unless [core] default_task_retries"),
    "retries=0": (in_dag(f"{NAME}(wait_for_completion=True, retries=0)"), "safe", "nothing retries it"),
    "retries of the dag": (in_dag(f"{NAME}(wait_for_completion=True)", "{'retries': 1}"), "duplicates", ""),
    "retries=0 over those of the dag": (
        in_dag(f"{NAME}(wait_for_completion=True, retries=0)", "{'retries': 1}"),
        "safe",
        "nothing retries it",
    ),
    "durable by the dag": (
        in_dag(f"{NAME}({WAITS})", "{'durable': True}", header=OURS),
        "safe",
        "reconnects",
    ),
    "waits by the dag": (in_dag(f"{NAME}()", "dict(retries=1, wait_for_completion=True)"), "duplicates", ""),
    "defaults by name": (
        (
            f"{UPSTREAM}BASE = {{'retries': 1}}\nARGS = {{**BASE, 'owner': f()}}\n"
            f"with DAG('d', default_args=ARGS):\n    {NAME}(wait_for_completion=True)\n"
        ),
        "duplicates",
        "",
    ),
    "defaults changed later": (
        (
            f"{UPSTREAM}ARGS = {{'retries': 1}}\nARGS['retries'] = 0\n"
            f"with DAG('d', default_args=ARGS):\n    {NAME}(wait_for_completion=True)\n"
        ),
        "unknown",
        "retries",
    ),
    "defaults from elsewhere": (in_dag(f"{NAME}({WAITS[:24]})", "load()"), "unknown", "retries"),
    "defaults partly from elsewhere": (
        in_dag(f"{NAME}(wait_for_completion=True)", "{'retries': 1, **load()}"),
        "unknown",
        "retries",
    ),
    "other arguments": (in_dag(f"{NAME}(**arguments)"), "unknown", "wait_for_completion, retries"),
    "a template": (in_dag(f"{NAME}(wait_for_completion='{{{{ x }}}}', retries=1)"), "unknown", "wait_for"),
    "in a helper": (f"{UPSTREAM}def f():\n    {NAME}(wait_for_completion=True)\n", "unknown", "retries"),
    "in a helper, all said": (
        f"{UPSTREAM}def f():\n    {NAME}({WAITS})\n",
        "duplicates",
        "",
    ),
    "in a dag function": (
        f"{UPSTREAM}@dag(default_args={{'retries': 1}})\ndef f():\n    {NAME}(wait_for_completion=True)\n",
        "duplicates",
        "",
    ),
    "in a group": (
        (
            f"{UPSTREAM}@dag\ndef f():\n    with TaskGroup('g', default_args={{'retries': 1}}):\n"
            f"        {NAME}(wait_for_completion=True)\n"
        ),
        "duplicates",
        "",
    ),
    "in a group on the line of its dag": (
        (
            f"{UPSTREAM}with DAG('d', default_args={{'retries': 1}}), TaskGroup('g'):\n"
            f"    {NAME}(wait_for_completion=True)\n"
        ),
        "duplicates",
        "",
    ),
    "in a group function": (
        (
            f"{UPSTREAM}@task_group(default_args={{'retries': 0}})\ndef g():\n"
            f"    {NAME}(wait_for_completion=True)\n"
        ),
        "safe",
        "nothing retries it",
    ),
    "by its argument dag": (
        f"{UPSTREAM}d = DAG('d', default_args={{'retries': 1}})\n{NAME}(wait_for_completion=True, dag=d)\n",
        "duplicates",
        "",
    ),
    "in a dag of that name": (
        (
            f"{UPSTREAM}d = DAG('d', default_args={{'retries': 1}})\nwith d:\n"
            f"    {NAME}(wait_for_completion=True)\n"
        ),
        "duplicates",
        "",
    ),
    "an operator that is not known": (in_dag(f"{NAME}({WAITS})", header=""), "unknown", "the operator"),
    "a pinned run id": (in_dag(f"{NAME}({WAITS}, trigger_run_id='x')"), "collides", "and fails"),
    "a pinned run id, with a reset": (
        in_dag(f"{NAME}({WAITS}, trigger_run_id='{{{{ ds }}}}', reset_dag_run=True)"),
        "collides",
        "a retry resets the child",
    ),
    "a pinned run id, with a skip": (
        in_dag(f"{NAME}({WAITS}, logical_date='{{{{ ts }}}}', skip_when_already_exists=True)"),
        "collides",
        "and skips",
    ),
    "a pin that renders anew": (
        in_dag(f"{NAME}({WAITS}, trigger_run_id='{{{{ ti.try_number }}}}')"),
        "duplicates",
        "",
    ),
    "a pin that is not known": (
        in_dag(f"{NAME}({WAITS}, trigger_run_id=f())"),
        "unknown",
        "depending on the pin",
    ),
}


@pytest.mark.parametrize(("text", "crash", "why"), CRASHES.values(), ids=CRASHES)
def test_what_a_retry_does_after_a_crash_is_said_or_said_to_be_unknown(
    examine: Examine, text: str, crash: str, why: str
) -> None:
    [found] = examine(text)

    assert found["crash"] == crash
    assert why in found["why"]


@pytest.mark.parametrize(
    ("call", "retries"),
    [
        ("retries=3", "3"),
        ("retries=0", "0"),
        ("", "not set"),
        ("retries=N", "unknown"),
        ("**more", "unknown"),
    ],
)
def test_the_retries_are_a_number_not_set_or_unknown(examine: Examine, call: str, retries: str) -> None:
    [found] = examine(in_dag(f"{NAME}({call})"))

    assert found["retries"] == retries


# Pins


@pytest.mark.parametrize(
    "pin",
    [
        "'{{ ti.try_number }}'",
        "'x_{{ task_instance.start_date }}'",
        "'{{ macros.datetime.utcnow() }}'",
        "'{{ macros.uuid.uuid4() }}'",
        "datetime.now()",
        "datetime.now(tz=timezone.utc)",
        "pendulum.now('UTC').isoformat()",
        "timezone.utcnow()",
        "str(uuid4())",
        "f'run_{uuid.uuid4()}'",
        "'{}_{}'.format('{{ ds }}', time.time())",
    ],
)
@pytest.mark.parametrize("argument", ["trigger_run_id", "logical_date"])
def test_a_pin_that_renders_anew_on_every_try_is_named(examine: Examine, argument: str, pin: str) -> None:
    [found] = examine(in_dag(f"{NAME}({argument}={pin})"))

    assert found["pins"] == {argument: "renders anew on every try"}


@pytest.mark.parametrize(
    "pin",
    [
        "'fixed'",
        "None",
        "'{{ ds }}'",
        "'{{ run_id }}_{{ ti.map_index }}'",
        "'{{ dag_run.conf[\"a\"] }}'",
        "'{{ macros.ds_add(ds, 1) }}'",
        "'{{ data_interval_start | ts_nodash }}'",
        "'{% if params.x %}{{ ts }}{% endif %}'",
        "datetime(2026, 1, 31)",
        "pendulum.datetime(2026, 1, 31, tz='UTC')",
    ],
)
def test_a_pin_that_stays_the_same_is_not_named(examine: Examine, pin: str) -> None:
    [found] = examine(in_dag(f"{NAME}(trigger_run_id={pin})"))

    assert found["pins"] == {}


@pytest.mark.parametrize(
    "pin", ["compute()", "RUN_ID", "'{{ var.value.x }}'", "'{{ my_macro() }}'", "first.output"]
)
def test_a_pin_of_which_the_file_does_not_tell_is_said_to_be_unknown(examine: Examine, pin: str) -> None:
    [found] = examine(in_dag(f"{NAME}(trigger_run_id={pin})"))

    assert found["pins"] == {"trigger_run_id": "not known whether it stays the same on a retry"}


# Arguments


@pytest.mark.parametrize(
    ("call", "airflow", "arguments"),
    [
        ("note='x'", "3.1.8", {"note": "ignored with a warning; needs Airflow >=3.2"}),
        ("note='x'", "3.2.2", {}),
        ("note=None, fail_when_dag_is_paused=False", "3.0.6", {}),
        ("run_after='x'", "3.2.2", {"run_after": "fails the task; needs Airflow >=3.3"}),
        ("run_after='x'", "3.3.2", {}),
        (
            "fail_when_dag_is_paused=True",
            "3.0.6",
            {"fail_when_dag_is_paused": "fails the task; needs Airflow !=3.0.*,!=3.1.*"},
        ),
        ("fail_when_dag_is_paused=True", "2.11.2", {}),
        ("fail_when_dag_is_paused=True", "3.4.0b2", {}),
        ("path='airflow2'", "3.0.6", {"path": "'airflow2' is no path of Airflow 3.0.6: the task fails"}),
        ("path='accessor'", "3.0.6", {}),
        (
            "execution_date='x'",
            "3.0.6",
            {"execution_date": "only Airflow 2's own class takes it; use logical_date"},
        ),
    ],
)
def test_an_argument_that_the_release_does_not_honour_is_named(
    examine: Examine, call: str, airflow: str, arguments: dict[str, str]
) -> None:
    [found] = examine(in_dag(f"{NAME}({call})", header=OURS), "--airflow", airflow)

    assert found["arguments"] == arguments


def test_what_upstream_does_with_them_is_said_too(examine: Examine) -> None:
    [found] = examine(in_dag(f"{NAME}(note='x', durable=True)"), "--airflow", "3.0.6")

    assert found["arguments"] == {
        "note": "dropped, or an error, depending on the release; needs Airflow >=3.2",
        "durable": "upstream's operator does not take it",
    }


def test_without_an_airflow_their_range_is_said(examine: Examine) -> None:
    [found] = examine(in_dag(f"{NAME}(note='x')", header=OURS))

    assert found["arguments"] == {"note": "needs Airflow >=3.2"}


def test_the_installed_airflow_is_the_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "version", lambda _name: "3.1.8")
    (tmp_path / "dag.py").write_text(in_dag(f"{NAME}(note='x')", header=OURS))

    assert cli.main(["doctor", str(tmp_path), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["airflow"] == "3.1.8"
    assert found["findings"][0]["arguments"] == {"note": "ignored with a warning; needs Airflow >=3.2"}


# The command

FOLDER = {
    "a.py": in_dag(f"{NAME}(task_id='<b>&', {WAITS}, trigger_run_id='{{{{ ti.try_number }}}}')"),
    "b.py": in_dag(f"{NAME}(task_id='pinned', {WAITS}, logical_date='{{{{ ts }}}}')"),
    "c.py": in_dag(f"{NAME}(task_id='plain', note='x')", header=OURS),
    "d.py": "def f(:\n",
    "e.yaml": f"a: {{operator: trigger_compat.{NAME}\n",
    "f.txt": NAME,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FOLDER.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_counts_are_those_of_the_findings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", str(folder), "--airflow", "3.1.8", "--format", "json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found["counts"] == {
        "triggers": 3,
        "of upstream's operator": 2,
        "duplicated by a crash": 1,
        "in the way of their own retry": 1,
        "of which the file does not tell": 0,
        "with arguments that are not honoured": 1,
        "with a pin that renders anew, or may": 1,
        "without retries": 1,
    }
    assert found["files"] == 5
    assert list(found["unread"]) == [str(folder / "d.py"), str(folder / "e.yaml")]


@pytest.mark.parametrize("rich", [True, False])
@pytest.mark.parametrize("form", ["table", "markdown"])
def test_the_table_names_every_trigger_with_and_without_rich(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    *,
    rich: bool,
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    if not rich:
        monkeypatch.setitem(sys.modules, "rich.console", None)

    assert cli.main(["doctor", str(folder), "--airflow", "3.1.8", "--format", form]) == 0
    shown = capsys.readouterr().out
    for words in (
        "a.py:3",
        "pinned",
        "plain",
        "trigger_run_id: renders anew on every try",
        "not read:",
        "d.py",
    ):
        assert words in shown


class Page(HTMLParser):
    """What a page loads, and whether its tags are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_shows_every_trigger(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    page = tmp_path_factory.mktemp("out") / "page.html"

    assert cli.main(["doctor", str(folder), "--airflow", "3.1.8", "--html", str(page)]) == 0
    text = page.read_text()
    parsed = Page(text)
    assert (parsed.open, parsed.loads) == ([], [])
    assert "&lt;b&gt;&amp;" in text
    assert text.count("<article") == 3
    assert (
        text.index("duplicates.</strong>") < text.index("collides.</strong>") < text.index("safe.</strong>")
    )
    assert "prefers-color-scheme: dark" in text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{root}/none"], 7, "none: there is no such file or folder"),
        (["{root}", "--airflow", "9.9.9"], 4, "Airflow '9.9.9' is not in the matrix"),
        (["--html", "{root}/page.html"], 10, "--airflow and --html need dags"),
        (["{root}", "--html", "{root}/no/where"], 7, "name a file that can be written"),
    ],
)
def test_bad_input_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert cli.main(["doctor", *(each.format(root=folder) for each in arguments)]) == code
    [line] = capsys.readouterr().err.splitlines()
    assert message in line
