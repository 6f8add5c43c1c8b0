"""The bound on Airflow: in a requirement, in files that declare requirements, and in a check at import."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.utils import canonicalize_name

from trigger_compat.floor.rewrite.text import Edit, Text, applied
from trigger_compat.floor.scan.model import Removal
from trigger_compat.floor.scan.releases import GRID, ReleaseTuple, dotted
from trigger_compat.floor.scan.source import AIRFLOW_NAMES
from trigger_compat.parsing import parse_python

FILES: Final = ("pyproject.toml", "setup.cfg", "setup.py", "provider.yaml")
"""What declares requirements, and is simple enough to be edited."""
_LOWER: Final = (">=", ">", "==", "~=", "===")
_CLAUSE: Final = re.compile(r"(===|~=|==|!=|<=|>=|<|>)\s*([\w.*+!-]+)")
_NAME: Final = re.compile(
    rf"\s*(?:{'|'.join(sorted(AIRFLOW_NAMES, key=len, reverse=True))})(?![\w.-])", re.IGNORECASE
)
_CLASSIFIER: Final = re.compile(r"Framework :: Apache Airflow :: (\d+)")
_TOML_STRING: Final = re.compile(
    r"#[^\n]*|\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''.*?'''|\"((?:[^\"\\\n]|\\.)*)\"|'([^'\n]*)'", re.DOTALL
)
_TABLE: Final = re.compile(r"^\[+\s*([^\]\n]+?)\s*\]+\s*(?:#.*)?$", re.MULTILINE)
_KEY: Final = re.compile(r"^\s*([\w.\"'-]+)\s*=", re.MULTILINE)
_REQUIREMENTS: Final = (
    ("project", "dependencies"),
    ("project.optional-dependencies", ""),
    ("dependency-groups", ""),
    ("project", "classifiers"),
)
"""The tables of pyproject.toml whose strings are requirements or classifiers, and the key; empty: any key."""


class CannotRaise(Exception):
    """A requirement cannot be raised by a new lower bound; the message says why."""


def raised(requirement: str, floor: ReleaseTuple, *, adds: bool = False) -> str:
    """Return a requirement with a bound of at least ``floor``, and else as it was.

    Before: ``apache-airflow[google]>=2.11,!=3.0.1; python_version < "3.13"``
    After 3.0: ``apache-airflow[google]>=3.0.0,!=3.0.1; python_version < "3.13"``

    :param adds: whether to add a bound if there is none.
    :raises CannotRaise: the requirement allows no release from the floor on.
    """
    if not _NAME.match(requirement):
        return requirement
    try:
        parsed = Requirement(requirement)
    except InvalidRequirement:
        return requirement
    head, semicolon, marker = requirement.partition(";")
    opened = head.find("]") + 1 or len(_NAME.match(requirement).group())  # type: ignore[union-attr]
    clauses = head[opened:]
    new = raised_specifier(clauses, floor, adds=adds and parsed.url is None)
    return f"{head[:opened]}{new}{semicolon}{marker}"


def raised_specifier(clauses: str, floor: ReleaseTuple, *, adds: bool = False) -> str:
    """Return version clauses with a lower bound of at least ``floor``.

    :raises CannotRaise: they allow no release from the floor on.
    """
    try:
        specifiers = SpecifierSet(clauses.strip().strip("()"))
    except InvalidSpecifier:
        return clauses
    lower = [match for match in _CLAUSE.finditer(clauses) if match[1] in _LOWER]
    allowed = [release for release in GRID if specifiers.contains(dotted(release))]
    if lower and allowed and min(allowed) >= floor:
        return clauses
    if not lower and not adds:
        return clauses
    if not any(release >= floor for release in allowed):
        raise CannotRaise(f"{clauses.strip()} allows no Airflow from {dotted(floor)} on")
    bound = f">={dotted(floor)}"
    old = [match for match in lower if match[1] in (">=", ">", "~=")]
    if not lower:
        text = clauses.strip()
        return (
            f"{bound},{text}" if text else f"{clauses.rstrip()}{bound}{' ' if clauses.endswith(' ') else ''}"
        )
    if not old or len(lower) > 1:
        raise CannotRaise(f"{clauses.strip()} is not a plain lower bound")
    if old[0][1] == "~=" and not _same_series(old[0][0], floor):
        raise CannotRaise(f"{clauses.strip()} allows one series only")
    operator = "~=" if old[0][1] == "~=" else ">="
    space = " " if " " in old[0][0] else ""
    return f"{clauses[: old[0].start()]}{operator}{space}{dotted(floor)}{clauses[old[0].end() :]}"


def _same_series(clause: str, floor: ReleaseTuple) -> bool:
    return Specifier(clause.replace(" ", "")).contains(dotted(floor))


def raise_file(name: str, text: str, floor: ReleaseTuple) -> tuple[str, list[tuple[int, str]]]:
    """Return the text of a file that declares requirements, raised, and the lines that a person has to see.

    :param name: the name of the file, one of :data:`FILES`.
    """
    places = Text(text if text.endswith("\n") else f"{text}\n")
    left: list[tuple[int, str]] = []
    edits: list[Edit] = []
    for start, end, adds in _STRINGS_OF[PurePosixPath(name).name](places.text):
        old = places.text[start:end]
        found = _CLASSIFIER.fullmatch(old.strip())
        if found and int(found[1]) < floor[0]:
            edits.append(_without_element(places, start, end))
            continue
        try:
            new = raised(old, floor, adds=adds)
        except CannotRaise as error:
            left.append((places.line_of(start), f"the bound stays as it is: {error}"))
            continue
        if new != old:
            edits.append(Edit(start, end, new))
    result = applied(places.text, edits)
    return result if text.endswith("\n") else result.removesuffix("\n"), left


def _without_element(places: Text, start: int, end: int) -> Edit:
    """Return the edit that takes a string out of a list, with its comma, or with its line."""
    line = places.line_of(start)
    around = places.lines[line - 1]
    text = places.text[start:end]
    if around.strip().strip("\"',") == text.strip():
        return Edit(places.starts[line - 1], places.starts[line])
    quote = 1 if places.text[start - 1] in "\"'" else 0
    stop = re.compile(r"\s*,\s*").match(places.text, end + quote)
    if stop:
        return Edit(start - quote, stop.end())
    before = re.compile(r",\s*\Z").search(places.text[: start - quote])
    return Edit(before.start() if before else start - quote, end + quote)


def _in_toml(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield the strings of pyproject.toml that are requirements, and whether a bound may be added."""
    tables = [(match.start(), match[1]) for match in _TABLE.finditer(text)]
    keys = [(match.start(1), match[1].strip("\"'")) for match in _KEY.finditer(text)]
    for match in _TOML_STRING.finditer(text):
        group = 1 if match[1] is not None else 2
        if match[group] is None or "\\" in match[group]:
            continue
        table = next((name for at, name in reversed(tables) if at < match.start()), "")
        key = next((name for at, name in reversed(keys) if at < match.start()), "")
        if (table, key) in _REQUIREMENTS or (table, "") in _REQUIREMENTS:
            yield match.start(group), match.end(group), (table, key) == ("project", "dependencies")


def _in_lines(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield the lines of setup.cfg or provider.yaml that may be requirements, without a dash before."""
    for match in re.finditer(
        r"^[ \t]*(?:-[ \t]+)?[\"']?((?:apache-airflow|Framework :: )[^\n\"'#]*)",
        text,
        re.MULTILINE | re.IGNORECASE,
    ):
        yield match.start(1), match.start(1) + len(match[1].rstrip()), False


def _in_python(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield the strings of setup.py that may be requirements."""
    try:
        tree = parse_python(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    places = Text(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            start, end = places.span(node)
            if text[start + 1 : end - 1] == node.value:  # a plain string
                yield start + 1, end - 1, False


_STRINGS_OF: Final = {
    "pyproject.toml": _in_toml,
    "setup.cfg": _in_lines,
    "provider.yaml": _in_lines,
    "setup.py": _in_python,
}


def raise_checks(text: str, checks: Iterable[Removal], floor: ReleaseTuple) -> str:
    """Return a module in which the refusal of an older Airflow names the new floor.

    Before: ``if Version(airflow.__version__) < Version("2.11.0"): raise RuntimeError("needs 2.11.0+")``
    After 3.0: the same with ``3.0.0``

    :param checks: the places that refuse an Airflow below the floor that was declared.
    """
    lines = text.split("\n")
    for check in checks:
        below = [dotted(release) for release in GRID[: check.removable_from]]
        bound = dotted(GRID[check.removable_from])
        versions = {bound, *([bound.removesuffix(".0")] if bound.count(".") > 1 else [])} - {*below}
        pattern = re.compile(
            r"(?<![\w.])("
            + "|".join(map(re.escape, sorted(versions, key=len, reverse=True)))
            + r")(?![\w]|\.\d)"
        )
        for index in range(check.line - 1, check.end):
            lines[index] = pattern.sub(dotted(floor), lines[index])
    return "\n".join(lines)


def declared_in(text: str) -> Sequence[str]:
    """Return the requirements on Airflow in a text."""
    found = re.findall(r"apache-airflow(?:-core)?(?:\[[^\]]*\])?\s*[<>=!~][^\n\"';#]*", text, re.IGNORECASE)
    return [requirement for requirement in found if canonicalize_name(_name(requirement)) in AIRFLOW_NAMES]


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~\s]", requirement, maxsplit=1)[0]
