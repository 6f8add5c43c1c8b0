"""The output formats of the floor report. Each shows one report, or several with a total."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from trigger_compat.errors import ToolMissing
from trigger_compat.floor.report.model import FloorReport

_MODULES: Final = {
    "table": "terminal",
    "markdown": "markdown",
    "json": "json_data",
    "html": "html_page",
    "github": "github",
    "sarif": "sarif",
}


def _module(form: str) -> Any:
    try:
        return importlib.import_module(f"{__name__}.{_MODULES[form]}")
    except ModuleNotFoundError as error:
        needs = error.name or "a package"
        if needs.startswith("trigger_compat"):
            raise
        raise ToolMissing(f"--format {form} needs {needs}; run: pip install 'trigger-compat[cli]'") from error


def _render(form: str, *reports: FloorReport) -> str:
    """Return the reports in a format.

    :raises ToolMissing: the format needs a package that is not installed.
    """
    text: str = _module(form).render(*reports)
    return text


def show(*reports: FloorReport) -> None:
    """Print the reports on the terminal, with the colours and the width that it has.

    :raises ToolMissing: rich is not installed.
    """
    _module("table").on_terminal(*reports)


FORMATS: Final[Mapping[str, Callable[..., str]]] = {form: partial(_render, form) for form in _MODULES}
as_markdown: Final[Callable[..., str]] = FORMATS["markdown"]
as_json: Final[Callable[..., str]] = FORMATS["json"]
as_html: Final[Callable[..., str]] = FORMATS["html"]
