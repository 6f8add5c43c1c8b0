"""Dead code that gives its function a meaning by being there: such a function is left alone, and listed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any, Final

from trigger_compat.floor.scan.bindings import stored_names
from trigger_compat.floor.scan.releases import NEVER
from trigger_compat.floor.scan.syntax import FunctionDefinition, nodes_in, own_nodes
from trigger_compat.floor.scan.uses import DeadCode, place_of
from trigger_compat.floor.scan.walk import Walker

_YIELDS: Final = (ast.Yield, ast.YieldFrom)
_DECLARATIONS: Final = (ast.Global, ast.Nonlocal)


def check(walker: Walker, node: FunctionDefinition, before: int) -> None:
    """List what was found in a function instead, if deleting it would make the function another one.

    Before: ``def items(): if not AIRFLOW_V_3_0_PLUS: yield old``
    After 3.0: the same; without its last ``yield`` the function would return None instead of a generator

    :param before: how many removals there were before the function was walked.
    """
    found = walker.recorder.removals[before:]
    if not found:
        return
    nodes = list(own_nodes(node))
    dead = DeadCode(found)

    def goes(inner: Any) -> bool:
        return dead.at(place_of(walker.module, inner)) < NEVER

    yields = [inner for inner in nodes if isinstance(inner, _YIELDS)]
    if yields and all(map(goes, yields)):
        reason = f"without its last yield, {node.name}() would not be a generator any more"
    elif any(goes(inner) for inner in nodes if isinstance(inner, _DECLARATIONS)):
        reason = f"a global or nonlocal statement in dead code counts for all of {node.name}()"
    elif name := _left_unbound(node, nodes, goes):
        reason = f"nothing else binds {name}, which code below reads"
    else:
        return
    del walker.recorder.removals[before:]
    for line in sorted({removal.line for removal in found}):
        walker.recorder.undecided(line, walker.module.lines[line - 1].strip(), reason)


def _left_unbound(
    node: FunctionDefinition, nodes: Iterable[ast.AST], goes: Callable[[Any], bool]
) -> str | None:
    """Return a name that is bound in dead code alone, and read elsewhere.

    Reading it raises UnboundLocalError. Without the dead code it would be the name of the module.
    """
    stored = [inner for inner in nodes if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)]
    counts = stored_names(node).counts
    for name in sorted({inner.id for inner in stored if goes(inner)}):
        places = [inner for inner in stored if inner.id == name]
        if len(places) != counts[name] or not all(map(goes, places)):
            continue  # a parameter, an import or the like binds it too
        reads = (inner for inner in nodes_in(node) if isinstance(inner, ast.Name) and inner.id == name)
        if any(isinstance(inner.ctx, ast.Load) and not goes(inner) for inner in reads):
            return name
    return None
