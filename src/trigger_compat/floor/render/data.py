"""The report as JSON: stable keys, for other programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

from trigger_compat.floor.model import Finding
from trigger_compat.floor.report import Floor, Report, spell
from trigger_compat.floor.versions import shown

SCHEMA: Final = 1


def render(report: Report) -> str:
    """Return the report as JSON."""
    return json.dumps(plain(report), indent=2)


def plain(report: Report) -> dict[str, Any]:
    """Return the report as plain lists and mappings."""
    return {
        "schema": SCHEMA,
        "source": {
            "name": report.source.name,
            "version": report.source.version,
            "declared_floor": spell(report.source.floor) if report.source.floor else None,
            "files": len(report.source.modules),
            "unreadable": [{"file": file, "problem": problem} for file, problem in report.source.broken],
        },
        "today": report.today.isoformat(),
        "policies": [
            {
                "id": each.policy.id,
                "rule": each.policy.rule,
                "months": each.policy.months,
                "asks_for": spell(each.asks_for),
                "verdict": each.verdict,
            }
            for each in report.verdicts
        ],
        "floors": [_floor(each) for each in report.floors],
        "findings": [_finding(report, each) for each in report.findings],
        "left_below_declared_floor": [_finding(report, each) for each in report.leftovers],
        "restated_floor": [_finding(report, each) for each in report.restated],
        "undecided": [asdict(each) for each in report.undecided],
    }


def _floor(floor: Floor) -> dict[str, Any]:
    return {
        "floor": floor.name,
        "released": floor.released.isoformat(),
        "preview": floor.provisional,
        "total": asdict(floor.total),
        "by_kind": {kind.value: asdict(counts) for kind, counts in floor.counts.items()},
        "dead_files": list(floor.dead_files),
        "allowed_from": {policy: day.isoformat() if day else None for policy, day in floor.allowed.items()},
        "releases_left_behind": list(floor.left_behind),
    }


def _finding(report: Report, finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.file,
        "line": finding.line,
        "end": finding.end,
        "columns": [finding.column, finding.end_column] if finding.end_column else None,
        "category": finding.category.value,
        "dies": shown(finding.dies),
        "whole_lines": finding.whole,
        "reason": finding.reason,
        "code": report.code(finding),
    }
