"""The problems and remarks as SARIF 2.1.0, the format of code scanning."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

from trigger_compat import __version__
from trigger_compat.floor.report.model import FloorReport, Problem
from trigger_compat.floor.report.render.github import repository

_RULES: Final = {
    "dead": ("No release runs it", "Delete it: no Airflow from the declared floor on runs this code."),
    "constant": (
        "Constant condition",
        "Delete the condition: every Airflow from the declared floor on gives the same answer.",
    ),
    "flag": ("Constant version flag", "Delete the definition, import or export of the version flag."),
    "follows": ("Used only by dead code", "Delete it with the dead code, unless another package uses it."),
    "announced": (
        "Announced by a comment",
        "A comment says that this can go. The scan cannot prove it: read the code.",
    ),
    "policy": (
        "The floor is not the one the policy asks for",
        "Raise the floor in the dependencies, or accept an older one with --allow-older.",
    ),
    "unused-ignore": ("Unused ignore comment", "Delete the comment: nothing is found where it stands."),
    "ignore-without-reason": ("Ignore comment without a reason", "Write the reason after the brackets."),
    "stale-baseline": (
        "Baseline entry that matches nothing",
        "Write the baseline again with --write-baseline.",
    ),
}
_HELP: Final = "https://pypi.org/project/trigger-compat/"


def render(*reports: FloorReport) -> str:
    """Return one run with the results of all reports."""
    results = [
        _result(report, problem) for report in reports for problem in (*report.problems, *report.notes)
    ]
    driver = {
        "name": "trigger-compat floor",
        "version": __version__,
        "informationUri": _HELP,
        "rules": [_rule(rule) for rule in _RULES],
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(rule: str) -> dict[str, Any]:
    title, text = _RULES[rule]
    return {
        "id": rule,
        "shortDescription": {"text": title},
        "fullDescription": {"text": text},
        "help": {"text": text},
        "defaultConfiguration": {"level": "warning"},
    }


def _result(report: FloorReport, problem: Problem) -> dict[str, Any]:
    uri = quote(report.path(problem.file, repository(report)))
    region = {"startLine": problem.line, "endLine": problem.end or problem.line}
    location = {"artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"}, "region": region}
    result: dict[str, Any] = {
        "ruleId": problem.rule,
        "ruleIndex": list(_RULES).index(problem.rule),
        "level": problem.level,
        "message": {"text": problem.message},
        "locations": [{"physicalLocation": location}],
    }
    if problem.fingerprint:
        result["partialFingerprints"] = {"triggerCompatFloor/v1": problem.fingerprint}
    return result
