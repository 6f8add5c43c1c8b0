"""The mutants of a module: mutmut's changes, one at a time, of all code that has a behaviour.

The changes are mutmut's, what makes them is not: mutmut changes no property, no other decorated function and
no line outside a function, and a third of the contract is such code.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import pickle
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Final

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper
from mutmut.mutation.mutators import mutation_operators, operator_string

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = ROOT / ".nox" / "mutation"
PACKAGE: Final = ROOT / "src" / "trigger_compat"
_LOG_METHODS: Final = frozenset({"debug", "info", "warning", "error"})
_MESSAGES: Final = frozenset({"msg", "refusal", "remedy", "_REMEDY", "__all__"})
"""Names of texts for people, and of the list of public names."""
_TYPES: Final = frozenset({"Callable", "Generator", "Mapping", "TypeVar", "dict", "list", "tuple"})
"""What the right side of a type alias begins with."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of one module.

    :param module: its path below the package, such as ``task/wait.py``.
    :param function: the outermost function or method that holds the change; "" outside of any, and for
        defaults of parameters: such code runs when the module is imported.
    :param lines: first and last line of what is changed, from 1.
    :param was: the lines that are changed, as text.
    :param now: the lines in their place.
    :param number: from 1, if a function has the same change in equal lines.
    :param source: the whole module with the change.
    :param around: the whole function as it was.
    """

    module: str
    function: str
    lines: tuple[int, int]
    was: str
    now: str
    number: int
    source: str
    around: str

    @cached_property
    def id(self) -> str:
        """The same as long as neither the change nor the code around it in its function changes."""
        facts = (self.module, self.function, self.around, self.was, self.now, str(self.number))
        return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:12]

    @property
    def name(self) -> tuple[str, str, str, str, int]:
        """What the list of explained survivors knows it by."""
        return self.module, self.function, self.was, self.now, self.number

    @property
    def dotted(self) -> str:
        """The module as it is imported."""
        return "trigger_compat." + self.module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        before = (PACKAGE / self.module).read_text(encoding="utf-8").splitlines()
        lines = difflib.unified_diff(
            before, self.source.splitlines(), self.module, self.function, lineterm="", n=2
        )
        return "\n".join(lines)


def of_module(module: str) -> list[Mutant]:
    """Return the mutants of a module of the package, in the order of its lines; made once for each edit."""
    text = (PACKAGE / module).read_text(encoding="utf-8")
    facts = (module, text, Path(__file__).read_text(encoding="utf-8"), version("mutmut"))
    kept = RESULTS / "made" / f"{hashlib.sha256(repr(facts).encode()).hexdigest()}.pickle"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(of_source(module, text)))
    found: list[Mutant] = pickle.loads(kept.read_bytes())
    return found


def of_source(module: str, source: str) -> list[Mutant]:
    """Return the mutants of a source text that compile, each once."""
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    visitor = _Changes()
    wrapper.visit(visitor)
    around = _functions(ast.parse(source))
    found: list[Mutant] = []
    seen, numbers = {source}, Counter[tuple[str, ...]]()
    encoded = source.encode()
    for function, (start, end), old, new in visitor.changes:
        text = (encoded[:start] + _code(new, old).encode() + encoded[end:]).decode()
        if text in seen or not _compiles(text):
            continue
        seen.add(text)
        lines = encoded.count(b"\n", 0, start) + 1, encoded.count(b"\n", 0, end) + 1
        was, now = _changed(source, text, lines)
        numbers[function, was, now] += 1
        mutant = Mutant(
            module=module,
            function=function,
            lines=lines,
            was=was,
            now=now,
            number=numbers[function, was, now],
            source=text,
            around=around.get(function, ""),
        )
        found.append(mutant)
    return found


def _functions(tree: ast.AST, prefix: str = "") -> dict[str, str]:
    """Return what each function and method is, whatever its layout."""
    found = {}
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found[prefix + node.name] = ast.dump(node)
            found |= _functions(node, f"{prefix}{node.name}.")
    return found


def _code(node: cst.CSTNode, old: cst.CSTNode) -> str:
    """Return a node as text, without the parentheses that it has in common with the one in its place."""
    if getattr(old, "lpar", ()) and getattr(node, "lpar", None) == old.lpar:  # type: ignore[attr-defined]
        node = node.with_changes(lpar=[], rpar=[])
    return cst.Module(body=[]).code_for_node(node)


class _Changes(cst.CSTVisitor):
    """Collects the changes, but for those of what has no behaviour of its own."""

    METADATA_DEPENDENCIES = (ByteSpanPositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[str, tuple[int, int], cst.CSTNode, cst.CSTNode]] = []
        self._names: list[str] = []
        self._functions: list[str] = []
        self._in_parameters = 0

    def on_visit(self, node: cst.CSTNode) -> bool:
        if _has_no_behaviour(node):
            return False
        if isinstance(node, (cst.ClassDef, cst.FunctionDef)):
            self._names.append(node.name.value)
        if isinstance(node, cst.FunctionDef):
            self._functions.append(".".join(self._names))
        if isinstance(node, cst.Parameters):
            self._in_parameters += 1
        function = self._functions[0] if self._functions else ""
        if self._in_parameters and len(self._functions) == 1:
            function = ""
        for new in _changes(node):
            span = self.get_metadata(ByteSpanPositionProvider, node)
            self.changes.append((function, (span.start, span.start + span.length), node, new))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if _has_no_behaviour(original_node):
            return
        if isinstance(original_node, (cst.ClassDef, cst.FunctionDef)):
            self._names.pop()
        if isinstance(original_node, cst.FunctionDef):
            self._functions.pop()
        if isinstance(original_node, cst.Parameters):
            self._in_parameters -= 1


def _changes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            # Of a text only the first: another case of its letters tells nothing that XX around it does not.
            for new in list(operator(node))[: 1 if operator is operator_string else None]:
                if not (isinstance(node, cst.Call) and _lacks_positional(node, new)):
                    yield new


def _lacks_positional(old: cst.Call, new: cst.CSTNode) -> bool:
    """Return whether a call lost an argument without a name: a TypeError, which says nothing of the tests."""
    counts = [
        sum(not argument.keyword for argument in call.args)
        for call in (old, new)
        if isinstance(call, cst.Call)
    ]
    return counts[-1] < counts[0]


def _has_no_behaviour(node: cst.CSTNode) -> bool:
    """Return whether a node is there for people or for a type checker alone."""
    match node:
        # Decorators say how a class is made (frozen, with slots), which the type checker holds everybody to.
        case cst.Annotation() | cst.Decorator() | cst.Import() | cst.ImportFrom() | cst.Raise():
            return True
        case cst.If(test=cst.Name("TYPE_CHECKING")):
            return True
        case cst.Call(func=cst.Attribute(value=logger, attr=cst.Name(method))):
            return method in _LOG_METHODS and _last_name(logger).strip("_") == "log"
        case cst.ClassDef(bases=[cst.Arg(value=base)]):  # the values of its members are names, too
            return _last_name(base) == "Enum"
        case cst.Assign(targets=[cst.AssignTarget(cst.Name(name))], value=value):
            alias = isinstance(value, cst.Subscript) and _last_name(value.value) in _TYPES
            return (
                alias
                or name in _MESSAGES
                or (isinstance(value, cst.Call) and _last_name(value.func) in _TYPES)
            )
        case cst.AnnAssign(target=cst.Name(name)):
            return name in _MESSAGES
        case cst.Param(name=cst.Name(name)):
            return name in _MESSAGES
    return False


def _last_name(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Attribute):
        return node.attr.value
    return node.value if isinstance(node, cst.Name) else ""


def _changed(old: str, new: str, lines: tuple[int, int]) -> tuple[str, str]:
    """Return the lines that differ, as they were and as they are."""
    before, after = old.splitlines(), new.splitlines()
    first, last = lines[0] - 1, len(before) - lines[1]
    while before[first] == after[first]:
        first += 1
    while before[-last - 1] == after[-last - 1]:
        last += 1
    return _text(before[first : len(before) - last]), _text(after[first : len(after) - last])


def _text(lines: Sequence[str]) -> str:
    return " ".join(line.strip() for line in lines)


def _compiles(source: str) -> bool:
    try:
        compile(source, "<mutant>", "exec")
    except SyntaxError:
        return False
    return True
