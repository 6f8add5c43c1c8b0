"""Build what is uploaded, twice, and try it: the bytes must be the same, complete, and work on every row."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.environments import FOLDER, ROOT, airflow_python, install_into, make_environment, packages_of
from trigger_compat.matrix import FILE_NAME

if TYPE_CHECKING:
    import nox

    from trigger_compat.matrix import Release

DIST: Final = ROOT / "dist"
SCRATCH: Final = FOLDER / ".dist"
EPOCH: Final = "1580601600"
"""The time of all files, in seconds: hatchling's own, whatever SOURCE_DATE_EPOCH says outside."""


def build(session: nox.Session) -> tuple[Path, Path]:
    """Build twice under different circumstances, and return the source distribution and the wheel.

    First from the tree, the wheel from the source distribution, as installers do. Then both from a copy of
    the tree whose files are younger and that nobody else can read.
    """
    for folder in (SCRATCH, DIST):
        shutil.rmtree(folder, ignore_errors=True)
    tree, again = SCRATCH / "tree", SCRATCH / "again"
    copy_tree(tree)
    for file in tree.rglob("*"):
        file.chmod(file.stat().st_mode & 0o700)
    _build(session, ROOT, DIST, {"PYTHONHASHSEED": "1", "TZ": "UTC"})
    _build(session, tree, again, {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"}, "--sdist", "--wheel")
    found = []
    for pattern in ("*.tar.gz", "*.whl"):
        [first], [second] = DIST.glob(pattern), again.glob(pattern)
        if first.read_bytes() != second.read_bytes():
            session.error(f"not reproducible: {first} and {second} differ; diffoscope shows where")
        session.log(f"{first.name}: sha256 {hashlib.sha256(first.read_bytes()).hexdigest()}")
        found.append(first)
    return found[0], found[1]


def copy_tree(target: Path) -> None:
    """Copy the files that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
            (target / name).chmod((ROOT / name).stat().st_mode)


def _build(session: nox.Session, tree: Path, out: Path, environment: Mapping[str, str], *what: str) -> None:
    # The backend is the one of the session, whose version is given.
    command = ("python", "-m", "build", "--no-isolation", *what, "--outdir", str(out), str(tree))
    session.run(*command, env={**environment, "SOURCE_DATE_EPOCH": EPOCH}, silent=True)


def check(session: nox.Session, source: Path, wheel: Path) -> None:
    """Fail the session if an archive lacks or holds the wrong files, or if PyPI could not show its page."""
    package = SCRATCH / "tree" / "src" / "trigger_compat"  # only files that git knows
    shutil.copy2(ROOT / FILE_NAME, package)
    session.run("check-wheel-contents", "--package", str(package), str(wheel))
    session.run("check-sdist", "--no-isolation")
    session.run("twine", "check", "--strict", str(source), str(wheel))


def try_out(session: nox.Session, row: Release, wheel: Path) -> None:
    """Install only the wheel beside the Airflow of a row, and trigger a dag run with it.

    Its environment sees the packages of the row's, but not the editable install of this project there.
    """
    python = airflow_python(session, row)
    folder = SCRATCH / f"airflow-{row.airflow}"
    own = make_environment(session, folder, str(python))
    (packages_of(own) / "row.pth").write_text(f"{packages_of(python)}\n", encoding="utf-8")
    install_into(session, own, "--no-deps", str(wheel))
    session.env["AIRFLOW_HOME"] = str(folder / "home")
    session.run(str(own), "-I", str(ROOT / "tests" / "installed.py"), row.airflow, external=True)
    session.chdir(folder)
    suite = ("-m", "trigger_compat.suite", "-q", "-k", "test_fire_and_forget")
    session.run(str(own), *suite, external=True)
