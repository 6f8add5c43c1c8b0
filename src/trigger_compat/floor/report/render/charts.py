"""The three pictures of the HTML page, as inline SVG that takes its colours from the page.

Each is 340 units wide, as wide as a phone; it grows on a larger screen. A shape or a word always repeats
what a colour says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from html import escape
from itertools import groupby
from typing import Final

from packaging.version import Version

from trigger_compat.floor.report.heatmap import KEPT, HeatMap
from trigger_compat.floor.report.model import Floor, FloorReport
from trigger_compat.floor.report.render.wording import when
from trigger_compat.floor.scan.releases import dotted

WIDTH: Final = 340
_SERIES: Final = ("lines", "follows", "announced")
_LABEL_WIDTH: Final = 18
_MARKS: Final = ("circle", "square", "diamond", "triangle")


def steps(report: FloorReport) -> str:
    """Draw how many lines can be removed at each floor, as columns of three layers."""
    floors = report.floors
    height, left, top, bottom = 190, 34, 14, 26
    totals = [[getattr(floor.total, name) for name in _SERIES] for floor in floors]
    most = max((sum(row) for row in totals), default=0) or 1
    inner = height - top - bottom
    width = (WIDTH - left - 6) / max(len(floors), 1)
    parts: list[str] = []
    for value in _ticks(most):
        y = top + inner - value / most * inner
        parts.append(f'<line class="grid" x1="{left}" x2="{WIDTH - 6}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="axis" x="{left - 5}" y="{y + 3:.1f}" text-anchor="end">{value}</text>')
    for place, (floor, row) in enumerate(zip(floors, totals, strict=True)):
        parts += _column((left + place * width, top + inner, width), inner / most, floor, row)
    what = "; ".join(f"{floor.name}: {sum(row)}" for floor, row in zip(floors, totals, strict=True))
    return _svg(height, f"Removable lines, by floor. {what}", parts)


def _column(box: tuple[float, float, float], scale: float, floor: Floor, row: Sequence[int]) -> Iterator[str]:
    x, base, width = box
    y, middle = base, x + width / 2
    for name, value in zip(_SERIES, row, strict=True):
        if value:
            size = value * scale
            y -= size
            yield (
                f'<rect class="layer-{name}" x="{x + 2:.1f}" y="{y:.1f}" width="{width - 4:.1f}"'
                f' height="{size:.1f}"><title>{floor.name}: {value} {name}</title></rect>'
            )
    yield f'<text class="value" x="{middle:.1f}" y="{y - 4:.1f}" text-anchor="middle">{sum(row)}</text>'
    yield f'<text class="axis" x="{middle:.1f}" y="{base + 15:.1f}" text-anchor="middle">{floor.name}</text>'


def _ticks(most: int) -> list[int]:
    size = 1
    while most / size > 5:  # noqa: PLR2004 - more lines are hard to read
        size *= 2 if str(size)[0] in "15" else 5 if str(size)[0] == "2" else 2
        size = size if str(size)[0] in "125" else int(f"5{'0' * (len(str(size)) - 1)}")
    return list(range(0, most + 1, size))


def heat(heat_map: HeatMap) -> str:
    """Draw which release keeps which clause; a cross marks one that it does not keep."""
    left, top, row_height = 30, 40, 17
    width = (WIDTH - left - 2) / max(len(heat_map.releases), 1)
    height = top + row_height * len(heat_map.clauses) + 4
    parts = list(_minors(heat_map.releases, left, width, height))
    for place, release in enumerate(heat_map.releases):
        x = left + (place + 0.5) * width
        label = escape(_patch(release))
        parts.append(f'<text class="small" x="{x:.1f}" y="{top - 6}" text-anchor="middle">{label}</text>')
    for row, clause in enumerate(heat_map.clauses):
        y = top + row * row_height
        parts.append(
            f'<text class="axis" x="{left - 5}" y="{y + 12}" text-anchor="end">{escape(clause)}</text>'
        )
        for place, release in enumerate(heat_map.releases):
            parts.append(_cell(heat_map, (clause, release), (left + place * width, y, width, row_height)))
    return _svg(height, f"{heat_map.title}: a cross marks a clause that a release does not keep", parts)


def _cell(heat_map: HeatMap, key: tuple[str, str], box: tuple[float, float, float, float]) -> str:
    (clause, release), (x, y, width, height) = key, box
    state, why = heat_map.cells.get(key, ("", ""))
    kind = "kept" if state == KEPT else "unknown" if not state else "deviates"
    title = escape(f"{clause} on {release}: {state or 'not known'}{'. ' + why if why else ''}")
    drawn = (
        f'<rect class="cell-{kind}" x="{x + 0.6:.1f}" y="{y + 0.6:.1f}" width="{width - 1.2:.1f}"'
        f' height="{height - 1.2:.1f}" rx="1.5"><title>{title}</title></rect>'
    )
    if kind != "deviates":
        return drawn
    a, b = x + width / 2, y + height / 2
    return f'{drawn}<path class="cross" d="M{a - 2.5:.1f} {b - 2.5:.1f}l5 5m0 -5l-5 5"/>'


def _minors(releases: Sequence[str], left: float, width: float, height: float) -> Iterator[str]:
    """Draw the name of each minor above its releases."""
    place = 0
    for minor, members in groupby(releases, key=_minor):
        count = len(list(members))
        x = left + place * width
        if place:
            yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{height}"/>'
        narrow = count * width < _LABEL_WIDTH
        at = x + count * width if narrow else x + 2
        anchor = "end" if narrow else "start"
        yield f'<text class="axis" x="{at:.1f}" y="14" text-anchor="{anchor}">{minor}</text>'
        place += count


def _minor(release: str) -> str:
    return ".".join(map(str, Version(release).release[:2]))


def _patch(release: str) -> str:
    version = Version(release)
    return f"{version.pre[0]}{version.pre[1]}" if version.pre else str(version.micro)


def timeline(report: FloorReport) -> str:
    """Draw when each minor was released, and from when each policy allows it as the floor."""
    rows = [first for first in report.known if first.minor in {floor.minor for floor in report.floors}]
    days = [first.day for first in rows] + [
        day for floor in report.floors for day in floor.allowed.values() if day is not None
    ]
    if not rows or not days:
        return ""
    first, last = min([*days, report.today]), max([*days, report.today])
    left, right, top, row_height = 34, 12, 26, 24
    span = max((last - first).days, 1)
    height = top + row_height * len(rows) + 8

    def x_of(day: date) -> float:
        return left + (day - first).days / span * (WIDTH - left - right)

    parts: list[str] = []
    for year in range(first.year + 1, last.year + 1):
        x = x_of(date(year, 1, 1))
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 8}" y2="{height - 4}"/>')
        parts.append(f'<text class="axis" x="{x:.1f}" y="{top - 12}" text-anchor="middle">{year}</text>')
    floors = {floor.minor: floor for floor in report.floors}
    for place, row in enumerate(rows):
        y = top + place * row_height + row_height / 2
        parts.append(
            f'<text class="axis" x="{left - 5}" y="{y + 4:.1f}" text-anchor="end">{dotted(row.minor)}</text>'
        )
        parts.append(
            f'<line class="life" x1="{x_of(row.day):.1f}" x2="{WIDTH - right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        out = f"{dotted(row.minor)} {'preview' if row.is_preview else 'released'} on {row.day}"
        parts.append(
            f'<path class="start" d="M{x_of(row.day):.1f} {y - 6:.1f}v12"><title>{out}</title></path>'
        )
        parts += _marks(report, floors[row.minor], y, x_of)
    x = x_of(report.today)
    parts.append(f'<line class="today" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 8}" y2="{height - 4}"/>')
    return _svg(
        height,
        f"When each minor was released, and when each policy allows it; today is {report.today}",
        parts,
    )


def _marks(report: FloorReport, floor: Floor, y: float, x_of: Callable[[date], float]) -> Iterator[str]:
    for place, verdict in enumerate(report.policies):
        day = floor.allowed[verdict.policy.id]
        if day is not None:
            title = f"{verdict.policy.id}: {floor.name} {when(day, report.today)}"
            yield mark(place, x_of(day), y, title)


def mark(place: int, x: float, y: float, title: str = "") -> str:
    """Draw the mark of a policy. Each policy has a shape and a colour of its own."""
    shape = _MARKS[place % len(_MARKS)]
    inside = f"<title>{escape(title)}</title>" if title else ""
    if shape == "circle":
        return f'<circle class="policy-{place}" cx="{x:.1f}" cy="{y:.1f}" r="4.2">{inside}</circle>'
    paths = {
        "square": f"M{x - 3.8:.1f} {y - 3.8:.1f}h7.6v7.6h-7.6z",
        "diamond": f"M{x:.1f} {y - 5.2:.1f}l5.2 5.2l-5.2 5.2l-5.2 -5.2z",
        "triangle": f"M{x:.1f} {y - 5:.1f}l5 9h-10z",
    }
    return f'<path class="policy-{place}" d="{paths[shape]}">{inside}</path>'


def _svg(height: float, label: str, parts: Iterable[str]) -> str:
    body = "".join(parts)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(label)}"'
        f' xmlns="http://www.w3.org/2000/svg">{body}</svg>'
    )
