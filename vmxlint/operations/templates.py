"""Operations of helpers, in terms of their parameters: from the assembly up to the callers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from vmxlint.calls.link import Edge
from vmxlint.facts import INSTRUCTIONS, REGISTERS, VMX_INSTRUCTIONS, Asm, Expr, spelled
from vmxlint.flow import Site
from vmxlint.flow.conditions import Condition, Conditions, implied, truth
from vmxlint.flow.routine import Routine
from vmxlint.model.dialect import Dialect
from vmxlint.numbers import evaluate
from vmxlint.operations.values import assigned, computed, is_large, substituted

_PLACEHOLDER = re.compile(r"%[a-zA-Z]?(\[\w+\]|\d+)")
_REGISTER = re.compile(r"%%r?([a-d]x|[sd]i)|\(%%r?([a-d]x|[sd]i)\)")
_INDEX = "c"  # the register, as a constraint, that holds the number of the MSR
_OF_CONVERTING = 2  # calls
_MOST_GIVEN = 400
_MOST_CONDITIONS = 16


class Template(NamedTuple):
    """An operation of a helper, in terms of the helper's parameters."""

    kind: str
    field: Expr
    value: Expr | None
    conditions: Conditions
    through: tuple[Routine, ...]
    from_local: bool = False  # the value was kept in a local variable of the helper


def of_assembly(asm: Asm) -> Iterator[Template]:
    """The operations that an asm statement makes."""
    operands = {name: (constraint, value) for name, constraint, value in asm.operands}
    for mnemonic, given in asm.instructions:
        kind = mnemonic.rstrip("ql") if mnemonic.rstrip("ql") in VMX_INSTRUCTIONS else mnemonic
        if kind not in INSTRUCTIONS:
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
            case "rdmsr" | "wrmsr", _:
                index = (one for constraint, one in operands.values() if constraint == _INDEX)
                yield Template(kind, next(index, nothing), None, (), ())
            case _:
                yield Template(kind, nothing, None, (), ())


def _operand(text: str, operands: Mapping[str, tuple[str, Expr]]) -> Expr:
    """The C expression behind an operand of an instruction."""
    value = Expr("opaque", text, (), 0, 0)
    if match := _PLACEHOLDER.fullmatch(text):
        value = operands.get(f"%{match[1]}", ("", value))[1]
    elif match := _REGISTER.fullmatch(text):
        letter = REGISTERS[match[1] or match[2]]
        held = [(c, v) for c, v in operands.values() if letter in c]
        value = next((v for c, v in held if "=" not in c), held[0][1] if held else value)
    return _meant(value)


def _meant(value: Expr) -> Expr:
    """What an operand is: its address stands for what lies there."""
    while value.kind == "cast" or (value.kind == "unary" and value.text == "&") or _is_back(value):
        value = value.kids[0]
    return value


def _is_back(value: Expr) -> bool:
    """Whether a value is `*(type *)&x`, which is x."""
    if value.kind != "unary" or value.text != "*":
        return False
    pointer = value.kids[0]
    while pointer.kind == "cast":
        pointer = pointer.kids[0]
    return pointer.kind == "unary" and pointer.text == "&"


def of_accessor(call: Expr, dialect: Dialect) -> Template | None:
    """The operation that a call makes of an accessor that the dialect declares."""
    accessor = dialect.accessors[call.kids[0].text]
    given = call.kids[1:]
    if len(given) <= accessor.field:
        return None
    has_value = accessor.value is not None and len(given) > accessor.value
    value = given[accessor.value or 0] if has_value else None
    return Template(accessor.operation, given[accessor.field], value, (), ())


def bound(template: Template, edge: Edge) -> Template | None:
    """A helper's operation in the names of its caller; None if the arguments rule it out."""
    arguments = map(_of_bounded_size, edge.site.expr.kids[1:])
    given = dict(zip(edge.callee.parameters, arguments, strict=False))
    conditions = _bound_conditions(template.conditions, given)
    if conditions is None:
        return None
    return Template(
        template.kind,
        _of_bounded_size(substituted(template.field, given)),
        _of_bounded_size(substituted(template.value, given)) if template.value else None,
        conditions,
        (edge.callee, *template.through),
        template.from_local,
    )


def _of_bounded_size(expr: Expr) -> Expr:
    """`expr`, or if it is large something unknown: wrappers of wrappers multiply what they get."""
    if expr.kids and is_large(expr, _MOST_GIVEN):
        return expr._replace(kind="opaque", text="", kids=())
    return expr


def _bound_conditions(conditions: Conditions, given: Mapping[str, Expr]) -> Conditions | None:
    """Conditions for these arguments, but not those that a constant decides; None if one fails."""
    found: list[Condition] = []
    for one in conditions:
        test = _of_bounded_size(substituted(one.test, given))
        known = _chosen(test, one.cases) if one.cases else truth(test)
        if known is not None and known != one.holds:
            return None
        if known is None and one.cases:
            found.append(one._replace(test=test))
        elif known is None:
            found += [part._replace(early=one.early) for part in implied(test, one.holds)]
    return tuple(found)


def _chosen(subject: Expr, cases: Sequence[Expr]) -> bool | None:
    """Whether a constant is among the values of a switch; None if one of them is not known."""
    if subject.kind != "number":
        return None
    number, *values = (evaluate(spelled(one), {}) for one in (subject, *cases))
    return None if number is None or None in values else number in values


def inside(template: Template, conditions: Conditions) -> Template:
    """An operation that a helper passes on, with what must hold inside the helper."""
    return template._replace(conditions=(*conditions, *template.conditions)[:_MOST_CONDITIONS])


def at_parameter(template: Template, routine: Routine) -> Template:
    """An operation on the address of a parameter, kept in a local, is one on the parameter."""
    operand = _meant(template.field)
    if template.kind in ("vmread", "vmwrite", "rdmsr", "wrmsr") or operand.kind != "name":
        return template
    if operand.text in routine.parameters or (
        operand is not template.field and not _only_converts(routine)
    ):
        return template
    for value in assigned(routine, operand.text):
        for one in _outside_members(value):
            if one.kind == "name" and one.text in routine.parameters:
                return template._replace(field=one)
    return template


def _only_converts(routine: Routine) -> bool:
    """Whether a routine makes one call and one for what it hands on, in any case."""
    sites = routine.flow.sites
    calls = sum(one.expr.kind == "call" and not one.kind for one in sites)
    return calls <= _OF_CONVERTING and not any(one.conditions for one in sites)


def _outside_members(expr: Expr) -> Iterator[Expr]:
    """The parts of `expr`, but not the objects of struct members, the numbers of elements, nor a
    call that fills a local."""
    todo = [expr]
    while todo:
        one = todo.pop()
        yield one
        if one.kind not in ("member", "filled"):
            todo.extend(one.kids[:1] if one.kind == "index" else one.kids)


def folded(template: Template, routine: Routine, site: Site) -> Template:
    """A VMWRITE with its value in terms of what it was computed from before `site`."""
    value = template.value
    if template.kind != "vmwrite" or value is None:
        return template
    whole = value
    while whole.kind == "cast":
        whole = whole.kids[0]
    from_local = whole.kind == "name" and whole.text in routine.changes
    number = routine.numbers[id(site)]
    known = computed(value, routine, number, frozenset(map(id, site.conditions)))
    return template._replace(value=known, from_local=template.from_local or from_local)
