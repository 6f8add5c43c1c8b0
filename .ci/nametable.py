"""Makes the table of importable names: installs each Airflow of the matrix once more, alone, and asks it."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import environments
from trigger_compat import matrix
from trigger_compat.floor.scan import names
from trigger_compat.matrix import Matrix, Past, Release

if TYPE_CHECKING:
    import nox

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / ".nox" / "names"
TABLE: Final = ROOT / "src" / "trigger_compat" / "floor" / "scan" / names.FILE_NAME
PROBE: Final = Path(__file__).with_name("probe_names.py")
OLDEST_PYTHON: Final = "3.11"
"""The one that every release of the table runs on."""


def write(session: nox.Session) -> None:
    """Write the table; what was found of a release is kept in ``.nox/names`` for the next time."""
    known = matrix.load()
    FOLDER.mkdir(parents=True, exist_ok=True)
    probes = [_probe(session, known, row) for row in known.history]
    probes += [_probe(session, known, row) for row in known.releases]
    table = names.build(probes)
    TABLE.write_bytes(names.encode(table))
    count = sum(len(rows) for rows in table["modules"].values())
    session.log(
        f"{TABLE.relative_to(ROOT)}: {len(probes)} releases, {len(table['modules'])} modules, {count} rows"
    )


def _probe(session: nox.Session, known: Matrix, row: Past | Release) -> Any:
    kept = FOLDER / f"{row.airflow}.json"
    if not kept.is_file():
        folder = FOLDER / f"airflow-{row.airflow}"
        requirements = (
            known.requirements(row) if isinstance(row, Release) else (f"apache-airflow=={row.airflow}",)
        )
        interpreter = environments.find(OLDEST_PYTHON)
        if not interpreter:
            session.error(f"the table of names is made with Python {OLDEST_PYTHON}, which is not here")
        try:
            python = environments.bare(session, folder, interpreter, row.resolve, requirements)
            with tempfile.TemporaryDirectory() as home:
                found = session.run(
                    str(python),
                    str(PROBE),
                    env={"AIRFLOW_HOME": home},
                    silent=True,
                    external=True,
                    stderr=None,
                )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        kept.write_text(str(found), encoding="utf-8")
    probe = json.loads(kept.read_text(encoding="utf-8"))
    if probe["airflow"] != row.airflow:
        session.error(f"{kept} is of Airflow {probe['airflow']}, not of {row.airflow}; delete it")
    return probe


if __name__ == "__main__":
    sys.exit("run: nox -s names")
