"""The programs around the tests: what they read, and what they make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import bootstrap
import chromium
from tally import Counts, closing_line, count

ROOT = Path(__file__).parents[2]
REPORT = """
<testsuites><testsuite>
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


@pytest.mark.parametrize(("code", "failed"), [(0, 0), (3, 1), (-9, 1)], ids=["good", "crashed", "killed"])
def test_a_run_that_ends_badly_without_a_failed_test_is_one_failure(
    tmp_path: Path, code: int, failed: int
) -> None:
    assert count(tmp_path / "never-written.xml", code) == Counts(failed=failed)


def test_the_closing_line_sums_up_and_takes_known_gaps_for_skipped() -> None:
    counts = [Counts(passed=2, failed=1, xfailed=1, skipped=3), Counts(passed=40)]

    assert closing_line(counts) == "42 passed, 1 failed, 4 skipped"


def test_what_the_noxfile_needs_is_read_from_its_header() -> None:
    names = {requirement.partition(">")[0] for requirement in bootstrap.header(ROOT / "noxfile.py")}

    assert {"nox", "PyYAML", "packaging", "rich", "uv"} <= names


def test_a_noxfile_without_a_header_is_refused(tmp_path: Path) -> None:
    noxfile = tmp_path / "noxfile.py"
    noxfile.write_text("import nox\n", encoding="utf-8")

    with pytest.raises(SystemExit, match=r"noxfile\.py: no dependencies in its PEP 723 header"):
        bootstrap.header(noxfile)


def test_a_browser_is_found_by_its_usual_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "google-chrome"
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert chromium.find() == chromium.find(str(program)) == str(program)


@pytest.mark.parametrize("given", [None, "/nowhere/chromium"])
def test_no_browser_is_one_line_that_says_what_to_install(
    given: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SystemExit) as raised:
        chromium.find(given)

    [line] = str(raised.value).splitlines()
    assert (given or "chromium") in line
    assert "apt-get install chromium" in line
