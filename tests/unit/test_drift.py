"""The drift table, from findings that are written here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from trigger_compat.errors import FindingsError
from trigger_compat.suite import CLAUSES, drift


def finding(clause: str, title: str, verdict: str, observed: str = "") -> dict[str, Any]:
    return {
        "clauses": [clause],
        "title": title,
        "case": "",
        "path": "default",
        "verdict": verdict,
        "observed": observed,
    }


def report(airflow: str, *findings: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "operator": "some.module:Operator",
        "airflow": airflow,
        "python": "3.11.7",
        "distributions": {"apache-airflow-providers-standard": "1.21.0"},
        "date": "2026-11-22",
        "findings": list(findings),
        **changed,
    }


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    reports = [
        report(
            "3.4.0b2",
            finding("W2", "a failed child is retried", "pass"),
            finding("X1", "the retry reconnects", "not applicable", "the operator has no argument durable"),
            finding("C3", "no argument breaks parsing", "pass"),
        ),
        report(
            "3.0.6",
            finding("W2", "a failed child is retried", "fail", "state is 'failed', not 'up_for_retry'"),
            finding("W2", "callbacks get the error", "deviation", "error is None"),
            finding("W2", "the last failure fails the parent", "pass"),
            finding("X1", "the retry reconnects", "not applicable", "the operator has no argument durable"),
            finding("C3", "no argument breaks parsing", "pass"),
        ),
    ]
    paths = [tmp_path / f"{each['airflow']}.json" for each in reports]
    for path, each in zip(paths, reports, strict=True):
        path.write_text(json.dumps(each), encoding="utf-8")
    return paths


def test_releases_are_in_order_of_version_and_clauses_in_that_of_the_contract(files: list[Path]) -> None:
    table = drift.load(files)

    assert table.releases == ["3.0.6", "3.4.0b2"]
    assert [clause for clause, _ in table.clauses()] == ["C3", "W2", "X1"]


def test_a_clause_fails_if_one_of_its_tests_does(files: list[Path]) -> None:
    cells = {clause: cells for (clause, _), cells in drift.load(files).clauses().items()}

    assert [cell.text() for cell in cells["W2"]] == [
        "FAIL 2 of 3: state is 'failed', not 'up_for_retry'",
        "pass",
    ]
    assert [cell.text() for cell in cells["X1"]] == ["-", "-"]
    assert [cell.text(words=False) for cell in cells["W2"]] == ["FAIL 2 of 3", "pass"]


def test_only_tests_that_do_not_pass_everywhere_are_listed(files: list[Path]) -> None:
    tests = drift.load(files).tests()

    assert list(tests) == [("W2", "a failed child is retried"), ("W2", "callbacks get the error")]
    assert tests["W2", "callbacks get the error"][0].text() == "deviates: error is None"
    assert tests["W2", "callbacks get the error"][1].text() == "-"


def test_every_format_says_the_same(files: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    for form in drift.FORMATS:
        assert drift.main([*map(str, files), "--format", form]) == 0
        said = capsys.readouterr().out
        assert "3.0.6" in said
        assert "3.4.0b2" in said
        assert "a failed child is retried" in said
        assert "state is 'failed'" in said
    table = drift.load(files)
    written = json.loads(drift.as_json(table))
    assert {row["clause"] for row in written["clauses"]} == {"C3", "W2", "X1"}
    assert written["runs"][0]["distributions"] == {"apache-airflow-providers-standard": "1.21.0"}
    assert "Airflow 3.0.6: keeps 1 of 2 clauses" in drift.as_table(table)
    assert "1.21.0" in drift.as_markdown(table)


def test_a_cell_cannot_break_the_markdown_table(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps(report("3.0.6", finding("W2", "t", "fail", "a | b <script>"))))
    (row,) = [line for line in drift.as_markdown(drift.load([file])).splitlines() if "script" in line]

    assert "a \\| b &lt;script>" in row


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("{", "cannot be read"),
        ("[]", "holds no findings of schema 1"),
        ('{"schema": 2}', "holds no findings of schema 1"),
        (None, "cannot be read"),
    ],
)
def test_bad_findings_are_one_line_and_a_code_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, what: str
) -> None:
    file = tmp_path / "one.json"
    if content is not None:
        file.write_text(content)

    assert drift.main([str(file)]) == FindingsError.exit_code
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(file) in said
    assert what in said


def test_two_files_about_one_release_are_refused(files: list[Path]) -> None:
    with pytest.raises(FindingsError, match=r"about Airflow 3\.0\.6; give one"):
        drift.load([*files, files[1]])


def test_the_clauses_are_those_of_the_contract() -> None:
    contract = (Path(__file__).parents[2] / "docs" / "contract.md").read_text(encoding="utf-8")
    written = re.findall(rf"^- ([{''.join(CLAUSES)}])(\d+) ", contract, flags=re.MULTILINE)

    assert len(written) == len(set(written))
    for kind, count in CLAUSES.items():
        assert [int(number) for letter, number in written if letter == kind] == list(range(1, count + 1))
