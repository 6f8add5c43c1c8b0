"""Code that is not what it looks like: the scan decides only what is certain, and lists the rest.

Each trap runs, so the tests compare what it does before and after all that the scan found is carried out.
"""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest
from packaging.version import Version

from tests.unit.floor_traps import FIRST, HEAD, TRAPS
from tests.unit.floor_traps_more import MORE_TRAPS
from tests.unit.floor_traps_third import THIRD_TRAPS
from tests.unit.floors import RELEASES, scanned
from trigger_compat.floor.rewrite.python import without
from trigger_compat.floor.scan import scanner, source
from trigger_compat.floor.scan.model import Category
from trigger_compat.floor.scan.releases import index_of

ALL_TRAPS = TRAPS | MORE_TRAPS | THIRD_TRAPS
CODES = {name: dedent(code).lstrip("\n") for name, (_, code) in ALL_TRAPS.items()}
LISTED = {name: (lines, CODES[name]) for name, (lines, _) in ALL_TRAPS.items()}
UNUSUAL = ("2.11.0rc1", "2.11.1", "3.0.0rc1", "3.0.10", "3.1.0b1", "3.2.0rc2", "3.2.0+local.1", "3.3.0.dev0")
"""Releases that differ from ``x.y.z`` with one digit each, which is what much code expects."""


def run(text: str, release: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Run code with an Airflow like that of the table of names, and return what it logs."""
    airflow = ModuleType("airflow")
    numbers = Version(release).release
    names = {"airflow.old": {"Old": "Old"}} if numbers < (3,) else {"airflow.sdk": {"New": "New"}}
    if numbers >= (3, 2):
        names["airflow.sdk"]["Newer"] = "Newer"
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "airflow", airflow)
        for name in ("airflow.old", "airflow.sdk"):
            patch.setitem(sys.modules, name, None)  # it stands for "not there"
        for name, content in names.items():
            module = ModuleType(name)
            vars(module).update(content)
            patch.setitem(sys.modules, name, module)
            setattr(airflow, name.rpartition(".")[2], module)
        airflow.__version__ = release  # type: ignore[attr-defined]
        logged: list[Any] = []
        exec(
            compile(text, "trap", "exec"), {"log": lambda *values: logged.append(values), "__name__": "trap"}
        )
    return [repr(values) if "generator" not in repr(values) else "" for values in logged]


@pytest.mark.parametrize(("lines", "code"), LISTED.values(), ids=LISTED.keys())
def test_what_is_not_certain_is_listed(tmp_path: Path, lines: list[int], code: str) -> None:
    found = scanned(tmp_path, HEAD.lstrip() + code).undecided

    assert sorted({place.line - (FIRST - 1) for place in found}) == sorted(lines)


@pytest.mark.parametrize("floor", ["2.11.0", "3.0.0", "3.2.0"])
@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
def test_a_rewrite_does_what_the_source_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, floor: str
) -> None:
    text = HEAD.lstrip() + code
    major, minor, patch = Version(floor).release
    point = index_of((major, minor, patch))
    removals = [each for each in scanned(tmp_path, text).removals if each.removable_from <= point]
    after = without(text, removals)

    for release in (*RELEASES, *UNUSUAL):
        if Version(release) >= Version(floor):
            before = _outcome(text, release, monkeypatch)
            if release in UNUSUAL and isinstance(before, str):
                continue  # ``int("0rc1")`` fails: the code was not written for such a release
            assert _outcome(after, release, monkeypatch) == before, (release, after)


def _outcome(text: str, release: str, monkeypatch: pytest.MonkeyPatch) -> list[Any] | str:
    """Return what code logs, or the error that it raises."""
    try:
        return run(text, release, monkeypatch)
    except Exception as error:  # noqa: BLE001 - whatever the trap raises
        return repr(error)


@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
def test_each_mention_is_found_or_listed(tmp_path: Path, code: str) -> None:
    """A flag under its usual name: each use is in a finding, listed, or only binds a name."""
    text = (HEAD.lstrip() + code).replace("NEW", "AIRFLOW_V_3_0_PLUS")
    result = scanned(tmp_path, text)
    covered = {line for each in result.removals for line in range(each.line, each.end + 1)}
    covered.update(line for each in result.undecided for line in range(each.line, each.end + 1))
    uses = {
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Name) and node.id == "AIRFLOW_V_3_0_PLUS" and isinstance(node.ctx, ast.Load)
    }

    assert not uses - covered


MODULES = {
    "pkg/__init__.py": "from .consts import AIRFLOW_VERSION\n",
    "pkg/consts.py": """
        import airflow
        from packaging.version import Version
        AIRFLOW_VERSION = Version(airflow.__version__)
        is_three = AIRFLOW_VERSION.major >= 3
        def old(): return AIRFLOW_VERSION.major < 3
        """,
    "pkg/renamed.py": "from pkg.consts import AIRFLOW_VERSION as AV\nif AV.major < 3:\n    a = 1\n",
    "pkg/whole.py": "import pkg.consts as c\nif c.AIRFLOW_VERSION.major < 3:\n    a = 1\n",
    "pkg/exported.py": "from pkg import AIRFLOW_VERSION\nif AIRFLOW_VERSION.major < 3:\n    a = 1\n",
    "pkg/relative.py": "from . import AIRFLOW_VERSION as v\nif v.major < 3:\n    a = 1\n",
    "pkg/chain.py": "from pkg.renamed import AV as again\nif again.major < 3:\n    a = 1\n",
    "pkg/dotted.py": "import pkg.consts\nif pkg.consts.AIRFLOW_VERSION.major < 3:\n    a = 1\n",
    "pkg/star.py": "from pkg.consts import *\nif AIRFLOW_VERSION.major < 3:\n    a = 1\n",
    "pkg/sub/called.py": "from ..consts import old\nif old():\n    a = 1\n",
}


def _dead(result: Any) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for each in result.removals:
        if each.category is Category.DEAD:
            found.setdefault(each.file.rpartition("/")[2], []).append(each.line)
    return found


def test_a_version_is_followed_into_other_modules(tmp_path: Path) -> None:
    users = [name.rpartition("/")[2] for name in MODULES if "if " in MODULES[name]]

    assert _dead(scanned(tmp_path, MODULES)) == {name: [2] for name in users}


def test_a_package_folder_gives_what_the_distribution_gives(tmp_path: Path) -> None:
    whole = scanned(tmp_path, MODULES)
    (tmp_path / "pkg-1.dist-info").mkdir()
    (tmp_path / "pkg-1.dist-info" / "METADATA").write_text(
        "Name: pkg\nVersion: 1\nRequires-Dist: apache-airflow>=2.9\n"
    )
    (tmp_path / "pkg-1.dist-info" / "RECORD").write_text("pkg/__init__.py,,\n")
    folder = scanner.scan(source.read(str(tmp_path / "pkg")))

    assert _dead(folder) == _dead(whole)
    assert (folder.source.name, folder.source.floor) == ("pkg", (2, 9, 0))


@pytest.mark.parametrize(
    "patch",
    [
        "from pkg import consts\nconsts.is_three = False\n",
        "import pkg.consts as c\nsetattr(c, 'is_three', False)\n",
        "import pkg.consts\ndel pkg.consts.is_three\n",
        "import pkg.consts as c\nc.__dict__['is_three'] = False\n",
        "import pkg.consts as c\nvars(c).update(is_three=False)\n",
        "import sys\nsys.modules['pkg.consts'].is_three = False\n",
        "import importlib\nm = importlib.import_module('pkg.consts')\nm.is_three = False\n",
        "import importlib\nsetattr(importlib.import_module('pkg.consts'), 'is_' + 'three', False)\n",
    ],
)
def test_what_another_module_changes_is_not_certain(tmp_path: Path, patch: str) -> None:
    user = "from pkg.consts import is_three\nif is_three:\n    a = 1\nelse:\n    a = 2\n"
    result = scanned(tmp_path, {**MODULES, "pkg/patch.py": patch, "pkg/user.py": user})

    assert "user.py" not in _dead(result)
    assert ("pkg/user.py", 2) in {(place.file, place.line) for place in result.undecided}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pkg/user.py", "class A:\n    is_three = is_three()\n    def f(self): return self.is_three\n"),
        ("tests/test_it.py", "def test(monkeypatch): monkeypatch.setattr('pkg.consts.is_three', False)\n"),
        ("pkg/user.py", "import importlib\nm = importlib.import_module('pkg.consts')\nprint(m.is_three)\n"),
    ],
)
def test_a_flag_stays_while_a_use_of_it_is_not_certain(tmp_path: Path, name: str, text: str) -> None:
    result = scanned(tmp_path, {**MODULES, name: text})
    flags = [each for each in result.removals if each.category is Category.FLAG]

    assert not [each for each in flags if "is_three" in each.names and each.file == "pkg/consts.py"]


HELPERS = """
    import airflow
    from packaging.version import Version
    IS_THREE = Version(airflow.__version__).major >= 3
    def is_old(): return Version(airflow.__version__).major < 3
    """


TEST = "tests/test_it.py"
LOOKUPS = [
    # What a test patches is not what Airflow says.
    (TEST, "@mock.patch('airflow.__version__', '2.9')\ndef test():\n    assert is_old()\n", [2, 4]),
    (TEST, "def test(m):\n    m.setattr(airflow, '__version__', '2')\n    if is_old(): assert 1\n", [4]),
    (TEST, "@mock.patch('pkg.consts.is_old', id)\ndef test():\n    assert is_old()\n", [2, 4]),
    ("pkg/it.py", "airflow.__version__ = '2.9'\nif is_old(): a = 1\n", [3]),
    # A flag is looked up by a text.
    ("pkg/it.py", "if getattr(x, 'IS_THREE'): a = 1\nif vars(x)['IS_THREE']: a = 2\n", [2, 3]),
    ("pkg/it.py", "if globals().get('IS_THREE'): a = 1\n", [2]),
    # pytest runs a text as code, and skips a module that lacks something.
    (TEST, "@pytest.mark.skipif('airflow.__version__ >= \"3\"')\ndef test(): ...\n", [2]),
    (TEST, "pytest.importorskip('airflow.sdk')\n", [2]),
    (TEST, "pytest.importorskip('airflow', minversion='3.0')\n", [2]),
    (TEST, "pytest.importorskip('airflow')\npytest.importorskip('airflow.providers.http')\n", []),
]


@pytest.mark.parametrize(("name", "text", "listed"), LOOKUPS)
def test_what_is_patched_or_looked_up_is_listed(
    tmp_path: Path, name: str, text: str, listed: list[int]
) -> None:
    head = "import airflow, pytest; from unittest import mock; from pkg.consts import is_old\n"
    result = scanned(tmp_path, {"pkg/__init__.py": "", "pkg/consts.py": HELPERS, name: head + text})

    assert sorted({place.line for place in result.undecided if place.file == name}) == listed
    assert not [each for each in result.removals if each.file == name and each.category is Category.DEAD]


def test_an_own_module_named_airflow_is_not_airflow(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/airflow/__init__.py": "",
        "pkg/airflow/version.py": "version = '1.0'\n",
        "pkg/user.py": "from airflow.version import version\nif version < '3':\n    a = 1\n",
    }

    assert _dead(scanned(tmp_path, files)) == {"user.py": [2]}


def test_a_lazy_module_decides_nothing_by_a_name(tmp_path: Path) -> None:
    files = {
        "pkg/compat.py": "def __getattr__(name): return load(name)\n",
        "pkg/user.py": "from pkg.compat import AIRFLOW_V_3_0_PLUS\nif AIRFLOW_V_3_0_PLUS:\n    a = 1\n",
    }
    result = scanned(tmp_path, files)

    assert not result.removals
    assert [(place.file, place.line) for place in result.undecided] == [("pkg/user.py", 2)]


TEXTS = """
    from unittest import mock
    import pytest
    from pkg.compat import AIRFLOW_V_3_0_PLUS
    @mock.patch("pkg.user.AIRFLOW_V_3_0_PLUS", False)
    def test_patched(monkeypatch):
        monkeypatch.setattr("pkg.user.AIRFLOW_V_3_0_PLUS", True)
        assert eval("AIRFLOW_V_3_0_PLUS")
    @pytest.mark.skipif("not AIRFLOW_V_3_0_PLUS", reason="needs AIRFLOW_V_3_0_PLUS")
    def test_by_text(): ...
    @pytest.mark.skipif(reason="AIRFLOW_V_3_0_PLUS", condition=False)
    def test_for_people(): ...
    """


def test_a_flag_in_a_text_that_is_code_is_listed(tmp_path: Path) -> None:
    compat = "from airflow import __version__\nAIRFLOW_V_3_0_PLUS = __version__ >= '3'\n"
    found = scanned(tmp_path, {"pkg/compat.py": compat, "tests/test_it.py": TEXTS})

    assert [place.line for place in found.undecided if place.file == "tests/test_it.py"] == [4, 6, 7, 8]


def test_a_version_that_is_passed_on_is_listed_where_it_is_compared(tmp_path: Path) -> None:
    text = (
        "def f(airflow_version, own):\n    if own.version < 2: pass\n    return airflow_version.major < 3\n"
    )

    assert [place.line for place in scanned(tmp_path, {"pkg/a.py": text}).undecided] == [3]


def test_what_is_not_read_is_named_if_it_mentions_the_version(tmp_path: Path) -> None:
    files = {
        "pkg/a.py": "x = 1\n",
        "pkg/a.pyi": "from airflow.version import version\n",
        "pkg/b.pyi": "x: int\n",
        "pkg/n.ipynb": '{"cells": [{"source": ["if AIRFLOW_V_3_0_PLUS: pass"]}]}',
    }

    assert [file for file, _ in scanned(tmp_path, files).source.broken] == ["pkg/a.pyi", "pkg/n.ipynb"]


def test_a_skip_of_a_whole_module_decides_what_is_below(tmp_path: Path) -> None:
    text = """
        import pytest, unittest
        from airflow import __version__
        V3 = __version__ >= "3"
        if not V3:
            pytest.skip("x", allow_module_level=True)
        @unittest.skipIf(V3, "x")
        def test_never(): ...
        @unittest.skipUnless(V3, "x")
        def test_always(): ...
        """
    found = {(each.line, each.category) for each in scanned(tmp_path, {"tests/test_it.py": text}).removals}

    assert {(4, Category.DEAD), (6, Category.DEAD), (8, Category.CONSTANT)} <= found


def _ruff() -> str | None:
    root = Path(__file__).resolve().parents[2]
    return next((str(path) for path in root.glob(".nox/lint/bin/ruff")), None) or shutil.which("ruff")


@pytest.mark.skipif(_ruff() is None, reason="ruff is not installed")
def test_ruff_finds_nothing_new_after_a_rewrite(tmp_path: Path) -> None:
    files = {f"trap{index}.py": HEAD.lstrip() + code for index, code in enumerate(CODES.values())}
    files["leftovers.py"] = HEAD.lstrip() + dedent(
        """
        import os
        from pathlib import Path
        __all__ = ["NEW", "f"]
        def f(log):
            old = os.name
            try:
                kept = Path()
            except OSError as error:
                if not NEW:
                    log(error, old)
            if not NEW:
                log(kept)
            return kept if NEW else old
        """
    )
    result = scanned(tmp_path, files)
    before = _ruff_finds(tmp_path)
    for file in files:
        removals = [each for each in result.removals if each.file == file]
        text = (tmp_path / file).read_text()
        (tmp_path / file).write_text(
            without(text, [each for each in removals if each.removable_from <= index_of((3, 0, 0))])
        )

    new = _ruff_finds(tmp_path) - before
    assert not new, sorted(new)
    assert "error" not in (tmp_path / "leftovers.py").read_text()


def _ruff_finds(root: Path) -> set[str]:
    command = [_ruff() or "", "check", "--isolated", "--no-cache", "--select", "F401,F821,F822,F841"]
    done = subprocess.run(
        [*command, "--output-format", "json", str(root)], capture_output=True, text=True, check=False
    )
    # In a `try` the message goes on after a semicolon.
    found = json.loads(done.stdout)
    return {f"{each['filename']} {each['message'].partition(';')[0]}" for each in found}
