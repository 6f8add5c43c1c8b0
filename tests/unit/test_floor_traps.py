"""Code that is not what it looks like: the scan decides only what is certain, and lists the rest.

Each trap runs, so the tests compare what it does on an Airflow before and after all that the scan found is carried
out. What a trap does is what it puts into ``log``.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from packaging.version import Version

from tests.unit.floors import RELEASES, scanned
from trigger_compat.floor.rewrite.lines import delete_lines
from trigger_compat.floor.scan.model import Category
from trigger_compat.floor.scan.releases import index_of

HEAD = """
from airflow import __version__
from packaging.version import Version, parse
NEW = Version(__version__) >= Version("3.0")
"""
FIRST = HEAD.count("\n")
"""The line of the head that is the last; a trap begins on the next."""

# For each trap: the lines that are listed as undecided, counted from its first line, and its code.
TRAPS: dict[str, tuple[list[int], str]] = {
    "plain": ([], "if NEW:\n    log(1)\nelse:\n    log(2)"),
    "one line": ([], "if NEW: log(1)\nelse: log(2)\nif not NEW: log(3)\nelse: log(4)\nif not NEW: log(5)"),
    "two statements on a line": ([], "A = NEW; B = 1\nlog(A, B)\nif not NEW: C = 1; log(C)"),
    "elif after a branch that stays": (
        [],
        "for x in (0, 1):\n    if x:\n        log(1)\n    elif NEW:\n        log(2)\n    else:\n        log(3)",
    ),
    "elif after a dead branch": (
        [],
        "for x in (0, 1):\n    if not NEW:\n        log(1)\n    elif x:\n        log(2)\n    else:\n        log(3)",
    ),
    "else of a dead elif": (
        [],
        "for x in (0, 1):\n    if x:\n        log(1)\n    elif not NEW:\n        log(2)\n    else:\n        log(3)",
    ),
    "a list that is filled": ([], "found = []\nfound.append(1)\nif not found:\n    raise KeyError\nif NEW:\n    log(found)"),
    "a list that a flag chooses": ([], "found = [] if NEW else [1]\nfound.append(2)\nif found:\n    log(found)"),
    "an alias of a list": ([], "def f():\n    one = []\n    two = one\n    two.append(1)\n    return 1 if one else 2\nlog(f())"),
    "a dict that is filled": ([], "found = {}\nfound[1] = NEW\nif found:\n    log(found)"),
    "set again by a condition": ([4], "import os\nif os.environ.get('HOME'):\n    NEW = not NEW\nlog(1 if NEW else 2)"),
    "set by a function": ([4, 6], "def f():\n    global NEW\n    NEW = False\nlog(1 if NEW else 2)\nf()\nlog(NEW)"),
    "set by nonlocal": (
        [6],
        "def f():\n    new = NEW\n    def g():\n        nonlocal new\n        new = False\n    log(1 if new else 2)\n    g()\nf()",
    ),
    "a closure sees the last binding": (
        [4],
        "def f():\n    new = NEW\n    def g():\n        log(1 if new else 2)\n    new = False\n    g()\nf()",
    ),
    "set by globals()": ([2], "globals()['NEW'] = False\nlog(1 if NEW else 2)"),
    "set by an unseen name": ([0, 3], "for name in ('NEW',):\n    globals()[name] = False\nlog(1 if NEW else 2)"),
    "set by exec": ([0, 2], "exec('NEW = False')\nlog(1 if NEW else 2)"),
    "an augmented assignment": ([2], "NEW &= False\nlog(1 if NEW else 2)"),
    "a loop": ([2, 3], "for _ in range(1):\n    NEW = not NEW\nlog(1 if NEW else 2)"),
    "a loop's target": ([2], "for NEW in (False,): pass\nlog(1 if NEW else 2)"),
    "deleted": ([1], "log(1 if NEW else 2)\ndel NEW"),
    "with": ([3], "import contextlib\nwith contextlib.nullcontext(False) as NEW: pass\nlog(1 if NEW else 2)"),
    "a match captures": ([3], "match False:\n    case NEW: pass\nlog(1 if NEW else 2)"),
    "a star captures": ([2], "first, *NEW = 1, 2\nlog(1 if NEW else 2)"),
    "a comprehension has its own names": ([], "log([1 if NEW else 2 for NEW in (0, 1)])\nif NEW:\n    log(1)"),
    "a lambda has its own names": ([], "f = lambda NEW: 1 if NEW else 2\nlog(f(0))"),
    "a lambda of a flag": ([2], "f = lambda: NEW\nlog(1 if f() else 2)"),
    "a default": ([], "def f(new=NEW):\n    return 1 if new else 2\nlog(f(), f(False))"),
    "a parameter named like the flag": ([], "def f(NEW):\n    if NEW:\n        return 1\n    return 2\nlog(f(False))"),
    "a decorator": ([5], "def deco(f):\n    return lambda: False\n@deco\ndef new(): return NEW\nlog(1 if new() else 2)"),
    "a coroutine is true": ([2], "async def new(): return NEW\nlog(1 if new else 2, 1 if new().close() else 2)"),
    "a generator is true": ([4], "def new():\n    return NEW\n    yield\nlog(1 if new() else 2)"),
    "a helper": ([], "def new():\n    v = Version(__version__)\n    return v.major >= 3\nlog(1 if new() else 2)"),
    "a helper with a parameter": ([], "def old(v): return v < Version('3')\nlog(1 if old(Version(__version__)) else 2)"),
    "a helper that is not simple": (
        [4],
        "def old(v, limit=3):\n    if v: return v.major < limit\n    return None\nlog(1 if old(Version(__version__)) else 2)",
    ),
    "a class attribute": (
        [4],
        "class A:\n    V3 = NEW\n    def f(self):\n        return 1 if self.V3 else 2\nclass B(A):\n    V3 = False\nlog(A().f(), B().f())",
    ),
    "an instance's attribute": (
        [5],
        "class A:\n    def __init__(self, new):\n        self.new = NEW and new\n    def f(self):\n        return 1 if self.new else 2\nlog(A(True).f(), A(False).f())",
    ),
    "a class body hides nothing from its methods": (
        [],
        "class A:\n    NEW = False\n    def f(self):\n        return 1 if NEW else 2\nlog(A().f())",
    ),
    "a comprehension in a class": ([], "class A:\n    NEW = False\n    a = [1 if NEW else 2 for _ in 'x']\nlog(A.a)"),
    "a walrus": ([2], "log(1 if (v := Version(__version__)) < Version('3') else 2)\nlog(1 if v.major < 3 else 2)"),
    "unpacked": ([1, 2], "major, minor = __version__.split('.')[:2]\nlog(1 if int(major) < 3 else 2)"),
    "an index": ([], "log(1 if __version__[0] == '2' else 2)\nlog(1 if __version__.split('.')[0] == '2' else 2)"),
    "and, or": ([], "kind = NEW and 'new' or 'old'\nif kind == 'new':\n    log(1)\nelse:\n    log(2)"),
    "or with something else": ([], "x = [1]\ny = x or NEW\nlog(y)\nif x and not NEW:\n    log(2)\nlog(x and NEW)"),
    "not, not": ([], "if not not NEW:\n    log(1)\nelse:\n    log(2)"),
    "chained": ([], "if Version('2.10') <= Version(__version__) < Version('3.2'):\n    log(1)\nelse:\n    log(2)"),
    "nested": ([], "if NEW:\n    if not NEW:\n        log(1)\n    log(2 if NEW else 3)\nelif not NEW:\n    log(4)"),
    "conditional expressions in one another": ([], "log((1 if x else 2) if NEW else 3 for x in ()) if not NEW else log(4)"),
    "an assertion": ([], "assert NEW or not NEW\nlog(1)"),
    "a type alias": ([], "Kind = int if NEW else str\nlog(Kind('1'))"),
    "a text of the version": ([3], "v = Version(__version__)\nlog(1 if f'{v.major}.{v.minor}' == '2.11' else 2)\nlog(f'on {v}')"),
    "many ways to compare": (
        [],
        "log(1 if parse(__version__).release[:2] < (3, 2) else 2)\n"
        "log(1 if Version(Version(__version__).base_version) < Version('3.0') else 2)\n"
        "log(1 if __version__.startswith('2.') else 2)\n"
        "log(1 if Version(__version__).major in (1, 2) else 2)\n"
        "log(1 if __version__ >= '2.9' else 2)\n"
        "log(1 if tuple(int(x) for x in __version__.split('.')) < (3, 1) else 2)",
    ),
    "a version is no text": ([1], "log(1 if Version(__version__) == '3.0.0' else 2)"),
    "a converter is no converter": ([2], "int = len\nlog(1 if [int(x) for x in __version__.split('.')] > [2, 0] else 2)"),
    "other versions": ([], "import sys\nimport packaging\nlog(1 if sys.version_info < (3, 9) else 2)\nlog(packaging.__version__ > '3')"),
    "an early return": ([], "def f():\n    return 1\n    if NEW:\n        return 2\n    return 3\nlog(f())"),
    "return in try": ([], "def f():\n    try:\n        if NEW:\n            return 1\n    finally:\n        log(0)\n    return 2\nlog(f())"),
    "raise in try": (
        [],
        "def f():\n    try:\n        if NEW:\n            raise KeyError\n        log(1)\n    except KeyError:\n        pass\n    return 2\nlog(f())",
    ),
    "half a try": (
        [7],
        "FLAG = NEW\ntry:\n    {}[0]\n    FLAG = False\nexcept KeyError:\n    pass\nif FLAG:\n    log(1)\nelse:\n    log(2)",
    ),
    "while and else": ([], "while not NEW:\n    break\nelse:\n    log(1)\nlog(2)"),
    "for and else": ([], "for x in ():\n    break\nelse:\n    if NEW:\n        log(1)\n    else:\n        log(2)"),
    "while true": ([], "def f():\n    while True:\n        if NEW:\n            break\n        return 1\n    return 2\nlog(f())"),
    "match": ([], "match Version(__version__).major:\n    case 2:\n        log(2)\n    case 3:\n        log(3)\n    case _:\n        log(4)"),
    "match that nothing takes": ([], "match Version(__version__).major:\n    case 2:\n        log(2)\nlog(3)"),
    "a flag around an import": (
        [],
        "try:\n    import airflow.sdk\n    HAS = True\nexcept ImportError:\n    HAS = False\nlog(1 if HAS else 2)",
    ),
    "a flag before an import": (
        [2],
        "HAS = False\nlog(1 if HAS else 2)\ntry:\n    import airflow.sdk\n    HAS = True\nexcept ImportError:\n    pass\nlog(1 if HAS else 2)",
    ),
    "a try in a try": (
        [],
        "try:\n    try:\n        from airflow.sdk import Newer as Name\n    except ValueError:\n        pass\nexcept ImportError:\n    Name = None\nlog(Name is None)",
    ),
    "a name bound in a branch": (
        [],
        "if not NEW:\n    from airflow.old import Old as Name\nelse:\n    from airflow.sdk import New as Name\ndef f(x: Name): ...\nlog(Name)",
    ),
    "getattr": ([], "import airflow\nlog(1 if getattr(airflow, '__version__', '2') < '3' else 2)"),
}


def run(text: str, release: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Run code with an Airflow like that of the table of names, and return what it logs."""
    airflow = ModuleType("airflow")
    numbers = Version(release).release
    names = {"airflow.old": {"Old": "Old"}} if numbers < (3,) else {"airflow.sdk": {"New": "New"}}
    if numbers >= (3, 2):
        names["airflow.sdk"]["Newer"] = "Newer"
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "airflow", airflow)
        for module in ("airflow.old", "airflow.sdk"):
            patch.setitem(sys.modules, module, None if module not in names else ModuleType(module))  # type: ignore[arg-type]
            vars(sys.modules[module] or SimpleNamespace()).update(names.get(module, {}))
            if module in names:
                setattr(airflow, module.rpartition(".")[2], sys.modules[module])
        airflow.__version__ = release  # type: ignore[attr-defined]
        logged: list[Any] = []
        exec(compile(text, "trap", "exec"), {"log": lambda *values: logged.append(values), "__name__": "trap"})
    return [repr(values) if "generator" not in repr(values) else "" for values in logged]


@pytest.mark.parametrize(("lines", "code"), TRAPS.values(), ids=TRAPS.keys())
def test_what_is_not_certain_is_listed(tmp_path: Path, lines: list[int], code: str) -> None:
    found = scanned(tmp_path, HEAD.lstrip() + code + "\n").undecided

    assert sorted({place.line - (FIRST - 1) for place in found}) == sorted(lines)


@pytest.mark.parametrize("floor", ["2.11.0", "3.0.0", "3.2.0"])
@pytest.mark.parametrize("code", [code for _, code in TRAPS.values()], ids=TRAPS.keys())
def test_a_rewrite_does_what_the_source_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, floor: str
) -> None:
    text = HEAD.lstrip() + code + "\n"
    point = index_of(Version(floor).release)  # type: ignore[arg-type]
    removals = [each for each in scanned(tmp_path, text).removals if each.removable_from <= point]
    after = delete_lines(text, removals)

    for release in RELEASES:
        if Version(release) >= Version(floor):
            assert run(after, release, monkeypatch) == run(text, release, monkeypatch), (release, after)


@pytest.mark.parametrize("code", [code for _, code in TRAPS.values()], ids=TRAPS.keys())
def test_each_mention_is_found_or_listed(tmp_path: Path, code: str) -> None:
    """A flag under its usual name: each use is in a finding, listed, or only binds a name."""
    text = (HEAD.lstrip() + code + "\n").replace("NEW", "AIRFLOW_V_3_0_PLUS")
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
    from trigger_compat.floor.scan import scanner, source

    whole = scanned(tmp_path, MODULES)
    (tmp_path / "pkg-1.dist-info").mkdir()
    (tmp_path / "pkg-1.dist-info" / "METADATA").write_text("Name: pkg\nVersion: 1\nRequires-Dist: apache-airflow>=2.9\n")
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
        ("pkg/user.py", "from pkg.consts import is_three\nprint(is_three is other)\nif x(lambda is_three: 1): pass\n"),
        ("pkg/user.py", "class A:\n    is_three = is_three()\n    def f(self): return self.is_three\n"),
        ("tests/test_it.py", "def test(monkeypatch): monkeypatch.setattr('pkg.consts.is_three', False)\n"),
        ("pkg/user.py", "import importlib\nm = importlib.import_module('pkg.consts')\nprint(m.is_three)\n"),
    ],
)
def test_a_flag_stays_while_a_use_of_it_is_not_certain(tmp_path: Path, name: str, text: str) -> None:
    result = scanned(tmp_path, {**MODULES, name: text})
    gone = [each for each in result.removals if "is_three" in each.names and each.file == "pkg/consts.py"]

    uncertain = "print(is_three is other)" not in text
    assert not [each for each in gone if each.category is Category.FLAG] or not uncertain


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


def _ruff() -> str | None:
    root = Path(__file__).resolve().parents[2]
    return next((str(path) for path in root.glob(".nox/lint/bin/ruff")), None) or shutil.which("ruff")


@pytest.mark.skipif(_ruff() is None, reason="ruff is not installed")
def test_ruff_finds_nothing_new_after_a_rewrite(tmp_path: Path) -> None:
    files = {f"trap{index}.py": HEAD.lstrip() + code + "\n" for index, (_, code) in enumerate(TRAPS.values())}
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
        (tmp_path / file).write_text(delete_lines(text, [each for each in removals if each.removable_from <= index_of((3, 0, 0))]))

    assert not _ruff_finds(tmp_path) - before
    assert "error" not in (tmp_path / "leftovers.py").read_text()


def _ruff_finds(root: Path) -> set[str]:
    command = [_ruff() or "", "check", "--isolated", "--no-cache", "--select", "F401,F821,F822,F841"]
    done = subprocess.run(
        [*command, "--output-format", "json", str(root)], capture_output=True, text=True, check=False
    )
    import json

    return {f"{each['filename']} {each['message']}" for each in json.loads(done.stdout)}
