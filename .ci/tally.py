"""What pytest runs said, read from their JUnit reports, and the closing line that sums them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

RESULTS: Final = Path(__file__).parents[1] / ".nox" / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one pytest run said; a run that ends badly without a failed test counts as one."""

    passed: int = 0
    failed: int = 0
    xfailed: int = 0
    skipped: int = 0


def results_file(session: str) -> Path:
    """Return where a session's pytest leaves its JUnit report."""
    return RESULTS / f"{session}.xml"


def count(results: Path, code: int) -> Counts:
    """Read a JUnit report; ``code`` is the exit code of what should have written it."""
    kinds = []
    if results.is_file():
        kinds = [_kind(case) for case in ET.parse(results).iter("testcase")]  # noqa: S314 - ours
    failed = kinds.count("failed")
    return Counts(
        passed=kinds.count("passed"),
        failed=failed or int(code != 0),
        xfailed=kinds.count("xfailed"),
        skipped=kinds.count("skipped"),
    )


def _kind(case: ET.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    skipped = case.find("skipped")
    if skipped is None:
        return "passed"
    return "xfailed" if skipped.get("type") == "pytest.xfail" else "skipped"


def closing_line(counts: Sequence[Counts]) -> str:
    """Return the last line of a run; an expected failure counts as skipped, it proves nothing works."""
    passed = sum(one.passed for one in counts)
    failed = sum(one.failed for one in counts)
    skipped = sum(one.skipped + one.xfailed for one in counts)
    return f"{passed} passed, {failed} failed, {skipped} skipped"
