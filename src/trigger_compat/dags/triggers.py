"""The triggers of a dag file: who calls which operator, with which arguments and default_args."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trigger_compat.dags.literals import NO_DEFAULTS, UNKNOWN_DEFAULTS, Constants, Defaults, Unknown
from trigger_compat.dags.names import OPERATOR, OURS, UPSTREAM


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One call of the operator.

    :param operator: ``ours``, ``upstream``, or where the name comes from.
    :param arguments: those of the call, each a value or :class:`~trigger_compat.dags.literals.Unknown`.
    :param expressions: the same as expressions.
    :param complete: there are no others: no ``**arguments``.
    :param node: the call, where the file is Python.
    """

    line: int
    operator: str
    arguments: Mapping[str, Any]
    complete: bool
    defaults: Defaults
    expressions: Mapping[str, ast.expr]
    node: ast.Call | None = None

    def get(self, name: str, otherwise: Any) -> Any:
        """Return an argument, or what default_args say, or what a task gets that has neither."""
        for values, complete in (
            (self.arguments, self.complete),
            (self.defaults.values, self.defaults.complete),
        ):
            if name in values:
                return values[name]
            if not complete:
                return Unknown("default_args" if values is self.defaults.values else "**")
        return otherwise


def find(tree: ast.Module) -> list[Trigger]:
    """Return the triggers of a module, in order."""
    return sorted(_Finder(tree).found, key=lambda each: each.line)


class _Finder(ast.NodeVisitor):
    def __init__(self, tree: ast.Module) -> None:
        self.constants = Constants(tree)
        self.operators, self.dag_names = _imported(tree)
        self._find_subclasses(tree)
        self.contexts: list[Defaults] = []
        self.dags = {
            name: self._of_dag(value)
            for name, value in self.constants.values.items()
            if isinstance(value, ast.Call) and self._called(value) in self.dag_names
        }
        self.expanded: dict[ast.Call, ast.Call] = {}
        self.found: list[Trigger] = []
        self.visit(tree)

    # What gives its tasks default_args

    def visit_With(self, node: ast.With) -> None:
        depth = len(self.contexts)
        for item in node.items:
            if (given := self._of_context(item.context_expr)) is not None:
                self.contexts.append(given)
        self.generic_visit(node)
        del self.contexts[depth:]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for decorator in node.decorator_list:
            called = decorator if isinstance(decorator, ast.Call) else None
            if self._name(called.func if called else decorator) in ("dag", "task_group"):
                of_dag = self._name(called.func if called else decorator) == "dag"
                given = self._given(called) if called else NO_DEFAULTS
                outer = NO_DEFAULTS if of_dag else self._here()
                saved, self.contexts = self.contexts, [given.over(outer)]
                self.generic_visit(node)
                self.contexts = saved
                return
        saved, self.contexts = self.contexts, self.contexts if self._in_dag_function(node) else []
        self.generic_visit(node)
        self.contexts = saved

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("expand", "expand_kwargs"):
            inner = node.func.value
            if isinstance(inner, ast.Call):
                self.expanded[inner] = node
        if operator := self._operator(node.func):
            self._add(node, operator)
        self.generic_visit(node)

    def _add(self, node: ast.Call, operator: str) -> None:
        words = list(node.keywords)
        arguments = {word.arg: self.constants.value(word.value) for word in words if word.arg}
        expressions = {word.arg: word.value for word in words if word.arg}
        complete = all(word.arg for word in words) and not node.args and not operator.startswith("subclass")
        if over := self.expanded.get(node):
            for word in over.keywords:
                if word.arg:  # one value for each mapped task
                    arguments[word.arg] = Unknown(ast.unparse(word.value))
                    expressions[word.arg] = word.value
            complete = complete and not over.args and all(word.arg for word in over.keywords)
        defaults = self._here()
        if "dag" in expressions and isinstance(dag := expressions["dag"], ast.Name):
            defaults = self.dags.get(dag.id, UNKNOWN_DEFAULTS)
        if "task_group" in expressions:
            defaults = UNKNOWN_DEFAULTS
        if "default_args" in expressions:
            defaults = self.constants.defaults(expressions["default_args"]).over(defaults)
        self.found.append(
            Trigger(
                line=node.lineno,
                operator=operator,
                arguments=arguments,
                complete=complete,
                defaults=defaults,
                expressions=expressions,
                node=node,
            )
        )

    def _here(self) -> Defaults:
        return self.contexts[-1] if self.contexts else UNKNOWN_DEFAULTS

    def _in_dag_function(self, node: ast.FunctionDef) -> bool:
        """Whether a function is one inside of a dag; a function of the module may be called from any dag."""
        return bool(self.contexts) and node.col_offset > 0

    def _of_context(self, expression: ast.expr) -> Defaults | None:
        if isinstance(expression, ast.Name) and expression.id in self.dags:
            return self.dags[expression.id]
        if not isinstance(expression, ast.Call):
            return None
        if self._called(expression) in self.dag_names:
            return self._of_dag(expression)
        if self._called(expression) == "TaskGroup":
            return self._given(expression).over(self._here())
        return None

    def _of_dag(self, call: ast.Call) -> Defaults:
        return self._given(call)

    def _given(self, call: ast.Call) -> Defaults:
        for word in call.keywords:
            if word.arg == "default_args":
                return self.constants.defaults(word.value)
        return NO_DEFAULTS if all(word.arg for word in call.keywords) else UNKNOWN_DEFAULTS

    # What is called

    def _find_subclasses(self, tree: ast.Module) -> None:
        """Take the classes of this file that are made from the operator for what they are."""
        for node in ast.walk(tree):  # a class stands before those that are made from it
            if isinstance(node, ast.ClassDef):
                for operator in filter(None, map(self._operator, node.bases)):
                    of = operator.removeprefix("subclass of ")
                    self.operators[node.name] = f"subclass of {of}"

    def _called(self, call: ast.Call) -> str:
        return self._name(call.func)

    def _name(self, expression: ast.expr) -> str:
        if isinstance(expression, ast.Attribute):
            return expression.attr
        return expression.id if isinstance(expression, ast.Name) else ""

    def _operator(self, called: ast.expr) -> str | None:
        """Return the operator that is called, by itself or by ``partial``."""
        if isinstance(called, ast.Attribute) and called.attr == "partial":
            called = called.value
        if isinstance(called, (ast.Name, ast.Attribute)):
            dotted = ast.unparse(called)
            if dotted in self.operators:
                return self.operators[dotted]
            if self._name(called) == OPERATOR:
                return "unknown: " + dotted
        return None


def home(module: str) -> str:
    """Return ``ours``, ``upstream``, or the module that is neither."""
    if module == OURS:
        return "ours"
    return "upstream" if module in UPSTREAM else f"unknown: from {module}"


def _imported(tree: ast.Module) -> tuple[dict[str, str], set[str]]:
    """Return what a file calls the operator and where that is from, and what it calls a dag."""
    operators: dict[str, str] = {}
    dags = {"DAG"}
    for node, module, name, bound in _names(tree):
        if isinstance(node, ast.ImportFrom):
            if name == OPERATOR:
                operators[bound] = home(module)
            elif name == "DAG":
                dags.add(bound)
            elif f"{module}.{name}" in UPSTREAM:
                operators[f"{bound}.{OPERATOR}"] = "upstream"
        elif name == OURS or name in UPSTREAM:
            operators[f"{bound}.{OPERATOR}"] = home(name)
    return operators, dags


def _names(tree: ast.Module) -> Iterator[tuple[ast.AST, str, str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, "", alias.name, alias.asname or alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((node, module, alias.name, alias.asname or alias.name) for alias in node.names)
