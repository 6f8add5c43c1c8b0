"""The table of several reports: what each floor would remove from each source, and from all."""

from __future__ import annotations

from collections.abc import Sequence

from trigger_compat.floor.report.counts import outermost
from trigger_compat.floor.report.model import FloorReport
from trigger_compat.floor.report.render.wording import declared

EXPLAINED = "Whole lines that each floor would remove; left: places below the declared floor."


def table(reports: Sequence[FloorReport]) -> list[tuple[str, ...]]:
    """Return the rows, the headings first, the total last; ``-`` is a floor below the declared one."""
    minors = sorted({floor.minor for report in reports for floor in report.floors})
    names = {floor.minor: floor.name for report in reports for floor in report.floors}
    rows = [("source", "floor", "left", *(names[minor] for minor in minors))]
    totals = dict.fromkeys(minors, 0)
    left = 0
    for report in reports:
        lines = {floor.minor: floor.total.lines for floor in report.floors}
        for minor, count in lines.items():
            totals[minor] += count
        places = len(outermost(report.leftovers))
        left += places
        cells = (str(lines[minor]) if minor in lines else "-" for minor in minors)
        rows.append((report.source.name, declared(report), str(places), *cells))
    rows.append(
        (f"total of {len(reports)}", "", str(left), *(str(totals[minor]) for minor in minors)),
    )
    return rows
