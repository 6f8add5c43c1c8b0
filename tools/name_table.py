"""Write the table of importable names: install each Airflow of the matrix alone, and list what it has."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools.environments import FOLDER, ROOT, bare_airflow
from trigger_compat import matrix
from trigger_compat.floor.scan import names
from trigger_compat.matrix import PastRelease, Release

if TYPE_CHECKING:
    import nox

KEPT: Final = FOLDER / "names"
"""What was found of each release, for the next time."""
TABLE: Final = ROOT / "src" / "trigger_compat" / "floor" / "scan" / names.FILE_NAME
PROBE: Final = Path(__file__).with_name("probe_names.py")
PYTHON: Final = "3.11"
"""Every release of the table runs on it."""


def write(session: nox.Session) -> None:
    """Write the table."""
    known = matrix.load()
    KEPT.mkdir(parents=True, exist_ok=True)
    rows: list[PastRelease | Release] = [*known.history, *known.releases]
    probes = [_names_of(session, row) for row in rows]
    table = names.build(probes)
    TABLE.write_bytes(names.encode(table))
    session.log(f"{TABLE.name}: {len(probes)} releases, {len(table['modules'])} modules and classes")


def _names_of(session: nox.Session, row: PastRelease | Release) -> Any:
    kept = KEPT / f"{row.airflow}.json"
    if not kept.is_file():
        folder = KEPT / f"airflow-{row.airflow}"
        try:
            python = str(bare_airflow(session, folder, PYTHON, row))
            with tempfile.TemporaryDirectory() as home:
                environment = {"AIRFLOW_HOME": home}
                found = session.run(
                    python, str(PROBE), env=environment, silent=True, external=True, stderr=None
                )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        kept.write_text(str(found), encoding="utf-8")
    probe = json.loads(kept.read_text(encoding="utf-8"))
    if probe["airflow"] != row.airflow:
        session.error(f"{kept} is about Airflow {probe['airflow']}, not {row.airflow}; delete it")
    return probe
