"""Operations of helpers, in terms of their parameters: from the assembly up to the callers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from vmxlint.facts import Asm, Expr, walk
from vmxlint.flow import Conditions
from vmxlint.link import Edge, Routine

VMX_INSTRUCTIONS = ("vmread", "vmwrite", "vmptrld", "vmclear", "invept", "invvpid")
_PLACEHOLDER = re.compile(r"%[a-zA-Z]?(\[\w+\]|\d+)")
_REGISTER = re.compile(r"%%r?([a-d]x|[sd]i)")
_LETTERS = {"ax": "a", "bx": "b", "cx": "c", "dx": "d", "si": "S", "di": "D"}


@dataclass(frozen=True)
class Template:
    """An operation of a helper, in terms of the helper's parameters."""

    kind: str
    field: Expr
    value: Expr | None
    conditions: Conditions
    through: tuple[Routine, ...]


def of_assembly(asm: Asm) -> Iterator[Template]:
    """The operations that an asm statement makes."""
    operands = {name: (constraint, value) for name, constraint, value in asm.operands}
    for mnemonic, given in asm.instructions:
        kind = mnemonic.rstrip("ql") if mnemonic.rstrip("ql") in VMX_INSTRUCTIONS else mnemonic
        if kind not in (*VMX_INSTRUCTIONS, "rdmsr", "wrmsr"):
            continue
        values = [_operand(one, operands) for one in given]
        nothing = Expr("opaque", "", (), asm.start, asm.end)
        match kind, values:
            case "vmread", [field, *_]:
                yield Template(kind, field, None, (), ())
            case "vmwrite", [value, field]:
                yield Template(kind, field, value, (), ())
            case _, [first, *_]:
                yield Template(kind, first, None, (), ())
            case _:
                yield Template(kind, nothing, None, (), ())


def _operand(text: str, operands: Mapping[str, tuple[str, Expr]]) -> Expr:
    """The C expression behind an operand of an instruction."""
    value = Expr("opaque", text, (), 0, 0)
    if match := _PLACEHOLDER.fullmatch(text):
        value = operands.get(f"%{match[1]}", ("", value))[1]
    elif match := _REGISTER.fullmatch(text):
        letter = _LETTERS[match[1]]
        value = next((v for c, v in operands.values() if letter in c), value)
    while value.kind == "cast":
        value = value.kids[0]
    return value


def bound(template: Template, edge: Edge) -> Template:
    """A helper's operation in the names of its caller."""
    given = dict(zip(edge.callee.parameters, edge.site.expr.kids[1:], strict=False))
    return Template(
        template.kind,
        substituted(template.field, given),
        substituted(template.value, given) if template.value else None,
        tuple(
            one._replace(test=substituted(one.test, given))
            for one in (*_inner(edge.callee, template), *template.conditions)
        ),
        (edge.callee, *template.through),
    )


def _inner(helper: Routine, template: Template) -> Conditions:
    """The conditions inside `helper` for the operation, from the first site that makes it."""
    for site in helper.flow.sites:
        if site.kind or site.expr.kind not in ("call", "asm"):
            continue
        callee = site.expr.kids[0].text if site.expr.kids else ""
        if not template.through:
            if site.expr.kind == "asm":
                return site.conditions
        elif callee == template.through[0].name:
            return site.conditions
    return ()


def substituted(expr: Expr, given: Mapping[str, Expr]) -> Expr:
    """`expr` with names replaced; Facts bound its depth."""
    if expr.kind == "name":
        return given.get(expr.text, expr)
    if not expr.kids or not given:
        return expr
    return expr._replace(kids=tuple(substituted(kid, given) for kid in expr.kids))


def at_parameter(template: Template, routine: Routine) -> Template:
    """An operation on the address of a parameter, kept in a local, is one on the parameter."""
    operand = template.field
    if template.kind in ("vmread", "vmwrite") or operand.kind != "name":
        return template
    if operand.text in routine.parameters:
        return template
    for value in assigned(routine, operand.text):
        for one in walk(value):
            if one.kind == "name" and one.text in routine.parameters:
                return replace(template, field=one)
    return template


def assigned(routine: Routine, name: str) -> Iterator[Expr]:
    """The values that a local variable is plainly given."""
    for site in routine.flow.sites:
        if site.kind == "decl" and site.target == name:
            yield site.expr
        elif site.expr.kind == "assign" and site.expr.text == "=" and len(site.expr.kids) == 2:
            if site.expr.kids[0].kind == "name" and site.expr.kids[0].text == name:
                yield site.expr.kids[1]


def plain_names(expr: Expr) -> Iterator[Expr]:
    """The names that `expr` uses as they are: not as an object, callee or argument."""
    todo = [expr]
    while todo:
        one = todo.pop()
        if one.kind == "name":
            yield one
        elif one.kind in ("binary", "cast", "ternary") or (one.kind == "unary" and one.text == "~"):
            todo.extend(one.kids)
