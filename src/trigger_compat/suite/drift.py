"""The drift table: which clause an operator keeps on which release, from the findings of several runs.

``python -m trigger_compat.suite.drift FINDINGS... [--format table|markdown|json]``
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from packaging.version import Version

from trigger_compat import markdown
from trigger_compat.errors import FindingsError
from trigger_compat.suite import clause_order

SCHEMA: Final = 1
WIDTH: Final = 34
"""Widest cell of the terminal table, in characters."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What the tests of one row say on one release; ``observed`` is about the first that fails."""

    passed: int = 0
    failed: int = 0
    declared: int = 0
    observed: str = ""

    @property
    def applies(self) -> bool:
        """Whether any test ran."""
        return bool(self.passed or self.failed or self.declared)

    def text(self, *, words: bool = True) -> str:
        """Return the cell as text, e.g. ``FAIL: state is 'failed'``."""
        if not self.applies:
            return "-"
        wrong = self.failed + self.declared
        if not wrong:
            return "pass"
        kind = "FAIL" if self.failed else "deviates"
        share = "" if wrong == self.passed + wrong else f" {wrong} of {self.passed + wrong}"
        return f"{kind}{share}: {self.observed}" if words else f"{kind}{share}"


Row = tuple[str, str]
"""A clause, and the title of a test or nothing for the clause as a whole."""


@dataclass(frozen=True)
class Drift:
    """The table: releases as columns, clauses and their tests as rows."""

    reports: tuple[Mapping[str, Any], ...]

    @property
    def releases(self) -> list[str]:
        """The Airflow releases, oldest first."""
        return [report["airflow"] for report in self.reports]

    @property
    def operator(self) -> str:
        """The operators under test: one, unless it lives elsewhere on an older Airflow."""
        return ", ".join(dict.fromkeys(report["operator"] for report in self.reports))

    def clauses(self) -> dict[Row, list[Cell]]:
        """One row per clause."""
        return self._rows(lambda clause, _: (clause, ""))

    def tests(self) -> dict[Row, list[Cell]]:
        """One row per clause and test, for the tests that do not pass everywhere."""
        rows = self._rows(lambda clause, title: (clause, title))
        return {row: cells for row, cells in rows.items() if any(c.failed or c.declared for c in cells)}

    def _rows(self, row_of: Callable[[str, str], Row]) -> dict[Row, list[Cell]]:
        found: dict[Row, dict[str, list[Mapping[str, Any]]]] = {}
        for report in self.reports:
            for finding in report["findings"]:
                for clause in finding["clauses"]:
                    of_row = found.setdefault(row_of(clause, finding["title"]), {})
                    of_row.setdefault(report["airflow"], []).append(finding)
        ordered = sorted(found, key=lambda row: (clause_order(row[0]), row[1]))
        return {row: [_cell(found[row].get(release, ())) for release in self.releases] for row in ordered}


def _cell(findings: Sequence[Mapping[str, Any]]) -> Cell:
    verdicts = [finding["verdict"] for finding in findings]
    wrong = sorted(
        (finding for finding in findings if finding["verdict"] in ("fail", "deviation")),
        key=lambda finding: finding["verdict"] != "fail",
    )
    return Cell(
        passed=verdicts.count("pass"),
        failed=verdicts.count("fail"),
        declared=verdicts.count("deviation"),
        observed=wrong[0]["observed"] if wrong else "",
    )


def load(files: Sequence[Path]) -> Drift:
    """Read findings; two of one release are an error.

    :raises FindingsError: a file is missing, is not one of findings, or repeats a release.
    """
    reports = []
    for file in files:
        try:
            report = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise FindingsError(
                f"{file}: cannot be read as findings ({error}); write it with --findings"
            ) from None
        if not isinstance(report, dict) or report.get("schema") != SCHEMA:
            raise FindingsError(f"{file}: holds no findings of schema {SCHEMA}; write it with --findings")
        reports.append(report)
    reports.sort(key=lambda report: Version(report["airflow"]))
    for earlier, later in itertools.pairwise(reports):
        if earlier["airflow"] == later["airflow"]:
            raise FindingsError(f"two files are about Airflow {later['airflow']}; give one of them")
    return Drift(tuple(reports))


def as_json(drift: Drift) -> str:
    """Return both tables and what they were found on."""
    runs = [{key: value for key, value in report.items() if key != "findings"} for report in drift.reports]
    tables = {
        name: [
            {"clause": row[0], "test": row[1], "cells": _named(drift, cells)} for row, cells in table.items()
        ]
        for name, table in (("clauses", drift.clauses()), ("tests", drift.tests()))
    }
    return json.dumps({"schema": SCHEMA, "runs": runs, **tables}, indent=1)


def _named(drift: Drift, cells: Sequence[Cell]) -> dict[str, dict[str, Any]]:
    return {
        release: {
            "text": cell.text(),
            "passed": cell.passed,
            "failed": cell.failed,
            "deviates": cell.declared,
        }
        for release, cell in zip(drift.releases, cells, strict=True)
    }


def as_markdown(drift: Drift) -> str:
    """Return a heading with the versions, the table of clauses, and that of the tests behind it."""
    lines = [f"Operator: `{drift.operator}`", ""]
    headings = ["Airflow", "Date", "Python", "Provider versions"]
    lines += [markdown.table(headings, [_run(run) for run in drift.reports])]
    lines += ["", "### By clause", ""]
    clauses = [
        [row[0], *(cell.text(words=False) for cell in cells)] for row, cells in drift.clauses().items()
    ]
    lines += [markdown.table(["Clause", *drift.releases], clauses)]
    lines += ["", "### What was observed", ""]
    tests = [
        [row[0], row[1], *(markdown.escaped(cell.text()) for cell in cells)]
        for row, cells in drift.tests().items()
    ]
    lines += [markdown.table(["Clause", "Test", *drift.releases], tests)]
    lines += ["", "`-` means that no test of the clause applies to the operator or to the release."]
    return "\n".join(lines)


def _run(report: Mapping[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in report["distributions"].items())
    return [report["airflow"], report["date"], report["python"], versions or "none installed"]


def as_table(drift: Drift) -> str:
    """Return the tests that do not pass everywhere, and a count of clauses, for a terminal."""
    rows = [
        [row[0], row[1][:60], *(cell.text()[:WIDTH] for cell in cells)]
        for row, cells in drift.tests().items()
    ]
    lines = [markdown.columns(["", "", *drift.releases], rows)]
    for index, release in enumerate(drift.releases):
        column = [row[index] for row in drift.clauses().values()]
        kept = sum(cell.applies and not cell.failed and not cell.declared for cell in column)
        lines.append(f"Airflow {release}: keeps {kept} of {sum(cell.applies for cell in column)} clauses")
    return "\n".join(lines)


FORMATS: Final[Mapping[str, Callable[[Drift], str]]] = {
    "table": as_table,
    "markdown": as_markdown,
    "json": as_json,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the drift table of some findings."""
    parser = argparse.ArgumentParser(prog="python -m trigger_compat.suite.drift", description=main.__doc__)
    parser.add_argument("findings", nargs="+", type=Path, help="files written with --findings, one a release")
    parser.add_argument("--format", choices=tuple(FORMATS), default="table")
    options = parser.parse_args(arguments)
    try:
        print(FORMATS[options.format](load(options.findings)))
    except FindingsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
