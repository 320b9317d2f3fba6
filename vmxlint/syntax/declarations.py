"""Declarations: functions, variables, structs and constants, as each is met."""

from __future__ import annotations

from typing import NamedTuple

from tree_sitter import Node

from vmxlint.facts import Body, Expr, Function, Gap, Stmt, Struct, Variable
from vmxlint.syntax.draft import Build, Declarator, Draft, Kids, Type, Value, expressions_of
from vmxlint.syntax.outline import LONGEST_FUNCTION
from vmxlint.syntax.tables import note_table


def _function(draft: Draft, node: Node, kids: Kids) -> None:
    """A function_definition."""
    declarator = next((v for v in kids if type(v) is Declarator), None)
    body = next((v for v in kids if type(v) is Stmt), None)
    first = node.start_byte + draft.base
    variables = tuple(one for one in draft.locals if draft.place or one.start >= first)
    draft.locals = []
    draft.values = [one for one in draft.values if one[0] < first]
    if declarator is None or body is None:
        return
    if draft.whole:
        draft.body = Body(variables, body.body if body.kind == "block" else (body,))
        return
    start, end = draft.span(node)
    if node.end_byte - node.start_byte > LONGEST_FUNCTION:
        draft.gaps.append(Gap(start, f"a function longer than {LONGEST_FUNCTION} bytes"))
        return
    text = draft.text[node.start_byte : node.end_byte].decode("utf-8", "surrogateescape")
    draft.functions.append(
        Function(
            declarator.name,
            declarator.params or (),
            start if draft.place else declarator.start,
            end,
            any(v == "static" for v in kids),
            draft.origin,
            next((v.name for v in kids if type(v) is Type), ""),
            text,
            first,
            draft.place,
            draft.spelling.words(text),
        )
    )


def _declaration(draft: Draft, node: Node, kids: Kids) -> Stmt | None:
    """A declaration: locals, tables, and the first values as statements."""
    kind = next((v.name for v in kids if type(v) is Type), "")
    start, end = draft.span(node)
    statements = []
    for one in kids:
        if type(one) is Expr and one.kind == "name":
            one = Declarator(one.text, one.start)
        if type(one) is not Declarator or (one.params is not None and one.value is None):
            continue
        draft.locals.append(Variable(one.name, kind, one.pointers, one.start))
        if one.value is not None:
            note_table(draft, one, kind)
            draft.values.append((one.start, one.name, one.value))
            statements.append(Stmt("decl", one.name, one.value, (), (), one.start, end))
    if not statements:
        return None
    if len(statements) == 1:
        return statements[0]
    return Stmt("block", "", None, tuple(statements), (), start, end)


def _struct(draft: Draft, node: Node, kids: Kids) -> Type:
    """A struct or union specifier, with or without its members."""
    name = next((v.name for v in kids if type(v) is Type), "")
    members = next((v for v in kids if type(v) is tuple), None)
    start, _ = draft.span(node)
    if members is not None:
        name = name or f"{draft.path}@{start}"
        draft.structs.append(Struct(name, members, start))
    return Type(name)


class _Enumerator(NamedTuple):
    """A name of an enum, with its value as it is spelled, if it is."""

    name: str
    value: str


def _enumerator(draft: Draft, node: Node, kids: Kids) -> _Enumerator | None:
    values = expressions_of(kids)
    if not values:
        return None
    start, end = values[-1].start - draft.base, values[-1].end - draft.base
    given = len(values) == 2 and not draft.place
    text = draft.text[start:end] if given else b""
    return _Enumerator(values[0].text, text.decode("utf-8", "replace"))


def _enumerators(draft: Draft, node: Node, kids: Kids) -> None:
    """The names of an enum: one without a value is the one before plus 1."""
    counts = not node.has_error and not draft.place
    last, more = "0", 0
    for one in kids:
        if type(one) is not _Enumerator:
            continue
        if one.value:
            last, more = one.value, 0
        if one.value or counts:
            draft.constants.append((one.name, f"({last}) + {more}" if more else last))
        more += 1


def _type(draft: Draft, node: Node, kids: Kids) -> Type:
    return Type(draft.slice(node))


def _type_descriptor(draft: Draft, node: Node, kids: Kids) -> Value:
    return next((v for v in kids if type(v) is Type), None)


def _pointer(draft: Draft, node: Node, kids: Kids) -> Declarator | None:
    inner = _declarator(kids)
    if inner is None:
        return None
    return Declarator(inner.name, inner.start, inner.pointers + 1, inner.params, inner.value)


def _array(draft: Draft, node: Node, kids: Kids) -> Declarator | None:
    return _declarator(kids[:1])


def _declarator(kids: Kids) -> Declarator | None:
    for value in kids:
        if type(value) is Declarator:
            return value
        if type(value) is Expr and value.kind == "call" and len(value.kids) == 1:
            value = value.kids[0]  # the name of a macro, in a declaration of that name
        if type(value) is Expr and value.kind == "name":
            return Declarator(value.text, value.start)
    return None


def _function_declarator(draft: Draft, node: Node, kids: Kids) -> Declarator | None:
    inner = _declarator(kids)
    params = next((v for v in kids if type(v) is tuple), ())
    if inner is None:
        return None
    if inner.params is not None or inner.pointers:  # of a pointer to a function: it is a variable
        return inner
    return Declarator(inner.name, inner.start, inner.pointers, params, inner.value)


def _initialised(draft: Draft, node: Node, kids: Kids) -> Declarator | None:
    inner = _declarator(kids)
    values = expressions_of(kids[1:])
    return inner._replace(value=values[-1]) if inner and values else inner


def _parameter(draft: Draft, node: Node, kids: Kids) -> Variable | None:
    kind = next((v.name for v in kids if type(v) is Type), "")
    inner = _declarator(kids)
    return Variable(inner.name, kind, inner.pointers, inner.start) if inner else None


def _variables(draft: Draft, node: Node, kids: Kids) -> tuple[Variable, ...]:
    found: list[Variable] = []
    for value in kids:
        if type(value) is Variable:
            found.append(value)
        elif type(value) is list:
            found.extend(value)
    return tuple(found)


def _fields(draft: Draft, node: Node, kids: Kids) -> list[Variable]:
    kind = next((v.name for v in kids if type(v) is Type), "")
    declared = [d for v in kids if (d := _declarator([v]))]
    start, _ = draft.span(node)
    if not declared:
        return [Variable("", kind, 0, start)]
    return [
        Variable(d.name, kind, d.pointers, draft.place[0] if draft.place else d.start)
        for d in declared
    ]


DECLARATIONS: dict[str, Build] = {
    "type_identifier": _type,
    "primitive_type": _type,
    "sized_type_specifier": _type,
    "type_descriptor": _type_descriptor,
    "struct_specifier": _struct,
    "union_specifier": _struct,
    "enum_specifier": _type_descriptor,
    "enumerator": _enumerator,
    "enumerator_list": _enumerators,
    "field_declaration_list": _variables,
    "field_declaration": _fields,
    "pointer_declarator": _pointer,
    "array_declarator": _array,
    "function_declarator": _function_declarator,
    "parenthesized_declarator": lambda draft, node, kids: _declarator(kids),
    "init_declarator": _initialised,
    "parameter_list": _variables,
    "parameter_declaration": _parameter,
    "declaration": _declaration,
    "function_definition": _function,
}
