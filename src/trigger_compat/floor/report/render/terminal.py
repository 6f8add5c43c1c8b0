"""The report for a terminal: in colour where it can show any, and as wide as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Final

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trigger_compat.floor.report.model import FloorReport
from trigger_compat.floor.report.render import overview, wording
from trigger_compat.floor.scan.model import Removal
from trigger_compat.floor.scan.releases import dotted

SHOWN: Final = 12
"""The number of places to list for each floor. The other formats list all places."""
_PLAIN_WIDTH: Final = 100
_COLOURS: Final = {"kept": "green", "overdue": "red", "too early": "yellow", "no floor declared": "yellow"}


def render(*reports: FloorReport) -> str:
    """Return the reports as plain text."""
    console = Console(file=StringIO(), width=_PLAIN_WIDTH, color_system=None, force_terminal=False)
    show(console, *reports)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def on_terminal(*reports: FloorReport) -> None:
    """Print the reports on standard output."""
    show(Console(), *reports)


def show(console: Console, *reports: FloorReport) -> None:
    """Print the reports: of several, a table with the total, then what each has left."""
    if len(reports) > 1:
        console.print(_table(overview.table(reports)))
        console.print(overview.EXPLAINED, style="dim")
        console.print()
        for report in reports:
            title = f"{report.source.name}: left below the declared floor"
            _section(console, report, title, report.leftovers)
            _cannot_be_read(console, report)
        return
    [report] = reports
    console.print(
        Text.assemble(
            (report.title, "bold"),
            f": declared floor {wording.declared(report)}, as of {report.today}",
        )
    )
    console.print()
    console.print(_table([wording.COLUMNS, *(wording.cells(floor) for floor in report.floors)]))
    legend = Table.grid(padding=(0, 2))
    for name, what in wording.LEGEND:
        legend.add_row(Text(name, style="bold"), Text(what, style="dim"))
    console.print(Padding(legend, (1, 0, 1, 2), expand=False))
    _policies(console, report)
    _section(console, report, "left below the declared floor", report.leftovers)
    for floor in report.floors:
        _section(console, report, f"removable at {floor.name}", report.removable_at(floor))
    if report.undecided:
        text = f"undecided: {len(report.undecided)} places; the other formats list them with the reasons"
        console.print(text, style="yellow", highlight=False)
        for file, lines in wording.by_file((place.file, place.line) for place in report.undecided):
            console.print(Padding(Text(f"{file}: {lines}", style="dim"), (0, 0, 0, 2), expand=False))
    _cannot_be_read(console, report)


def _cannot_be_read(console: Console, report: FloorReport) -> None:
    for file, problem in report.source.broken:
        console.print(Text(f"cannot be read: {file}: {problem}", style="red"))


def _table(rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for at, head in enumerate(rows[0]):
        table.add_column(head, justify="left" if not at else "right", overflow="fold")
    for row in rows[1:]:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _policies(console: Console, report: FloorReport) -> None:
    # One row for each floor: the days side by side would not fit 80 columns.
    table = _table([("policy", *(status.policy.id for status in report.policies))])
    table.add_row("asks for", *(dotted(status.asks_for) for status in report.policies))
    verdicts = (Text(status.status, style=_COLOURS[status.status]) for status in report.policies)
    table.add_row("declared floor", *verdicts, end_section=True)
    for floor in report.floors:
        table.add_row(floor.name, *(_day(floor.allowed[status.policy.id]) for status in report.policies))
    console.print(table)
    for status in report.policies:
        if status.caveat:
            console.print(
                Padding(Text(f"{status.policy.id}: {status.caveat}", style="dim"), (0, 0, 0, 2), expand=False)
            )
    console.print()


def _section(console: Console, report: FloorReport, title: str, removals: Sequence[Removal]) -> None:
    found = wording.listed(tuple(removals))
    if not found:
        return
    places = "1 place" if len(found) == 1 else f"{len(found)} places"
    console.print(Text(f"{title}: {places}", style="bold"))
    for reason, members in _by_reason(found[:SHOWN]):
        console.print(Padding(Text(reason, style="cyan"), (0, 0, 0, 2), expand=False))
        for removal in members:
            line = Text.assemble(f"{wording.place(removal)}  ", (report.code(removal)[:60], "dim"))
            console.print(Padding(line, (0, 0, 0, 4), expand=False))
    if len(found) > SHOWN:
        text = f"... and {len(found) - SHOWN} more; --format markdown lists all"
        console.print(Padding(Text(text, style="dim"), (0, 0, 0, 2), expand=False))
    console.print()


def _by_reason(removals: Iterable[Removal]) -> list[tuple[str, list[Removal]]]:
    """Group places, so that no reason stands twice."""
    found: dict[str, list[Removal]] = {}
    for removal in removals:
        found.setdefault(f"{removal.category.value}: {removal.reason}", []).append(removal)
    return list(found.items())


def _day(day: object) -> str:
    return str(day) if day else "-"
