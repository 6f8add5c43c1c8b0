"""What each release really runs of this project: its tests under coverage, in every process that they start.

Kept in ``.nox/floor``, one JSON file per release, and used again as long as the sources stay what they are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tally import results_file
from trigger_compat.floor.scan.names import format_runs as spell
from trigger_compat.matrix import Release

if TYPE_CHECKING:
    import nox

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / ".nox" / "floor"
TOOLS: Final = FOLDER / "tools"
MEASURED: Final = ("src/trigger_compat", "tests/integration")
APART: Final = ("src/trigger_compat/floor/", "src/trigger_compat/cli.py", "src/trigger_compat/doctor.py")
"""Tools of a developer, which no release runs."""
TESTS: Final = ("src/trigger_compat/suite", "tests/integration")
"""Not the unit tests: they ask about releases that are not there, and would hide what only one runs."""
COVERAGE: Final = "coverage>=7.10,<8"
"""The first that follows a process over fork() and os._exit(), as a task process begins and ends."""
_SETTINGS: Final = """\
[run]
parallel = true
source = {source}
patch = _exit, fork, subprocess
disable_warnings = no-data-collected, module-not-measured
"""


def of(session: nox.Session, row: Release, python: Path) -> Path:
    """Return the evidence of a release, made now unless there is some for the sources as they are.

    What a process did that was killed by SIGKILL is lost; the tests that kill one run the same code in
    others.
    """
    file = FOLDER / f"{row.airflow}.json"
    digest = _digest()
    if file.is_file() and (known := json.loads(file.read_text(encoding="utf-8")))["digest"] == digest:
        session.log(f"{file.relative_to(ROOT)} is up to date")
        _write(file, known | {"seconds": _seconds(row, known)})
        return file
    session.install("--quiet", "--target", str(TOOLS), COVERAGE)
    work = FOLDER / f"work-{row.airflow}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    settings = work / "coveragerc"
    settings.write_text(_SETTINGS.format(source=", ".join(MEASURED)), encoding="utf-8")
    environment = {
        "PYTHONPATH": str(TOOLS),
        "COVERAGE_FILE": str(work / "data"),
        "AIRFLOW_HOME": str(FOLDER.parent / f"airflow-{row.airflow}" / "home"),
    }
    coverage = [str(python), "-m", "coverage"]
    rc = f"--rcfile={settings}"
    started = time.monotonic()
    report = f"--junit-xml={work / 'tests.xml'}"
    session.run(*coverage, "run", rc, "-m", "pytest", *TESTS, "-q", report, env=environment, external=True)
    seconds = time.monotonic() - started
    session.run(*coverage, "combine", "--quiet", rc, env=environment, external=True)
    session.run(
        *coverage, "json", "--quiet", rc, "-o", str(work / "lines.json"), env=environment, external=True
    )
    evidence = _evidence(row, digest, seconds, work)
    _write(file, evidence | {"seconds": _seconds(row, evidence)})
    shutil.rmtree(work)
    return file


def _evidence(row: Release, digest: str, seconds: float, work: Path) -> dict[str, Any]:
    measured = json.loads((work / "lines.json").read_text(encoding="utf-8"))["files"]
    return {
        "airflow": row.airflow,
        "digest": digest,
        "seconds": round(seconds),
        "lines": {
            name: spell(found["executed_lines"])
            for name, found in sorted(measured.items())
            if not name.startswith(APART)
        },
        "tests": dict(_tests(work / "tests.xml")),
    }


def _seconds(row: Release, evidence: Mapping[str, Any]) -> int:
    """Return what the row takes without coverage, by its last whole run in the matrix if there was one."""
    report = results_file(f"tests({row.airflow})")
    if report.is_file() and set(evidence["tests"]) <= dict(_tests(report)).keys():
        suites = ET.parse(report).iter("testsuite")  # noqa: S314 - this project's own pytest wrote it
        return round(sum(float(suite.get("time", 0)) for suite in suites))
    return int(evidence["seconds"])


def _write(file: Path, evidence: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(evidence, indent=1), encoding="utf-8")


def _tests(report: Path) -> list[tuple[str, str]]:
    """Return what became of each test."""
    found = []
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - this project's own pytest wrote it
        outcome = "passed"
        for part in case:
            if part.tag in ("failure", "error"):
                outcome = "failed"
            elif part.tag == "skipped":
                outcome = "xfailed" if part.get("type") == "pytest.xfail" else "skipped"
        found.append((f"{case.get('classname')}::{case.get('name')}", outcome))
    return sorted(found)


def _digest() -> str:
    """Return a fingerprint of the sources that are measured."""
    found = hashlib.sha256()
    for folder in MEASURED:
        for file in sorted((ROOT / folder).rglob("*.py")):
            name = file.relative_to(ROOT).as_posix()
            if not name.startswith(APART):
                found.update(name.encode() + b"\0" + file.read_bytes())
    return found.hexdigest()
