"""The report as Markdown, for an issue or a mail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trigger_compat.floor.report.model import FloorReport
from trigger_compat.floor.report.render import overview, wording
from trigger_compat.floor.scan.model import Removal
from trigger_compat.floor.scan.releases import dotted, floor_name


def render(*reports: FloorReport) -> str:
    """Return the reports as Markdown, several of them after a table of all."""
    parts = [part for report in reports for part in _report(report)]
    if len(reports) > 1:
        heads, *rows = overview.table(reports)
        title = f"# {len(reports)} packages: what a higher floor would remove"
        parts = [title, _table(heads, rows), overview.EXPLAINED, *parts]
    return "\n\n".join(parts) + "\n"


def _report(report: FloorReport) -> Iterable[str]:
    yield f"# {report.title}: what a higher floor would remove"
    yield _head(report)
    yield from _floors(report)
    yield from _policies(report)
    yield from _leftovers(report)
    yield from _places(report)
    yield from _undecided(report)


def _head(report: FloorReport) -> str:
    read = f"{len(report.source.modules)} Python files read."
    return f"Declared floor: {wording.declared(report)}. As of {report.today}. {read}"


def _floors(report: FloorReport) -> Iterable[str]:
    yield "## Floors"
    yield _table(wording.COLUMNS, [wording.cells(floor) for floor in report.floors])
    yield "Each row includes those above it. " + " ".join(
        f"*{name}*: {what}." for name, what in wording.LEGEND
    )
    kinds = [f"{floor.name}: {wording.by_kind(floor)}" for floor in report.floors if floor.total.lines]
    if kinds:
        yield "Lines by kind: " + "; ".join(kinds) + "."


def _policies(report: FloorReport) -> Iterable[str]:
    yield "## When each policy allows it"
    heads = ("floor", *(status.policy.id for status in report.policies))
    rows = [
        (
            floor.name,
            *(wording.when(floor.allowed[status.policy.id], report.today) for status in report.policies),
        )
        for floor in report.floors
    ]
    yield _table(heads, rows)
    verdicts = (
        f"{status.policy.id} asks for {dotted(status.asks_for)} ({wording.verdict(status)})"
        for status in report.policies
    )
    yield f"On {report.today}: " + "; ".join(verdicts) + "."


def _leftovers(report: FloorReport) -> Iterable[str]:
    if report.leftovers:
        yield f"## Left below the declared floor, {wording.declared(report)}"
        yield _list(report, wording.listed(report.leftovers))
    if report.restated:
        yield "## Where the package restates its floor"
        yield _list(report, report.restated)


def _places(report: FloorReport) -> Iterable[str]:
    for floor in report.floors:
        found = wording.listed(report.removable_at(floor))
        if found:
            yield f"## Removable at {floor.name}"
            if floor.dead_files:
                yield "Whole files: " + ", ".join(f"`{file}`" for file in floor.dead_files) + "."
            yield _list(report, found)


def _undecided(report: FloorReport) -> Iterable[str]:
    if report.undecided:
        yield "## Undecided"
        yield "\n".join(
            f"- `{place.file}:{place.line}` `{place.code}`: {place.reason}" for place in report.undecided
        )
    if report.source.broken:
        yield "## Files that cannot be read"
        yield "\n".join(f"- `{file}`: {problem}" for file, problem in report.source.broken)


def _list(report: FloorReport, removals: Sequence[Removal]) -> str:
    return "\n".join(
        f"- `{wording.place(removal)}` ({_heading(removal)}): {removal.reason}. "
        f"`{report.code(removal).replace('`', chr(39))}`"
        for removal in removals
    )


def _heading(removal: Removal) -> str:
    heading = wording.HEADINGS.get(removal.category, "restated floor")
    return f"{heading}, {floor_name(removal.removable_from)}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
