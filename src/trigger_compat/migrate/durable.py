"""``migrate --durable``: gives ``durable=True`` to the triggers that wait and are tried again."""

from __future__ import annotations

import ast
import re

from trigger_compat.dags import triggers
from trigger_compat.dags.files import line_end, line_starts, newline_of
from trigger_compat.dags.literals import Unknown
from trigger_compat.migrate.edits import Changes, Edit
from trigger_compat.migrate.homes import NOT_DURABLE
from trigger_compat.migrate.python import PythonFile
from trigger_compat.parsing import parse_python

NO_RETRIES = "waits, but has no retries here: durable=True was not added"


def add(file: PythonFile, done: Changes) -> None:
    """Add the edits of the calls whose operator is this package's, or becomes so by the other edits."""
    try:
        tree = parse_python(file.text)
    except (SyntaxError, ValueError) as error:
        done.leave(0, f"durable=True was not added: this Python cannot parse the file: {error}")
        return
    starts = line_starts(file.text)
    stays = {remark.at for remark in done.remarks if remark.reason.startswith("not rewritten")}
    for trigger in triggers.find(tree):
        at = starts[trigger.line - 1]
        if trigger.operator not in ("ours", "upstream") or (trigger.operator == "upstream" and stays):
            done.leave(at, "durable=True was not added: the operator is not this package's")
        elif "durable" not in trigger.arguments and trigger.get("durable", False) is not True:
            _add(file, trigger, starts, done)


def _add(file: PythonFile, trigger: triggers.Trigger, starts: list[int], done: Changes) -> None:
    at = starts[trigger.line - 1]
    waits, retries = trigger.get("wait_for_completion", False), trigger.get("retries", None)
    if not isinstance(waits, bool):
        source = waits.source if isinstance(waits, Unknown) else repr(waits)
        done.leave(at, f"durable=True was not added: whether it waits is unknown ({source})")
    elif not waits:
        return
    elif retries is None:
        done.leave(at, NO_RETRIES)
    elif retries != 0 and trigger.node and trigger.node.keywords:
        _write(file, trigger.node, starts, done)


def _write(file: PythonFile, call: ast.Call, starts: list[int], done: Changes) -> None:
    words = call.keywords
    named = [word for word in words if word.arg == "wait_for_completion"]
    place = (named or words)[0]
    start = starts[place.lineno - 1]
    # The columns of the ast module count the bytes of UTF-8.
    column = len(file.text[start : line_end(file.text, start)].encode()[: place.col_offset].decode())
    at, before = start + column, file.text[start : start + column]
    end = line_end(file.text, at)
    if not before.strip():
        line = f"{before}durable=True,{NOT_DURABLE}{newline_of(file.text, at)}"
        done.edits.append(Edit(start, start, line))
    elif file.in_string(end) or re.search(r"\\$", file.text[start:end]):
        done.leave(at, "durable=True was not added: its line goes on, so there is no place for the mark")
    else:
        done.edits += [Edit(at, at, "durable=True, "), Edit(end, end, NOT_DURABLE)]
