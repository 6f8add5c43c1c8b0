"""Measure what each release runs of this project: its tests under coverage, in every process they start.

Each release has a folder in ``.nox/floor``: coverage's data, the JUnit report, and a fingerprint of the
measured sources. As long as those stay the same, nothing is run again.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from coverage import CoverageData
from packaging.version import Version

from tools import junit
from tools.environments import FOLDER, ROOT

if TYPE_CHECKING:
    import nox

    from trigger_compat.matrix import Release

RESULTS: Final = FOLDER / "floor"
COVERAGE: Final = "coverage>=7.10,<8"
"""The first that follows a process over fork() and os._exit(), as a task process begins and ends."""
MEASURED: Final = ("src/trigger_compat", "tests/integration")
TESTS: Final = ("src/trigger_compat/suite", "tests/integration")
"""Without the unit tests: they simulate other releases, and would hide what only one release runs."""
_SETTINGS: Final = """\
[run]
parallel = true
relative_files = true
source = src/trigger_compat, tests/integration
omit = */trigger_compat/floor/*, */trigger_compat/matrix/*, */trigger_compat/cli.py, */doctor.py
patch = _exit, fork, subprocess
disable_warnings = no-data-collected, module-not-measured
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one release ran: lines by file, and the outcome of each test."""

    airflow: str
    seconds: int
    lines: Mapping[str, frozenset[int]]
    tests: Mapping[str, str]

    @property
    def minor(self) -> tuple[int, int]:
        version = Version(self.airflow)
        return version.major, version.minor


def measure(session: nox.Session, row: Release, python: Path) -> None:
    """Run the tests of a release under coverage, unless its evidence is up to date.

    Coverage loses what a process did that was killed by SIGKILL. The tests that kill one run the same code in
    other processes too.
    """
    folder, fingerprint = RESULTS / row.airflow, _fingerprint()
    stamp = folder / "sources"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == fingerprint:
        session.log(f"{folder.relative_to(ROOT)} is up to date")
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tools = RESULTS / "tools"
    session.install("--quiet", "--target", str(tools), COVERAGE)
    settings = folder / "coveragerc"
    settings.write_text(_SETTINGS, encoding="utf-8")
    home = FOLDER / f"airflow-{row.airflow}" / "home"
    environment = {"PYTHONPATH": str(tools), "COVERAGE_FILE": str(folder / "data"), "AIRFLOW_HOME": str(home)}
    pytest = ("-m", "pytest", *TESTS, "-q", f"--junit-xml={folder / 'tests.xml'}")
    for command in (("run", f"--rcfile={settings}", *pytest), ("combine", "--quiet", f"--rcfile={settings}")):
        session.run(str(python), "-m", "coverage", *command, env=environment, external=True)
    stamp.write_text(fingerprint, encoding="utf-8")


def evidence() -> list[Evidence]:
    """Return the evidence of all releases that were measured, oldest first."""
    folders = [stamp.parent for stamp in RESULTS.glob("*/sources")]
    return [_read(folder) for folder in sorted(folders, key=lambda folder: Version(folder.name))]


def _read(folder: Path) -> Evidence:
    data = CoverageData(str(folder / "data"))
    data.read()
    report = folder / "tests.xml"
    tests = dict(junit.outcomes(report))
    # Coverage takes time: the last run of the whole row without it, if there was one, says how long it takes.
    whole = junit.results_file(f"tests({folder.name})")
    if whole.is_file() and tests.keys() <= dict(junit.outcomes(whole)).keys():
        report = whole
    lines = {file: frozenset(data.lines(file) or ()) for file in sorted(data.measured_files())}
    return Evidence(airflow=folder.name, seconds=round(junit.seconds(report)), lines=lines, tests=tests)


def _fingerprint() -> str:
    found = hashlib.sha256()
    for file in sorted(file for folder in MEASURED for file in (ROOT / folder).rglob("*.py")):
        found.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return found.hexdigest()
