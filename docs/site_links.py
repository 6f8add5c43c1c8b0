"""A hook of mkdocs: the site also holds what its pages link to in the rest of the tree, and fits on a phone.

Pages are written for a git host, where ``../compat-matrix.yaml`` leads to the file. In the site such a file
lies under ``tree/``, and the README and the changelog are pages. A link to a missing file stays as it is, so
that mkdocs reports it. On a phone a row of a table is a card, so each cell has the heading of its column.
"""

from __future__ import annotations

import html
import itertools
import os
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from mkdocs.structure.files import File

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
LINK: Final = re.compile(r"(?<=\]\()[^()\s]+(?=\))")
TABLE: Final = re.compile(r"<table>.*?</table>", re.DOTALL)
HEADING: Final = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
PAGES: Final = {"readme.md": ROOT / "README.md", "changelog.md": ROOT / "CHANGELOG.md"}
"""Pages of the site that lie outside its folder."""


def on_files(files: Any, config: Any) -> Any:
    """Add the pages from outside, and each file of the tree that a page links to."""
    for name, source in PAGES.items():
        files.append(File.generated(config, name, content=source.read_text(encoding="utf-8")))
    for page in list(files.documentation_pages()):
        for link in LINK.findall(page.content_string):
            target = _target(page.src_uri, link)
            if target and (name := _name(target)).startswith("tree/") and not files.get_file_from_path(name):
                files.append(File.generated(config, name, abs_src_path=str(target)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001 - mkdocs' own
    """Point each link to where the site has the file."""
    name = page.file.src_uri

    def link(found: re.Match[str]) -> str:
        target = _target(name, found[0])
        if not target:
            return found[0]
        fragment = urlsplit(found[0]).fragment
        return os.path.relpath(_name(target), Path(name).parent) + (f"#{fragment}" if fragment else "")

    return LINK.sub(link, markdown)


def on_page_content(content: str, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001 - mkdocs' own
    """Give each cell of a table the heading of its column; ``site.css`` shows it where columns do not fit."""
    return TABLE.sub(lambda table: _with_columns(table[0]), content)


def _with_columns(table: str) -> str:
    """Return a table whose cells know their columns; each row has a cell for each heading."""
    headings = [html.escape(html.unescape(re.sub(r"<[^>]+>", "", text))) for text in HEADING.findall(table)]
    columns = itertools.cycle(headings)
    return re.sub(r"<td\b", lambda _: f'<td data-column="{next(columns)}"', table)


def _target(page: str, link: str) -> Path | None:
    """Return the file of the tree that a link leads to, or None if it leads elsewhere."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or not parts.path:
        return None
    target = (PAGES.get(page, DOCS / page).parent / parts.path).resolve()
    return target if target.is_file() and target.is_relative_to(ROOT) else None


def _name(target: Path) -> str:
    """Return the name of a file in the site."""
    for name, source in PAGES.items():
        if target == source:
            return name
    if target.is_relative_to(DOCS):
        return target.relative_to(DOCS).as_posix()
    return f"tree/{target.relative_to(ROOT).as_posix()}"
