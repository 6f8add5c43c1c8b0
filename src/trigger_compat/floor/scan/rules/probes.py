"""Questions that code asks a running Airflow: does it have this attribute, does it take that argument.

The answers depend on the version, but the table of names does not hold them, so they are listed as undecided.
"""

from __future__ import annotations

import ast
import re
from typing import Final

from trigger_compat.floor.scan.abstract_values import Depends, Reference, Value, is_about_version
from trigger_compat.floor.scan.providers import PREFIX
from trigger_compat.floor.scan.scopes import Function
from trigger_compat.floor.scan.syntax import excerpt
from trigger_compat.floor.scan.walk import Walker

_PROBES: Final = re.compile(r"(^|\.)(hasattr|getattr|signature|getfullargspec|find_spec|importorskip)$")
_WITH_DEFAULT: Final = 3
_AIRFLOW_OBJECTS: Final = {"ti", "task_instance", "dag_run", "dagrun", "dag", "context", "task", "conf"}
"""The usual names of Airflow's own objects, since their types cannot be seen."""


def report_probe(walker: Walker, node: ast.expr, value: Value) -> None:
    """List a question to Airflow, or a use of its version, that the scan does not understand.

    Before: ``if hasattr(ti, "get_dagrun_state"): ...``, or ``if airflow.__version__ >= minimum(): ...``
    After any floor: a person decides; both are listed as undecided
    """
    if isinstance(node, ast.Compare):
        _report_comparison(walker, node)
        return
    if isinstance(node, (ast.Name, ast.Attribute)):
        if is_about_version(value):
            report_use(walker, node)
        return
    if not isinstance(node, ast.Call):
        return
    if isinstance(value, Depends) and isinstance(walker.value(node.func), Function):
        _list(
            walker,
            node,
            f"{excerpt(node.func)}() asks for Airflow's version in a way that the scan cannot follow",
        )
        return
    probe = _PROBES.search(ast.unparse(node.func))
    if not probe or not node.args:
        return
    name = probe[2]
    if name == "getattr" and (len(node.args) < _WITH_DEFAULT or isinstance(node.args[0], ast.Name)):
        # Without a default it does not ask, and a default for an object's attribute replaces no branch.
        subject = walker.value(node.args[0])
        if len(node.args) < _WITH_DEFAULT or not isinstance(subject, Reference):
            return
    about = _subject(walker, node.args[0])
    if about and not (name == "importorskip" and _is_any_airflow(node, about)):
        reason = f"{name}() asks the running Airflow about {about}, which the table of names does not cover"
        _list(walker, node, reason)


def _is_any_airflow(node: ast.Call, about: str) -> bool:
    """Say whether a test needs another provider, or an Airflow of any version."""
    return about.startswith(PREFIX) or (about == "airflow" and not node.keywords)


def report_use(walker: Walker, node: ast.Name | ast.Attribute) -> None:
    """List a use of Airflow's version, or of a version flag that is not certain.

    Before: ``major, minor = map(int, airflow.__version__.split(".")[:2])``
    After any floor: a person decides
    """
    whole = walker.outermost or node
    reason = f"it depends on Airflow's version by {excerpt(node)}, in a way that the scan cannot follow"
    walker.recorder.undecided(node.lineno, excerpt(whole), reason)
    walker.covered = True


def report_changing(walker: Walker, node: ast.expr) -> None:
    """List a condition whose answer changes within each minor.

    Before: ``if Version(airflow.__version__).micro == 0: ...``
    After any floor: the same
    """
    if not walker.covered:
        _list(walker, node, "it has no answer that is the same from some floor on")


def _list(walker: Walker, node: ast.expr, reason: str) -> None:
    walker.recorder.undecided(node.lineno, excerpt(node), reason)
    walker.covered = True


def _report_comparison(walker: Walker, node: ast.Compare) -> None:
    sides = [walker.value(side) for side in (node.left, *node.comparators)]
    if any(map(is_about_version, sides)):
        _list(walker, node, "it compares Airflow's version with a value that the scan does not know")


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
    if isinstance(node, ast.Constant) and walker.providers.brings(str(node.value)):
        return ""  # it is there, whatever the version
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and f"{node.value}.".startswith("airflow.")
    ):
        return node.value
    return node.id if isinstance(node, ast.Name) and node.id in _AIRFLOW_OBJECTS else ""
