"""What a wheel and a source distribution hold, and what they may."""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

SUFFIXES: Final = (".py", ".typed", ".json.gz", ".html.j2")
"""What the package is made of."""
NEEDED: Final = ("CHANGELOG.md", "LICENSE", "README.md", "compat-matrix.yaml", "noxfile.py", "pyproject.toml")
TREES: Final = (".ci", ".github", "benchmarks", "docs", "src", "tests")
"""The folders of the source distribution: with them its tests run, too."""
HIDDEN: Final = r"(^|/)\.(?!ci/|github/|gitignore$)"
JUNK: Final = re.compile(rf"__pycache__|\.py[co]$|\.egg-info|{HIDDEN}|~$|\.(orig|rej|tmp|log|db)$")


def members(archive: Path) -> dict[str, bytes]:
    """Return the files of a wheel, or those of a source distribution without its top folder."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/")}
    with tarfile.open(archive) as source:
        files = {member.name: source.extractfile(member) for member in source.getmembers() if member.isfile()}
        return {name.partition("/")[2]: file.read() for name, file in files.items() if file}


def differing(one: Path, other: Path) -> list[str]:
    """Return the names of what two archives do not have in common."""
    left, right = members(one), members(other)
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def problems_of_wheel(names: Sequence[str], sources: Sequence[str]) -> list[str]:
    """Return what a wheel holds too much or too little, one line each.

    :param sources: the package's files in the tree, as paths below ``src``.
    """
    metadata = [name for name in names if re.match(r"trigger_compat-[\w.]+\.dist-info/", name)]
    package = [name for name in names if name not in metadata]
    wanted = {*sources, "trigger_compat/compat-matrix.yaml"}
    required = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
    there = {name.partition("/")[2] for name in metadata}
    return [
        *(f"{name}: not of the package" for name in package if not name.startswith("trigger_compat/")),
        *(f"{name}: a cache, or left behind" for name in package if JUNK.search(name)),
        *(f"{name}: missing" for name in sorted(wanted - set(package))),
        *(f"{name}: not in the tree" for name in sorted(set(package) - wanted)),
        *(
            f"{name}: of no kind that the package is made of"
            for name in sources
            if not name.endswith(SUFFIXES)
        ),
        *(f"dist-info/{name}: missing" for name in sorted(required - there)),
        *(f"dist-info/{name}: unknown" for name in sorted(there - required)),
    ]


def problems_of_source(names: Sequence[str]) -> list[str]:
    """Return what a source distribution holds too much or too little, one line each."""
    tops = {PurePosixPath(name).parts[0] for name in names}
    known = {*NEEDED, *TREES, "PKG-INFO", ".gitignore"}
    return [
        *(f"{name}: missing" for name in (*NEEDED, "PKG-INFO") if name not in names),
        *(f"{name}/: missing" for name in TREES if name not in tops),
        *(f"{name}: nothing that belongs into a source distribution" for name in sorted(tops - known)),
        *(f"{name}: a cache, or left behind" for name in names if JUNK.search(name)),
    ]


def sources(root: Path) -> list[str]:
    """Return the package's files in a tree, as paths below ``src``, without caches."""
    paths = [path for path in (root / "src" / "trigger_compat").rglob("*") if path.is_file()]
    names = [path.relative_to(root / "src").as_posix() for path in paths]
    return sorted(name for name in names if "__pycache__/" not in name)
