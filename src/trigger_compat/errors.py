"""The errors of this package; each class has an exit code of its own for the command line."""

from __future__ import annotations

from typing import ClassVar


class TriggerCompatError(Exception):
    """Base of everything this package raises on its own behalf."""

    exit_code: ClassVar[int] = 1


class InvalidRequest(TriggerCompatError, ValueError):
    """An argument is refused (clauses R1-R6); one line: field, value where harmless, remedy."""

    exit_code = 2


class InvalidRequestType(InvalidRequest, TypeError):
    """An argument has a type that no Airflow accepts."""

    exit_code = 3


class OutsideTask(TriggerCompatError, RuntimeError):
    """A function of the accessor was called where no task is running (clause A5)."""

    exit_code = 12


class MatrixError(TriggerCompatError):
    """``compat-matrix.yaml`` is wrong; one line: row, key, value, remedy."""

    exit_code = 4


class UnsupportedAirflow(TriggerCompatError):
    """The running Airflow is older than any that this package supports (clause P3)."""

    exit_code = 5


class PathUnavailable(TriggerCompatError):
    """The path asked for is unknown, or the running Airflow does not support it (clause P2)."""

    exit_code = 6


class SourceError(TriggerCompatError):
    """What the floor report is to scan is not there, or is not Python; one line."""

    exit_code = 7


class UnknownFloor(TriggerCompatError):
    """A floor, a policy or a date on the command line means nothing; one line."""

    exit_code = 8


class ToolMissing(TriggerCompatError):
    """A part of the command line needs an extra that is not installed; one line: which."""

    exit_code = 9


class UsageError(TriggerCompatError):
    """The command line itself is wrong; one line."""

    exit_code = 10


class FindingsError(TriggerCompatError):
    """A file of findings, or a set of them, makes no drift table; one line: file, problem, remedy."""

    exit_code = 11


class SettingsError(TriggerCompatError):
    """A table of settings, or a baseline, is wrong; one line: file, key, value, remedy."""

    exit_code = 13
