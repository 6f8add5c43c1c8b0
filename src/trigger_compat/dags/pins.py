"""Whether what pins a child to its parent renders the same on every try."""

from __future__ import annotations

import ast
import re
from typing import Any, Final, Literal

from trigger_compat.dags.literals import Unknown

Verdict = Literal["none", "same", "anew", "unknown"]
_BLOCKS: Final = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
_ANEW: Final = re.compile(
    r"\b(?:ti|task_instance)\.(?:try_number|start_date|job_id|id|hostname|pid|queued_dttm)\b"
    r"|\butcnow\b|\bnow\s*\(|\btoday\b|\buuid|\brandom\b|\bmacros\.time\b"
)
_TEXTS: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_ROOTS: Final = re.compile(r"(?<![.\w|])\s*([A-Za-z_]\w*)")
_SAME: Final = {
    "ds",
    "ds_nodash",
    "ts",
    "ts_nodash",
    "ts_nodash_with_tz",
    "run_id",
    "dag_run",
    "logical_date",
    "params",
    "execution_date",
    "data_interval_start",
    "data_interval_end",
    "dag",
    "task",
    "macros",
    "task_instance_key_str",
    "None",
    "none",
    "True",
    "true",
    "False",
    "false",
    "if",
    "elif",
    "else",
    "endif",
    "and",
    "or",
    "not",
    "in",
    "is",
}
"""What is the same for all tries of a task."""
_OF_TASK: Final = re.compile(r"\b(?:ti|task_instance)\.(?:run_id|dag_id|task_id|map_index)\b")
_CLOCKS: Final = {
    "now",
    "utcnow",
    "today",
    "time",
    "time_ns",
    "uuid1",
    "uuid4",
    "random",
    "randint",
    "token_hex",
}
_MAKERS: Final = {
    "datetime",
    "date",
    "timedelta",
    "timezone",
    "isoformat",
    "strftime",
    "format",
    "str",
    "replace",
    "parse",
}


def verdict(value: Any, expression: ast.expr | None) -> Verdict:
    """Say what a pin does on the next try.

    :param value: the argument, or :class:`Unknown`; None if there is none.
    :param expression: the same, where the file is Python.
    """
    if value is None:
        return "none"
    if isinstance(value, str):
        return _of_template(value)
    if not isinstance(value, Unknown):
        return "same"
    return _of_expression(expression) if expression else "unknown"


def _of_template(text: str) -> Verdict:
    blocks = [first or second for first, second in _BLOCKS.findall(text)]
    if any(_ANEW.search(block) for block in blocks):
        return "anew"
    bare = [_OF_TASK.sub("", _TEXTS.sub("", block)) for block in blocks]
    roots = {root for block in bare for root in _ROOTS.findall(block)}
    return "same" if roots <= _SAME else "unknown"


def _of_expression(expression: ast.expr) -> Verdict:
    """The file is parsed again for every try, so what it calls is called again."""
    names, texts = set(), []
    called: set[str] = set()
    for node in ast.walk(expression):
        if isinstance(node, ast.Call):
            called.add(
                node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            )
        elif isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(node.value)
    if called & _CLOCKS or any(_of_template(text) == "anew" for text in texts):
        return "anew"
    known = called <= _MAKERS and names <= {*_MAKERS, "pendulum", "dt", "UTC"}
    return "same" if known and all(_of_template(text) == "same" for text in texts) else "unknown"
