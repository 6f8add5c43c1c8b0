"""The command that moves dags: every style of import there and back, and nothing passed over in silence."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trigger_compat import cli

STANDARD = "airflow.providers.standard.operators.trigger_dagrun"
CORE = "airflow.operators.trigger_dagrun"
OLD = "airflow.operators.dagrun_operator"
NAME = "TriggerDagRunOperator"
WAS_STANDARD = "  # was: airflow.providers.standard"
WAS_CORE = "  # was: airflow.operators"

STYLES: dict[str, tuple[str, str]] = {
    "alone": (f"from {STANDARD} import {NAME}\n", f"from trigger_compat import {NAME}{WAS_STANDARD}\n"),
    "from the core": (f"from {CORE} import {NAME}\n", f"from trigger_compat import {NAME}{WAS_CORE}\n"),
    "from the oldest home": (
        f"from {OLD} import {NAME}\n",
        f"from trigger_compat import {NAME}  # was: {OLD}\n",
    ),
    "renamed": (f"from {CORE} import {NAME} as T\n", f"from trigger_compat import {NAME} as T{WAS_CORE}\n"),
    "with the link": (
        f"from {STANDARD} import TriggerDagRunLink, {NAME}\n",
        f"from trigger_compat import TriggerDagRunLink, {NAME}{WAS_STANDARD}\n",
    ),
    "with a comment": (
        f"from {CORE} import {NAME}  # noqa: F401\n",
        f"from trigger_compat import {NAME}  # noqa: F401{WAS_CORE}\n",
    ),
    "with odd blanks": (
        f"from  {CORE}\timport   {NAME}   \n",
        f"from  trigger_compat\timport   {NAME}   {WAS_CORE}\n",
    ),
    "in parentheses": (
        f"from {CORE} import (\n    {NAME},  # why\n    # and\n    TriggerDagRunLink as L,\n)  # end\n",
        (
            f"from trigger_compat import (\n    {NAME},  # why\n    # and\n    TriggerDagRunLink as L,\n)"
            f"  # end{WAS_CORE}\n"
        ),
    ),
    "over lines by backslashes": (
        f"from {CORE} \\\n    import {NAME}\n",
        f"from trigger_compat \\\n    import {NAME}{WAS_CORE}\n",
    ),
    "with a name that is not ours": (
        f"from {CORE} import {NAME} as T, XCOM_RUN_ID  # noqa\n",
        (
            f"from {CORE} import XCOM_RUN_ID  # noqa\n"
            f"from trigger_compat import {NAME} as T  # noqa"
            f"  # was, with the import before: from {CORE} import {NAME} as T, XCOM_RUN_ID\n"
        ),
    ),
    "with a name that is not ours, first": (
        f"from {CORE} import XCOM_RUN_ID, {NAME}\n",
        (
            f"from {CORE} import XCOM_RUN_ID\n"
            f"from trigger_compat import {NAME}"
            f"  # was, with the import before: from {CORE} import XCOM_RUN_ID, {NAME}\n"
        ),
    ),
    "with a name that is not ours, over lines": (
        f"from {CORE} import (\n    {NAME},\n    XCOM_RUN_ID,  # kept\n    TriggerDagRunLink,\n)\n",
        (
            f"from {CORE} import (\n    XCOM_RUN_ID,  # kept\n)\n"
            f"from trigger_compat import {NAME}, TriggerDagRunLink"
            f"  # was, with the import before: from {CORE}"
            rf" import (\n    {NAME},\n    XCOM_RUN_ID,  # kept\n    TriggerDagRunLink,\n)"
            "\n"
        ),
    ),
    "with a name that is not ours, by a backslash, indented": (
        f"if True:\n\tfrom {CORE} import {NAME}, \\\n\t\tXCOM_RUN_ID\n",
        (
            f"if True:\n\tfrom {CORE} import XCOM_RUN_ID\n\tfrom trigger_compat import {NAME}"
            f"  # was, with the import before: from {CORE} import {NAME}, \\\\\\n\t\tXCOM_RUN_ID\n"
        ),
    ),
    "the module under a name": (
        f"import {STANDARD} as t, os\nt.{NAME}()\n",
        f"import trigger_compat as t, os{WAS_STANDARD}\nt.{NAME}()\n",
    ),
    "the module by its whole name": (
        f"import airflow\nimport {CORE}\nairflow.DAG\n{CORE}.{NAME}.partial()\n",
        f"import airflow\nimport trigger_compat{WAS_CORE}\nairflow.DAG\ntrigger_compat.{NAME}.partial()\n",
    ),
    "the module by its whole name, with what it binds": (
        f"import {CORE}  # all\nairflow.DAG\n{CORE}.{NAME}()\n",
        (
            f"import airflow, trigger_compat  # all  # was: import {CORE}\n"
            f"airflow.DAG\ntrigger_compat.{NAME}()\n"
        ),
    ),
    "two modules by their whole names": (
        (
            f"try:\n    import {STANDARD}\n    T = {STANDARD}.{NAME}\n"
            f"except ImportError:\n    import {CORE}\n    T = {CORE}.{NAME}\n"
        ),
        (
            f"try:\n    import trigger_compat{WAS_STANDARD}\n    T = trigger_compat.{NAME}\n"
            f"except ImportError:\n    import trigger_compat{WAS_CORE}\n    T = trigger_compat.{NAME}\n"
        ),
    ),
    "the module from its package": (
        f"from airflow.operators import trigger_dagrun\ntrigger_dagrun.{NAME}()\n",
        (
            "import trigger_compat as trigger_dagrun  # was: from airflow.operators import trigger_dagrun\n"
            f"trigger_dagrun.{NAME}()\n"
        ),
    ),
    "the module from its package, renamed, beside another": (
        f"from airflow.providers.standard.operators import (python, trigger_dagrun as t)\nt.{NAME}\n",
        (
            "from airflow.providers.standard.operators import (python)\nimport trigger_compat as t"
            "  # was, with the import before: from airflow.providers.standard.operators import"
            f" (python, trigger_dagrun as t)\nt.{NAME}\n"
        ),
    ),
    "in try and except": (
        f"try:\n    from {STANDARD} import {NAME}\nexcept ImportError:  # 2\n    from {CORE} import {NAME}\n",
        (
            f"try:\n    from trigger_compat import {NAME}{WAS_STANDARD}\n"
            f"except ImportError:  # 2\n    from trigger_compat import {NAME}{WAS_CORE}\n"
        ),
    ),
    "for types, on one line": (
        f"if TYPE_CHECKING: from {CORE} import {NAME}\n",
        f"if TYPE_CHECKING: from trigger_compat import {NAME}{WAS_CORE}\n",
    ),
    "in a function, after a semicolon": (
        f"def f():\n    x = 1; from {CORE} import {NAME}; from {OLD} import {NAME} as U; return U\n",
        (
            f"def f():\n    x = 1; from trigger_compat import {NAME}; from trigger_compat import {NAME} as U;"
            f" return U{WAS_CORE}  # was: {OLD}\n"
        ),
    ),
    "beside one that is ours": (
        f"try:\n    from trigger_compat import {NAME}\nexcept ImportError:\n    from {CORE} import {NAME}\n",
        (
            f"try:\n    from trigger_compat import {NAME}\nexcept ImportError:\n"
            f"    from trigger_compat import {NAME}{WAS_CORE}\n"
        ),
    ),
    "without a newline at the end": (
        f"from {CORE} import {NAME}",
        f"from trigger_compat import {NAME}{WAS_CORE}",
    ),
    "after a form feed": (
        f"import os\n\f\nfrom {CORE} import {NAME}\n",
        f"import os\n\f\nfrom trigger_compat import {NAME}{WAS_CORE}\n",
    ),
}
YAML_STYLES: dict[str, tuple[str, str]] = {
    "plain": (f"a:\n  operator: {CORE}.{NAME}\n", f"a:\n  operator: trigger_compat.{NAME}{WAS_CORE}\n"),
    "quoted, with a comment": (
        f"a:\n  operator: \"{STANDARD}.{NAME}\" # why\n  b: '{CORE}.{NAME}'\n",
        (
            f'a:\n  operator: "trigger_compat.{NAME}" # why{WAS_STANDARD}\n'
            f"  b: 'trigger_compat.{NAME}'{WAS_CORE}\n"
        ),
    ),
    "in a flow, with odd blanks": (
        f"a:   {{operator:   {OLD}.{NAME}, b: [1,\n   2]}}\n",
        f"a:   {{operator:   trigger_compat.{NAME}, b: [1,  # was: {OLD}\n   2]}}\n",
    ),
    "in two documents, with an anchor and a tag": (
        f"---\na: &t {CORE}.{NAME}\nb: *t\n---\nc: !mine {STANDARD}.{NAME}\n",
        (
            f"---\na: &t trigger_compat.{NAME}{WAS_CORE}\nb: *t\n---\n"
            f"c: !mine trigger_compat.{NAME}{WAS_STANDARD}\n"
        ),
    ),
}
ALL = [("dag.py", *style) for style in STYLES.values()]
ALL += [("dag.yaml", *style) for style in YAML_STYLES.values()]
IDS = [*STYLES, *(f"yaml {name}" for name in YAML_STYLES)]


def run(*arguments: object) -> int:
    return cli.main(list(map(str, ("migrate", *arguments))))


def written(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def remarks(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The places that the command left alone, and why."""
    return [line.strip() for line in capsys.readouterr().err.splitlines() if line.startswith("  ")]


# There and back


@pytest.mark.parametrize(("name", "before", "after"), ALL, ids=IDS)
def test_an_import_of_every_style_is_rewritten(tmp_path: Path, name: str, before: str, after: str) -> None:
    file = written(tmp_path / name, before)

    assert run(file, "--write") == 0
    assert file.read_bytes().decode() == after


HOMES = [STANDARD, CORE, OLD, "trigger_compat"]


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that say which of them an operator is from."""
    others = ["airflow.providers.standard.operators.python", "airflow.operators.python"]
    for name in [*HOMES, *others]:
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            dotted = ".".join(parts[:depth])
            if not isinstance(sys.modules.get(dotted), Fake):
                fake = Fake(dotted)
                fake.__path__ = []  # so that it can have modules below it
                monkeypatch.setitem(sys.modules, dotted, fake)
            if depth > 1:
                setattr(sys.modules[".".join(parts[: depth - 1])], parts[depth - 1], sys.modules[dotted])


class Fake(ModuleType):
    """A module that has every name, and notes who took the operator from it."""

    taken: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == NAME:
            self.taken.append(self.__name__)
        return Mock()


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize(("before", "after"), STYLES.values(), ids=STYLES)
def test_the_code_of_every_style_runs_with_the_other_operator(before: str, after: str) -> None:
    def homes(text: str) -> list[str]:
        Fake.taken.clear()
        code = f"TYPE_CHECKING = True\n{text}\nif 'f' in globals(): f()"
        exec(compile(code, "dag.py", "exec"), {})
        return [*Fake.taken]

    old, new = homes(before), homes(after)
    assert set(new) == {"trigger_compat"}
    assert len(old) == len(new)
    assert "trigger_compat" not in old or "from trigger_compat" in before


@pytest.mark.parametrize(("name", "before", "after"), ALL, ids=IDS)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=repr)
def test_there_and_back_gives_the_same_bytes(
    tmp_path: Path, name: str, before: str, after: str, newline: str
) -> None:
    old, new = (
        text.replace("\n", newline).replace("\\" + newline[0] + "n", r"\\n") for text in (before, after)
    )
    file = written(tmp_path / name, old)

    assert run(file, "--write") == 0
    assert file.read_bytes() != old.encode()
    assert file.read_bytes().count(newline.encode()) == new.encode().count(newline.encode())
    assert run(file, "--reverse", "--write") == 0
    assert file.read_bytes() == old.encode()


@pytest.mark.parametrize(("name", "before", "after"), ALL, ids=IDS)
def test_a_second_run_changes_nothing(tmp_path: Path, name: str, before: str, after: str) -> None:
    file = written(tmp_path / name, after)

    assert run(file, "--durable", "--check") == 0
    assert run(file, "--write") == 0
    assert file.read_bytes().decode() == after


def test_a_second_way_back_changes_nothing(tmp_path: Path) -> None:
    for number, (name, before, _) in enumerate(ALL):
        written(tmp_path / str(number) / name, before)
    untouched = tree(tmp_path)

    assert run(tmp_path, "--reverse", "--write") == 0
    assert tree(tmp_path) == untouched


OTHERS = [
    "",
    "x = 1\n",
    "# trigger_dagrun, é, \N{SNOWMAN}\n",
    'text = """\n# was: airflow.operators\n"""\n',
    f"from common.operators import {NAME} as Other\n",
    f"T = {NAME}(task_id='a', wait_for_completion=True, retries=2)  # by hand\n",
    f"T = {NAME}(\n    task_id='a',\n    wait_for_completion=True,  # until it ends\n    retries=2,\n)\n",
    (
        f"with DAG('d', default_args={{'retries': 3}}):\n"
        f"    {NAME}.partial(wait_for_completion=True).expand(conf=[])\n"
    ),
    "durable=True, \n",
]


@settings(max_examples=25)
@given(
    parts=st.lists(st.sampled_from([*(before for before, _ in STYLES.values()), *OTHERS]), max_size=6),
    newline=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    durable=st.booleans(),
)
def test_any_file_is_left_alone_or_comes_back_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    parts: Sequence[str],
    newline: str,
    mark: bytes,
    *,
    durable: bool,
) -> None:
    text = "".join(part if part.endswith("\n") or not part else part + "\n" for part in parts)
    content = mark + text.replace("\n", newline).encode()
    file = written(tmp_path_factory.mktemp("any") / "dag.py", content)

    assert run(file, "--write", *(["--durable"] if durable else [])) == 0
    once = file.read_bytes()
    assert run(file, "--write", *(["--durable"] if durable else [])) == 0
    assert file.read_bytes() == once
    assert run(file, "--reverse", "--write") == 0
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + STYLES["alone"][0].encode(),
        b"# -*- coding: latin-1 -*-\nx = '\xe9'\n" + STYLES["with a comment"][0].encode(),
        f"x = '\N{SNOWMAN}'; from {CORE} import {NAME}\n".encode(),
    ],
    ids=["a byte order mark", "latin-1", "a snowman before it"],
)
def test_a_file_keeps_its_encoding(tmp_path: Path, content: bytes) -> None:
    file = written(tmp_path / "dag.py", content)

    assert run(file, "--write") == 0
    assert f"from trigger_compat import {NAME}".encode() in file.read_bytes()
    assert file.read_bytes()[:8] == content[:8]
    assert run(file, "--reverse", "--write") == 0
    assert file.read_bytes() == content


def test_the_name_of_airflow_stays_in_every_file(tmp_path: Path) -> None:
    """Airflow only parses files that it finds its name in ([core] dag_discovery_safe_mode)."""
    for _, _, after in ALL:
        assert "airflow" in after


# The way back, where somebody else has written


def test_an_import_that_was_moved_goes_back_on_its_own(tmp_path: Path) -> None:
    """As isort does: another import has come between the two halves."""
    _, after = STYLES["with a name that is not ours"]
    rest, new = after.splitlines()
    file = written(tmp_path / "dag.py", f"{rest}\nimport os\n{new}\n")

    assert run(file, "--reverse", "--write") == 0
    assert file.read_text() == f"{rest}\nimport os\nfrom {CORE} import {NAME} as T  # noqa\n"


def test_imports_that_were_merged_keep_all_their_names(tmp_path: Path) -> None:
    """As isort does with two imports from one module."""
    old = f"from {CORE} import {NAME}, XCOM_RUN_ID"
    text = (
        f"from {CORE} import XCOM_RUN_ID\n"
        f"from trigger_compat import (\n    TriggerDagRunLink,{WAS_STANDARD}\n    {NAME},\n)"
        f"  # was, with the import before: {old}\n"
    )
    file = written(tmp_path / "dag.py", text)

    assert run(file, "--reverse", "--write") == 0
    assert file.read_text() == (
        f"from {CORE} import XCOM_RUN_ID\nfrom {CORE} import (\n    TriggerDagRunLink,\n    {NAME},\n)\n"
    )


def test_an_import_that_came_later_goes_back_with_the_others(tmp_path: Path) -> None:
    before, after = STYLES["renamed"]
    file = written(tmp_path / "dag.py", after + IMPORT)

    assert run(file, "--write") == 0
    assert file.read_text() == after + STYLES["alone"][1]
    assert run(file, "--reverse", "--write") == 0
    assert file.read_text() == before + IMPORT


def test_a_mark_that_a_formatter_moved_is_found(tmp_path: Path) -> None:
    text = f"from trigger_compat import (\n    {NAME},{WAS_CORE}\n)\n"
    file = written(tmp_path / "dag.py", text)

    assert run(file, "--reverse", "--write") == 0
    assert file.read_text() == f"from {CORE} import (\n    {NAME},\n)\n"


HAND_WRITTEN = f"""\
import trigger_compat as tc
from trigger_compat import {NAME}, TriggerDagRunLink
{NAME}(task_id="a", durable=True)
{NAME}(path="accessor", task_id="b", wait_for_completion=True, durable=True)
tc.{NAME}.partial(
    task_id="c",
    durable=True,
).expand(conf=[])
"""
LEFT = f"""\
import {STANDARD} as tc
from {STANDARD} import {NAME}, TriggerDagRunLink
{NAME}(task_id="a")
{NAME}(task_id="b", wait_for_completion=True)
tc.{NAME}.partial(
    task_id="c",
).expand(conf=[])
"""


def test_what_the_command_did_not_write_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path / "dag.py", HAND_WRITTEN)

    assert run(file, "--reverse", "--write") == 0
    assert file.read_text() == HAND_WRITTEN
    why = "this command did not write it, so it stays; --all rewrites it too"
    assert remarks(capsys) == [f"{file}:1: {why}", f"{file}:2: {why}"]


def test_whoever_leaves_takes_all_back(tmp_path: Path) -> None:
    file = written(tmp_path / "dag.py", HAND_WRITTEN)
    yaml = written(tmp_path / "dag.yml", f"operator: trigger_compat.{NAME}\n")

    assert run(tmp_path, "--reverse", "--all", "--write") == 0
    assert file.read_text() == LEFT
    assert yaml.read_text() == f"operator: {STANDARD}.{NAME}\n"


def test_the_way_back_names_what_upstream_does_not_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        f"from trigger_compat import {NAME}{WAS_CORE}\n"
        "from trigger_compat import trigger_dag_run\n"
        "from trigger_compat.errors import InvalidRequest\n"
        f"{NAME}(durable=True)\n"
        "patch('trigger_compat.operator')\n"
    )
    file = written(tmp_path / "dag.py", text)

    assert run(file, "--reverse", "--all") == 0
    assert remarks(capsys) == [
        f"{file}:2: uses trigger_dag_run, which upstream's module does not have",
        f"{file}:3: trigger_compat.errors has no counterpart upstream",
        f"{file}:5: in a string, which another program may read as a name",
    ]
    assert run(file, "--reverse") == 0
    assert f"{file}:4: upstream's operator has no durable: take it out, or use --all" in remarks(capsys)


# Nothing is passed over in silence

STRING = "in a string, which another program may read as a name"
LEFT_ALONE: dict[str, tuple[str, int, str]] = {
    "a star": (f"\nfrom {CORE} import *\n", 2, "a star import does not say which names it brings"),
    "what a star brings": (f"from x import *\n{NAME}()\n", 2, "a name that this file does not import itself"),
    "import_module": (f"import_module('{CORE}')\n", 1, STRING),
    "import_module by parts": (
        "import_module('.' + x, 'airflow.operators')\n",
        1,
        "import_module() of a computed name",
    ),
    "import_string": (f"import_string('{STANDARD}.{NAME}')\n", 1, STRING),
    "import_string of a computed name": (
        "import_string(f'airflow.operators.{x}')\n",
        1,
        "import_string() of a computed name, which may be upstream's",
    ),
    "getattr": (
        "getattr(airflow.operators, 'trigger_dagrun')\n",
        1,
        "getattr() of upstream's module by parts of its name",
    ),
    "patch": (f"@patch('dags.x.{NAME}')\ndef test(): ...\n", 1, STRING),
    "an f-string": (f"x = f'{{y}}.{NAME}'\n", 1, STRING),
    "a docstring": (f'def f():\n    """\n    {NAME}\n    """\n', 3, "only in a docstring"),
    "a name that is exported": (f"__all__ = ['{NAME}']\n", 1, STRING),
    "a comment": (f"# from {CORE} import {NAME}\n", 1, "only in a comment"),
    "the project's own module": (
        f"from .common import {NAME}\n{NAME}()\n",
        1,
        "imported from .common, which is not upstream's module",
    ),
    "an attribute of it": (
        f"import common\ncommon.{NAME}()\n",
        2,
        "an attribute of common, which is not known to be upstream's module",
    ),
    "a class of its own": (f"class {NAME}:\n    pass\n", 1, "defined here, so it is not upstream's"),
    "an attribute without its import": (
        f"import airflow\n{CORE}.{NAME}()\n",
        2,
        "an attribute of airflow.operators",
    ),
    "another name of the module": (
        f"import {CORE} as t\nt.XCOM_RUN_ID\n",
        1,
        "not rewritten: line 2 uses t.XCOM_RUN_ID, which trigger_compat does not have",
    ),
    "the module as an object": (
        "from airflow.operators import trigger_dagrun\nf(trigger_dagrun)\n",
        1,
        "not rewritten: line 2 uses trigger_dagrun, which trigger_compat does not have",
    ),
    "the package that it binds": (
        f"import {CORE}\nairflow.operators.python\n",
        1,
        "not rewritten: line 2 uses airflow.operators, which this import binds",
    ),
    "its name between quotes": (
        f"import {CORE}\nx: '{CORE}.{NAME}'\n",
        1,
        f"not rewritten: line 2 uses '{CORE}.{NAME}'",
    ),
    "only another name": (
        f"from {CORE} import XCOM_RUN_ID\n",
        1,
        "imports XCOM_RUN_ID, which trigger_compat does not have",
    ),
    "a split beside other code": (
        f"x = 1; from {CORE} import {NAME}, XCOM_RUN_ID\n",
        1,
        "not rewritten: it is not alone on its line",
    ),
    "a line that goes on in a string": (
        f'from {CORE} import {NAME}; x = """\n"""\n',
        1,
        "not rewritten: its line goes on",
    ),
    "a use that could be of either import": (
        f"import {CORE}\n{CORE}.{NAME}()\nimport trigger_compat\ntrigger_compat.{NAME}()\n",
        1,
        "not rewritten: the way back would not give the same bytes",
    ),
    "no Python": ("def f(:\n", 1, "cannot be parsed: line 2: expected one of"),
    "a null byte": (f"\0from {CORE} import {NAME}\n", 1, "cannot be parsed"),
    "too many brackets": ("x = " + "(" * 3000 + ")" * 3000, 1, "cannot be parsed: too many nested"),
}


@pytest.mark.parametrize(("text", "line", "reason"), LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_what_is_not_rewritten_is_listed_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, line: int, reason: str
) -> None:
    file = written(tmp_path / "dag.py", text)

    assert run(file, "--write") == 0
    assert file.read_text() == text
    [remark] = remarks(capsys)
    assert remark.startswith(f"{file}:{line}: {reason}")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("dag.yaml", f"# {CORE}.{NAME}\n", ":1: in a comment or in the middle of a text"),
        ("dag.yaml", f"a: |\n  {CORE}.{NAME} x\n", ":2: in a comment or in the middle of a text"),
        ("dag.yaml", f"{{{{ x }}}}: {CORE}.{NAME}: [\n", ":1: cannot be parsed: line 1"),
        ("dag.yaml", f"{{a: {CORE}.{NAME}, b: 'x\n y'}}\n", ":1: not rewritten: there is no place"),
        ("notes.md", f"x\n{NAME}\n", ":2: not a file that this command rewrites"),
        ("dags.zip", b"PK", ": a packed folder of dags is not opened"),
        ("data.csv", b"x" * 1024 * 1025, ": is larger than 1024 KiB, so it was not searched"),
        ("dag.py", b"x = '\xff'\n", ": cannot be decoded"),
        ("dag.py", b"# coding: none\n", ": cannot be decoded"),
    ],
)
def test_files_of_other_kinds_are_listed_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | bytes, reason: str
) -> None:
    file = written(tmp_path / name, content)
    before = file.read_bytes()

    assert run(file, "--write") == 0
    assert file.read_bytes() == before
    assert remarks(capsys)[0].startswith(f"{file}{reason}")


def test_plain_uses_of_the_imported_name_are_not_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"from {CORE} import {NAME}\nclass Mine({NAME}): ...\n"
    text += f"def f(x: {NAME}, y: '{NAME}') -> None:\n    {NAME}()\n"

    assert run(written(tmp_path / "dag.py", text)) == 0
    assert remarks(capsys) == []


def test_the_lines_are_those_of_the_file_on_the_disk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "dag.py", f"from {CORE} import {NAME}, XCOM_RUN_ID\n# {NAME}\n")

    assert run(file) == 0
    assert remarks(capsys)[1] == f"{file}:2: only in a comment"
    assert run(file, "--write") == 0
    assert remarks(capsys)[1] == f"{file}:3: only in a comment"


def test_an_argument_that_is_gone_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path / "dag.py", f"from {CORE} import {NAME}\n{NAME}(execution_date=1)\n")

    assert run(file) == 0
    assert remarks(capsys) == [f"{file}:2: execution_date is gone since Airflow 3: use logical_date"]


# --durable

IMPORT = f"from {STANDARD} import {NAME}\n"
WAITS = f"{NAME}(task_id='a', wait_for_completion=True, retries=2)"
ADDED = f"{NAME}(task_id='a', durable=True, wait_for_completion=True, retries=2)  # was: not durable\n"
DURABLE: dict[str, tuple[str, str]] = {
    "on one line": (f"{WAITS}\n", ADDED),
    "over lines": (
        f"{NAME}(\n    task_id='a',\n    wait_for_completion=True,  # why\n    retries=2,\n)\n",
        (
            f"{NAME}(\n    task_id='a',\n    durable=True,  # was: not durable\n"
            "    wait_for_completion=True,  # why\n    retries=2,\n)\n"
        ),
    ),
    "mapped": (
        f"{NAME}.partial(wait_for_completion=True, retries=n()).expand(conf=[{{}}])\n",
        (
            f"{NAME}.partial(durable=True, wait_for_completion=True, retries=n()).expand(conf=[{{}}])"
            "  # was: not durable\n"
        ),
    ),
    "retries of the dag": (
        f"with DAG('d', default_args={{'retries': 1}}):\n    {NAME}(wait_for_completion=True)\n",
        (
            f"with DAG('d', default_args={{'retries': 1}}):\n"
            f"    {NAME}(durable=True, wait_for_completion=True)  # was: not durable\n"
        ),
    ),
    "retries unknown": (
        f"with DAG('d', default_args=load()):\n    {NAME}(wait_for_completion=True)\n",
        (
            f"with DAG('d', default_args=load()):\n"
            f"    {NAME}(durable=True, wait_for_completion=True)  # was: not durable\n"
        ),
    ),
    "waits by default_args": (
        (
            f"with DAG('d', default_args={{'retries': 1, 'wait_for_completion': True}}):\n"
            f"    {NAME}(task_id='a')\n"
        ),
        (
            f"with DAG('d', default_args={{'retries': 1, 'wait_for_completion': True}}):\n"
            f"    {NAME}(durable=True, task_id='a')  # was: not durable\n"
        ),
    ),
}


@pytest.mark.parametrize(("before", "after"), DURABLE.values(), ids=DURABLE)
def test_triggers_that_wait_and_retry_become_durable(tmp_path: Path, before: str, after: str) -> None:
    file = written(tmp_path / "dag.py", IMPORT + before)

    assert run(file, "--durable", "--write") == 0
    assert file.read_text() == f"from trigger_compat import {NAME}{WAS_STANDARD}\n{after}"
    assert run(file, "--durable", "--check") == 0
    assert run(file, "--reverse", "--write") == 0
    assert file.read_text() == IMPORT + before


def test_triggers_of_before_can_become_durable_later(tmp_path: Path) -> None:
    ours = f"from trigger_compat import {NAME}\n"
    file = written(tmp_path / "dag.py", f"{ours}{WAITS}\n")

    assert run(file, "--durable", "--write") == 0
    assert file.read_text() == ours + ADDED
    assert run(file, "--reverse", "--write") == 0
    assert file.read_text() == f"{ours}{WAITS}\n"


@pytest.mark.parametrize(
    ("call", "remark"),
    [
        (f"{NAME}(wait_for_completion=False, retries=2)", None),
        (f"{NAME}(wait_for_completion=True, retries=0)", None),
        (f"{NAME}(wait_for_completion=True, retries=2, durable=False)", None),
        (f"{NAME}(wait_for_completion=True)", "waits, but has no retries here: durable=True was not added"),
        (
            f"{NAME}(wait_for_completion='{{{{ x }}}}', retries=1)",
            "durable=True was not added: whether it waits is unknown ('{{ x }}')",
        ),
        (f"{NAME}()", None),
        (f"{NAME}(retries=1, **more)", "durable=True was not added: whether it waits is unknown (**)"),
        (
            f'{NAME}(retries=1, wait_for_completion=True, note="""\n""")',
            "durable=True was not added: its line goes on, so there is no place for the mark",
        ),
    ],
)
def test_other_triggers_do_not_become_durable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], call: str, remark: str | None
) -> None:
    file = written(tmp_path / "dag.py", f"from trigger_compat import {NAME}\nwith DAG('d'):\n    {call}\n")

    assert run(file, "--durable", "--check") == 0
    assert remarks(capsys) == ([f"{file}:3: {remark}"] if remark else [])


# The command


def test_the_diff_is_all_that_is_printed_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = STYLES["alone"]
    file = written(tmp_path / "dag.py", before)

    assert run(tmp_path) == 0
    printed = capsys.readouterr()
    assert file.read_text() == before
    assert printed.out.splitlines()[2:] == ["@@ -1 +1 @@", f"-{before.strip()}", f"+{after.strip()}"]
    assert printed.err == "would rewrite 1 of 1 files\n"


@pytest.mark.parametrize("style", ["alone", "without a newline at the end", "in parentheses"])
def test_the_diff_can_be_applied_as_a_patch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    before, after = STYLES[style]
    monkeypatch.chdir(tmp_path)
    file = written(Path("dags", "dag.py"), before)

    assert run("dags") == 0
    patch = capsys.readouterr().out
    subprocess.run(["git", "apply", "-"], input=patch, text=True, check=True)
    assert file.read_text() == after


def test_the_check_fails_while_there_is_something_to_rewrite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "dag.py", IMPORT)

    assert run(tmp_path, "--check") == 1
    assert capsys.readouterr().out == f"would rewrite {file}\n"
    assert file.read_text() == IMPORT
    assert run(tmp_path, "--write") == 0
    assert run(tmp_path, "--check") == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{root}/none"], 7, "none: there is no such file or folder"),
        (["{root}", "{root}/none", "--write"], 7, "none: there is no such file or folder"),
        ([], 10, "the following arguments are required: DAGS"),
        (["{root}", "--all"], 10, "--all needs --reverse"),
        (["{root}", "--reverse", "--durable"], 10, "--durable and --reverse exclude each other"),
        (["{root}", "--write", "--check"], 10, "not allowed with"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    file = written(tmp_path / "dag.py", IMPORT)

    assert run(*(each.format(root=tmp_path) for each in arguments)) == code
    [line] = capsys.readouterr().err.splitlines()
    assert message in line
    assert file.read_text() == IMPORT


def test_several_folders_and_files_are_read_once_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (written(tmp_path / name / "dag.py", IMPORT) for name in ("one", "two"))
    (tmp_path / "one" / "link.py").symlink_to(two)
    (tmp_path / "one" / "again").symlink_to(tmp_path / "one")
    for unread in ("__pycache__/x.py", ".git/x.py", "one/node_modules/x.py", "venv/x.py"):
        written(tmp_path / unread, IMPORT)
    written(tmp_path / "venv" / "pyvenv.cfg", "")

    assert run(tmp_path, one, tmp_path / "two", "--write") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert one.read_bytes() == two.read_bytes() == STYLES["alone"][1].encode()
    assert (tmp_path / "one" / "link.py").is_symlink()


def test_a_file_keeps_its_permissions_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = written(tmp_path / "dag.py", IMPORT)
    file.chmod(0o751)

    assert run(file, "--write") == 0
    assert file.stat().st_mode & 0o7777 == 0o751
    assert [*tmp_path.iterdir()] == [file]


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_either_all_files_are_written_or_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """A disk that is full at any of the files."""
    for name in ("a.py", "b.py", "c.py"):
        written(tmp_path / name, IMPORT)
    before, calls = tree(tmp_path), itertools.count(1)

    def fsync(_handle: int) -> None:
        if next(calls) == failing:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    assert run(tmp_path, "--write") == 7
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("No space left on device; nothing was written")
    assert tree(tmp_path) == before


def test_a_file_that_cannot_be_replaced_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be taken back then, but no file is half written and nothing stays beside it."""
    for name in ("a.py", "b.py"):
        written(tmp_path / name, IMPORT)
    replace = Path.replace

    def fails(self: Path, target: Path) -> Path:
        if target.name == "a.py":
            raise PermissionError(1, "Operation not permitted")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fails)
    assert run(tmp_path, "--write") == 7
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("a.py: Operation not permitted; 1 other files were written")
    wanted = {"a.py": IMPORT.encode(), "b.py": STYLES["alone"][1].encode()}
    assert tree(tmp_path) == wanted


@pytest.mark.parametrize(("module", "name"), [("libcst", "LibCST"), ("yaml", "PyYAML")])
def test_without_the_extra_one_line_names_it(tmp_path: Path, module: str, name: str) -> None:
    code = f"import sys; sys.modules[{module!r}] = None; from trigger_compat import cli; sys.exit(cli.main())"
    command = [sys.executable, "-c", code, "migrate", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 9
    assert done.stderr == f"migrate needs {name}; run: pip install 'trigger-compat[cli]'\n"
