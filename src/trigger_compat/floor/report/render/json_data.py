"""The report as JSON, for other programs. The keys are stable."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

from trigger_compat.floor.report.model import Floor, FloorReport
from trigger_compat.floor.report.render import overview
from trigger_compat.floor.scan.model import Removal
from trigger_compat.floor.scan.releases import dotted, floor_name

SCHEMA: Final = 1


def render(*reports: FloorReport) -> str:
    """Return the report as JSON; of several, all in ``reports`` and their sums in ``total``."""
    if len(reports) == 1:
        return json.dumps(plain(reports[0]), indent=2)
    heads, *_, total = overview.table(reports)
    sums = {head: int(cell) for head, cell in zip(heads[2:], total[2:], strict=True)}
    left = sums.pop("left")
    data = {
        "schema": SCHEMA,
        "total": {"sources": len(reports), "left_below_declared_floor": left, "lines_at": sums},
        "reports": [plain(report) for report in reports],
    }
    return json.dumps(data, indent=2)


def plain(report: FloorReport) -> dict[str, Any]:
    """Return the report as plain lists and mappings."""
    return {
        "schema": SCHEMA,
        "source": {
            "name": report.source.name,
            "version": report.source.version,
            "declared_floor": dotted(report.source.floor) if report.source.floor else None,
            "files": len(report.source.modules),
            "unreadable": [{"file": file, "problem": problem} for file, problem in report.source.broken],
        },
        "today": report.today.isoformat(),
        "policies": [
            {
                "id": status.policy.id,
                "rule": status.policy.rule,
                "months": status.policy.months,
                "asks_for": dotted(status.asks_for),
                "verdict": status.status,
                "caveat": status.caveat,
            }
            for status in report.policies
        ],
        "floors": [_floor(floor) for floor in report.floors],
        "findings": [_removal(report, removal) for removal in report.removals],
        "left_below_declared_floor": [_removal(report, removal) for removal in report.leftovers],
        "restated_floor": [_removal(report, removal) for removal in report.restated],
        "problems": [asdict(problem) for problem in report.problems],
        "undecided": [asdict(place) for place in report.undecided],
    }


def _floor(floor: Floor) -> dict[str, Any]:
    return {
        "floor": floor.name,
        "released": floor.released.isoformat(),
        "preview": floor.is_preview,
        "total": asdict(floor.total),
        "by_kind": {kind.value: asdict(counts) for kind, counts in floor.counts.items()},
        "dead_files": list(floor.dead_files),
        "allowed_from": {policy: day.isoformat() if day else None for policy, day in floor.allowed.items()},
        "releases_left_behind": list(floor.left_behind),
    }


def _removal(report: FloorReport, removal: Removal) -> dict[str, Any]:
    return {
        "file": removal.file,
        "line": removal.line,
        "end": removal.end,
        "columns": [removal.column, removal.end_column] if removal.end_column else None,
        "category": removal.category.value,
        "dies": floor_name(removal.removable_from),
        "whole_lines": removal.whole,
        "reason": removal.reason,
        "code": report.code(removal),
    }
