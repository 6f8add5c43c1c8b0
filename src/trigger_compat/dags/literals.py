"""What an expression of a dag file is worth, as far as the file alone says."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_CHANGING: Final = {"update", "pop", "setdefault", "clear", "popitem"}


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that only a run of the file would tell.

    :param source: the expression.
    """

    source: str


@dataclass(frozen=True, slots=True)
class Defaults:
    """The ``default_args`` that reach a task.

    :param complete: nothing else can be in them.
    """

    values: Mapping[str, Any]
    complete: bool

    def over(self, outer: Defaults) -> Defaults:
        """Return both, where the inner ones win."""
        values = outer.values if self.complete else dict.fromkeys(outer.values, Unknown("default_args"))
        return Defaults({**values, **self.values}, self.complete and outer.complete)


NO_DEFAULTS: Final = Defaults({}, complete=True)
UNKNOWN_DEFAULTS: Final = Defaults({}, complete=False)


class Constants:
    """The names that a module assigns once, at its top."""

    def __init__(self, tree: ast.Module) -> None:
        assigned = Counter(name for node in ast.walk(tree) for name in _changed(node))
        self.values: dict[str, ast.expr] = {}
        for node in tree.body:
            value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
            for name in _changed(node):
                if value is not None and assigned[name] == 1:
                    self.values[name] = value

    def node(self, expression: ast.expr) -> ast.expr:
        """Return what a name stands for, or the expression itself."""
        for _ in range(5):
            if not isinstance(expression, ast.Name) or expression.id not in self.values:
                break
            expression = self.values[expression.id]
        return expression

    def value(self, expression: ast.expr) -> Any:
        """Return the value of a literal or of a name that is one, else :class:`Unknown`."""
        try:
            return ast.literal_eval(self.node(expression))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return Unknown(ast.unparse(expression))

    def defaults(self, expression: ast.expr) -> Defaults:
        """Return the entries of a dictionary; others than literal ones are unknown, but are there."""
        node = self.node(expression)
        if isinstance(node, ast.Constant) and node.value is None:
            return NO_DEFAULTS
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
            pairs = [(word.arg, word.value) for word in node.keywords]
            inner = self.defaults(node.args[0]) if node.args else NO_DEFAULTS
            return self._of_pairs(pairs, inner)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self.defaults(node.right).over(self.defaults(node.left))
        if not isinstance(node, ast.Dict):
            return UNKNOWN_DEFAULTS
        keys = [None if key is None else self.value(key) for key in node.keys]
        return self._of_pairs(list(zip(keys, node.values, strict=True)), NO_DEFAULTS)

    def _of_pairs(self, pairs: list[tuple[Any, ast.expr]], found: Defaults) -> Defaults:
        for key, value in pairs:
            if key is None:
                found = self.defaults(value).over(found)
            elif isinstance(key, str):
                found = Defaults({key: self.value(value)}, complete=True).over(found)
            else:
                found = UNKNOWN_DEFAULTS.over(found)
        return found


def _changed(node: ast.AST) -> list[str]:
    """Return the names that a statement gives a value or changes in place."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        targets = [node.target]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGING:
        targets = [node.func.value]
    names = [target.value if isinstance(target, ast.Subscript) else target for target in targets]
    return [name.id for name in names if isinstance(name, ast.Name)]
