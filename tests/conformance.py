"""Run the contract suite on any operator, on several releases, and write the table of where it drifts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tools import junit, parallel
from tools.environments import FOLDER, ROOT, airflow_python
from trigger_compat.suite import drift

if TYPE_CHECKING:
    import nox

    from trigger_compat.matrix import Release

RESULTS: Final = FOLDER / "conformance"


def run(
    session: nox.Session, operator: str, rows: Sequence[Release], extra: Sequence[str], workers: int
) -> bool:
    """Print the table, and return whether the operator keeps the contract on every release.

    :param extra: requirements to install beside each Airflow, such as the operator's provider.
    """
    pythons = {row.airflow: str(airflow_python(session, row, extra, dated=False)) for row in rows}
    findings = {row.airflow: RESULTS / f"{row.airflow}.json" for row in rows}

    def command(job: parallel.Job) -> list[str]:
        findings[job.release].unlink(missing_ok=True)
        suite = [pythons[job.release], "-m", "trigger_compat.suite", "--operator", operator, "-q"]
        report = f"--junit-xml={junit.results_file(job.session)}"
        return [*suite, "--tb=short", "--findings", str(findings[job.release]), report]

    # Exit code 1 means that tests failed, which is a finding; any other means that they could not run.
    names = {row.airflow: f"conformance({row.airflow})" for row in rows}
    jobs = [parallel.Job(session=names[row.airflow], release=row.airflow, ok_codes=(0, 1)) for row in rows]
    parallel.run(jobs, command, workers)
    if bad := [job.session for job in jobs if job.failed]:
        session.error(f"could not run: {', '.join(bad)}")
    table = drift.load(list(findings.values()))
    for name, text in (("drift.md", drift.as_markdown(table)), ("drift.json", drift.as_json(table))):
        (RESULTS / name).write_text(text + "\n", encoding="utf-8")
    print(drift.as_table(table))
    print(f"written: {(RESULTS / 'drift.md').relative_to(ROOT)} and drift.json beside it")
    return not any(job.code for job in jobs)
