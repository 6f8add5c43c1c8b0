"""Raise the floor of this project on a copy, exactly as the work list says, and test what is left."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tools.distribution import copy_tree
from tools.environments import FOLDER, airflow_python
from tools.raising import worklist
from trigger_compat import matrix
from trigger_compat.floor.scan import releases

if TYPE_CHECKING:
    import nox

COPY: Final = FOLDER / "floor" / "copy"


def prove(session: nox.Session, rows: Sequence[matrix.Release], floor: str | None) -> None:
    """Prove the work list for a floor (default: the second minor) on releases (default: its newest)."""
    known = matrix.load()
    minors = list(dict.fromkeys(row.minor for row in known.releases))
    minor = releases.parse_floor(floor or minors[1])[:2]
    rows = rows or [row for row in known.defaults if row.minor == ".".join(map(str, minor))]
    shutil.rmtree(COPY, ignore_errors=True)
    copy_tree(COPY)
    todo = worklist.steps(COPY, (minor[0], minor[1]))
    for step in todo:
        session.log(f"{'by hand: ' if step.by_hand else ''}{step.file}: {step.what}")
    worklist.carry_out(COPY, todo)
    # Some unit tests name releases that are gone; the list leaves them to a person.
    by_hand = [step.file for step in todo if step.by_hand and step.file.startswith("tests/unit/")]
    with session.chdir(COPY):
        for row in rows:
            python = str(airflow_python(session, row))
            home = str(FOLDER / f"airflow-{row.airflow}" / "home")
            environment = {"PYTHONPATH": str(COPY / "src"), "AIRFLOW_HOME": home}
            arguments = [f"--cell={row.airflow}:{row.path}", *(f"--ignore={file}" for file in by_hand), "-q"]
            session.run(python, "-m", "pytest", *arguments, env=environment, external=True)
