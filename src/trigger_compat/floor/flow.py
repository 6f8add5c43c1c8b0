"""Walks a module as its releases do: which of them come to a statement, and from which floor on none does.

The walk is done twice. The first pass binds the names of the module; the second goes into functions and
reports.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from trigger_compat.floor import imports
from trigger_compat.floor.evaluate import Evaluator
from trigger_compat.floor.expressions import Expressions
from trigger_compat.floor.findings import Recorder
from trigger_compat.floor.imports import Attempt
from trigger_compat.floor.model import Category
from trigger_compat.floor.names import Names
from trigger_compat.floor.scopes import Scope, function_scope, stored_names
from trigger_compat.floor.source import Module
from trigger_compat.floor.values import (
    NOWHERE,
    Constant,
    Function,
    PerRelease,
    Reach,
    SkipMark,
    Unknown,
    truth,
)
from trigger_compat.floor.versions import EVERY, NEVER, death, shown

Definition = ast.FunctionDef | ast.AsyncFunctionDef
_ENDING_CALLS: Final = {"pytest.skip", "pytest.fail", "pytest.exit", "sys.exit", "self.skipTest", "self.fail"}
_SWALLOWS: Final = re.compile(r"\b(suppress|raises|assertRaises\w*|warns|pytest\.raises)\b")


class Walker:
    """One pass over one module.

    :param recorder: where findings go; None in the pass that only binds names.
    :param floor: the point of the floor that the metadata of the source state.
    """

    def __init__(
        self,
        module: Module,
        scope: Scope,
        evaluator: Evaluator,
        names: Names,
        *,
        recorder: Recorder | None = None,
        floor: int = 0,
    ) -> None:
        self.module = module
        self.floor = floor
        self.names = names
        self.evaluator = evaluator
        self.recorder = recorder
        self.binds: bool = recorder is None
        self.scope: Scope = scope
        self.attempts: list[Attempt] = []
        self.expressions: Expressions | None = Expressions(evaluator, recorder) if recorder else None

    def walk(self) -> None:
        """Walk the whole module."""
        self._body(self.module.tree.body, Reach(), NEVER)

    # blocks

    def block(self, body: Sequence[ast.stmt], reach: Reach, dies: int) -> Reach:
        """Walk statements; return which releases come to their end.

        :param dies: the point from which on all of this is known to be dead.
        """
        for statement in body:
            here = death(reach.may)
            if here < dies:
                reason = f"what is before it never lets Airflow >= {shown(here)} pass"
                self._record(statement, here, Category.DEAD, reason, end=body[-1], branch=True)
                dies = here
            reach = self.statement(statement, reach, dies)
        return reach

    def _body(self, body: Sequence[ast.stmt], reach: Reach, dies: int) -> Reach:
        """Walk the body of a module or class, whose tests ``pytestmark`` may skip as a whole."""
        mark = next((found for each in body if (found := self._module_mark(each))), None)
        self._skips.append(mark.skips if mark else 0)
        try:
            return self.block(body, reach, dies)
        finally:
            self._skips.pop()

    @property
    def _skips(self) -> list[int]:
        if not hasattr(self, "_skip_stack"):
            self._skip_stack: list[int] = []
        return self._skip_stack

    def _module_mark(self, node: ast.stmt) -> SkipMark | None:
        named = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if not named or node.targets[0].id != "pytestmark":  # type: ignore[attr-defined]
            return None
        value = self.evaluator.value(node.value, self.scope)  # type: ignore[attr-defined]
        return value if isinstance(value, SkipMark) else None

    def statement(self, node: ast.stmt, reach: Reach, dies: int) -> Reach:
        """Walk one statement; return which releases come to what follows it."""
        method = self._STATEMENTS.get(type(node), Walker._other)
        return method(self, node, reach, dies)

    # conditions

    def _if(self, node: ast.If, reach: Reach, dies: int) -> Reach:
        true, false = self.evaluator.truth(node.test, self.scope)
        self._may_raise(reach, node.test)
        then, other = reach.when(true, false), reach.when(false, true)
        then_dies, else_dies = min(dies, death(then.may)), min(dies, death(other.may))
        about = _short(node.test)
        if then_dies < dies and self._restates(node, then_dies):
            self._record(
                node, then_dies, Category.RESTATED, "it refuses an Airflow that the metadata refuse too"
            )
        elif then_dies < dies:
            self._record(
                node,
                then_dies,
                Category.DEAD,
                f"{about} is false on Airflow >= {shown(then_dies)}",
                end=node.body[-1],
                branch=True,
            )
            if node.orelse and not self._is_elif(node):
                self._record_header(node.orelse[0], node.body[-1], then_dies, f"{about} is always false then")
        elif else_dies < dies:
            reason = f"{about} is true on Airflow >= {shown(else_dies)}"
            self._record_lines(
                node.lineno, header_end(node, self.module.lines), else_dies, Category.CONSTANT, reason
            )
            if node.orelse:
                first = node.orelse[0]
                start = first.lineno if self._is_elif(node) else self._header_line(first, node.body[-1])
                self._record_lines(
                    start, node.end_lineno or start, else_dies, Category.DEAD, reason, branch=True
                )
        self._expression(node.test, reach, min(then_dies, else_dies))
        after_then = self.block(node.body, then, then_dies)
        return after_then | (self.block(node.orelse, other, else_dies) if node.orelse else other)

    def _restates(self, node: ast.If, dies: int) -> bool:
        """Say whether it is the check that a package makes of its own floor when it is imported."""
        checks = self.scope.parent is None and not node.orelse and isinstance(node.body[-1], ast.Raise)
        return checks and len(node.body) == 1 and dies <= self.floor

    @staticmethod
    def _is_elif(node: ast.If) -> bool:
        one = node.orelse[0] if len(node.orelse) == 1 else None
        return isinstance(one, ast.If) and one.col_offset == node.col_offset

    def _while(self, node: ast.While, reach: Reach, dies: int) -> Reach:
        true, false = self.evaluator.truth(node.test, self.scope)
        inside = reach.when(true, false)
        inside_dies = min(dies, death(inside.may))
        if inside_dies < dies:
            reason = f"{_short(node.test)} is false on Airflow >= {shown(inside_dies)}"
            self._record(node, inside_dies, Category.DEAD, reason, end=node.body[-1], branch=True)
        self._expression(node.test, reach, inside_dies)
        self.block(node.body, Reach(inside.may, 0), inside_dies)
        self.block(node.orelse, Reach(reach.may, 0), dies)
        endless = isinstance(node.test, ast.Constant) and node.test.value and not _contains(node, ast.Break)
        return NOWHERE if endless else reach

    def _match(self, node: ast.Match, reach: Reach, dies: int) -> Reach:
        self._expression(node.subject, reach, dies)
        left, after = reach, NOWHERE
        for case in node.cases:
            true, false = self._pattern(case.pattern, node.subject)
            if case.guard:
                guard_true, guard_false = self.evaluator.truth(case.guard, self.scope)
                true, false = true & guard_true, false | guard_false
            here = left.when(true, false)
            here_dies = min(dies, death(here.may))
            if here_dies < dies:
                reason = f"case {_short(case.pattern)} matches on no Airflow >= {shown(here_dies)}"
                start = case.pattern.lineno
                self._record_lines(
                    start, case.body[-1].end_lineno or start, here_dies, Category.DEAD, reason, branch=True
                )
            after = after | self.block(case.body, here, here_dies)
            left = left.when(false, true)
        return after | left

    def _pattern(self, pattern: ast.pattern, subject: ast.expr) -> tuple[int, int]:
        if isinstance(pattern, ast.MatchAs) and pattern.pattern is None:
            return EVERY, 0
        if isinstance(pattern, ast.MatchOr):
            truths = [self._pattern(each, subject) for each in pattern.patterns]
            true, false = truths[0]
            for more_true, more_false in truths[1:]:
                true, false = true | more_true, false & more_false
            return true, false
        if isinstance(pattern, (ast.MatchValue, ast.MatchSingleton)):
            value = pattern.value if isinstance(pattern, ast.MatchValue) else ast.Constant(pattern.value)
            return self.evaluator.truth(ast.Compare(subject, [ast.Eq()], [value]), self.scope)
        return 0, 0

    # imports and what catches their failure

    def _import(self, node: ast.Import | ast.ImportFrom, reach: Reach, dies: int) -> Reach:
        if self.binds or self.scope.parent is not None:
            self.evaluator.bind_import(node, self.scope, reach, self.module.package)
        if self.recorder and isinstance(node, ast.ImportFrom):
            self._flag_imports(node, reach, dies)
        if not self.attempts:
            return reach
        found = imports.effect(node, self.module.package, self.names)
        self.attempts[-1].imported(found, reach)
        passes = Reach(reach.may & ~found.fails, reach.must & found.works)
        passes_dies = death(passes.may)
        if passes_dies < dies and reach.may:
            reason = f"Airflow >= {shown(passes_dies)} has no {found.about}"
            self._record(node, passes_dies, Category.DEAD, reason, branch=True)
        return passes

    def _flag_imports(self, node: ast.ImportFrom, reach: Reach, dies: int) -> None:
        """An imported flag goes with its meaning."""
        points = {}
        for alias in node.names:
            value = self.scope.lookup(alias.asname or alias.name)
            if isinstance(value, PerRelease) and value.is_boolean:
                points[alias] = constant_from(value, reach)
        ends = {alias: point for alias, point in points.items() if point < dies}
        if not ends:
            return
        last = max(ends.values()) if len(ends) == len(node.names) else NEVER
        for alias, point in ends.items():
            if point < last:
                reason = f"{alias.name} says nothing any more on Airflow >= {shown(point)}"
                self._record(alias, point, Category.FLAG, reason, whole=False)
        if last < NEVER:
            names = ", ".join(alias.name for alias in ends)
            reason = f"{names} says nothing any more on Airflow >= {shown(last)}"
            self._record(node, last, Category.FLAG, reason)

    def _try(self, node: ast.Try, reach: Reach, dies: int) -> Reach:
        kinds = [imports.caught(handler) for handler in node.handlers]
        relevant = any(kind & (imports.IMPORT_ERRORS | {imports.MODULE_ERROR}) for kind in kinds)
        attempt = Attempt()
        with self._attempting(attempt if relevant else None):
            body_reach = self.block(node.body, reach, dies)
        after = self.block(node.orelse, body_reach, min(dies, death(body_reach.may)))
        ends: list[int] = []
        for handler, kind in zip(node.handlers, kinds, strict=True):
            handled = self._handled(kind, attempt, reach) if relevant else Reach(reach.may, 0)
            point = min(dies, death(handled.may))
            ends.append(point)
            if point < dies:
                about = " and ".join(attempt.about[:2]) or "what is tried"
                reason = f"Airflow >= {shown(point)} has {about}"
                self._record(handler, point, Category.DEAD, reason, branch=True)
            after = after | self.block(handler.body, handled, point)
        if ends and max(ends) < dies and not node.finalbody:
            reason = f"nothing in it fails on Airflow >= {shown(max(ends))}"
            self._record_lines(node.lineno, node.lineno, max(ends), Category.CONSTANT, reason)
            if node.orelse:
                self._record_header(node.orelse[0], node.handlers[-1].body[-1], max(ends), reason)
        elif relevant and attempt.reasons and min(ends) == dies:
            self._undecided_import(node, attempt)
        if node.finalbody:
            final = self.block(node.finalbody, reach, dies)
            after = Reach(after.may & final.may, after.must & final.must)
        return after

    @staticmethod
    def _handled(kind: set[str], attempt: Attempt, reach: Reach) -> Reach:
        """Return the releases that come to a handler."""
        if kind & imports.IMPORT_ERRORS:
            broad = kind - {"ImportError", imports.MODULE_ERROR, "AttributeError"}
            if broad and not attempt.only_imports:
                return Reach(reach.may, 0)
            return Reach(attempt.may, attempt.must)
        if kind == {imports.MODULE_ERROR}:
            return Reach(attempt.missing, attempt.must & attempt.missing)
        return Reach(reach.may, 0)

    def _undecided_import(self, node: ast.stmt, attempt: Attempt) -> None:
        ours = any(about.startswith("airflow.") for about in attempt.about)
        if self.recorder and ours:
            self.recorder.undecided(
                node.lineno, "try: import " + " and ".join(attempt.about[:2]), attempt.reasons[0]
            )

    def _with(self, node: ast.With | ast.AsyncWith, reach: Reach, dies: int) -> Reach:
        for item in node.items:
            self._expression(item.context_expr, reach, dies)
            self._may_raise(reach, item.context_expr)
        suppressed = self._suppressed(node)
        attempt = Attempt()
        with self._attempting(attempt if suppressed else self.attempts[-1] if self.attempts else None):
            inside = self.block(node.body, reach, dies)
        if suppressed:
            point = death(attempt.may)
            if point < dies:
                about = " and ".join(attempt.about[:2])
                self._record_lines(
                    node.lineno,
                    node.lineno,
                    point,
                    Category.CONSTANT,
                    f"Airflow >= {shown(point)} has {about}: there is nothing to suppress",
                )
            elif attempt.reasons:
                self._undecided_import(node, attempt)
        swallows = any(_SWALLOWS.search(ast.unparse(item.context_expr)) for item in node.items)
        return reach if swallows or _contains(node, ast.Raise) else inside

    @staticmethod
    def _suppressed(node: ast.With | ast.AsyncWith) -> bool:
        """Say whether it is ``with suppress(ImportError)``."""
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] == "suppress":
                return bool(imports.names_of(call.args) & {"ImportError", imports.MODULE_ERROR})
        return False

    @contextmanager
    def _attempting(self, attempt: Attempt | None) -> Iterator[None]:
        """Let imports note their failures in this attempt; None: nobody asks for them."""
        before = self.attempts
        self.attempts = [attempt] if attempt else []
        try:
            yield
        finally:
            self.attempts = before

    def _may_raise(self, reach: Reach, *nodes: ast.AST | None) -> None:
        """Note that an expression inside a ``try`` may fail for reasons of its own."""
        if self.attempts and not all(map(imports.harmless, nodes)):
            self.attempts[-1].anything(reach, "other code in the same try block may raise it too")

    # definitions

    def _function(self, node: Definition, reach: Reach, dies: int) -> Reach:
        if self.binds or self.scope.parent is not None:
            self.scope.bind(node.name, Function(node, self.scope), reach)
        if not self.recorder:
            return reach
        inside, inside_dies = self._decorated(node, reach, dies)
        arguments = node.args
        for each in (*arguments.defaults, *arguments.kw_defaults):
            self._expression(each, inside, inside_dies)
        value = self.evaluator.returned(Function(node, self.scope)) if not _takes_arguments(node) else None
        if (
            isinstance(value, PerRelease)
            and value.is_boolean
            and (point := constant_from(value, inside)) < inside_dies
        ):
            self._record(
                node, point, Category.FLAG, f"{node.name}() has one answer on Airflow >= {shown(point)}"
            )
            return reach
        outer, attempts = self.scope, self.attempts
        self.scope, self.attempts = function_scope(node, outer), []
        try:
            self.block(node.body, Reach(inside.may, inside.may), inside_dies)
        finally:
            self.scope, self.attempts = outer, attempts
        return reach

    def _decorated(self, node: Definition | ast.ClassDef, reach: Reach, dies: int) -> tuple[Reach, int]:
        """Judge the decorators; return which releases run what they decorate."""
        skips, runs, marks = 0, EVERY, []
        for decorator in node.decorator_list:
            value = self.evaluator.value(decorator, self.scope)
            if isinstance(value, SkipMark):
                skips |= value.skips
                runs &= value.runs
                marks.append((decorator, value))
            else:
                self._expression(decorator, reach, dies)
        if node.name.lower().startswith("test"):
            skips |= self._skips[-1] if self._skips else 0
        inside = Reach(reach.may & ~skips, reach.must & ~skips)
        point = min(dies, death(inside.may))
        if point < dies:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            reason = f"it is skipped on Airflow >= {shown(point)}"
            self._record_lines(first, node.end_lineno or first, point, Category.DEAD, reason, branch=True)
        for decorator, mark in marks:
            idle = death(reach.may & ~mark.runs)
            if idle < point:
                self._record(
                    decorator, idle, Category.CONSTANT, f"it skips nothing on Airflow >= {shown(idle)}"
                )
        return inside, point

    def _class(self, node: ast.ClassDef, reach: Reach, dies: int) -> Reach:
        inside, inside_dies = self._decorated(node, reach, dies) if self.recorder else (reach, dies)
        for each in (*node.bases, *(keyword.value for keyword in node.keywords)):
            self._expression(each, inside, inside_dies)
        outer = self.scope
        local, unstable = stored_names(node.body)
        self.scope = Scope(outer, local=local, unstable=unstable, is_class=True)
        try:
            self._body(node.body, inside, inside_dies)
        finally:
            self.scope = outer
        if self.binds or self.scope.parent is not None:
            self.scope.bind(node.name, Unknown(), reach)
        return reach

    # the rest

    def _assign(self, node: ast.Assign | ast.AnnAssign, reach: Reach, dies: int) -> Reach:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        self._may_raise(reach, node.value)
        if len(targets) != 1 or not isinstance(targets[0], ast.Name) or node.value is None:
            self._expression(node.value, reach, dies)
            for target in targets:
                self._expression(target, reach, dies)
            return reach
        name = targets[0].id
        value = self.evaluator.value(node.value, self.scope)
        if self.binds or self.scope.parent is not None:
            self.scope.bind(name, value, reach)
        if self.recorder and not self._flag_definition(node, name, value, reach, dies):
            self._expression(node.value, reach, dies)
            if name == "__all__" or (isinstance(node.value, ast.Dict)):
                self.recorder.table(node, name, self.scope, dies)
        return reach

    def _flag_definition(
        self, node: ast.Assign | ast.AnnAssign, name: str, value: Any, reach: Reach, dies: int
    ) -> bool:
        if isinstance(value, Constant) and isinstance(value.value, bool):
            value = self.scope.lookup(name)  # one of several that depend on the release
        if not (isinstance(value, PerRelease) and value.is_boolean):
            return False
        point = constant_from(value, reach)
        if point < dies:
            self._record(node, point, Category.FLAG, f"{name} has one value on Airflow >= {shown(point)}")
        return point < dies

    def _end(self, node: ast.stmt, reach: Reach, dies: int) -> Reach:
        self._other(node, reach, dies)
        return NOWHERE

    def _raise(self, node: ast.Raise, reach: Reach, dies: int) -> Reach:
        self._other(node, reach, dies)
        if self.attempts:
            self.attempts[-1].anything(reach, "the try block itself raises")
        return NOWHERE

    def _call(self, node: ast.Expr, reach: Reach, dies: int) -> Reach:
        self._other(node, reach, dies)
        call = node.value
        ends = isinstance(call, ast.Call) and ast.unparse(call.func) in _ENDING_CALLS
        return NOWHERE if ends else reach

    def _loop(self, node: ast.For | ast.AsyncFor, reach: Reach, dies: int) -> Reach:
        self._expression(node.iter, reach, dies)
        self._may_raise(reach, node.iter)
        self.block(node.body, Reach(reach.may, 0), dies)
        self.block(node.orelse, Reach(reach.may, 0), dies)
        return reach

    def _other(self, node: ast.stmt, reach: Reach, dies: int) -> Reach:
        for child in ast.iter_child_nodes(node):
            self._expression(child, reach, dies)
            self._may_raise(reach, child)
        return reach

    def _expression(self, node: ast.AST | None, reach: Reach, dies: int) -> None:
        if self.expressions and node is not None:
            self.expressions.visit(node, self.scope, reach, dies)

    # recording

    def _record(
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
        if self.recorder:
            self.recorder.node(node, dies, category, reason, end=end, branch=branch, whole=whole)

    def _record_lines(
        self, start: int, end: int, dies: int, category: Category, reason: str, *, branch: bool = False
    ) -> None:
        if self.recorder:
            self.recorder.lines(start, end, dies, category, reason, branch=branch)

    def _header_line(self, first: ast.stmt, before: ast.stmt) -> int:
        """Return the line of the ``else:`` between two blocks."""
        for line in range(_first_line(first), before.end_lineno or 0, -1):
            if self.module.lines[line - 1].lstrip().startswith("else"):
                return line
        return first.lineno

    def _record_header(self, first: ast.stmt, before: ast.stmt, dies: int, reason: str) -> None:
        line = self._header_line(first, before)
        self._record_lines(line, line, dies, Category.CONSTANT, reason)

    _STATEMENTS: Final[Mapping[type[ast.stmt], Callable[[Any, Any, Reach, int], Reach]]] = {
        ast.If: _if,
        ast.While: _while,
        ast.Match: _match,
        ast.Import: _import,
        ast.ImportFrom: _import,
        ast.Try: _try,
        ast.With: _with,
        ast.AsyncWith: _with,
        ast.FunctionDef: _function,
        ast.AsyncFunctionDef: _function,
        ast.ClassDef: _class,
        ast.Assign: _assign,
        ast.AnnAssign: _assign,
        ast.Return: _end,
        ast.Break: _end,
        ast.Continue: _end,
        ast.Raise: _raise,
        ast.Expr: _call,
        ast.For: _loop,
        ast.AsyncFor: _loop,
    }


def constant_from(value: PerRelease, reach: Reach) -> int:
    """Return the point from which on a flag has one value for the releases that come to it."""
    true, false = truth(value)
    return min(death(reach.may & ~true), death(reach.may & ~false))


def header_end(node: ast.stmt, lines: Sequence[str]) -> int:
    """Return the last line of the header of an ``if``, which a bracket may end on a line of its own."""
    test: ast.expr | None = getattr(node, "test", None)
    end = (test.end_lineno if test is not None else None) or node.lineno
    return end + 1 if end < len(lines) and lines[end].lstrip().startswith("):") else end


def _takes_arguments(node: Definition) -> bool:
    arguments = node.args
    return bool(
        arguments.posonlyargs or arguments.args or arguments.kwonlyargs or arguments.vararg or arguments.kwarg
    )


def _contains(node: ast.AST, wanted: type[ast.AST]) -> bool:
    return any(isinstance(each, wanted) for each in ast.walk(node))


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004
