"""A check of the scan itself: each mention of Airflow's version is decided, listed as undecided, or harmless.

It looks at the words alone, so it also sees what no rule looked at. What is left over is listed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from trigger_compat.floor.scan.bindings import COMPREHENSIONS, stored_names
from trigger_compat.floor.scan.model import Category, Removal, Undecided
from trigger_compat.floor.scan.source import Module
from trigger_compat.floor.scan.syntax import excerpt, last_line, last_part, targets_of

LOOKS_LIKE: Final = "looks like a test of Airflow's version that the scan cannot follow"
_FLAG_LIKE: Final = re.compile(
    r"_*(?:[A-Z0-9]+_)*(?:AIRFLOW|AF)_?V?_?\d[A-Z0-9_]*|_*(?:is|has|on|if)_?(?:airflow|af)_?v?\d\w*"
)
_VERSION: Final = re.compile(r"(?:airflow|sys\.modules\[.airflow.\])(?:\.version)?\.(?:__version__|version)")
_CALL_OR_LIST: Final = (ast.Call, ast.List, ast.Tuple)
_ASKS_AIRFLOW: Final = re.compile(
    r"(?:get|has)attr\(airflow(?:\.version)?, '(?:__)?version(?:__)?'.*\)|[\[(].*'airflow', 'version'[\])]"
)
"""Airflow's version by another way: as an attribute with a name in a text, or from the command line."""
_DISTRIBUTION: Final = re.compile(r"apache[-_]airflow(?:-core)?")
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_TABLES: Final = (ast.Dict, ast.List, ast.Set, ast.Tuple, ast.JoinedStr)
"""What a name may hold that is about an Airflow and tests nothing."""
_FLAG: Final = re.compile(
    r"\bAIRFLOW_V_\d+_\d+\w*_PLUS\b|^AIRFLOW_(?:CORE_)?VERSION$|\bairflow(?:\.version)?\.(?:__version__|version\b(?!\.))"
)
_PASSED_ON: Final = re.compile(r"(?:\w+\.)*_?airflow_version(?:\.(?:major|minor|release))?", re.IGNORECASE)
_FOR_PEOPLE: Final = {"reason", "message", "msg", "help", "description"}
_READS_METADATA: Final = {"version", "distribution", "get_distribution", "require", "metadata"}
_WORDS: Final = (
    r"airflow_version|AIRFLOW_?V?_?\d|AIRFLOW_(?:CORE_)?VERSION|airflow.{1,4}version|AF_?V?_?\d|(?:airflow|af)_?v?\d|apache[-_]airflow"
    r"|airflow\W{1,3}(?:\w+\.)?(?:__)?version"
)


def undecided_mentions(
    module: Module,
    removals: Collection[Removal],
    undecided: Collection[Undecided],
    understood: Collection[int],
    *,
    attributes: Collection[str],
    flags: Collection[str],
    everywhere: Collection[str] = (),
) -> Iterator[Undecided]:
    """Yield the mentions of Airflow's version that a scan neither decided nor listed.

    :param removals: those of this module.
    :param undecided: those of this module.
    :param understood: the lines whose uses of the version are certain, though no floor removes them.
    :param attributes: the names of version flags that classes and instances have.
    :param flags: the names that the module itself has for version flags, or for Airflow's version.
    :param everywhere: the same of all modules.
    """
    lookups = {name for name in everywhere if "_" in name.strip("_") or name.isupper()}
    flags = set(flags) - _bound_inside(module.nodes) if flags else flags
    words = [*(rf"\.{re.escape(name)}\b" for name in attributes), *map(re.escape, flags)]
    pattern = "|".join([_WORDS, *words])
    if lookups.isdisjoint(module.words) and not re.search(pattern, module.text):
        return
    covered = set(understood)
    for removal in removals:
        if removal.category is not Category.ANNOUNCED:
            covered.update(range(removal.line, removal.end + 1))
    covered.update(line for place in undecided for line in range(place.line, place.end + 1))
    for node, mention in _mentions(module.nodes, attributes, flags, lookups):
        if node.lineno not in covered:
            covered.add(node.lineno)
            yield Undecided(
                file=module.file,
                line=node.lineno,
                end=last_line(node),
                code=excerpt(node),
                reason=f"{mention} {LOOKS_LIKE}",
            )


def _bound_inside(nodes: Sequence[ast.AST]) -> set[str]:
    """Return the names that functions and comprehensions of a module bind for themselves."""
    scopes = [node for node in nodes if isinstance(node, (*COMPREHENSIONS, *_FUNCTIONS))]
    return {name for scope in scopes for name in stored_names(scope).counts}


def _mentions(
    nodes: Sequence[ast.AST], attributes: Collection[str], flags: Collection[str], lookups: Collection[str]
) -> Iterator[tuple[ast.expr, str]]:
    """Yield what names the version. An import or a definition alone asks nothing."""
    tables = {
        target.id
        for node in nodes
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, _TABLES)
        for target in targets_of(node)
        if isinstance(target, ast.Name)
    }
    for node in nodes:
        yield from ((text, f"the text {text.value!r}") for text in _flags_in_texts(node, lookups))
        yield from _passed_on(node)
        if isinstance(node, ast.Name) and (node.id in flags or _FLAG_LIKE.fullmatch(node.id)):
            if isinstance(node.ctx, ast.Load) and node.id not in tables:
                yield node, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            text = ast.unparse(node)
            if _FLAG_LIKE.fullmatch(node.attr) or node.attr in attributes or _VERSION.fullmatch(text):
                yield node, text
        elif isinstance(node, _CALL_OR_LIST) and _ASKS_AIRFLOW.fullmatch(ast.unparse(node)):
            yield node, ast.unparse(node)
        elif isinstance(node, ast.Call) and last_part(ast.unparse(node.func)) in _READS_METADATA:
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                if isinstance(argument, ast.Constant) and _DISTRIBUTION.fullmatch(str(argument.value)):
                    yield node, ast.unparse(node.func)


def _flags_in_texts(node: ast.AST, lookups: Collection[str]) -> Iterator[ast.Constant]:
    """Yield texts that look up a flag, or that are code: ``getattr(compat, "AIRFLOW_V_3_0_PLUS")``."""
    parts: list[ast.expr] = []
    if isinstance(node, ast.Call):
        parts = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg not in _FOR_PEOPLE)]
    elif isinstance(node, ast.Subscript):
        parts = [node.slice]
    elif isinstance(node, ast.Compare):
        parts = [node.left, *node.comparators]
    for part in parts:
        if not isinstance(part, ast.Constant) or not isinstance(part.value, str):
            continue
        if last_part(part.value) in lookups or _FLAG.search(part.value):
            yield part


def _passed_on(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Yield the comparison of a version that is a parameter, or an attribute that some caller has set."""
    if isinstance(node, ast.Compare):
        sides = map(ast.unparse, (node.left, *node.comparators))
        yield from ((node, side) for side in sides if _PASSED_ON.fullmatch(side))
