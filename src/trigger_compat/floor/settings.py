"""Reads ``[tool.trigger-compat.floor]`` of the scanned source. The command line wins over it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from trigger_compat.errors import SettingsError, SourceError, ToolMissing
from trigger_compat.floor import lifecycles
from trigger_compat.floor.scan.model import Category
from trigger_compat.matrix import Policy

TABLE: Final = "tool.trigger-compat.floor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a project has set.

    :param policy: the policy that ``--check`` applies.
    :param floor: the floors to report.
    :param allow_older: whether ``--check`` accepts an older floor than the policy asks for.
    :param exclude: patterns of files that are not scanned, relative to ``folder``.
    :param allow: categories and patterns of files that ``--check`` does not count.
    :param baseline: a file with findings that ``--check`` does not count.
    :param sources: what to scan if the command line names nothing.
    :param lifecycles: policies of this project, besides those of the matrix.
    :param folder: where the table stands; None: there is none.
    """

    policy: str = ""
    floor: tuple[str, ...] = ()
    allow_older: bool = False
    exclude: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    baseline: str = ""
    sources: tuple[str, ...] = ()
    lifecycles: tuple[Policy, ...] = ()
    folder: Path | None = None

    @property
    def baseline_file(self) -> Path | None:
        return self.folder / self.baseline if self.folder and self.baseline else None

    def excludes(self, path: Path) -> bool:
        """Say whether a file is not to be scanned."""
        return self._matches(path, self.exclude)

    def allows(self, path: Path, category: Category) -> bool:
        """Say whether ``--check`` does not count a finding."""
        categories = {each.value for each in Category}
        patterns = [each for each in self.allow if each not in categories]
        return category.value in self.allow or self._matches(path, patterns)

    def _matches(self, path: Path, patterns: Sequence[str]) -> bool:
        if self.folder is None or not patterns:
            return False
        try:
            name = path.resolve().relative_to(self.folder.resolve()).as_posix()
        except ValueError:
            return False
        return any(
            fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern.rstrip('/')}/*")
            for pattern in patterns
        )


KEYS: Final = {each.name.replace("_", "-"): each for each in fields(Settings) if each.name != "folder"}


def find(folder: Path) -> Settings:
    """Return the settings of the nearest ``pyproject.toml`` with the table, up to the repository's root.

    :raises SettingsError: the table is wrong.
    """
    for each in (folder.resolve(), *folder.resolve().parents):
        found = read(each / "pyproject.toml")
        if found is not None:
            return found
        if (each / ".git").exists():
            break
    return Settings()


def read(file: Path) -> Settings | None:
    """Return the settings in a file; None if it has no such table.

    :raises SettingsError: the table is wrong, or the file is not TOML.
    :raises ToolMissing: Python 3.10 reads TOML with tomli, which is not installed.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{file}: {error}; make it a file that can be read as UTF-8") from error
    if "trigger-compat" not in text:
        return None
    table: Any = _toml(file, text)
    for key in TABLE.split("."):
        table = table.get(key) if isinstance(table, dict) else None
    return None if table is None else _checked(file, table)


def _toml(file: Path, text: str) -> dict[str, Any]:
    try:
        import tomllib
    except ModuleNotFoundError:
        try:
            import tomli as tomllib
        except ModuleNotFoundError as error:
            raise ToolMissing(f"{file} needs tomli; run: pip install 'trigger-compat[cli]'") from error
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: not TOML: {error}; correct the file") from error
    return data


def _checked(file: Path, table: Mapping[str, Any]) -> Settings:
    values: dict[str, Any] = {}
    if not isinstance(table, dict):
        raise SettingsError(f"{file}: [{TABLE}]: {table!r} is not a table; write [{TABLE}]")
    for key, value in table.items():
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0) or list(KEYS)
            raise SettingsError(f"{file}: [{TABLE}] {key} = {value!r}: unknown key; did you mean {near[0]}?")
        field = KEYS[key]
        where = f"{file}: [{TABLE}] {key}"
        if key == lifecycles.KEY:
            values[field.name] = lifecycles.policies(where, value)
        else:
            values[field.name] = _value(where, value, field.default)
    return Settings(**values, folder=file.parent)


def _value(where: str, value: object, default: object) -> object:
    """Return a value in the type of its field."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise SettingsError(f"{where} = {value!r}: not a boolean; write true or false")
        return value
    if isinstance(default, str):
        if not isinstance(value, str) or not value:
            raise SettingsError(f"{where} = {value!r}: not a text; write one in quotes")
        return value
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(each, str) and each for each in texts):
        raise SettingsError(f'{where} = {value!r}: not a list of texts; write ["...", "..."]')
    return tuple(texts)
