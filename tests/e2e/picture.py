"""What a console printed, as a picture: an SVG that a README can show."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

COLUMNS: Final = 110
"""As wide as can still be read where a page shows it at 800 pixels."""
FORMAT: Final = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>{{title}}</title>
<style>
.{unique_id}-matrix, .{unique_id}-title {{
font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
font-size: {char_height}px;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; }}
{styles}
</style>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""Rich's own format has its font fetched from elsewhere, and a clip for each line."""


class FilmedConsole(Console):
    """A console that can draw what it printed since `rolling` was set.

    It prints whole lines, however long; the picture has them folded below the start of their last column.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.rolling = False
        self._film = Console(file=io.StringIO(), record=True, width=COLUMNS, highlight=False)

    def print(self, *objects: Any, **settings: Any) -> None:
        """Print, and film it."""
        super().print(*objects, **settings)
        if not self.rolling:
            return
        [line] = objects or [""]
        self._film.print(_folded(line) if isinstance(line, str) else line, style=settings.get("style"))

    def save(self, file: Path, title: str) -> None:
        """Write the picture."""
        form = FORMAT.replace("{{title}}", title)
        svg = self._film.export_svg(title=title, code_format=form, unique_id="demo")
        # Rich writes a space as six bytes, and the names of the clips that the format leaves out.
        light = re.sub(r' clip-path="url\(#[\w-]+\)"', "", svg).replace("&#160;", "\u00a0")
        file.write_text("\n".join(text.rstrip() for text in light.splitlines()) + "\n", encoding="utf-8")


def _folded(markup: str) -> Any:
    text = Text.from_markup(markup)
    before = re.match(r".*  ", text.plain)
    if not before:
        return text
    head, tail = text.divide([before.end()])
    grid = Table.grid()
    grid.add_column(no_wrap=True, width=before.end())
    grid.add_column(overflow="fold")
    grid.add_row(head, tail)
    return grid
