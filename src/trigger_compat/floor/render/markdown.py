"""The report as Markdown, to be pasted into a mail to a list or an issue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trigger_compat.floor.model import Finding
from trigger_compat.floor.render import text
from trigger_compat.floor.report import Report, spell
from trigger_compat.floor.versions import shown


def render(report: Report) -> str:
    """Return the report as Markdown."""
    parts = [
        f"# {report.title}: what a higher floor buys",
        _head(report),
        *_floors(report),
        *_policies(report),
        *_leftovers(report),
        *_places(report),
        *_undecided(report),
    ]
    return "\n\n".join(parts) + "\n"


def _head(report: Report) -> str:
    read = f"{len(report.source.modules)} Python files read."
    return f"Declared floor: Airflow {text.declared(report)}. As of {report.today}. {read}"


def _floors(report: Report) -> Iterable[str]:
    yield "## Floors"
    yield _table(text.COLUMNS, [text.cells(floor) for floor in report.floors])
    yield "Each row includes those above it. " + " ".join(f"*{name}*: {what}." for name, what in text.LEGEND)
    kinds = [f"{floor.name}: {text.by_kind(floor)}" for floor in report.floors if floor.total.lines]
    if kinds:
        yield "Lines by kind: " + "; ".join(kinds) + "."


def _policies(report: Report) -> Iterable[str]:
    yield "## When each policy allows it"
    heads = ("floor", *(each.policy.id for each in report.verdicts))
    rows = [
        (floor.name, *(text.when(floor.allowed[each.policy.id], report.today) for each in report.verdicts))
        for floor in report.floors
    ]
    yield _table(heads, rows)
    verdicts = (
        f"{each.policy.id} asks for {spell(each.asks_for)} ({each.verdict})" for each in report.verdicts
    )
    yield f"On {report.today}: " + "; ".join(verdicts) + "."


def _leftovers(report: Report) -> Iterable[str]:
    if report.leftovers:
        yield f"## Left below the declared floor, {text.declared(report)}"
        yield _list(report, text.listed(report.leftovers))
    if report.restated:
        yield "## Where the floor is stated again"
        yield _list(report, report.restated)


def _places(report: Report) -> Iterable[str]:
    for floor in report.floors:
        found = text.listed(report.gone_at(floor))
        if found:
            yield f"## What goes at {floor.name}"
            if floor.dead_files:
                yield "Whole files: " + ", ".join(f"`{file}`" for file in floor.dead_files) + "."
            yield _list(report, found)


def _undecided(report: Report) -> Iterable[str]:
    if report.undecided:
        yield "## Undecided"
        yield "\n".join(
            f"- `{each.file}:{each.line}` `{each.code}`: {each.reason}" for each in report.undecided
        )
    if report.source.broken:
        yield "## Not read"
        yield "\n".join(f"- `{file}`: {problem}" for file, problem in report.source.broken)


def _list(report: Report, findings: Sequence[Finding]) -> str:
    return "\n".join(
        f"- `{text.place(each)}` ({text.HEADINGS.get(each.category, 'stated again')}, {shown(each.dies)}): "
        f"{each.reason}. `{report.code(each).replace('`', chr(39))}`"
        for each in findings
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
