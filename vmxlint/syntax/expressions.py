"""Expressions: what each kind of the grammar's nodes becomes."""

from __future__ import annotations

from collections.abc import Callable

from tree_sitter import Node

from vmxlint.facts import ASM_WORD, Expr, Stmt
from vmxlint.syntax.draft import Build, Draft, Kids, Type, Value, expressions_of

_new = tuple.__new__  # half the price of Expr(), which counts for names: they are 40 % of all


def _word(kind: str) -> Callable[[Draft, Node, Kids], Expr]:
    def build(draft: Draft, node: Node, kids: Kids) -> Expr:
        start, end = draft.span(node)
        return _new(Expr, (kind, draft.slice(node), (), start, end, (), False))

    return build


def _name(draft: Draft, node: Node, kids: Kids) -> Expr:
    start, end = node.start_byte, node.end_byte
    text = draft.characters[start:end] if draft.is_ascii else draft.slice(node)
    if draft.place:
        start, end = draft.place
    else:
        base = draft.base
        start += base
        end += base
    name = _new(Expr, ("name", text, (), start, end, (), False))
    return Expr("call", "", (name,), start, end) if text in draft.aliases else name


def _operation(kind: str, operands_of: int = 0) -> Callable[[Draft, Node, Kids], Expr]:
    """One with as many operands as it must have, if it must; else the parser misread something."""

    def build(draft: Draft, node: Node, kids: Kids) -> Expr:
        start, end = draft.span(node)
        operator = ""
        operands = []
        for one in kids:
            if type(one) is Expr:
                operands.append(one)
            elif type(one) is str:
                operator = operator or one
        if operands_of and len(operands) != operands_of:
            return _new(Expr, ("opaque", "", tuple(operands), start, end, (), False))
        return _new(Expr, (kind, operator, tuple(operands), start, end, (), False))

    return build


def _call(draft: Draft, node: Node, kids: Kids) -> Expr:
    start, end = draft.span(node)
    parts = expressions_of(kids)
    given = parts[1].kids if len(parts) > 1 and parts[1].kind == "arguments" else ()
    name = parts[0].text if parts else ""
    if len(given) == 1 and parts[0].kind == "name" and draft.characters[node.start_byte] == "(":
        return Expr("cast", name, given, start, end)  # `(u32)(value)` looks like a call
    if name == ASM_WORD and start in draft.spelling.asm_numbers:
        number = draft.spelling.asm_numbers[start]
        return Expr("asm", str(number), (), start, end)
    if name in draft.spelling.pasting and draft.spelling.pasted:
        if (made := draft.spelling.pasted(draft.slice(node), (start, end))) is not None:
            return made
    kind = "call" if parts else "opaque"
    return _new(Expr, (kind, "", (*parts[:1], *given), start, end, (), False))


def _arguments(draft: Draft, node: Node, kids: Kids) -> Expr:
    start, end = draft.span(node)
    return _new(Expr, ("arguments", "", tuple(expressions_of(kids)), start, end, (), False))


def _member(draft: Draft, node: Node, kids: Kids) -> Expr:
    start, end = draft.span(node)
    parts = expressions_of(kids)
    if len(parts) < 2:
        return Expr("opaque", "", tuple(parts), start, end)
    return _new(Expr, ("member", parts[1].text, (parts[0],), start, end, (), "." in kids))


def _cast(draft: Draft, node: Node, kids: Kids) -> Expr:
    start, end = draft.span(node)
    name = next((v.name for v in kids if type(v) is Type), "")
    inner = tuple(expressions_of(kids)[-1:])
    return Expr("cast" if inner else "opaque", name, inner, start, end)


def _parenthesized(draft: Draft, node: Node, kids: Kids) -> Value:
    inner = next((v for v in kids if type(v) is Expr or type(v) is Stmt), None)
    if type(inner) is Stmt:
        start, end = draft.span(node)
        return Expr("block", "", (), start, end, (inner,))
    return inner


def _conditional(draft: Draft, node: Node, kids: Kids) -> Expr:
    """`a ?: b` is `a ? a : b`, where both `a` stand at the same place."""
    operands = expressions_of(kids)
    if len(operands) == 2:
        operands.insert(0, operands[0])
    return Expr(
        "ternary" if len(operands) == 3 else "opaque", "", tuple(operands), *draft.span(node)
    )


def _pair(draft: Draft, node: Node, kids: Kids) -> Expr:
    start, end = draft.span(node)
    values = expressions_of(kids)
    text = draft.slice(node).partition("=")[0].strip()
    return Expr("pair", text, tuple(values[-1:]), start, end)


EXPRESSIONS: dict[str, Build] = {
    "identifier": _name,
    "field_identifier": _word("name"),
    "number_literal": _word("number"),
    "true": _word("number"),
    "false": _word("number"),
    "null": _word("number"),
    "char_literal": _word("number"),
    "string_literal": _word("string"),
    "concatenated_string": _word("string"),
    "sizeof_expression": _word("number"),
    "offsetof_expression": _word("number"),
    "call_expression": _call,
    "argument_list": _arguments,
    "field_expression": _member,
    "subscript_expression": _operation("index", 2),
    "unary_expression": _operation("unary", 1),
    "pointer_expression": _operation("unary", 1),
    "update_expression": _operation("update", 1),
    "binary_expression": _operation("binary", 2),
    "assignment_expression": _operation("assign", 2),
    "conditional_expression": _conditional,
    "comma_expression": _operation("comma"),
    "cast_expression": _cast,
    "compound_literal_expression": _cast,
    "parenthesized_expression": _parenthesized,
    "initializer_list": _operation("list"),
    "initializer_pair": _pair,
}
