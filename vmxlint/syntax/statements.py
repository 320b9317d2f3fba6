"""Statements: what each kind of the grammar's nodes becomes."""

from __future__ import annotations

from collections.abc import Callable

from tree_sitter import Node

from vmxlint.facts import Expr, Stmt
from vmxlint.syntax.draft import LANGUAGE, Build, Draft, Kids, expressions_of, statements_of


def _branch(kind: str) -> Callable[[Draft, Node, Kids], Stmt]:
    test_field = LANGUAGE.field_id_for_name("condition")
    else_field = LANGUAGE.field_id_for_name("alternative")

    def build(draft: Draft, node: Node, kids: Kids) -> Stmt:
        start, end = draft.span(node)
        test = next((v for f, v in kids if f == test_field and type(v) is Expr), None)
        orelse = statements_of([kid for kid in kids if kid[0] == else_field])
        body = statements_of([kid for kid in kids if kid[0] not in (test_field, else_field)])
        return Stmt(kind, draft.slice(node)[:3], test, body, orelse, start, end)

    return build


def _for(draft: Draft, node: Node, kids: Kids) -> Stmt:
    start, end = draft.span(node)
    body_field = LANGUAGE.field_id_for_name("body")
    heads = [kid for kid in kids if kid[0] != body_field]
    head = statements_of(heads)
    loop = Stmt(
        "loop", "for", None, statements_of([k for k in kids if k[0] == body_field]), (), start, end
    )
    return Stmt("block", "", None, (*head, loop), (), start, end) if head else loop


def _case(draft: Draft, node: Node, kids: Kids) -> Stmt:
    start, end = draft.span(node)
    value_field = LANGUAGE.field_id_for_name("value")
    value = next((v for f, v in kids if f == value_field and type(v) is Expr), None)
    body = statements_of([kid for kid in kids if kid[0] != value_field])
    return Stmt("case" if value else "default", "", value, body, (), start, end)


def _jump(kind: str) -> Callable[[Draft, Node, Kids], Stmt]:
    def build(draft: Draft, node: Node, kids: Kids) -> Stmt:
        start, end = draft.span(node)
        label = next((v for _, v in kids if type(v) is str), "")
        values = expressions_of(kids)
        return Stmt(kind, label, values[0] if values else None, _nested(kids), (), start, end)

    return build


def _nested(kids: Kids) -> tuple[Stmt, ...]:
    return tuple(value for _, value in kids if type(value) is Stmt)


def _expression_statement(draft: Draft, node: Node, kids: Kids) -> Stmt | None:
    start, end = draft.span(node)
    values = expressions_of(kids)
    return Stmt("expr", "", values[0], (), (), start, end) if values else None


def _block(draft: Draft, node: Node, kids: Kids) -> Stmt:
    start, end = draft.span(node)
    return Stmt("block", "", None, statements_of(kids), (), start, end)


STATEMENTS: dict[str, Build] = {
    "if_statement": _branch("if"),
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
