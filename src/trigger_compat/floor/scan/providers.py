"""Which providers an install of the scanned distribution surely brings, by its own requirements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

PREFIX: Final = "airflow.providers."
_DISTRIBUTION: Final = "apache-airflow-providers-"


class Providers:
    """The providers that a distribution requires.

    :param name: that of the distribution, which may be a provider itself.
    :param requirements: those of its metadata.
    """

    def __init__(self, name: str = "", requirements: Iterable[str] = ()) -> None:
        self._name = canonicalize_name(name)
        self._always: dict[str, Requirement] = {}
        self._sometimes: dict[str, Requirement] = {}
        for requirement in _parsed(requirements):
            kind = self._sometimes if requirement.marker else self._always
            kind.setdefault(canonicalize_name(requirement.name), requirement)

    def brings(self, module: str) -> bool:
        """Say whether a module is the package of a provider that is always required, and nothing deeper.

        A name in it is another question: only some of the allowed versions may have it.
        """
        return module.startswith(PREFIX) and _distribution(module) in self._always

    def doubt(self, module: str) -> str:
        """Return why nobody knows whether a module of a provider, and what is in it, can be imported."""
        for name in _distributions(module):
            if name == self._name:
                return f"{module} is part of this package, and what it imports itself may be missing"
            if requirement := self._always.get(name):
                return _versions_differ(requirement)
            if requirement := self._sometimes.get(name):
                required = f"{requirement.name}{_extras(requirement)}{requirement.specifier}"
                return f"{required} is required only if {requirement.marker}, so it may be missing"
        return f"no requirement of this package always brings the provider of {module}, so it may be missing"


def _versions_differ(requirement: Requirement) -> str:
    """Return that a required provider may lack a name; ``==1.2.*`` allows several versions too."""
    lowest = [clause.version for clause in requirement.specifier if clause.operator in (">=", "~=")]
    which = f"every version from {lowest[0]} on" if len(lowest) == 1 else "every allowed version"
    required = f"{requirement.name}{_extras(requirement)}{requirement.specifier}"
    return f"{required} is required; whether {which} has this name is not known"


def _extras(requirement: Requirement) -> str:
    return f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""


def _distribution(module: str) -> str:
    return canonicalize_name(_DISTRIBUTION + module.removeprefix(PREFIX).replace(".", "-"))


def _distributions(module: str) -> Iterator[str]:
    """Yield the distributions that may have a module, longest name first: any part may be its end."""
    parts = module.split(".")
    yield from (_distribution(".".join(parts[:end])) for end in range(len(parts), 2, -1))


def _parsed(requirements: Iterable[str]) -> Iterator[Requirement]:
    for text in requirements:
        with suppress(InvalidRequirement):
            yield Requirement(text)
