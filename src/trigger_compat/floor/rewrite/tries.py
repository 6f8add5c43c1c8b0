"""``try`` around imports: without handlers that catch nothing, or left to the handler of one that fails."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from trigger_compat.floor.rewrite.blocks import Blocks
from trigger_compat.floor.scan.imports import CATCH_IMPORT_ERRORS, caught
from trigger_compat.floor.scan.syntax import last_line


class Tries(Blocks):
    """Rewrites ``try`` statements."""

    def rewrite_try(self, node: ast.Try) -> bool:
        """Rewrite ``try``, without the handlers that catch nothing any more."""
        handlers = [
            handler
            for handler in node.handlers
            if not self._decisions.drops(handler.lineno, last_line(handler))
        ]
        fails = [
            statement
            for statement in node.body
            if isinstance(statement, (ast.Import, ast.ImportFrom))
            and self._decisions.is_dead_alone(statement)
        ]
        if fails:
            return self._import_fails(node, handlers)
        if not handlers and not node.finalbody:
            return self._no_handlers(node)
        return self._some_handlers(node, handlers)

    def _some_handlers(self, node: ast.Try, handlers: Sequence[ast.ExceptHandler]) -> bool:
        """Leave the handlers that may still catch something."""
        is_empty = self._block(node.body)
        other_goes = not node.orelse or self._block(node.orelse)
        for handler in handlers:
            self._fill(handler.body)
        if node.finalbody:
            self._fill(node.finalbody)
        elif is_empty and other_goes:
            return True  # nothing is left that could fail
        if is_empty:
            self._pass(node.body)
        for handler in node.handlers:
            if handler not in handlers:
                end = self._block_end(handler.body, node.col_offset)
                self._delete_lines(self._lead(handler.lineno), end)
        if node.orelse:
            before = node.handlers[-1] if node.handlers else node.body[-1]
            line = self._keyword("else", before, node.orelse[0])
            if other_goes:
                self._delete_lines(line, self._block_end(node.orelse, node.col_offset))
            elif not handlers:
                self._delete_lines(line, self._header_end(node.orelse[0]))
        return False

    def _no_handlers(self, node: ast.Try) -> bool:
        """Leave what is tried, and the ``else`` block, without the ``try``."""
        is_empty = self._block(node.body)
        other_is_empty = not node.orelse or self._block(node.orelse)
        last = self._block_end([node.handlers[-1] if not node.orelse else node.orelse[-1]], node.col_offset)  # type: ignore[list-item]
        if is_empty and other_is_empty:
            return True
        if not is_empty:
            end = self._block_end(node.body, node.col_offset)
            self._take_place(node, node.body, from_line=node.lineno, last=last if other_is_empty else end)
            if other_is_empty:
                return False
            self._take_place(node, node.orelse, from_line=end + 1, last=last)
            return False
        self._take_place(node, node.orelse, from_line=node.lineno, last=last)
        return False

    def _import_fails(self, node: ast.Try, handlers: Sequence[ast.ExceptHandler]) -> bool:
        """Leave the handler of an import that no release has any more, if that is all that happens.

        Before: ``try: from airflow.datasets import Dataset``, ``except ImportError: Dataset = None``
        After 3.2: ``Dataset = None``
        """
        handler = handlers[0] if handlers else None
        if (
            handler is None
            or not self._decisions.is_dead_alone(node.body[0])
            or not caught(handler) & CATCH_IMPORT_ERRORS
            or node.finalbody
            or _uses_error(handler)
        ):
            return False  # left as it is
        if self._block(handler.body):
            return True
        last = self._block_end([node.orelse[-1] if node.orelse else node.handlers[-1]], node.col_offset)  # type: ignore[list-item]
        self._take_place(node, handler.body, from_line=node.lineno, last=last)
        return False


def _uses_error(handler: ast.ExceptHandler) -> bool:
    return any(
        (isinstance(node, ast.Raise) and node.exc is None)
        or (isinstance(node, ast.Name) and node.id == handler.name)
        for statement in handler.body
        for node in ast.walk(statement)
    )
