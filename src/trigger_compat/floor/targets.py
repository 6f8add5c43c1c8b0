"""What to scan: the sources of the command line or of the settings, and the packages below a monorepo."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trigger_compat.floor import settings
from trigger_compat.floor.scan import source
from trigger_compat.floor.scan.source import SKIPPED_FOLDERS, Source
from trigger_compat.floor.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One source, read, with its settings.

    :param folder: where its files are; None for an installed distribution.
    """

    source: Source
    settings: Settings
    folder: Path | None


def read(sources: Sequence[str]) -> list[Target]:
    """Read what the command line names; by default the ``sources`` of the settings here, or the folder.

    :raises SourceError: a source is not there, or holds no Python.
    """
    if not sources:
        here = settings.find(Path())
        sources = [_resolved(here.folder or Path(), each) for each in here.sources or (".",)]
    names = [name for each in sources for name in _packages(each)]
    return [_target(name) for name in dict.fromkeys(names)]


def _resolved(folder: Path, name: str) -> str:
    return str(folder / name) if (folder / name).exists() else name


def _packages(name: str) -> list[str]:
    """Return the folders of the distributions below a folder that is none itself."""
    folder = Path(name)
    if not folder.is_dir() or _is_package(folder) or (folder / "__init__.py").exists():
        return [name]
    return [str(each) for each in _below(folder)] or [name]


def _is_package(folder: Path) -> bool:
    file = folder / "pyproject.toml"
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    return bool(re.search(r"^\[project\]", text, re.MULTILINE))


def _below(folder: Path) -> Iterator[Path]:
    for each in sorted(folder.iterdir()):
        if each.is_symlink() or not each.is_dir() or each.name in SKIPPED_FOLDERS or each.name[0] == ".":
            continue
        if _is_package(each):
            yield each
        else:
            yield from _below(each)


def _target(name: str) -> Target:
    found = source.read(name)
    folder = Path(name) if Path(name).is_dir() else None
    if folder is None:
        return Target(source=found, settings=Settings(), folder=None)
    own = settings.find(folder)
    if own.exclude:
        kept = tuple(module for module in found.modules if not own.excludes(folder / module.file))
        broken = tuple(each for each in found.broken if not own.excludes(folder / each[0]))
        found = replace(found, modules=kept, broken=broken)
    return Target(source=found, settings=own, folder=folder)
