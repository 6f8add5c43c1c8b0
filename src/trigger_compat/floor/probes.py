"""Questions that code asks a running Airflow: does it have this attribute, does it take that argument.

They depend on the version, in a way that only the names table could tell; where it cannot, they are listed
as undecided.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from trigger_compat.floor.evaluate import Evaluator
from trigger_compat.floor.scopes import Scope
from trigger_compat.floor.values import PerRelease, Reference, Value

if TYPE_CHECKING:
    from trigger_compat.floor.findings import Recorder

_QUESTIONS: Final = re.compile(r"(^|\.)(hasattr|getattr|signature|getfullargspec|find_spec)$")
_AIRFLOW_OBJECTS: Final = {"ti", "task_instance", "dag_run", "dagrun", "dag", "context", "task", "conf"}
"""What Airflow's own objects are called by convention, where their type cannot be seen."""


def look(node: ast.Compare | ast.Call, scope: Scope, evaluator: Evaluator, recorder: Recorder) -> None:
    """List a probe, or a comparison with Airflow's version that is not understood."""
    if isinstance(node, ast.Compare):
        _comparison(node, scope, evaluator, recorder)
        return
    function = ast.unparse(node.func)
    question = _QUESTIONS.search(function)
    if not question or not node.args:
        return
    what = question[2]
    if what == "getattr" and len(node.args) < 3:  # noqa: PLR2004 - without a default it asks nothing
        return
    about = _about(node.args[0], scope, evaluator)
    if about:
        recorder.undecided(
            node.lineno,
            _short(node),
            f"{what}() asks the running Airflow about {about}, whose attributes are in no table",
        )


def _about(node: ast.expr, scope: Scope, evaluator: Evaluator) -> str:
    """Return the part of Airflow that a probe is about, or nothing."""
    root = node
    while isinstance(root, (ast.Attribute, ast.Call, ast.Subscript)):
        root = root.func if isinstance(root, ast.Call) else root.value
    value: Value = evaluator.value(root, scope)
    if isinstance(value, Reference):
        core = value.name.partition(".")[0] == "airflow" and not value.name.startswith("airflow.providers.")
        compat = value.name.startswith("airflow.providers.common.compat.")
        return value.name if core or compat else ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("airflow."):
        return node.value
    return node.id if isinstance(node, ast.Name) and node.id in _AIRFLOW_OBJECTS else ""


def _comparison(node: ast.Compare, scope: Scope, evaluator: Evaluator, recorder: Recorder) -> None:
    sides = [evaluator.value(each, scope) for each in (node.left, *node.comparators)]
    versions = [side for side in sides if isinstance(side, PerRelease) and not side.is_boolean]
    if versions:
        reason = "it compares Airflow's version with something that is not known here"
        recorder.undecided(node.lineno, _short(node), reason)


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004
