"""Check types beside the oldest and the newest Airflow, and that pyright knows every public name's type."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.environments import FOLDER, ROOT, airflow_python, packages_of
from trigger_compat import matrix

if TYPE_CHECKING:
    import nox

NAMESPACES: Final = (("_shared",), ("sdk", "_shared"))
"""Packages of Airflow without an __init__.py. When pyright 1.1.414 verifies types, and only then, it finds
nothing below them, and so no base class of BaseOperator."""
AIRFLOW2_ONLY: Final = r"/airflow2\.py$"
AIRFLOW3_ONLY: Final = r"/(airflow3|exception|accessor|_task_sdk)\.py$"
"""Modules for one major of Airflow; mypy leaves them out where the other one is installed."""


def check(session: nox.Session) -> None:
    """Check the tools, then everything else beside the newest final release, the oldest and the newest."""
    # The package itself is checked below, beside an Airflow.
    tools = ("--cache-dir", str(FOLDER / ".mypy-tools"), "--follow-imports", "silent")
    session.run("mypy", *tools, "noxfile.py", "tools")
    # The oldest has no Task SDK: what comes from there is Any, and ignores that others need are unused.
    lenient = ("--allow-subclassing-any", "--no-warn-unused-ignores", "--no-warn-return-any")
    known = matrix.load()
    oldest, newest, final = known.releases[0], known.releases[-1], known.final_defaults[-1]
    for row in dict.fromkeys((final, oldest, newest)):
        python = airflow_python(session, row)
        options = ["--exclude", AIRFLOW3_ONLY, *lenient] if row is oldest else ["--exclude", AIRFLOW2_ONLY]
        beside = ["--python-executable", str(python), "--cache-dir", str(FOLDER / f".mypy-{row.airflow}")]
        session.run("mypy", *beside, *options, "src", "tests", "benchmarks")
    _check_public_names(session, airflow_python(session, final))


def _check_public_names(session: nox.Session, python: Path) -> None:
    """Fail the session unless the score is 100 %, beside the Airflow of an interpreter."""
    overlay = FOLDER / f".pyright-{python.parents[1].name}"
    shutil.rmtree(overlay, ignore_errors=True)
    _mirror(packages_of(python) / "airflow", overlay / "airflow", NAMESPACES)
    environment = {
        "PATH": os.pathsep.join((str(python.parent), session.env.get("PATH") or os.environ["PATH"])),
        # pyright reads nothing of a project that is installed editable.
        "PYTHONPATH": os.pathsep.join((str(overlay), str(ROOT / "src"))),
    }
    command = (str(Path(session.bin) / "pyright"), "--verifytypes", "trigger_compat", "--ignoreexternal")
    session.run(*command, env=environment, external=True, silent=True)


def _mirror(package: Path, mirror: Path, namespaces: Sequence[Sequence[str]]) -> None:
    """Mirror a package by links, and add an __init__.py to the folders that lack one."""
    mirror.mkdir(parents=True)
    if not (package / "__init__.py").exists():
        (mirror / "__init__.py").touch()
    for entry in package.iterdir():
        below = [path[1:] for path in namespaces if path and path[0] == entry.name]
        if below:
            _mirror(entry, mirror / entry.name, below)
        else:
            (mirror / entry.name).symlink_to(entry)
