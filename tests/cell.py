"""Prove a cell of the matrix before its tests run: ``python -m tests.cell AIRFLOW_VERSION [DEFAULT_PATH]``.

Without a path it is that of the release's row; ``airflow-3.3.2``, as tox names its environments, is 3.3.2.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import trigger_compat
from trigger_compat import dispatch, matrix

SOURCES = Path(__file__).parents[1] / "src" / "trigger_compat"


def main(airflow: str, path: str | None = None) -> None:
    """Exit with one line if this environment is not what its row says."""
    import airflow as imported

    airflow = airflow.removeprefix("airflow-")
    path = path or matrix.load().release(airflow).path

    checks = (
        ("installed Airflow", version("apache-airflow"), airflow),
        ("imported Airflow", imported.__version__, airflow),
        ("default path", dispatch.default_path(dispatch.release()), path),
        ("trigger_compat from", str(Path(trigger_compat.__file__).parent), str(SOURCES)),
    )
    for what, found, wanted in checks:
        if found != wanted:
            sys.exit(f"this is not the cell of Airflow {airflow}: {what} is {found}, its row says {wanted}")
    print(f"Airflow {airflow}, path {path}, Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
