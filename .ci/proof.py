"""Raises the floor of this project on a copy, exactly as the work list says, and tests what is left."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from environments import airflow_python
from trigger_compat import matrix
from trigger_compat.floor import worklist
from trigger_compat.floor.scan import releases as versions
from trigger_compat.matrix import Release

if TYPE_CHECKING:
    import nox

ROOT: Final = Path(__file__).parents[1]
COPY: Final = ROOT / ".nox" / "floor" / "copy"


def prove(session: nox.Session, rows: Sequence[Release], floor: str | None) -> None:
    """Prove the work list for a floor (default: the second minor) on releases (default: its newest)."""
    known = matrix.load()
    minors = list(dict.fromkeys(row.minor for row in known.releases))
    release = versions.parse_floor(floor or minors[1])
    minor = (release[0], release[1])
    rows = rows or [row for row in known.defaults if row.minor == f"{minor[0]}.{minor[1]}"]
    _copy()
    todo = worklist.steps(COPY, minor)
    for step in todo:
        session.log(f"{'by hand: ' if step.by_hand else ''}{step.file}: {step.what}")
    worklist.carry_out(COPY, todo)
    # Tests of the matrix and the dispatch name releases that are gone; the list leaves them to a person.
    left = [step.file for step in todo if step.by_hand and step.file.startswith("tests/unit/")]
    ignored = [f"--ignore={file}" for file in left]
    with session.chdir(COPY):
        for row in rows:
            python = str(airflow_python(session, row))
            environment = {
                "PYTHONPATH": str(COPY / "src"),
                "AIRFLOW_HOME": str(ROOT / ".nox" / f"airflow-{row.airflow}" / "home"),
            }
            session.run(python, "-m", "tests.cell", row.airflow, row.path, env=environment, external=True)
            paths = ("tests/unit", "src/trigger_compat/suite", "tests/integration")
            session.run(python, "-m", "pytest", *paths, *ignored, "-q", env=environment, external=True)


def _copy() -> None:
    """Copy what git knows of, and what it would take."""
    shutil.rmtree(COPY, ignore_errors=True)
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in listed:
        source = ROOT / name
        if source.is_file():
            target = COPY / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
