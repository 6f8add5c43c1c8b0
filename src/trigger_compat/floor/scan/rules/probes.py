"""Questions that code asks a running Airflow: does it have this attribute, does it take that argument.

The answers depend on the version, but the table of names does not hold them, so they are listed as undecided.
"""

from __future__ import annotations

import ast
import re
from typing import Final

from trigger_compat.floor.scan.abstract_values import PerRelease, Reference
from trigger_compat.floor.scan.syntax import excerpt
from trigger_compat.floor.scan.walk import Walker

_PROBES: Final = re.compile(r"(^|\.)(hasattr|getattr|signature|getfullargspec|find_spec)$")
_AIRFLOW_OBJECTS: Final = {"ti", "task_instance", "dag_run", "dagrun", "dag", "context", "task", "conf"}
"""The usual names of Airflow's own objects, since their types cannot be seen."""


def report_probe(walker: Walker, node: ast.Compare | ast.Call) -> None:
    """List a question to Airflow, or a comparison with its version, that the scan does not understand.

    Before: ``if hasattr(ti, "get_dagrun_state"): ...``, or ``if airflow.__version__ >= minimum(): ...``
    After any floor: a person decides; both are listed as undecided
    """
    if isinstance(node, ast.Compare):
        _report_comparison(walker, node)
        return
    probe = _PROBES.search(ast.unparse(node.func))
    if not probe or not node.args:
        return
    name = probe[2]
    if name == "getattr" and len(node.args) < 3:  # noqa: PLR2004 - without a default it does not ask
        return
    about = _subject(walker, node.args[0])
    if about:
        reason = f"{name}() asks the running Airflow about {about}, which the table of names does not cover"
        walker.recorder.undecided(node.lineno, excerpt(node), reason)


def _report_comparison(walker: Walker, node: ast.Compare) -> None:
    sides = [walker.value(side) for side in (node.left, *node.comparators)]
    if any(isinstance(side, PerRelease) and not side.is_flag for side in sides):
        reason = "it compares Airflow's version with a value that the scan does not know"
        walker.recorder.undecided(node.lineno, excerpt(node), reason)


def _subject(walker: Walker, node: ast.expr) -> str:
    """Return the part of Airflow that a probe is about, or an empty text."""
    root = node
    while isinstance(root, (ast.Attribute, ast.Call, ast.Subscript)):
        root = root.func if isinstance(root, ast.Call) else root.value
    value = walker.value(root)
    if isinstance(value, Reference):
        core = value.name.partition(".")[0] == "airflow" and not value.name.startswith("airflow.providers.")
        compat = value.name.startswith("airflow.providers.common.compat.")
        return value.name if core or compat else ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("airflow."):
        return node.value
    return node.id if isinstance(node, ast.Name) and node.id in _AIRFLOW_OBJECTS else ""
