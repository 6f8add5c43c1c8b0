"""``trigger-compat floor --to``: the raise of a whole source, its bounds, and what is left to a person."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.floors import tree
from trigger_compat import cli
from trigger_compat.errors import SourceError, UnknownFloor, UsageError
from trigger_compat.floor.rewrite.bounds import CannotRaise, raise_file, raised

FILES = {
    "pyproject.toml": """
        [project]
        name = "old"
        dependencies = ["apache-airflow>=2.11", "packaging"]
        classifiers = [
            "Framework :: Apache Airflow",
            "Framework :: Apache Airflow :: 2",
            "Framework :: Apache Airflow :: 3",
        ]
        """,
    "README.md": "# Old\n\nNeeds Airflow 2.11 or newer, or Airflow 3.1.\n",
    "CHANGELOG.md": "Supports Airflow 2.11\n",
    "old/__init__.py": """
        from airflow import __version__
        from packaging.version import Version
        if Version(__version__) < Version("2.11.0"):
            raise RuntimeError("old needs Airflow 2.11.0+")
        """,
    "old/flags.py": """
        from airflow import __version__
        from packaging.version import Version
        AIRFLOW_V_3_0_PLUS = Version(__version__) >= Version("3.0.0")
        """,
    "old/hook.py": """
        from old.flags import AIRFLOW_V_3_0_PLUS

        def connect(x):
            if x and AIRFLOW_V_3_0_PLUS:
                return 1
            return hasattr(x, "airflow_thing") or 2
        """,
    "tests/test_old.py": """
        import pytest
        from old.flags import AIRFLOW_V_3_0_PLUS

        @pytest.mark.skipif(AIRFLOW_V_3_0_PLUS, reason="Airflow 2 alone")
        def test_it(): ...
        """,
    "old/broken.py": "def (:\n",
}


COMMENTED = """\
[project]
dependencies = [
    # "apache-airflow>=2.9"
    'apache-airflow>=2.9',
]
[tool.x]
a = 'apache-airflow>=2.9'
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tree(tmp_path / "project", FILES)


def run(project: Path, *arguments: str) -> int:
    return cli.main(["floor", "--source", str(project), *arguments])


def contents(project: Path) -> dict[str, bytes]:
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file()
    }


def test_a_whole_raise(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project, "--to", "3.0", "--write") == 0
    shown = capsys.readouterr()
    files = {name: content.decode() for name, content in contents(project).items()}

    assert '"apache-airflow>=3.0.0", "packaging"' in files["pyproject.toml"]
    assert "Airflow :: 2" not in files["pyproject.toml"]
    assert 'Version("3.0.0")' in files["old/__init__.py"]
    assert "needs Airflow 3.0.0+" in files["old/__init__.py"]
    assert files["old/hook.py"].startswith("def connect(x):\n    if x:\n        return 1\n")
    assert "old/flags.py" not in files
    assert "tests/test_old.py" not in files
    assert files["old/broken.py"] == FILES["old/broken.py"]
    assert "rewrote old/hook.py\n" in shown.out
    assert "deleted tests/test_old.py\n" in shown.out
    assert "old/broken.py: cannot be read as Python" in shown.err
    assert "README.md:3: names an older Airflow" in shown.err
    assert "CHANGELOG" not in shown.err


def test_a_second_run_changes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(project, "--to", "3.0", "--write")
    once = contents(project)
    capsys.readouterr()

    assert run(project, "--to", "3.0") == 0
    assert capsys.readouterr().out == ""
    assert run(project, "--to", "3.0", "--write") == 0
    assert contents(project) == once


def test_a_flag_stays_where_another_module_has_to_keep_its_use(project: Path) -> None:
    """The dead branch has the only binding of a name that other code uses, so it stays with its flag."""
    (project / "old/hook.py").write_text(
        "from old.flags import AIRFLOW_V_3_0_PLUS\n"
        "if not AIRFLOW_V_3_0_PLUS:\n    view = 1\n\n\ndef connect():\n    return view\n"
    )
    before = contents(project)
    run(project, "--to", "3.0", "--write")

    assert (project / "old/hook.py").read_bytes() == before["old/hook.py"]
    assert (project / "old/flags.py").read_bytes() == before["old/flags.py"]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("arguments", [("--diff",), ()])
def test_the_diff_is_what_is_written(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    before = contents(project)
    copy = shutil.copytree(project, tmp_path / "copy")
    assert run(project, "--to", "3.0", *arguments) == 0
    diff = capsys.readouterr().out

    assert contents(project) == before
    subprocess.run(["git", "apply", "-"], cwd=copy, input=diff, text=True, check=True)
    run(project, "--to", "3.0", "--write")
    assert contents(copy) == contents(project)


def test_bytes_that_stay(tmp_path: Path) -> None:
    head = "\ufefffrom old.flags import AIRFLOW_V_3_0_PLUS\r\n"
    text = head + "if AIRFLOW_V_3_0_PLUS:\r\n\tä = '''\n\tx'''\r\n\tprint(ä)"
    project = tree(tmp_path, FILES)
    (project / "old/hook.py").write_bytes(text.encode())
    run(project, "--to", "3.0", "--write")

    assert (project / "old/hook.py").read_bytes().decode() == "\ufeffä = '''\n\tx'''\r\nprint(ä)"


def test_nothing_is_written_if_one_file_cannot_be(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(project)
    access = __import__("os").access
    monkeypatch.setattr("os.access", lambda path, mode: "hook" not in str(path) and access(path, mode))

    assert run(project, "--to", "3.0", "--write") == SourceError.exit_code
    assert "nothing was written" in capsys.readouterr().err
    assert contents(project) == before


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--to", "2.10"), UnknownFloor, "--to 2.10: old requires Airflow 2.11.0 already; name a newer one"),
        (("--to", "9.9"), UnknownFloor, "floor: Airflow 9.9 is not known"),
        (("--to", "x"), UnknownFloor, "floor: 'x' is not a version"),
        (("--write",), UsageError, "--diff and --write need --to X.Y"),
        (("--to", "3.0", "--check"), UsageError, "--to and --check exclude each other"),
    ],
)
def test_what_is_refused(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    error: type[SourceError],
    message: str,
) -> None:
    assert run(project, *arguments) == error.exit_code
    [line] = capsys.readouterr().err.splitlines()
    assert message in line


def test_an_installed_distribution_is_shown_and_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    info = tree(tmp_path, FILES) / "some_old-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: some-old\nVersion: 1.0\nRequires-Dist: apache-airflow>=2.11\n")
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in FILES if name.startswith("old/")))
    monkeypatch.syspath_prepend(str(tmp_path))
    before = contents(tmp_path)

    assert cli.main(["floor", "--source", "some-old", "--to", "3.0"]) == 0
    assert "--- a/old/hook.py\n" in capsys.readouterr().out
    assert cli.main(["floor", "--source", "some-old", "--to", "3.0", "--write"]) == SourceError.exit_code
    assert "some-old is an installed distribution; give the folder of its source" in capsys.readouterr().err
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("apache-airflow>=2.11", "apache-airflow>=3.0.0"),
        ("apache-airflow >= 2.11.0", "apache-airflow >= 3.0.0"),
        ("apache-airflow>2.10", "apache-airflow>=3.0.0"),
        ("apache-airflow[google,ssh]>=2.9,!=3.0.1,<4", "apache-airflow[google,ssh]>=3.0.0,!=3.0.1,<4"),
        ('apache-airflow>=2.9; python_version < "3.13"', 'apache-airflow>=3.0.0; python_version < "3.13"'),
        ("apache-airflow<4,>=2.9", "apache-airflow<4,>=3.0.0"),
        ("Apache_Airflow>=2.9", "Apache_Airflow>=2.9"),
        ("apache-airflow>=3.1", "apache-airflow>=3.1"),
        ("apache-airflow-core>=2.9", "apache-airflow-core>=3.0.0"),
        ("apache-airflow-providers-http>=2.9", "apache-airflow-providers-http>=2.9"),
        ("apache-airflow", "apache-airflow>=3.0.0"),
        ("apache-airflow<4", "apache-airflow>=3.0.0,<4"),
        ("apache-airflow @ file:///x", "apache-airflow @ file:///x"),
        ("not a requirement", "not a requirement"),
    ],
)
def test_a_requirement(old: str, new: str) -> None:
    assert raised(old, (3, 0, 0), adds=True) == new
    assert raised(new, (3, 0, 0), adds=True) == new


@pytest.mark.parametrize("text", ["apache-airflow>=2.9,<3", "apache-airflow==2.11.0", "apache-airflow~=2.10"])
def test_a_requirement_that_allows_no_new_release(text: str) -> None:
    with pytest.raises(CannotRaise):
        raised(text, (3, 0, 0))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (
            "pyproject.toml",
            COMMENTED,
            COMMENTED.replace("'apache-airflow>=2.9',", "'apache-airflow>=3.0.0',"),
        ),
        (
            "pyproject.toml",
            '[project.optional-dependencies]\nx = ["apache-airflow>=2.9", "apache-airflow"]\n',
            '[project.optional-dependencies]\nx = ["apache-airflow>=3.0.0", "apache-airflow"]\n',
        ),
        (
            "pyproject.toml",
            '[project]\nclassifiers = ["A", "Framework :: Apache Airflow :: 2"]',
            '[project]\nclassifiers = ["A"]',
        ),
        (
            "setup.cfg",
            "[options]\ninstall_requires =\n    apache-airflow>=2.9\n    other\n",
            "[options]\ninstall_requires =\n    apache-airflow>=3.0.0\n    other\n",
        ),
        (
            "setup.py",
            "setup(requires=['apache-airflow>=2.9'], classifiers=['Framework :: Apache Airflow :: 2'])\n",
            "setup(requires=['apache-airflow>=3.0.0'], classifiers=[])\n",
        ),
        (
            "provider.yaml",
            "dependencies:\n  - apache-airflow>=2.9.0  # old\n  - other\n",
            "dependencies:\n  - apache-airflow>=3.0.0  # old\n  - other\n",
        ),
    ],
)
def test_a_file_of_requirements(name: str, old: str, new: str) -> None:
    assert raise_file(name, old, (3, 0, 0)) == (new, [])


def test_a_bound_that_cannot_be_raised_is_left_with_its_line() -> None:
    text = '[project]\ndependencies = [\n    "apache-airflow>=2.9,<3",\n]\n'
    new, [(line, reason)] = raise_file("pyproject.toml", text, (3, 0, 0))

    assert (new, line) == (text, 3)
    assert reason == "the bound stays as it is: >=2.9,<3 allows no Airflow from 3.0.0 on"


def test_a_value_that_is_still_evaluated_is_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = """
        from old.flags import AIRFLOW_V_3_0_PLUS

        def f(x):
            old = x["é"]
            if not AIRFLOW_V_3_0_PLUS:
                x.use(old)
        """
    project = tree(tmp_path / "project", {**FILES, "old/value.py": code})

    assert run(project, "--to", "3.0", "--write") == 0
    assert (project / "old/value.py").read_text(encoding="utf-8") == 'def f(x):\n    x["é"]\n'
    assert "old/value.py:2: only deleted code used this value" in capsys.readouterr().err
