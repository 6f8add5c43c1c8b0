"""The problems and remarks as commands that GitHub Actions shows beside the code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from trigger_compat.floor.report.model import FloorReport, Problem

_COMMANDS: Final = {"warning": "warning", "note": "notice"}


def render(*reports: FloorReport) -> str:
    """Return one command for each problem."""
    return "".join(
        _command(report, problem) for report in reports for problem in (*report.problems, *report.notes)
    )


def repository(report: FloorReport) -> Path:
    """Return the root of the repository that holds the source; outside of one, the working directory."""
    folder = (report.folder or Path()).resolve()
    root = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
    return root or Path(os.environ.get("GITHUB_WORKSPACE") or Path()).resolve()


def _command(report: FloorReport, problem: Problem) -> str:
    values = {
        "file": report.path(problem.file, repository(report)),
        "line": str(problem.line),
        "endLine": str(problem.end or problem.line),
        "title": f"trigger-compat floor: {problem.rule}",
    }
    properties = ",".join(f"{key}={_property(value)}" for key, value in values.items())
    return f"::{_COMMANDS[problem.level]} {properties}::{_data(problem.message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
