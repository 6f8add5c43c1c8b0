"""The order in which sessions run side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import parallel
from tools.parallel import Job, longest_first

JOBS = [
    Job(session="lint"),
    Job(session="tests(3.0.6)", release="3.0.6", path="exception"),
    Job(session="tests(3.3.2)", release="3.3.2", path="accessor"),
]


@pytest.fixture
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the seconds of the last run."""
    file = tmp_path / "summary.json"
    monkeypatch.setattr(parallel, "SUMMARY", file)
    return file


def _names(summary: Path, seconds: dict[str, int] | None) -> list[str]:
    if seconds is not None:
        rows = [{"session": session, "seconds": lasted} for session, lasted in seconds.items()]
        summary.write_text(json.dumps(rows))
    return [job.session for job in longest_first(JOBS)]


@pytest.mark.parametrize(
    "seconds", [None, {"lint": 900}], ids=["no last run", "a last run of other sessions"]
)
def test_rows_come_before_checks(summary: Path, seconds: dict[str, int] | None) -> None:
    assert _names(summary, seconds) == ["tests(3.3.2)", "tests(3.0.6)", "lint"]


def test_what_took_longest_comes_first(summary: Path) -> None:
    found = _names(summary, {"lint": 20, "tests(3.0.6)": 300, "tests(3.3.2)": 200})
    assert found == ["tests(3.0.6)", "tests(3.3.2)", "lint"]
