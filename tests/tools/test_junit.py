"""What is read from the JUnit reports of pytest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.junit import Counts, closing_line, count, outcomes, seconds

REPORT = """
<testsuites><testsuite time="1.5">
  <testcase name="passes"/>
  <testcase name="passes, and prints"><system-out>failure</system-out></testcase>
  <testcase name="fails"><failure/></testcase>
  <testcase name="fails, and its teardown too"><failure/><error/></testcase>
  <testcase name="known gap"><skipped type="pytest.xfail"/></testcase>
  <testcase name="not here"><skipped type="pytest.skip"/></testcase>
</testsuite></testsuites>
"""


def test_a_report_is_counted_by_test(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT, encoding="utf-8")

    assert count(report, code=1) == Counts(passed=2, failed=2, xfailed=1, skipped=1)
    assert [outcome for _, outcome in outcomes(report)][-2:] == ["xfailed", "skipped"]
    assert seconds(report) == 1.5


@pytest.mark.parametrize(("code", "failed"), [(0, 0), (3, 1), (-9, 1)], ids=["good", "crashed", "killed"])
def test_a_run_that_ends_badly_without_a_failed_test_is_one_failure(
    tmp_path: Path, code: int, failed: int
) -> None:
    assert count(tmp_path / "never-written.xml", code) == Counts(failed=failed)


def test_the_closing_line_sums_up_and_takes_known_gaps_for_skipped() -> None:
    counts = [Counts(passed=2, failed=1, xfailed=1, skipped=3), Counts(passed=40)]

    assert closing_line(counts) == "42 passed, 1 failed, 4 skipped"
