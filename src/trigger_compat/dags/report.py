"""What was found in a dag folder, as a table, JSON, Markdown or a page."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Final

from trigger_compat import markdown
from trigger_compat.dags.risks import Finding, Folder
from trigger_compat.errors import ToolMissing

HEADINGS: Final = ("where", "task", "operator", "waits", "retries", "durable", "after a crash", "more")
_NARROWEST: Final = 80


def counts(folder: Folder) -> dict[str, int]:
    """Return how many triggers there are of each kind that somebody may have to look at."""
    found = folder.findings
    return {
        "triggers": len(found),
        "of upstream's operator": sum(each.operator.endswith("upstream") for each in found),
        "duplicated by a crash": sum(each.crash == "duplicates" for each in found),
        "in the way of their own retry": sum(each.crash == "collides" for each in found),
        "of which the file does not tell": sum(each.crash == "unknown" for each in found),
        "with arguments that are not honoured": sum(bool(each.arguments) for each in found),
        "with a pin that renders anew, or may": sum(bool(each.pins) for each in found),
        "without retries": sum(each.retries in ("not set", "0") for each in found),
    }


def _row(each: Finding) -> tuple[str, ...]:
    more = [f"{name}: {what}" for name, what in (*each.arguments.items(), *each.pins.items())]
    crash = f"{each.crash}: {each.why}"
    place = f"{each.file}:{each.line}"
    answers = (each.waits, each.retries, each.durable)
    return place, each.task, each.operator, *answers, crash, "; ".join(more)


def _head(folder: Folder) -> list[str]:
    release = f"Airflow {folder.airflow}" if folder.airflow else "no Airflow given or installed"
    numbers = [f"{number:>4}  {what}" for what, number in counts(folder).items()]
    return [f"{folder.files} files, {release}", *numbers]


def _foot(folder: Folder) -> list[str]:
    return [f"not read: {file}: {reason}" for file, reason in folder.unread.items()]


def as_table(folder: Folder) -> str:
    """Return a table as wide as the terminal, or as the text is where rich is not installed."""
    rows = [_row(each) for each in folder.findings]
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        table = markdown.columns(HEADINGS, rows)
    else:
        made = Table(box=None, pad_edge=False)
        for heading in HEADINGS:
            made.add_column(heading, overflow="fold")
        for row in rows:
            made.add_row(*(cell.replace("[", r"\[") for cell in row))
        written = io.StringIO()
        width = max(shutil.get_terminal_size((160, 24)).columns, _NARROWEST)
        Console(file=written, width=width, highlight=False).print(made)
        table = "\n".join(line.rstrip() for line in written.getvalue().splitlines())
    return "\n".join([*_head(folder), "", table, *_foot(folder)])


def as_json(folder: Folder) -> str:
    return json.dumps({"counts": counts(folder), **asdict(folder)}, indent=2)


def as_markdown(folder: Folder) -> str:
    rows = [tuple(map(markdown.escaped, _row(each))) for each in folder.findings]
    numbers = markdown.table(("triggers", "number"), [(k, str(v)) for k, v in counts(folder).items()])
    return "\n\n".join([numbers, markdown.table(HEADINGS, rows), *_foot(folder)])


def as_html(folder: Folder) -> str:
    """Return a page that loads nothing else.

    :raises ToolMissing: jinja2 is not installed.
    """
    try:
        from trigger_compat.pages import templates
    except ImportError as error:
        raise ToolMissing("--html needs jinja2; run: pip install 'trigger-compat[cli]'") from error
    order = ("duplicates", "collides", "unknown", "safe")
    findings = sorted(folder.findings, key=lambda each: order.index(each.crash))
    page = templates("trigger_compat.dags").get_template("dags.html.j2")
    return page.render(folder=folder, findings=findings, counts=counts(folder))


FORMATS: Final[Mapping[str, Callable[[Folder], str]]] = {
    "table": as_table,
    "markdown": as_markdown,
    "json": as_json,
}
