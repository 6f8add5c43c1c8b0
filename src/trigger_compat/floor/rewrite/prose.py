"""What a person has to read: the lines of texts that name an Airflow which the floor leaves behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from trigger_compat.dags.files import Unreadable
from trigger_compat.dags.files import read as read_text
from trigger_compat.floor.scan.releases import GRID, ReleaseTuple
from trigger_compat.floor.scan.source import SKIPPED_FOLDERS

_SUFFIXES: Final = {".md", ".rst", ".txt", ".toml", ".cfg", ".ini", ".yaml", ".yml", ".sh", ".json", ""}
_NAMES_WITHOUT_SUFFIX: Final = {"Dockerfile", "Makefile", "Containerfile"}
_OF_THE_PAST: Final = re.compile(
    r"change|history|news|release.?notes|^PKG-INFO$|\.lock$|^LICENSE|^NOTICE", re.IGNORECASE
)
_ABOUT_AIRFLOW: Final = re.compile(r"airflow", re.IGNORECASE)


def names_older(floor: ReleaseTuple) -> re.Pattern[str]:
    """Return a pattern of the versions that a floor leaves behind, where they stand near the word Airflow."""
    minors = sorted({release[:2] for release in GRID if (2, 0) <= release[:2] < floor[:2]}, reverse=True)
    words = [rf"{major}\.{minor}(?!\d)" for major, minor in minors]
    if floor[0] > min((major for major, _ in minors), default=floor[0]):
        words += [
            rf"{major}(?:\.[xX])?(?![\d.]*\d)"
            for major in sorted({major for major, _ in minors if major < floor[0]})
        ]
    versions = "|".join(words) or r"(?!)"
    return re.compile(rf"airflow\W*(?:version|core)?\W{{0,4}}[<>=!~v ]*(?:{versions})", re.IGNORECASE)


def places(root: Path, floor: ReleaseTuple) -> Iterator[tuple[str, int, str]]:
    """Yield file, line and text of what names an older Airflow, outside of Python files."""
    pattern = names_older(floor)
    for path in _files(root):
        try:
            text = read_text(path).text
        except Unreadable:
            continue
        if not _ABOUT_AIRFLOW.search(text):
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if pattern.search(line):
                yield path.relative_to(root).as_posix(), number, line.strip()


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or (path.name.startswith(".") and path.name != ".github"):
            continue
        if path.is_dir():
            if path.name not in SKIPPED_FOLDERS and not path.name.endswith((".dist-info", ".egg-info")):
                yield from _files(path)
        elif (
            path.suffix in _SUFFIXES and (path.suffix or path.name in _NAMES_WITHOUT_SUFFIX)
        ) and not _OF_THE_PAST.search(path.name):
            yield path
