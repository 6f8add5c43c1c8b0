"""Every block of every page has a rule, every link leads somewhere, every table is what it follows from.

And what blocks say where no Airflow is needed: see ``blocks.RULES``.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from markdown_it import MarkdownIt
from packaging.requirements import Requirement

from tests.docs.blocks import (
    CI,
    QUICKSTART,
    ROOT,
    RULES,
    Tier,
    Unit,
    claimed,
    command_of,
    pages,
    rule_of,
    units,
)
from tests.shells import newcomer
from tools import generated
from trigger_compat import __version__, contract, matrix
from trigger_compat.dags import names
from trigger_compat.floor import settings
from trigger_compat.floor.report import ignores

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RUN_HERE = {
    *("session", "install", "export", "matrix", "example", "provider", "run id", "tree"),
    *("folder", "ruff", "factory", "image", "requirements", "hooks", "settings", "ignore"),
}
EXAMPLES = ROOT / "src" / "trigger_compat" / "example_dags"


# Rules


@pytest.mark.parametrize("unit", units(), ids=str)
def test_every_block_has_a_rule(unit: Unit) -> None:
    assert rule_of(unit), f"nothing runs this {unit.language or 'block without a language'}:\n{unit.text}"


def test_every_rule_has_a_block() -> None:
    used = {rule_of(unit) for unit in units()}

    assert [rule.name for rule in RULES if rule not in used] == []


def test_what_is_run_here_is_what_the_rules_leave_to_here() -> None:
    assert {rule.name for rule in RULES if rule.tier is Tier.PAGES} == RUN_HERE


def test_the_page_that_is_followed_is_the_quickstart() -> None:
    """That is what ``nox -s quickstart`` reads."""
    assert {unit.page for unit in claimed(Tier.FOLLOWED, "follow")} == {QUICKSTART}


@pytest.mark.parametrize(
    "text",
    ["pip freeze", "trigger-compat ceiling", "rm -rf /", "airflow standalone"],
)
def test_a_command_that_no_rule_knows_is_found(text: str) -> None:
    assert rule_of(Unit("docs/durable.md", 1, "console", text)) is None


@pytest.mark.parametrize("language", ["", "bash", "python", "yaml", "(indented)"])
def test_a_block_that_no_rule_knows_is_found(language: str) -> None:
    assert rule_of(Unit("docs/durable.md", 1, language, "print(1)")) is None


# Links


def _tokens(file: Path) -> Iterator[Any]:
    for token in MarkdownIt().enable("table").parse(file.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def _links(file: Path) -> list[str]:
    found = [token.attrGet("href") or token.attrGet("src") for token in _tokens(file)]
    return sorted({str(link) for link in found if link})


def _anchors(file: Path) -> set[str]:
    """The anchors that a git host gives to the headings."""
    tokens = list(_tokens(file))
    titles = [after.content for token, after in itertools.pairwise(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


LINKS = [(file, link) for file in pages() for link in _links(file)]


@pytest.mark.parametrize(
    ("file", "link"), LINKS, ids=[f"{file.relative_to(ROOT)}: {link}" for file, link in LINKS]
)
def test_a_link_leads_somewhere(file: Path, link: str) -> None:
    """Inside the tree to a file and a heading; outside, which is not asked, to something with a host."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        assert parts.scheme in ("https", "http"), link
        assert re.fullmatch(r"localhost:\d+|[\w-]+(\.[\w-]+)+", parts.netloc), link
        return
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    assert target.is_relative_to(ROOT), link
    assert target.is_file(), link
    assert _is_tracked(target), f"{link} is there, but not in the repository"
    if parts.fragment:
        assert parts.fragment in _anchors(target), link


def _is_tracked(file: Path) -> bool:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--error-unmatch", str(file)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0


# Tables and copies


@pytest.mark.parametrize(("file", "name"), generated.BLOCKS)
def test_a_generated_block_is_up_to_date(file: str, name: str) -> None:
    wanted = generated.BLOCKS[file, name](matrix.load())

    assert generated.shown(file, name) == wanted, "write it: nox -s docs -- --write"


@pytest.mark.parametrize("unit", claimed(Tier.PAGES, "example"), ids=str)
def test_an_example_on_a_page_is_the_file(unit: Unit) -> None:
    assert unit.text in {file.read_text(encoding="utf-8").rstrip() for file in EXAMPLES.glob("*.py")}


def test_every_example_is_on_the_page() -> None:
    shown = {unit.text for unit in claimed(Tier.PAGES, "example")}
    files = [file for file in EXAMPLES.glob("*.py") if file.stem != "__init__"]

    assert {file.read_text(encoding="utf-8").rstrip() for file in files} == shown


def test_the_run_id_on_the_page_is_the_one_that_is_computed() -> None:
    [unit] = claimed(Tier.PAGES, "run id")
    form = re.escape(unit.text).replace(r"\[", "[").replace(r"\]", "]")
    for words, pattern in {
        re.escape("<parent dag>"): "dag",
        re.escape("<task>"): "task",
        "[" + re.escape(".<map index>") + "]": r"\.7",
        "[" + re.escape(".loop<iteration>") + "]": r"\.loop3",
        re.escape("<epoch>"): "2",
        re.escape("<generation>"): "1",
        re.escape("<20 hexadecimal digits>"): "[0-9a-f]{20}",
    }.items():
        assert words in form
        form = form.replace(words, pattern)
    parent = contract.ParentTask(
        dag_id="dag", run_id="run", task_id="task", map_index=7, loop_index=3, epoch=2
    )

    assert re.fullmatch(form, contract.durable_run_id(parent, "child", 1))


def test_the_tree_of_the_workshop_names_every_module_and_nothing_else() -> None:
    [unit] = claimed(Tier.PAGES, "tree")
    named, folder = set(), ""
    for line in unit.text.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        folder = "".join(part + "/" for part in folder.split("/")[:depth])
        if name.endswith("/"):
            folder += name
        else:
            named.add(folder + name)

    tools = [*(ROOT / "tools").rglob("*.py"), *(file for file in (ROOT / ".ci").iterdir() if file.is_file())]
    wanted = {file.relative_to(ROOT).as_posix() for file in tools if file.name != "__init__.py"}
    assert named - {"noxfile.py", "docs/site_links.py"} == wanted


def test_each_cell_of_the_site_has_the_heading_of_its_column() -> None:
    """On a phone it stands before the cell."""
    spec = spec_from_file_location("site_links", ROOT / "docs" / "site_links.py")
    assert spec
    assert spec.loader
    hook = module_from_spec(spec)
    spec.loader.exec_module(hook)
    page = (
        MarkdownIt().enable("table").render('| a `b` | "c" | |\n|---|---|---|\n| 1 | 2 | 3 |\n| 4 | 5 | |\n')
    )

    found = re.findall(r'<td data-column="(.*?)">(.*?)</td>', hook.on_page_content(page, None, None, None))
    columns = ("a b", "&quot;c&quot;", "")
    assert found == list(zip(columns * 2, ("1", "2", "3", "4", "5", ""), strict=True))


# Commands


def _inline_sessions() -> list[Unit]:
    """The sessions that the text and its tables name: ``nox -s ...`` between backticks."""
    found = [
        Unit(file.relative_to(ROOT).as_posix(), 0, "console", token.content)
        for file in pages()
        for token in _tokens(file)
        if token.type == "code_inline" and re.match(r"nox( |$)", token.content)
    ]
    return list(dict.fromkeys(unit for unit in found if unit.page not in ("CHANGELOG.md", CI)))


SESSIONS = [*claimed(Tier.PAGES, "session"), *_inline_sessions()]


@pytest.fixture(scope="module")
def noxfile() -> dict[str, str]:
    """The source of each session, by its name."""
    text = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        decorators = [ast.unparse(each) for each in node.decorator_list]
        if any(each.startswith("nox.session") for each in decorators):
            named = re.search(r"name='(\w+)'", decorators[0])
            found[named[1] if named else node.name] = ast.get_source_segment(text, node) or ""
    return found


@pytest.mark.parametrize("unit", SESSIONS, ids=lambda unit: f"{unit}: {unit.text[:40]}")
def test_a_session_on_a_page_is_one_that_nox_has(unit: Unit, noxfile: dict[str, str]) -> None:
    """Real runs of them are what CI and the other tests are; here, no page may ask for what is not there."""
    words = shlex.split(command_of(unit))
    words = words[words.index("noxfile.py") + 1 :] if "noxfile.py" in words else words[1:]
    split = words.index("--") if "--" in words else len(words)
    own, passed_on = words[:split], words[split + 1 :]
    names = _sessions_asked_for(own)
    for name in names:
        assert name in noxfile
    source = "".join(noxfile[name] for name in names)
    for flag in [word for word in passed_on if word.startswith("--")]:
        assert flag in source or "passes_on=True" in source, f"{flag} is no option of {names}"
    for release in re.findall(r"(?<![=\w.])\d+\.\d+\.\d+\w*", command_of(unit)):
        matrix.load().release(release)


def _sessions_asked_for(words: list[str]) -> list[str]:
    if not words:
        return ["matrix"]
    assert words[0] in ("-s", "-t", "-l")
    if words[0] == "-t":
        minors = {row.minor for row in matrix.load().releases}
        assert set(words[1:]) <= {"all", "default", *minors}
        return ["tests"]
    return [word.partition("(")[0] for word in words[1:]]


@pytest.mark.parametrize("unit", claimed(Tier.PAGES, "install"), ids=str)
def test_what_is_installed_is_there(unit: Unit) -> None:
    extras = set(_project()["project"]["optional-dependencies"])
    words = shlex.split(command_of(unit))[2:]
    targets = [word for at, word in enumerate(words) if word[0] != "-" and words[at - 1] != "--wheel-dir"]
    assert targets
    of_the_command = [
        Requirement(text).name for text in _project()["project"]["optional-dependencies"]["cli"]
    ]
    for target in targets:
        if not target.startswith("."):
            assert Requirement(target).name in (*of_the_command, "packaging")
            continue
        assert re.match(r"\.($|\[)", target), (
            "it is not on PyPI: a page says how it is installed from a clone"
        )
        assert Requirement(f"trigger-compat{target[1:]}").extras <= extras


def _project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("unit", claimed(Tier.PAGES, "matrix"), ids=str)
def test_the_matrix_is_printed(unit: Unit, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "trigger_compat", *shlex.split(command_of(unit))[1:]]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)

    written = [file.read_text(encoding="utf-8") for file in tmp_path.iterdir()]
    assert matrix.load().defaults[0].airflow in "".join([done.stdout, *written])


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    """A folder with a dag whose trigger waits and retries, as upstream's operator has it."""
    folder = tmp_path / "dags"
    folder.mkdir()
    [unit] = claimed(Tier.PAGES, "factory")
    name = "TriggerDagRunOperator"
    (folder / "dag.py").write_text(
        f"from airflow.operators.trigger_dagrun import {name}\n"
        f"{name}(task_id='load', wait_for_completion=True, retries=2)\n"
    )
    old = re.sub(r"trigger_compat\.(\w+)  # was: (.*)", r"\2.trigger_dagrun.\1", unit.text)
    (folder / "factory.yaml").write_text(old.replace("      durable: true", ""))
    return folder


def _run(unit: Unit, folder: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "trigger_compat", *shlex.split(command_of(unit))[1:]]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("unit", claimed(Tier.PAGES, "folder"), ids=str)
def test_a_command_for_a_dag_folder_does_what_its_options_say(unit: Unit, dags: Path) -> None:
    before = {file: file.read_bytes() for file in dags.iterdir()}
    back = "--reverse" in unit.text
    if back:
        ours = Unit("", 0, "console", "trigger-compat migrate dags/ --durable --write")
        assert _run(ours, dags.parent).returncode == 0
    done = _run(unit, dags.parent)

    assert done.returncode == int("--check" in unit.text), done.stderr
    after = {file: file.read_bytes() for file in dags.iterdir()}
    assert (after == before) is (back or "--write" not in unit.text)
    if "doctor" in unit.text:
        assert "duplicates" in done.stdout
    elif "--write" not in unit.text and "--check" not in unit.text:
        assert "+from trigger_compat import" in done.stdout
    if "--html" in unit.text:
        assert (dags.parent / "triggers.html").read_text(encoding="utf-8").startswith("<!doctype")
    if not back and "--write" in unit.text:
        assert (b"durable=True" in after[dags / "dag.py"]) is ("--durable" in unit.text)


@pytest.mark.parametrize("unit", claimed(Tier.ROW, "import"), ids=str)
def test_the_import_on_the_page_is_the_one_that_the_command_writes(unit: Unit, dags: Path) -> None:
    old, new = (line[1:] for line in unit.text.splitlines())
    file = dags / "dag.py"
    file.write_text(f"{old}\n")
    assert _run(Unit("", 0, "console", "trigger-compat migrate dags/ --write"), dags.parent).returncode == 0

    assert file.read_text() == f"{new}\n"


def test_the_yaml_on_the_page_is_what_the_command_writes(dags: Path) -> None:
    [unit] = claimed(Tier.PAGES, "factory")
    assert _run(Unit("", 0, "console", "trigger-compat migrate dags/ --write"), dags.parent).returncode == 0

    assert (dags / "factory.yaml").read_text().splitlines() == unit.text.splitlines()[:-1]


def test_the_rule_of_ruff_bans_every_home_of_upstreams_operator() -> None:
    [unit] = claimed(Tier.PAGES, "ruff")
    lint = tomllib.loads(unit.text)["tool"]["ruff"]["lint"]

    assert lint["extend-select"] == ["TID251"]
    assert set(lint["flake8-tidy-imports"]["banned-api"]) == set(names.UPSTREAM)


def test_the_settings_on_the_page_are_all_there_are(tmp_path: Path) -> None:
    keys: set[str] = set()
    for unit in claimed(Tier.PAGES, "settings"):
        (tmp_path / "pyproject.toml").write_text(unit.text)
        assert settings.find(tmp_path).folder == tmp_path
        keys |= set(tomllib.loads(unit.text)["tool"]["trigger-compat"]["floor"])

    assert keys == set(settings.KEYS)


def test_the_comment_on_the_page_is_one() -> None:
    [unit] = claimed(Tier.PAGES, "ignore")

    found = ignores.COMMENT.search(unit.text)
    assert found
    assert (found[1], found[2].startswith("a plugin")) == ("dead", True)


def test_the_hooks_on_the_page_are_there() -> None:
    [unit] = claimed(Tier.PAGES, "hooks")
    [repository] = yaml.safe_load(unit.text)["repos"]

    there = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert [hook["id"] for hook in repository["hooks"]] == [hook["id"] for hook in there]


# The provider of docs/ci.md


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A provider's repository with the files of the page, and a wheel of this project beside it."""
    folder = tmp_path_factory.mktemp("provider")
    for unit in claimed(Tier.PAGES, "provider"):
        if unit.language != "console":
            file = folder / unit.text.splitlines()[0].removeprefix("# ")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(unit.text + "\n", encoding="utf-8")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "my-provider"\nversion = "1.0"\ndependencies = ["apache-airflow>=2.11"]\n'
    )
    source = folder / "src" / "my_provider"
    source.mkdir(parents=True)
    (source / "__init__.py").touch()
    (source / "operators.py").write_text(
        "from trigger_compat import TriggerDagRunOperator\n\n\n"
        "class MyTrigger(TriggerDagRunOperator):\n    pass\n"
    )
    known = matrix.load()
    (folder / "airflow-releases.json").write_text(matrix.as_json(known, known.defaults))
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "wheels")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return folder


def _in(provider: Path, *command: str) -> str:
    """Run as a maintainer would, who has put the wheel where uv finds it."""
    environ = {**newcomer(), "UV_FIND_LINKS": str(provider / "wheels")}
    done = subprocess.run(
        command,
        cwd=provider,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def empty(provider: Path) -> Path:
    """The programs of an environment that has pip, and nothing else."""
    folder = provider / "empty"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder / "bin"


def test_the_image_gets_the_wheel_and_nothing_else(provider: Path, empty: Path) -> None:
    [unit] = claimed(Tier.PAGES, "image")
    image, copy, run = (line.partition(" ")[2] for line in unit.text.splitlines())
    assert image == f"apache/airflow:{_newest()}"
    source, target = copy.split()

    command = run.replace(target, f"{provider / source}/")
    _in(provider, "env", f"PATH={empty}:/usr/bin:/bin", "bash", "-e", "-c", command)
    installed = {path.name.partition("-")[0] for path in empty.parent.glob("lib/*/site-packages/*.dist-info")}
    assert installed - {"pip", "setuptools"} == {"trigger_compat"}


def test_pip_takes_the_requirements_file(provider: Path, empty: Path) -> None:
    [unit] = claimed(Tier.PAGES, "requirements")
    constraint, found, requirement = unit.text.splitlines()
    assert f"/constraints-{_newest()}/" in constraint
    assert Requirement(requirement).specifier.contains(__version__)
    (provider / "constraints.txt").touch()
    lines = ("--constraint constraints.txt", f"{found.split()[0]} wheels", requirement)
    (provider / "requirements.txt").write_text("\n".join(lines))

    # Without an Airflow, pip would look for one; the page says that it is there.
    install = (str(empty / "pip"), "install", "--dry-run", "--ignore-installed", "--no-deps")
    assert f"Would install trigger-compat-{__version__}" in _in(provider, *install, "-r", "requirements.txt")


def test_a_requirements_file_cannot_say_no_deps(provider: Path, empty: Path) -> None:
    (provider / "refused.txt").write_text("--no-deps\ntrigger-compat\n")

    command = [str(empty / "pip"), "install", "--dry-run", "-r", "refused.txt"]
    done = subprocess.run(command, cwd=provider, env=newcomer(), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "--no-deps" in done.stderr


def test_the_wheels_are_where_the_page_says() -> None:
    [unit] = claimed(Tier.PAGES, "export")

    assert unit.text == 'export UV_FIND_LINKS="$PWD/wheels"'


def _newest() -> str:
    return [row.airflow for row in matrix.load().defaults if not row.preview][-1]


def test_the_commands_are_about_the_newest_release() -> None:
    commands = [unit.text for unit in claimed(Tier.PAGES, "provider") if unit.language == "console"]
    assert commands == [
        f'nox -s "tests({_newest()})"',
        f'nox -s "tests({_newest()})" -- -k fire_and_forget',
        f"tox run -e airflow-{_newest()}",
        f"tox run -e airflow-{_newest()} -- -k fire_and_forget",
    ]


def test_the_noxfile_lists_every_release(provider: Path) -> None:
    listed = json.loads(_in(provider, "nox", "-l", "--json"))

    assert [each["call_spec"]["row"]["airflow"] for each in listed if "row" in each["call_spec"]] == [
        row.airflow for row in matrix.load().defaults
    ]


def test_nox_tests_the_provider(provider: Path) -> None:
    [command] = [
        unit.text
        for unit in claimed(Tier.PAGES, "provider")
        if unit.text.startswith("nox") and " -k " in unit.text
    ]

    assert re.search(r"\b1 passed, \d+ deselected", _in(provider, *shlex.split(command)))


def test_the_rows_of_tox_are_those_of_the_matrix(provider: Path) -> None:
    rows = [row for row in matrix.load().defaults if not row.preview]
    config = tomllib.loads((provider / "tox.toml").read_text(encoding="utf-8"))

    assert config["env_list"] == [f"airflow-{row.airflow}" for row in rows]
    for row in rows:
        env = config["env"][f"airflow-{row.airflow}"]
        assert env["deps"][0] == f"apache-airflow=={row.airflow}"
        assert env["set_env"] == {"UV_EXCLUDE_NEWER": f"{row.resolve}T00:00:00Z"}
        assert config["env_run_base"]["base_python"] == [row.pythons[1]]
    assert set(config["env"]) == set(config["env_list"])


def test_tox_tests_the_provider(provider: Path) -> None:
    """It installs all and starts the suite, which nox has run: here it only collects."""
    [command] = [
        unit.text
        for unit in claimed(Tier.PAGES, "provider")
        if unit.text.startswith("tox") and " -k " in unit.text
    ]

    assert "1/" in _in(provider, *shlex.split(command), "--collect-only", "-q")


def test_the_workflow_is_one_for_github(provider: Path) -> None:
    import yaml

    file = ".github/workflows/airflow.yml"
    _in(provider, "check-jsonschema", "--builtin-schema", "vendor.github-workflows", file)
    jobs = yaml.safe_load((provider / file).read_text(encoding="utf-8"))["jobs"]

    [fan_out] = [step["run"] for step in jobs["releases"]["steps"] if "run" in step]
    output = provider / "output"
    _in(provider, "env", f"GITHUB_OUTPUT={output}", "bash", "-e", "-c", fan_out)
    name, _, value = output.read_text(encoding="utf-8").partition("=")
    include = json.loads(value)["include"]
    assert name == "matrix"
    assert [row["airflow"] for row in include] == [row.airflow for row in matrix.load().defaults]
    assert {"airflow", "pythons", "preview"} <= include[0].keys()

    asked = re.search(r'nox -s "tests\(\$\{\{ matrix.airflow \}\}\)"', jobs["tests"]["steps"][-1]["run"])
    assert asked, "each job runs the session of its row"
    gate = jobs["all-pass"]
    assert set(gate["needs"]) == set(jobs) - {"all-pass"}
    assert gate["steps"][0]["run"].endswith('= "' + " ".join(["success"] * len(gate["needs"])) + '"')
