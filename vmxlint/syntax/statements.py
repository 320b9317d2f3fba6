"""Statements: what each kind of the grammar's nodes becomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tree_sitter import Node

from vmxlint.facts import Expr, Stmt
from vmxlint.syntax.draft import Build, Draft, Kids, expressions_of, statements_of


class _Else(NamedTuple):
    statements: tuple[Stmt, ...]


def _branch(kind: str) -> Callable[[Draft, Node, Kids], Stmt]:
    """`kind (test) body`, and `do body while (test)`."""

    def build(draft: Draft, node: Node, kids: Kids) -> Stmt:
        start, end = draft.span(node)
        word = draft.slice(node)[:3]
        first = kids[-1 if word.startswith("do") else 0] if kids else None
        test = first if type(first) is Expr else None
        body = statements_of([one for one in kids if one is not test])
        orelse = next((one.statements for one in kids if type(one) is _Else), ())
        return Stmt(kind, word, test, body, orelse, start, end)

    return build


def _else(draft: Draft, node: Node, kids: Kids) -> _Else:
    return _Else(statements_of(kids))


def _for(draft: Draft, node: Node, kids: Kids) -> Stmt:
    start, end = draft.span(node)
    head = statements_of(kids[:-1])
    loop = Stmt("loop", "for", None, statements_of(kids[-1:]), (), start, end)
    return Stmt("block", "", None, (*head, loop), (), start, end) if head else loop


def _case(draft: Draft, node: Node, kids: Kids) -> Stmt:
    start, end = draft.span(node)
    if not draft.slice(node).startswith("case"):
        return Stmt("default", "", None, statements_of(kids), (), start, end)
    value = kids[0] if kids and type(kids[0]) is Expr else None
    return Stmt("case", "", value, statements_of(kids[1:]), (), start, end)


def _jump(kind: str) -> Callable[[Draft, Node, Kids], Stmt]:
    def build(draft: Draft, node: Node, kids: Kids) -> Stmt:
        start, end = draft.span(node)
        label = next((v for v in kids if type(v) is str), "")
        values = expressions_of(kids)
        return Stmt(kind, label, values[0] if values else None, _nested(kids), (), start, end)

    return build


def _nested(kids: Kids) -> tuple[Stmt, ...]:
    return tuple(value for value in kids if type(value) is Stmt)


def _expression_statement(draft: Draft, node: Node, kids: Kids) -> Stmt | None:
    start, end = draft.span(node)
    values = expressions_of(kids)
    return Stmt("expr", "", values[0], (), (), start, end) if values else None


def _block(draft: Draft, node: Node, kids: Kids) -> Stmt:
    start, end = draft.span(node)
    return Stmt("block", "", None, statements_of(kids), (), start, end)


STATEMENTS: dict[str, Build] = {
    "if_statement": _branch("if"),
    "else_clause": _else,
    "while_statement": _branch("loop"),
    "do_statement": _branch("loop"),
    "switch_statement": _branch("switch"),
    "for_statement": _for,
    "case_statement": _case,
    "return_statement": _jump("return"),
    "goto_statement": _jump("goto"),
    "break_statement": _jump("break"),
    "continue_statement": _jump("continue"),
    "labeled_statement": _jump("label"),
    "expression_statement": _expression_statement,
    "compound_statement": _block,
}
