"""Reads what is scanned: the Python files of an installed distribution, or of a folder."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import tokenize
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from trigger_compat.errors import SourceError
from trigger_compat.floor.scan.model import Kind
from trigger_compat.floor.scan.releases import GRID, ReleaseTuple, version_of
from trigger_compat.floor.scan.syntax import lines_of, nodes_in
from trigger_compat.parsing import many_trees, parse_python

SKIPPED_FOLDERS: Final = {"__pycache__", "node_modules", "site-packages", "build", "dist", "venv", "env"}
_NOT_READ: Final = (".pyi", ".ipynb", ".pyx")
_MENTIONS_VERSION: Final = re.compile(r"AIRFLOW_V_\d|airflow\.(?:__)?version|airflow.* import .*version")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
AIRFLOW_NAMES: Final = ("apache-airflow", "apache-airflow-core")


@dataclass(eq=False)
class Module:
    """One Python file.

    :param file: path relative to the root of the source, with ``/``.
    :param above: the parts of the dotted name of the root, if the root is a package itself.
    """

    file: str
    kind: Kind
    text: str
    tree: ast.Module
    above: tuple[str, ...] = ()

    @cached_property
    def lines(self) -> list[str]:
        return lines_of(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes of the tree."""
        return nodes_in(self.tree)

    @cached_property
    def words(self) -> frozenset[str]:
        """All names in the code, its strings and its comments."""
        return frozenset(_WORD.findall(self.text))

    def lines_with(self, pattern: re.Pattern[str], words: AbstractSet[str]) -> list[int]:
        """Return the lines on which a pattern matches or one of some words stands, in order."""
        places = [found.start() for found in pattern.finditer(self.text)]
        if here := words & self.words:
            either = re.compile(rf"\b(?:{'|'.join(here)})\b")
            places += [found.start() for found in either.finditer(self.text)]
        ends = [found.start() for found in re.finditer("\n", self.text)] if places else []
        return sorted({bisect_left(ends, place) + 1 for place in places})

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The parts of the dotted name, from the root of the source on."""
        path = PurePosixPath(*self.above, self.file).with_suffix("")
        return path.parent.parts if path.name == "__init__" else path.parts

    @property
    def package(self) -> tuple[str, ...]:
        """The parts of the package that a relative import starts from."""
        return self.parts if self.file.endswith("__init__.py") else self.parts[:-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The content of a distribution or folder.

    :param version: as its metadata give it; empty if they do not.
    :param floor: the oldest Airflow that its metadata allow; None if they do not say.
    :param requirements: those of its metadata.
    :param broken: the files that this interpreter cannot read as Python, each with the problem.
    """

    name: str
    version: str
    floor: ReleaseTuple | None
    modules: tuple[Module, ...]
    broken: tuple[tuple[str, str], ...] = ()
    requirements: tuple[str, ...] = ()


@many_trees()
def read(source: str) -> Source:
    """Read a folder, or an installed distribution by its name.

    :raises SourceError: there is no such folder or distribution, or no file in it can be read as Python.
    """
    path = Path(source)
    if path.is_dir():
        found = _folder(path)
    elif path.exists():
        raise SourceError(f"source: {source} is a file; give the folder or distribution it belongs to")
    else:
        found = _distribution(source)
    if not found.modules:
        if found.broken:
            file, problem = found.broken[0]
            raise SourceError(f"source: {source}: no file can be read as Python; {file}: {problem}")
        raise SourceError(f"source: {source} holds no Python file; give a folder or distribution that does")
    return found


def _distribution(name: str) -> Source:
    try:
        distribution = importlib.metadata.distribution(name)
    except (importlib.metadata.PackageNotFoundError, ValueError) as error:
        raise SourceError(
            f"source: {name!r} is neither a folder nor an installed distribution; pip install it"
        ) from error
    files = [(str(file), Path(str(file.locate()))) for file in distribution.files or ()]
    suffixes = (".py", *_NOT_READ)
    found = [(file, path) for file, path in files if file.endswith(suffixes) and not file.startswith("..")]
    if not found and (editable := editable_folder(distribution)):
        found = [(path.relative_to(editable).as_posix(), path) for path in _python_files(editable)]
    modules, broken = _modules(found)
    return Source(
        name=distribution.metadata["Name"],
        version=distribution.version,
        floor=floor_of(distribution.requires or ()),
        modules=modules,
        broken=broken,
        requirements=tuple(distribution.requires or ()),
    )


def editable_folder(distribution: importlib.metadata.Distribution) -> Path | None:
    """Return the folder that an editable install points to, from its metadata or its .pth file."""
    direct = json.loads(distribution.read_text("direct_url.json") or "{}")
    if direct.get("dir_info", {}).get("editable"):
        return Path(url2pathname(urlsplit(direct["url"]).path))
    for file in distribution.files or ():
        if file.suffix == ".pth":
            named = [Path(line) for line in Path(str(file.locate())).read_text(encoding="utf-8").splitlines()]
            return next((folder for folder in named if folder.is_dir()), None)
    return None


def _folder(root: Path) -> Source:
    files = [(path.relative_to(root).as_posix(), path) for path in _python_files(root)]
    above = _package(root.resolve())
    modules, broken = _modules(files, above)
    name, version, requirements = _metadata(root, above)
    needs = tuple(requirements)
    return Source(
        name=name, version=version, floor=floor_of(needs), modules=modules, broken=broken, requirements=needs
    )


def _python_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            continue
        if path.is_dir():
            if path.name not in SKIPPED_FOLDERS and not path.name.startswith("."):
                yield from _python_files(path)
        elif path.suffix in (".py", *_NOT_READ):
            yield path


def _package(root: Path) -> tuple[str, ...]:
    """Return the parts of the dotted name of a folder that is a package; nothing if it holds packages.

    ``airflow`` and ``airflow.providers`` have no ``__init__.py`` where a provider is installed.
    """
    if (root / "pyproject.toml").exists() or (root / "setup.py").exists():
        return ()
    parts = root.parts
    for index in reversed(range(1, len(parts) - 1)):
        if parts[index : index + 2] == ("airflow", "providers"):
            return parts[index:]
    names: list[str] = []
    while (root / "__init__.py").exists():
        names.insert(0, root.name)
        root = root.parent
    return tuple(names)


def _metadata(root: Path, above: tuple[str, ...]) -> tuple[str, str, list[str]]:
    """Return name, version and requirements: from the metadata of a wheel, or from pyproject.toml.

    :param above: the dotted name of the root, if it is a package. The metadata are beside or above it then.
    """
    if above:
        top = root.resolve().parents[len(above) - 1]
        for record in sorted(top.glob("*.dist-info/RECORD")):
            if f"\n{'/'.join(above)}/" in f"\n{record.read_text(encoding='utf-8')}":
                distribution = importlib.metadata.PathDistribution(record.parent)
                return distribution.metadata["Name"], distribution.version, distribution.requires or []
        root = next((folder for folder in (top, top.parent) if (folder / "pyproject.toml").exists()), root)
    for folder in (*root.glob("*.dist-info"), *root.glob("*.egg-info"), *root.glob("src/*.egg-info")):
        distribution = importlib.metadata.PathDistribution(folder)
        name = distribution.metadata["Name"]
        if name:
            return name, distribution.version, distribution.requires or []
    try:
        text = (root / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return root.resolve().name, "", []
    # Python 3.10 has no TOML parser, and these three keys are simple enough for patterns.
    table = _table(text, "project")
    name = _quoted(table, "name") or root.resolve().name
    return name, _quoted(table, "version"), _dependencies(table)


def _dependencies(table: str) -> list[str]:
    """Return the list of dependencies; a list of strings is the same text in TOML and in Python."""
    start = re.search(r"^dependencies\s*=\s*(?=\[)", table, re.MULTILINE)
    rest = table[start.end() :] if start else ""
    for end in re.finditer(r"\]", rest):  # the first ] may belong to an extra: "apache-airflow[google]"
        try:
            found = ast.literal_eval(rest[: end.end()])
        except (ValueError, SyntaxError):
            continue
        return [dependency for dependency in found if isinstance(dependency, str)]
    return []


def _table(text: str, name: str) -> str:
    found = re.search(rf"^\[{name}\]\s*$(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def _quoted(table: str, key: str) -> str:
    found = re.search(rf"^{key}\s*=\s*[\"']([^\"']*)[\"']", table, re.MULTILINE)
    return found[1] if found else ""


def floor_of(requirements: Iterable[str]) -> ReleaseTuple | None:
    """Return the oldest Airflow that a list of requirements allows."""
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if canonicalize_name(requirement.name) not in AIRFLOW_NAMES:
            continue
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        if not any(clause.operator in (">=", ">", "==", "~=") for clause in requirement.specifier):
            continue
        allows = partial(requirement.specifier.contains, prereleases=False)
        return next((release for release in GRID if allows(version_of(release))), None)
    return None


def _modules(
    files: Iterable[tuple[str, Path]], above: tuple[str, ...] = ()
) -> tuple[tuple[Module, ...], tuple[tuple[str, str], ...]]:
    modules: list[Module] = []
    broken: list[tuple[str, str]] = []
    for name, path in files:
        file = name.replace("\\", "/")
        try:
            with tokenize.open(path) as opened:
                text = opened.read()
            if path.suffix in _NOT_READ:
                if _MENTIONS_VERSION.search(text):
                    broken.append((file, f"it mentions Airflow's version, and {path.suffix} is not read"))
                continue
            tree = parse_python(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OSError) as error:
            broken.append((file, " ".join(str(error).split())[:120] or type(error).__name__))
            continue
        modules.append(Module(file=file, kind=kind_of(file), text=text, tree=tree, above=above))
    return tuple(modules), tuple(broken)


def kind_of(file: str) -> Kind:
    """Return what a file is part of, by its path."""
    path = PurePosixPath(file)
    folders = set(path.parts[:-1])
    if folders & {"tests", "test", "testing", "unit_tests", "benchmarks"} or re.fullmatch(
        r"test_.*\.py|.*_test\.py|conftest\.py", path.name
    ):
        return Kind.TESTS
    if folders & {"docs", "doc", "examples", "example_dags"}:
        return Kind.DOCS
    return Kind.PACKAGE
