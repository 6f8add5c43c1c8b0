"""Where a walk over one module puts what it finds."""

from __future__ import annotations

import ast
from typing import Any

from trigger_compat.floor.evaluate import Evaluator
from trigger_compat.floor.model import Category, Finding, Undecided
from trigger_compat.floor.scopes import Scope
from trigger_compat.floor.source import Module
from trigger_compat.floor.tables import Tables
from trigger_compat.floor.versions import NEVER


class Recorder:
    """The findings of one module."""

    def __init__(self, module: Module, tables: Tables, evaluator: Evaluator) -> None:
        self.module = module
        self.findings: list[Finding] = []
        self.open: list[Undecided] = []
        self._tables = tables
        self._evaluator = evaluator

    def lines(
        self, start: int, end: int, dies: int, category: Category, reason: str, *, branch: bool = False
    ) -> None:
        """Record whole lines."""
        self._add(
            Finding(
                file=self.module.file,
                line=start,
                end=end,
                category=category,
                dies=dies,
                reason=reason,
                branch=branch,
            )
        )

    def node(
        self,
        node: Any,
        dies: int,
        category: Category,
        reason: str,
        *,
        end: ast.stmt | None = None,
        branch: bool = False,
        whole: bool = True,
    ) -> None:
        """Record a node, with its decorators, up to its own end or that of another one."""
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
        last = (end or node).end_lineno or first
        if whole:
            self.lines(first, last, dies, category, reason, branch=branch)
            return
        text = self.module.lines[first - 1 : last]
        start, stop = _character(text[0], node.col_offset), _character(text[-1], node.end_col_offset)
        # A part that fills its lines, but for the comma or operator beside it, goes with them.
        alone = not text[0][:start].strip() and not text[-1][stop:].partition("#")[0].strip(" ,")
        self._add(
            Finding(
                file=self.module.file,
                line=first,
                end=last,
                column=start,
                end_column=stop,
                category=category,
                dies=dies,
                reason=reason,
                whole=alone,
                branch=branch,
            )
        )

    def _add(self, finding: Finding) -> None:
        # At point 0 it is dead on any release: not a matter of the version.
        if 0 < finding.dies < NEVER:
            self.findings.append(finding)

    def undecided(self, line: int, code: str, reason: str) -> None:
        """Record what depends on the version in a way that is not understood."""
        self.open.append(Undecided(file=self.module.file, line=line, code=code, reason=reason))

    def table(self, node: ast.Assign | ast.AnnAssign, name: str, scope: Scope, dies: int) -> None:
        """Look at a table of names: ``__all__``, or one of places to import from."""
        if name == "__all__":
            self._tables.exports(self, node, scope, dies)
        else:
            self._tables.fallbacks(self, node, dies)


def _character(line: str, offset: int) -> int:
    """Return the character at an offset in bytes, which is how the parser counts."""
    return offset if line.isascii() else len(line.encode()[:offset].decode(errors="ignore"))
