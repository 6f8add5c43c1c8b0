"""What becomes of each kind of statement."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from trigger_compat.floor.rewrite.chains import Branch, branches_of
from trigger_compat.floor.rewrite.text import Edit
from trigger_compat.floor.rewrite.tries import Tries
from trigger_compat.floor.scan.syntax import last_line, last_part

_PURE: Final = (
    ast.Name, ast.Attribute, ast.Constant, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.expr_context, ast.boolop,
    ast.unaryop, ast.cmpop,
)  # fmt: skip
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


class Statements(Tries):
    """Rewrites the statements of one file, by edits of its text."""

    def _statement(self, node: ast.stmt) -> bool:
        if self._decisions.goes(node):
            return True
        rule = _RULES.get(type(node))
        if rule:
            return rule(self, node)
        self._expressions.parts_of(node)
        return False

    def rewrite_for(self, node: ast.For | ast.AsyncFor) -> bool:
        self._expressions.parts_of(node)
        self._fill(node.body)
        if node.orelse and self._block(node.orelse):
            line = self._keyword("else", node.body[-1], node.orelse[0])
            self._delete_lines(line, last_line(node.orelse[-1]))
        return False

    def rewrite_import(self, node: ast.Import | ast.ImportFrom) -> bool:
        return self._expressions.imported(node)

    def rewrite_assert(self, node: ast.Assert) -> bool:
        answer = self._expressions.visit(node.test, is_condition=True)
        if answer:
            return True
        if answer is False:
            self.edits.append(Edit(*self._text.span(node.test), "False"))
        if node.msg:
            self._expressions.put(node.msg)
        return False

    def rewrite_definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
        for decorator in node.decorator_list:
            if self._decisions.settles(decorator.lineno):
                self.edits.append(self._text.deletion(decorator.lineno, last_line(decorator)))
        self._expressions.parts_of(node)
        if isinstance(node, ast.ClassDef) and self._loses_all_tests(node):
            return True
        self._fill(node.body)
        return False

    def _loses_all_tests(self, node: ast.ClassDef) -> bool:
        """Say whether nothing is left of a class of tests but its docstring and plain values."""
        methods = [statement for statement in node.body if isinstance(statement, _FUNCTIONS)]
        others = [statement for statement in node.body if not isinstance(statement, _FUNCTIONS)]
        return (
            node.name.startswith("Test")
            and bool(methods)
            and all(map(self._decisions.goes, methods))
            and all(isinstance(other, (ast.Expr, ast.Assign, ast.AnnAssign, ast.Pass)) for other in others)
        )

    def rewrite_chain(self, node: ast.If) -> bool:
        """Rewrite ``if``, ``elif`` and ``else``; the first branch that stays becomes the ``if``."""
        branches = branches_of(node, self._text, self._block_end)
        kept: list[Branch] = []
        for branch in branches:
            self._judge(branch)
            if not branch.is_dead:
                kept.append(branch)
            if branch.is_true:
                break
        for branch in kept:
            branch.is_empty = self._block(branch.body)
        while kept and kept[-1].is_empty and (kept[-1].is_true or _is_pure(kept[-1].test)):
            del kept[-1]
        if not kept:
            return True
        if kept[0].is_true:
            lead = kept[0].lead if kept[0] is not branches[0] else 0
            last = branches[-1].end
            self._take_place(node, kept[0].body, from_line=branches[0].header, last=last, lead=lead)
        else:
            self._keep(branches, kept)
        return False

    def _keep(self, branches: Sequence[Branch], kept: Sequence[Branch]) -> None:
        """Leave some branches, of which the first has a condition."""
        for branch in branches:
            if branch not in kept:
                self._delete_lines(branch.lead, branch.end)
            elif branch.is_empty:
                self._pass(branch.body)
        self._new_header(kept[0], "if")
        for branch in kept[1:]:
            if branch.is_true:
                self._new_header(branch, "else")

    def _judge(self, branch: Branch) -> None:
        """Find out whether a branch is dead, or taken whenever the ones before it are not."""
        if self._decisions.drops(branch.header, last_line(branch.body[-1])):
            branch.is_dead = True
        elif branch.test is None or self._decisions.settles(branch.header):
            branch.is_true = True
        else:
            answer = self._expressions.visit(branch.test, is_condition=True)
            branch.is_dead, branch.is_true = answer is False, answer is True

    def _new_header(self, branch: Branch, word: str) -> None:
        """Write another keyword; ``else`` replaces the condition too."""
        start = self._text.starts[branch.header - 1] + self._text.column(branch.header)
        old = "elif" if self._text.text.startswith("elif", start) else "if"
        if self._text.text.startswith("else", start) or old == word:
            return
        if word == "if":
            self.edits.append(Edit(start, start + len("elif"), "if"))
        elif branch.test:
            colon = self._text.find(":", self._text.end(branch.test), self._text.start(branch.body[0]))
            self.edits.append(Edit(start, colon, "else"))

    def rewrite_while(self, node: ast.While) -> bool:
        """Rewrite a loop; one that is never entered leaves its ``else`` block."""
        answer = self._expressions.visit(node.test, is_condition=True)
        is_dead = answer is False or self._decisions.drops(node.lineno, last_line(node.body[-1]))
        if answer:
            self.edits.append(Edit(*self._text.span(node.test), "True"))
        if not is_dead:
            self._fill(node.body)
            if node.orelse:
                self._fill(node.orelse)
            return False
        if not node.orelse or self._block(node.orelse):
            return True
        self._take_place(
            node, node.orelse, from_line=node.lineno, last=self._block_end(node.orelse, node.col_offset)
        )
        return False

    def rewrite_with(self, node: ast.With | ast.AsyncWith) -> bool:
        """Rewrite a block; ``suppress(ImportError)`` goes if there is nothing to suppress."""
        if self._decisions.settles(node.lineno) and len(node.items) == 1:
            if self._block(node.body):
                return True
            self._take_place(
                node, node.body, from_line=node.lineno, last=self._block_end(node.body, node.col_offset)
            )
            return False
        self._expressions.parts_of(node)
        if not self._block(node.body):
            return False
        if all(map(_only_suppresses, node.items)):
            return True
        self._pass(node.body)
        return False

    def rewrite_match(self, node: ast.Match) -> bool:
        """Rewrite ``match``; a last case that takes everything needs no ``match``."""
        kept = [case for case in node.cases if not self._drops_case(case)]
        empty = [case for case in kept if self._block(case.body)]
        if not kept or len(empty) == len(kept):
            return True
        only = kept[0].pattern
        is_any = isinstance(only, ast.MatchAs) and only.pattern is None and only.name is None
        if len(kept) == 1 and len(node.cases) > 1 and is_any and not kept[0].guard:
            last = self._block_end(node.cases[-1].body, node.col_offset)
            line = kept[0].pattern.lineno
            lead = self._lead(line)
            self._move(lead, line - 1, self._text.column(line) - node.col_offset)
            self._take_place(node, kept[0].body, from_line=node.lineno, last=last, lead=lead)
            return False
        for case in node.cases:
            if case not in kept:
                end = self._block_end(case.body, node.col_offset)
                self._delete_lines(self._lead(case.pattern.lineno), end)
            elif case in empty:
                self._pass(case.body)
            elif case.guard:
                self._expressions.put(case.guard, is_condition=True)
        self._expressions.put(node.subject)
        return False

    def _drops_case(self, case: ast.match_case) -> bool:
        return self._decisions.drops(case.pattern.lineno, last_line(case.body[-1]))


def _only_suppresses(item: ast.withitem) -> bool:
    call = item.context_expr
    return isinstance(call, ast.Call) and last_part(ast.unparse(call.func)) == "suppress"


def _is_pure(test: ast.expr | None) -> bool:
    """Say whether nothing happens when a condition is evaluated."""
    return test is None or all(isinstance(node, _PURE) for node in ast.walk(test))


_RULES: Final[Mapping[type[ast.stmt], Callable[[Statements, Any], bool]]] = {
    ast.If: Statements.rewrite_chain,
    ast.While: Statements.rewrite_while,
    ast.For: Statements.rewrite_for,
    ast.AsyncFor: Statements.rewrite_for,
    ast.Try: Statements.rewrite_try,
    ast.With: Statements.rewrite_with,
    ast.AsyncWith: Statements.rewrite_with,
    ast.Match: Statements.rewrite_match,
    ast.Import: Statements.rewrite_import,
    ast.ImportFrom: Statements.rewrite_import,
    ast.Assert: Statements.rewrite_assert,
    ast.FunctionDef: Statements.rewrite_definition,
    ast.AsyncFunctionDef: Statements.rewrite_definition,
    ast.ClassDef: Statements.rewrite_definition,
}
