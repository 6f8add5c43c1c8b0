"""What ``nox -s mutants`` does before it hands over to the command: the environments that judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tools import sessions
from tools.environments import EXTRAS, ROOT, TEST_REQUIREMENTS, airflow_python, group, install_once
from trigger_compat import matrix

if TYPE_CHECKING:
    import nox

COVERAGE: Final = "coverage>=7.10,<8"
_FOLDER: Final = ROOT / ".nox" / "mutation"


def run(session: nox.Session) -> None:
    """Judge mutants with the unit tests, and with the clause suite on one release of each path."""
    options = sessions.options(session, {"--airflow": {"nargs": "*"}}, passes_on=True)
    newest = {row.path: row for row in matrix.load().final_defaults}  # one release of each path
    rows = newest.values() if options.airflow is None else sessions.rows(session, options.airflow)
    install_once(session, *TEST_REQUIREMENTS, *EXTRAS["cli"], *group("mutants"), project=True)
    # Beside each Airflow, but not in its environment: coverage must not change what is installed there.
    session.install("--quiet", "--target", str(_FOLDER / "coverage"), COVERAGE)
    pythons = [f"--row={row.airflow}={airflow_python(session, row)}" for row in rows]
    session.run(
        "nice", "-n", "19", "python", "-m", "tests.mutation", *pythons, *options.passed_on, external=True
    )
