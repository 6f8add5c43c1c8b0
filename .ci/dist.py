"""What is uploaded: the same bytes whoever builds it, all that belongs into it, and enough for every row."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from archives import NEEDED, TREES, differing, members, problems_of_source, problems_of_wheel, sources
from environments import FOLDER, ROOT, airflow_python, install_into, make_environment, packages_of

if TYPE_CHECKING:
    import nox

    from trigger_compat.matrix import Release

DIST: Final = ROOT / "dist"
SCRATCH: Final = FOLDER / ".dist"
EPOCH: Final = "1580601600"
"""The time of all files, in seconds: hatchling's own, whatever SOURCE_DATE_EPOCH says outside."""


def build(session: nox.Session) -> tuple[Path, Path]:
    """Build twice under different circumstances, and return the source distribution and the wheel.

    Once the wheel from the source distribution, as installers do, and once from a copy of the tree, whose
    files are younger and open to nobody else: each time the bytes are the same.
    """
    for folder in (SCRATCH, DIST):
        shutil.rmtree(folder, ignore_errors=True)
    tree = SCRATCH / "tree"
    tree.mkdir(parents=True)
    for name in (*NEEDED, ".gitignore"):
        _copy_privately(str(ROOT / name), str(tree / name))
    for name in TREES:
        caches = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tree / name, ignore=caches, copy_function=_copy_privately)
    again = SCRATCH / "again"
    _build(session, ROOT, DIST, (), {"PYTHONHASHSEED": "1", "TZ": "UTC"})
    _build(session, tree, again, ("--sdist", "--wheel"), {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"})
    found = []
    for pattern in ("*.tar.gz", "*.whl"):
        [one], [other] = DIST.glob(pattern), again.glob(pattern)
        if one.read_bytes() != other.read_bytes():
            names = ", ".join(differing(one, other)) or "its headers"
            session.error(f"{one.name} is not reproducible: {names} differ")
        session.log(f"{one.name}: sha256 {hashlib.sha256(one.read_bytes()).hexdigest()}")
        found.append(one)
    return found[0], found[1]


def _copy_privately(source: str, target: str) -> None:
    """Copy a file without its times, and without what others may do with it."""
    shutil.copyfile(source, target)
    Path(target).chmod(0o700 if os.access(source, os.X_OK) else 0o600)


def _build(
    session: nox.Session, tree: Path, out: Path, what: Sequence[str], environment: Mapping[str, str]
) -> None:
    # The backend is that of the session, whose version is given.
    command = ("python", "-m", "build", "--no-isolation", *what, "--outdir", str(out), str(tree))
    session.run(*command, env={**environment, "SOURCE_DATE_EPOCH": EPOCH}, silent=True)


def check(session: nox.Session, source: Path, wheel: Path) -> None:
    """Fail the session if an archive holds what it should not, or its description cannot be shown."""
    found = [f"{wheel.name}: {each}" for each in problems_of_wheel(list(members(wheel)), sources(ROOT))]
    found += [f"{source.name}: {each}" for each in problems_of_source(list(members(source)))]
    if found:
        session.error("\n".join(found))
    session.run("twine", "check", "--strict", str(source), str(wheel))


def try_out(session: nox.Session, row: Release, wheel: Path) -> None:
    """Install the wheel, and nothing else, beside a row's Airflow, and trigger a dag run with it.

    In an environment of its own, which sees the row's packages, but not that this project is among them.
    """
    python = airflow_python(session, row)
    folder = SCRATCH / f"airflow-{row.airflow}"
    own = make_environment(session, folder, python)
    (packages_of(session, own) / "row.pth").write_text(f"{packages_of(session, python)}\n", encoding="utf-8")
    install_into(session, own, "--no-deps", str(wheel))
    session.env["AIRFLOW_HOME"] = str(folder / "home")
    session.run(str(own), "-I", str(ROOT / "tests" / "installed.py"), row.airflow, external=True)
    session.chdir(folder)
    suite = ("-m", "trigger_compat.suite", "-q", "-k", "test_fire_and_forget")
    session.run(str(own), *suite, external=True)
