"""Collects what a walk over one module finds."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from trigger_compat.floor.scan.model import Category, Removal, Role, Undecided
from trigger_compat.floor.scan.releases import LAST_FLOOR, PRE_RELEASES, Point
from trigger_compat.floor.scan.source import Module
from trigger_compat.floor.scan.syntax import character, first_line, is_alone, last_line


class Recorder:
    """The removals and the open questions of one module."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.removals: list[Removal] = []
        self.open: list[Undecided] = []
        self.understood: set[int] = set()
        """The lines whose uses of the version are certain, whether a floor removes something there or not."""
        self.class_attributes: set[str] = set()
        """The names that a class of the module has for a version flag or for the version."""
        self.instance_attributes: set[str] = set()
        """The same for instances; only methods in this module are taken to use them."""

    def lines(
        self,
        start: int,
        end: int,
        point: Point,
        category: Category,
        reason: str,
        *,
        branch: bool = False,
        whole: bool = True,
        names: tuple[str, ...] = (),
        role: Role | None = None,
    ) -> None:
        """Record whole lines, from ``start`` to ``end``."""
        self._add(
            Removal(
                file=self.module.file,
                line=start,
                end=end,
                category=category,
                removable_from=point,
                reason=reason,
                whole=whole,
                branch=branch,
                names=names,
                role=role,
            )
        )

    def node(
        self,
        node: Any,
        point: Point,
        category: Category,
        reason: str,
        *,
        end: ast.stmt | None = None,
        branch: bool = False,
        names: tuple[str, ...] = (),
        role: Role | None = None,
    ) -> None:
        """Record the lines of a node with its decorators, up to its own end or that of another node."""
        first, last = first_line(node), last_line(end or node)
        whole = not isinstance(node, ast.stmt) or is_alone(self.module.lines, node, end or node)
        self.lines(first, last, point, category, reason, branch=branch, whole=whole, names=names, role=role)

    def part(
        self,
        node: Any,
        point: Point,
        category: Category,
        reason: str,
        *,
        branch: bool = False,
        replacement: str = "",
        names: tuple[str, ...] = (),
        role: Role | None = None,
    ) -> None:
        """Record a node that is a part of its lines, such as an operand or an imported name."""
        first, last = first_line(node), last_line(node)
        text = self.module.lines[first - 1 : last]
        start, stop = character(text[0], node.col_offset), character(text[-1], node.end_col_offset)
        # If nothing else is on the lines but a comma and a comment, the lines can be deleted.
        alone = not text[0][:start].strip() and not text[-1][stop:].partition("#")[0].strip(" ,")
        self._add(
            Removal(
                file=self.module.file,
                line=first,
                end=last,
                column=start,
                end_column=stop,
                category=category,
                removable_from=point,
                reason=reason,
                whole=alone,
                branch=branch,
                replacement=replacement,
                names=names,
                role=role,
            )
        )

    def _add(self, removal: Removal) -> None:
        # At point 0 the code is dead on every release: the Airflow version has nothing to do with it.
        if not 0 < removal.removable_from <= LAST_FLOOR:
            return
        if PRE_RELEASES >> removal.removable_from & 1:  # a floor is a release
            removal = replace(removal, removable_from=removal.removable_from + 1)
        self.removals.append(removal)

    def understands(self, node: Any) -> None:
        """Note that all in the lines of a node that depends on the version is certain."""
        self.understood.update(range(first_line(node), last_line(node) + 1))

    def undecided(self, line: int, code: str, reason: str) -> None:
        """Record code that depends on the version in a way that the scan does not understand."""
        self.open.append(Undecided(file=self.module.file, line=line, code=code, reason=reason))
