"""Read the JUnit reports that pytest writes, and count what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

RESULTS: Final = Path(__file__).parents[1] / ".nox" / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The outcomes of one pytest run. A run that fails without a failed test counts as one failure."""

    passed: int = 0
    failed: int = 0
    xfailed: int = 0
    skipped: int = 0


def results_file(session: str) -> Path:
    """Return where pytest writes the report of a session."""
    return RESULTS / f"{session}.xml"


def outcomes(report: Path) -> list[tuple[str, str]]:
    """Return the name of each test and whether it passed, failed, xfailed or was skipped."""
    cases = ET.parse(report).iter("testcase")  # noqa: S314 - this project's own pytest wrote it
    return [(f"{case.get('classname')}::{case.get('name')}", _outcome(case)) for case in cases]


def seconds(report: Path) -> float:
    """Return how long a run took."""
    suites = ET.parse(report).iter("testsuite")  # noqa: S314 - as above
    return sum(float(suite.get("time", 0)) for suite in suites)


def count(report: Path, code: int) -> Counts:
    """Count the outcomes in a report; ``code`` is the exit code of the run that should have written it."""
    found = Counter(outcome for _, outcome in outcomes(report)) if report.is_file() else Counter[str]()
    return Counts(
        passed=found["passed"],
        failed=found["failed"] or int(code != 0),
        xfailed=found["xfailed"],
        skipped=found["skipped"],
    )


def _outcome(case: ET.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    skipped = case.find("skipped")
    if skipped is None:
        return "passed"
    return "xfailed" if skipped.get("type") == "pytest.xfail" else "skipped"


def closing_line(counts: Sequence[Counts]) -> str:
    """Return the last line of a run. Expected failures count as skipped: they prove nothing works."""
    passed = sum(run.passed for run in counts)
    failed = sum(run.failed for run in counts)
    skipped = sum(run.skipped + run.xfailed for run in counts)
    return f"{passed} passed, {failed} failed, {skipped} skipped"
