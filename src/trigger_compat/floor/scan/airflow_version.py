"""How code asks which Airflow is running: by a flag's name, by a version string, by known functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from trigger_compat.floor.scan.abstract_values import (
    UNKNOWN,
    Constant,
    PerRelease,
    Reference,
    Unknown,
    Value,
    apply,
)
from trigger_compat.floor.scan.releases import GRID, base_of, version_of
from trigger_compat.floor.scan.syntax import last_part

AIRFLOW_VERSION: Final = PerRelease(tuple(map(version_of, GRID)))
AIRFLOW_RELEASE: Final = PerRelease(tuple(map(base_of, GRID)))
RELEASE_FUNCTION: Final = "get_base_airflow_version_tuple"
"""Every provider has a copy of this helper. It returns the running release as three numbers."""

_FLAG_NAME: Final = re.compile(r"_?AIRFLOW_V_(\d+)_(\d+)(?:_(\d+))?_PLUS")
_VERSION_NAMES: Final = {
    "airflow.__version__",
    "airflow.version.version",
    "airflow.version.__version__",
    "a distribution of Airflow.version",
}
_VERSION_CLASSES: Final = {
    "packaging.version.Version",
    "packaging.version.parse",
    "packaging.version.LegacyVersion",
    "pkg_resources.parse_version",
    "pkg_resources.extern.packaging.version.parse",
    "pkg_resources.extern.packaging.version.Version",
    "distutils.version.StrictVersion",
    "semver.Version.parse",
    "semver.VersionInfo.parse",
}
_LOOSE_VERSIONS: Final = {
    "distutils.version.LooseVersion",
    "setuptools._distutils.version.LooseVersion",
    "looseversion.LooseVersion",
}
_DISTRIBUTIONS: Final = {
    "importlib.metadata.distribution",
    "importlib_metadata.distribution",
    "pkg_resources.get_distribution",
}
_DISTRIBUTION: Final = "a distribution of Airflow"
_SIGNATURE: Final = "the signature of "
_DISTRIBUTION_VERSION: Final = {"importlib.metadata.version", "importlib_metadata.version"}
_AIRFLOW_DISTRIBUTIONS: Final = ("apache-airflow", "apache-airflow-core", "apache_airflow")
_PLAIN_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "builtins.tuple": tuple,
    "builtins.list": list,
    "builtins.int": int,
    "builtins.str": str,
    "builtins.bool": bool,
    "builtins.len": len,
    "packaging.specifiers.SpecifierSet": SpecifierSet,
}
_KNOWN_BUILTINS: Final = {name for name in _PLAIN_FUNCTIONS if name.startswith("builtins.")} | {
    "builtins.map",
    "builtins.hasattr",
    "builtins.getattr",
}


def flag_by_name(name: str) -> Value:
    """Return what a flag means by its name alone: ``AIRFLOW_V_3_1_3_PLUS`` is ``release >= (3, 1, 3)``."""
    found = _FLAG_NAME.fullmatch(name)
    if not found:
        return UNKNOWN
    wanted = tuple(int(part or 0) for part in found.groups())
    return PerRelease(tuple(base_of(release) >= wanted for release in GRID))


def imported(name: str) -> Value:
    """Return what an imported dotted name is: Airflow's version, a flag, or a reference to something else."""
    if name in _VERSION_NAMES:
        return AIRFLOW_VERSION
    flag = flag_by_name(last_part(name))
    return Reference(name) if isinstance(flag, Unknown) else flag


def unbound(name: str) -> Value:
    """Return what a name is that the module does not bind: a builtin, or a flag that a star import gave."""
    if f"builtins.{name}" in _KNOWN_BUILTINS:
        return Reference(f"builtins.{name}")
    return flag_by_name(name)


def called(function: str, arguments: Sequence[Value]) -> Value:
    """Return what a known function returns.

    :param function: its dotted name, such as ``packaging.version.parse``.
    """
    if last_part(function) == RELEASE_FUNCTION:
        return AIRFLOW_RELEASE
    if function in _VERSION_CLASSES and len(arguments) == 1:
        return apply(_version, arguments[0])
    if function in _LOOSE_VERSIONS and len(arguments) == 1:
        return apply(_Loose.of, arguments[0])
    if function == "inspect.signature" and len(arguments) == 1 and isinstance(arguments[0], Reference):
        return Reference(f"{_SIGNATURE}{arguments[0].name}()") if arguments[0].is_certain else UNKNOWN
    if function in _DISTRIBUTIONS and arguments[:1] and _names_airflow(arguments[0]):
        return Reference(_DISTRIBUTION)
    if function in _DISTRIBUTION_VERSION and arguments[:1] and _names_airflow(arguments[0]):
        return AIRFLOW_VERSION
    if function == "builtins.map" and len(arguments) == 2 and arguments[0] == Reference("builtins.int"):  # noqa: PLR2004
        return apply(lambda parts: [int(part) for part in parts], arguments[1])
    return apply(_PLAIN_FUNCTIONS[function], *arguments) if function in _PLAIN_FUNCTIONS else UNKNOWN


def _names_airflow(value: Value) -> bool:
    return isinstance(value, Constant) and value.value in _AIRFLOW_DISTRIBUTIONS


def parameters_of(value: Value) -> str:
    """Return the function, as ``package.Class.method()``, whose parameters a value holds, or nothing."""
    name = value.name if isinstance(value, Reference) else ""
    is_wanted = name.startswith(_SIGNATURE) and name.endswith(".parameters")
    return name.removeprefix(_SIGNATURE).removesuffix(".parameters") if is_wanted else ""


def is_known(function: str) -> bool:
    """Say whether the result of a function is made of its arguments."""
    return function in _VERSION_CLASSES | _LOOSE_VERSIONS | _PLAIN_FUNCTIONS.keys() | {"builtins.map"}


def _version(value: Any) -> Version:
    return value if isinstance(value, Version) else Version(value)


class _Loose(tuple[Any, ...]):
    """A version that compares number by number: ``LooseVersion("3.0.0")`` is newer than ``"3.0"``."""

    __slots__ = ()

    @classmethod
    def of(cls, text: str) -> _Loose:
        return cls(int(part) if part.isdigit() else part for part in re.findall(r"\d+|[a-z]+", text))

    @property
    def version(self) -> list[Any]:
        return list(self)


def compared(comparison: Callable[..., Any], left: Value, right: Value) -> Value:
    """Return the result of a comparison. A loose version can be compared with text."""

    def compare(one: Any, other: Any) -> Any:
        if isinstance(one, _Loose) and isinstance(other, str):
            other = _Loose.of(other)
        return comparison(one, other)

    return apply(compare, left, right)
