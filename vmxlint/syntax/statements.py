"""Statements: what each kind of the grammar's nodes becomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tree_sitter import Node

from vmxlint.facts import Expr, Stmt
from vmxlint.syntax.draft import Build, Draft, Kids, expressions_of, statements_of

_new = tuple.__new__  # as for expressions
_PARTS_OF_FOR = ("initializer", "condition", "body", "update")


class _Else(NamedTuple):
    statements: tuple[Stmt, ...]


def _branch(kind: str, word: str) -> Callable[[Draft, Node, Kids], Stmt]:
    """`word (test) body`, and `do body while (test)`."""

    def build(draft: Draft, node: Node, kids: Kids) -> Stmt:
        start, end = draft.span(node)
        first = kids[-1 if word == "do" else 0] if kids else None
        test = first if type(first) is Expr else None
        body = statements_of([one for one in kids if one is not test])
        orelse = next((one.statements for one in kids if type(one) is _Else), ())
        return _new(Stmt, (kind, word, test, body, orelse, start, end))

    return build


def _else(draft: Draft, node: Node, kids: Kids) -> _Else:
    return _Else(statements_of(kids))


def _for(draft: Draft, node: Node, kids: Kids) -> Stmt:
    """The first part before the loop, the last as its `orelse`; no test is one that is true."""
    start, end = draft.span(node)
    if node.has_error or len(kids) != node.named_child_count:
        head, test, body, update = kids[:-1], None, kids[-1:], []
    else:
        head, tests, body, update = (_in_field(node, kids, name) for name in _PARTS_OF_FOR)
        test = next(iter(expressions_of(tests)), Expr("number", "1", (), start, start))
    loop = Stmt("loop", "for", test, statements_of(body), statements_of(update), start, end)
    before = statements_of(head)
    return Stmt("block", "", None, (*before, loop), (), start, end) if before else loop


def _in_field(node: Node, kids: Kids, name: str) -> Kids:
    return [kid for n, kid in enumerate(kids) if node.field_name_for_named_child(n) == name]


def _case(draft: Draft, node: Node, kids: Kids) -> Stmt:
    start, end = draft.span(node)
    if not draft.characters.startswith("case", node.start_byte):
        return Stmt("default", "", None, statements_of(kids), (), start, end)
    value = kids[0] if kids and type(kids[0]) is Expr else None
    if value and value.text == "^" and _is_range(draft, node.child_by_field_name("value")):
        value = value._replace(kind="range", text="...")
    return Stmt("case", "", value, statements_of(kids[1:]), (), start, end)


def _is_range(draft: Draft, value: Node | None) -> bool:
    """Whether the clean-up wrote this `^`: with a space on each side, beside those that were."""
    left = value and value.child_by_field_name("left")
    right = value and value.child_by_field_name("right")
    if not left or not right:
        return False
    between = draft.characters[left.end_byte : right.start_byte]
    return " ^ " in between and between != " ^ "


def _jump(kind: str) -> Callable[[Draft, Node, Kids], Stmt]:
    def build(draft: Draft, node: Node, kids: Kids) -> Stmt:
        start, end = draft.span(node)
        label, expr, nested = "", None, []
        for one in kids:
            if type(one) is str:
                label = label or one
            elif type(one) is Stmt:
                nested.append(one)
            elif type(one) is Expr:
                expr = expr or one
        return _new(Stmt, (kind, label, expr, tuple(nested), (), start, end))

    return build


def _expression_statement(draft: Draft, node: Node, kids: Kids) -> Stmt | None:
    start, end = draft.span(node)
    values = expressions_of(kids)
    if not values:
        return None
    expr = values[0]
    if expr.kind == "cast" and node.children[0].type == "call_expression":
        callee = Expr("name", expr.text, (), expr.start, expr.start)
        expr = Expr("call", "", (callee, *expr.kids), expr.start, expr.end)  # `(f)(x);`
    return _new(Stmt, ("expr", "", expr, (), (), start, end))


def _block(draft: Draft, node: Node, kids: Kids) -> Stmt:
    start, end = draft.span(node)
    return _new(Stmt, ("block", "", None, statements_of(kids), (), start, end))


STATEMENTS: dict[str, Build] = {
    "if_statement": _branch("if", "if"),
    "else_clause": _else,
    "while_statement": _branch("loop", "while"),
    "do_statement": _branch("loop", "do"),
    "switch_statement": _branch("switch", "switch"),
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
