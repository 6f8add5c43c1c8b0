"""What LibCST knows of a Python file: its imports and who uses them, its strings and comments, by place."""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

import libcst as cst
from libcst import metadata

from trigger_compat.dags.files import Unreadable, line_starts
from trigger_compat.dags.names import OPERATOR
from trigger_compat.parsing import parse_python

ImportNode: TypeAlias = cst.Import | cst.ImportFrom
_ALONE: Final = re.compile(r"\r(?!\n)")
_FORM_FEED: Final = re.compile(r"^[ \t]*\f[ \t\f]*$", re.MULTILINE)
_PLACE: Final = re.compile(r"(?:parser|tokenizer) error: (?:error at (\d+):\d+: )?")
_DEEPEST: Final = 150


class Span(NamedTuple):
    """From here to there, as offsets into the text."""

    start: int
    end: int


class Alias(NamedTuple):
    """One name of an import.

    :param bound: the name that the file uses; with dots after a plain ``import a.b``.
    """

    name: str
    bound: str
    renamed: bool
    span: Span
    name_span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Import:
    """An import statement.

    :param module: of ``from``, with the dots of a relative one; empty for a plain import.
    """

    node: ImportNode
    span: Span
    module: str
    module_span: Span
    aliases: tuple[Alias, ...]

    @property
    def is_star(self) -> bool:
        return isinstance(self.node, cst.ImportFrom) and isinstance(self.node.names, cst.ImportStar)


@dataclass(slots=True, eq=False)
class PythonFile:
    """A parsed file; :func:`parse` makes one."""

    text: str
    module: cst.Module
    spans: Mapping[cst.CSTNode, Span]
    scopes: Mapping[cst.CSTNode, metadata.Scope | None]
    parents: dict[cst.CSTNode, cst.CSTNode] = field(default_factory=dict)
    imports: list[Import] = field(default_factory=list)
    strings: list[cst.CSTNode] = field(default_factory=list)
    comments: list[cst.Comment] = field(default_factory=list)
    names: list[cst.Name] = field(default_factory=list)
    calls: list[cst.Call] = field(default_factory=list)

    def code(self, node: cst.CSTNode) -> str:
        start, end = self.spans[node]
        return self.text[start:end]

    def users(self, statement: Import, bound: str) -> list[cst.CSTNode]:
        """Return the nodes that use a name as this import binds it, in order."""
        scopes = {scope for scope in self.scopes.values() if scope}
        found = {
            access.node
            for scope in scopes
            for assignment in scope.assignments
            if isinstance(assignment, metadata.ImportAssignment)
            and assignment.node is statement.node
            and assignment.name == bound
            for access in assignment.references
        }
        return sorted(found, key=self.spans.__getitem__)

    def attribute_of(self, node: cst.CSTNode) -> cst.Attribute | None:
        """Return ``module.name`` for the ``module`` in it."""
        parent = self.parents.get(node)
        return parent if isinstance(parent, cst.Attribute) and parent.value is node else None

    def operator_calls(self, modules: Container[str]) -> list[cst.Call]:
        """Return the calls of the operator, imported from one of the modules, and of its ``partial``."""
        found = []
        for statement in self.imports:
            for alias in statement.aliases:
                users = self.users(statement, alias.bound)
                if statement.module in modules and alias.name == OPERATOR:
                    found += users
                elif (f"{statement.module}." if statement.module else "") + alias.name in modules:
                    attributes = filter(None, map(self.attribute_of, users))
                    found += [each for each in attributes if each.attr.value == OPERATOR]
        calls = []
        for node in found:
            attribute = self.attribute_of(node)
            called = attribute if attribute and attribute.attr.value == "partial" else node
            parent = self.parents.get(called)
            if isinstance(parent, cst.Call) and parent.func is called:
                calls.append(parent)
        return calls

    def in_string(self, at: int) -> bool:
        return any(self.spans[node].start < at < self.spans[node].end for node in self.strings)


def _collect(file: PythonFile, node: cst.CSTNode) -> None:
    if isinstance(node, cst.Import):
        file.imports.append(_import(file, node, "", file.spans[node], node.names))
        return
    if isinstance(node, cst.ImportFrom):
        name = file.code(node.module) if node.module else ""
        names = () if isinstance(node.names, cst.ImportStar) else node.names
        module = "." * len(node.relative) + name
        file.imports.append(_import(file, node, module, file.spans[node.module or node], names))
    elif isinstance(node, (cst.SimpleString, cst.FormattedString)):
        file.strings.append(node)
    elif isinstance(node, cst.Comment):
        file.comments.append(node)
    elif isinstance(node, cst.Name):
        file.names.append(node)
    elif isinstance(node, cst.Call):
        file.calls.append(node)
    for child in node.children:
        file.parents[child] = node
        _collect(file, child)


def _import(
    file: PythonFile, node: ImportNode, module: str, span: Span, names: Iterable[cst.ImportAlias]
) -> Import:
    return Import(node, file.spans[node], module, span, tuple(_alias(file, name) for name in names))


def _alias(file: PythonFile, alias: cst.ImportAlias) -> Alias:
    name_span = file.spans[alias.name]
    name, bound, end = file.code(alias.name), alias.evaluated_alias, name_span.end
    if alias.asname:
        end = file.spans[alias.asname.name].end
    return Alias(name, bound or name, bound is not None, Span(name_span.start, end), name_span)


def parse(text: str) -> PythonFile:
    """Parse a file.

    :raises Unreadable: LibCST cannot parse it.
    """
    try:
        return _known(text, metadata.MetadataWrapper(_module(text), unsafe_skip_copy=True))
    except RecursionError as error:
        raise Unreadable("cannot be parsed: an expression is nested too deeply") from error


def _known(text: str, wrapper: metadata.MetadataWrapper) -> PythonFile:
    starts = [*line_starts(text), len(text)]  # a file without a newline at its end has one to LibCST

    def place(position: metadata.CodePosition) -> int:
        return starts[position.line - 1] + position.column

    ranges = wrapper.resolve(metadata.PositionProvider)
    spans = {node: Span(place(each.start), place(each.end)) for node, each in ranges.items()}
    file = PythonFile(text, wrapper.module, spans, wrapper.resolve(metadata.ScopeProvider))
    _collect(file, wrapper.module)
    return file


def check(text: str) -> None:
    """See whether a file can be parsed: by this Python, which is fast, or by LibCST, which may know another.

    :raises Unreadable: neither can parse it.
    """
    try:
        parse_python(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        _module(text)


def _module(text: str) -> cst.Module:
    # LibCST drops form feeds, and carriage returns that stand alone. Blanks and newlines keep every place.
    probe = _FORM_FEED.sub(lambda found: " " * len(found[0]), _ALONE.sub("\n", text))
    _refuse_deep(probe)
    try:
        module = cst.parse_module(probe)
    except cst.ParserSyntaxError as error:
        line, reason = _PLACE.sub("", error.message), _PLACE.search(error.message)
        where = f"line {reason[1]}: " if reason else ""
        raise Unreadable(f"cannot be parsed: {where}{line.strip()}") from error
    if module.code != probe:
        raise Unreadable("cannot be parsed: LibCST would not write it as it is")
    return module


def _refuse_deep(text: str) -> None:
    """Refuse what Python refuses too, but LibCST dies of: hundreds of nested brackets."""
    depth = deepest = 0
    for bracket in re.findall(r"[\[({\])}]", text):
        depth = max(depth + (1 if bracket in "[({" else -1), 0)
        deepest = max(deepest, depth)
    if deepest > _DEEPEST:
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            raise Unreadable(f"cannot be parsed: {error}") from error
