"""Lifecycles that a project states in its settings: the days on which a vendor ends its Airflow versions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from trigger_compat.errors import SettingsError
from trigger_compat.matrix import END_OF_LIFE, Policy

KEY: Final = "lifecycles"
_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LINE: Final = re.compile(r"[1-9]\d*(\.(0|[1-9]\d*))?")
_NEEDED: Final = ("source", "read", "ends")


def policies(where: str, tables: object) -> tuple[Policy, ...]:
    """Return the policies in the table ``lifecycles``.

    :param where: what an error message begins with.
    :param tables: for each name of a policy ``source``, ``read`` and ``ends``.
    :raises SettingsError: something is missing, unknown or of the wrong type.
    """
    if not isinstance(tables, dict):
        raise SettingsError(
            f"{where} = {tables!r}: not a table; write [tool.trigger-compat.floor.{KEY}.NAME]"
        )
    return tuple(_policy(f"{where}.{name}", name, table) for name, table in tables.items())


def _policy(where: str, name: str, table: object) -> Policy:
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{where}: {name!r} is no name; write lower case letters, digits and -")
    if not isinstance(table, dict):
        raise SettingsError(f"{where} = {table!r}: not a table; write {', '.join(_NEEDED)}")
    if missing := [key for key in _NEEDED if key not in table]:
        raise SettingsError(f"{where}: {missing[0]} is missing; write {_example(missing[0])}")
    if unknown := [key for key in table if key not in _NEEDED]:
        raise SettingsError(
            f"{where} {unknown[0]} = {table[unknown[0]]!r}: unknown key; use {', '.join(_NEEDED)}"
        )
    source = table["source"]
    if not isinstance(source, str) or not source:
        raise SettingsError(f"{where} source = {source!r}: not a text; write {_example('source')}")
    read = _day(f"{where} read", table["read"])
    return Policy(
        id=name, rule=END_OF_LIFE, months=0, source=source, ends=_ends(where, table["ends"]), read=read
    )


def _ends(where: str, table: Any) -> tuple[tuple[str, date], ...]:
    if not isinstance(table, Mapping) or not table:
        raise SettingsError(f"{where} ends = {table!r}: not a table with days; write {_example('ends')}")
    for line in table:
        if not _LINE.fullmatch(line):
            raise SettingsError(f"{where} ends: {line!r} is neither a major nor a minor; write 2 or 2.11")
    return tuple((line, _day(f"{where} ends.{line}", day)) for line, day in table.items())


def _day(where: str, value: object) -> date:
    # A date and time of TOML is a date to isinstance.
    if not isinstance(value, date) or isinstance(value, datetime):
        raise SettingsError(f"{where} = {value!r}: not a date; write it without quotes, as 2026-04-22")
    return value


def _example(key: str) -> str:
    return {
        "source": 'source = "https://..."',
        "read": "read = 2026-04-22, the day on which you read the source",
        "ends": 'ends = {"2.11" = 2026-04-22}',
    }[key]
