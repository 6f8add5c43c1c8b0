"""What may be in a wheel and in a source distribution, by rule; the dist session builds real ones."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

import archives

ROOT = Path(__file__).parents[2]
SOURCES = ["trigger_compat/__init__.py", "trigger_compat/py.typed", "trigger_compat/suite/dags/parent.py"]
METADATA = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
WHEEL = [
    *SOURCES,
    "trigger_compat/compat-matrix.yaml",
    *(f"trigger_compat-0.1.0.dist-info/{name}" for name in METADATA),
]
SOURCE = [*archives.NEEDED, "PKG-INFO", ".gitignore", *(f"{tree}/file.py" for tree in archives.TREES)]


def test_what_belongs_into_the_archives_is_no_problem() -> None:
    assert archives.problems_of_wheel(WHEEL, SOURCES) == []
    assert archives.problems_of_source(SOURCE) == []


def test_the_tree_has_nothing_but_what_the_package_is_made_of() -> None:
    found = archives.sources(ROOT)

    assert {*SOURCES, "trigger_compat/floor/scan/names.json.gz"} <= set(found)
    assert [name for name in found if not name.endswith(archives.SUFFIXES)] == []


@pytest.mark.parametrize(
    ("stray", "problem"),
    [
        ("tests/unit/test_matrix.py", "not of the package"),
        ("trigger_compat/__pycache__/cli.cpython-311.pyc", "a cache, or left behind"),
        ("trigger_compat/suite/.hypothesis/examples", "a cache, or left behind"),
        ("trigger_compat/operator.py.orig", "a cache, or left behind"),
        ("trigger_compat/names.csv", "not in the tree"),
        ("trigger_compat-0.1.0.dist-info/direct_url.json", "unknown"),
    ],
)
def test_what_does_not_belong_into_a_wheel_is_named(stray: str, problem: str) -> None:
    found = archives.problems_of_wheel([*WHEEL, stray], SOURCES)

    assert any(line.endswith(problem) and line.split(": ")[0].split("/")[-1] in stray for line in found)


@pytest.mark.parametrize("gone", [*SOURCES, "trigger_compat/compat-matrix.yaml", WHEEL[-1], WHEEL[-2]])
def test_what_a_wheel_lacks_is_named(gone: str) -> None:
    [line] = archives.problems_of_wheel([name for name in WHEEL if name != gone], SOURCES)

    assert line.endswith(f"{gone.partition('.dist-info/')[2] or gone}: missing")


def test_a_file_of_another_kind_is_named_though_it_is_in_the_tree() -> None:
    stray = "trigger_compat/notes.txt"

    assert archives.problems_of_wheel([*WHEEL, stray], [*SOURCES, stray]) == [
        f"{stray}: of no kind that the package is made of"
    ]


@pytest.mark.parametrize("gone", [name for name in SOURCE if name != ".gitignore"])
def test_what_a_source_distribution_lacks_is_named(gone: str) -> None:
    found = archives.problems_of_source([name for name in SOURCE if name != gone])

    assert found == [f"{gone.removesuffix('file.py') if '/' in gone else gone}: missing"]


@pytest.mark.parametrize(
    "stray",
    [
        "notes.txt",
        ".nox/unit/pyvenv.cfg",
        "dist/trigger_compat.whl",
        "tests/__pycache__/x.pyc",
        "docs/.DS_Store",
    ],
)
def test_what_does_not_belong_into_a_source_distribution_is_named(stray: str) -> None:
    assert archives.problems_of_source([*SOURCE, stray])


def test_what_differs_between_two_archives_is_named(tmp_path: Path) -> None:
    for folder, text in (("one", "a"), ("other", "b")):
        (tmp_path / folder).mkdir()
        with zipfile.ZipFile(tmp_path / folder / "x.whl", "w") as wheel:
            wheel.writestr("same.py", "")
            wheel.writestr("changed.py", text)
        with tarfile.open(tmp_path / folder / "x.tar.gz", "w:gz") as source:
            for name in ("x-0.1/same.py", f"x-0.1/{text}.py"):
                source.addfile(tarfile.TarInfo(name), io.BytesIO())

    def differing(name: str) -> list[str]:
        return archives.differing(tmp_path / "one" / name, tmp_path / "other" / name)

    assert differing("x.whl") == ["changed.py"]
    assert differing("x.tar.gz") == ["a.py", "b.py"]
