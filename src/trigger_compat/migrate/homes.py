"""Where upstream's operator lives and has lived, and the marks that remember it."""

from __future__ import annotations

import re
from typing import Final

from trigger_compat.dags.names import OPERATOR, OURS, UPSTREAM

NAMES: Final = ("DagIsPaused", "TriggerDagRunLink", OPERATOR)
"""What both modules have."""
MODULES: Final = dict(
    zip(("airflow.providers.standard", "airflow.operators", UPSTREAM[-1]), UPSTREAM, strict=True)
)
"""Upstream's modules, by what a mark calls them."""
STANDARD: Final = UPSTREAM[0]
SHORT: Final = {module: short for short, module in MODULES.items()}
THEIRS: Final = re.compile(rf"\b{OPERATOR}\b|\.trigger_dagrun\b|\bdagrun_operator\b")
"""What makes a text one that mentions upstream's operator."""
MENTIONS_OURS: Final = re.compile(rf"\b{OURS}\b")

MARK: Final = "  # was: "
SPLIT: Final = "  # was, with the import before: "
NOT_MIGRATED: Final = "this command did not write it, so it stays; --all rewrites it too"
NOT_DURABLE: Final = f"{MARK}not durable"
SHORT_MARKS: Final = re.compile(
    rf"{re.escape(MARK)}({'|'.join(map(re.escape, sorted(MODULES, key=len, reverse=True)))})(?=  #|\r|$)",
    re.MULTILINE,
)
WHOLE_MARK: Final = re.compile(rf"({re.escape(MARK)}|{re.escape(SPLIT)})((?:from|import)\b[^\r\n]*)")


def escaped(statement: str) -> str:
    """Return a statement as one line."""
    return statement.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")


def unescaped(line: str) -> str:
    letters = {"r": "\r", "n": "\n"}
    return re.sub(r"\\(.)", lambda found: letters.get(found[1], found[1]), line)
