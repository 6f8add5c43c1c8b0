"""The output formats of the floor report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from trigger_compat.errors import ToolMissing
from trigger_compat.floor.report.model import FloorReport


def as_table(report: FloorReport) -> str:
    from trigger_compat.floor.report.render.terminal import render

    return render(report)


def as_markdown(report: FloorReport) -> str:
    from trigger_compat.floor.report.render.markdown import render

    return render(report)


def as_json(report: FloorReport) -> str:
    from trigger_compat.floor.report.render.json_data import render

    return render(report)


def as_html(report: FloorReport) -> str:
    """Return a page that loads nothing else.

    :raises ToolMissing: jinja2 is not installed.
    """
    try:
        from trigger_compat.floor.report.render.html_page import render
    except ImportError as error:
        raise ToolMissing("--format html needs jinja2; run: pip install 'trigger-compat[cli]'") from error
    return render(report)


FORMATS: Final[Mapping[str, Callable[[FloorReport], str]]] = {
    "table": as_table,
    "markdown": as_markdown,
    "json": as_json,
    "html": as_html,
}
