"""Single bits of the major controls: which code sets and which clears them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from vmxlint.calls.link import Linker
from vmxlint.facts import Expr, is_constant, spelled, walk
from vmxlint.flow import Site
from vmxlint.flow.conditions import Condition, Conditions, implied
from vmxlint.flow.routine import Routine
from vmxlint.model.controls import ControlBit, ControlTable
from vmxlint.numbers import evaluate
from vmxlint.operations import Operation, Operations
from vmxlint.operations.copies import Copies
from vmxlint.operations.values import returned

_DEEPEST = 6


@dataclass(frozen=True)
class BitChange:
    """`operation`, a VMWRITE of a major control, sets or clears a bit and keeps the others.

    `bit` is None for one that the model does not know; `name` is how the code spells it.
    """

    operation: Operation
    bit: ControlBit | None
    name: str
    sets: bool

    @property
    def control(self) -> str:
        """The name of the control."""
        assert self.operation.field is not None
        return self.operation.field.name

    @property
    def key(self) -> tuple[str, str]:
        """The same for all changes of one bit."""
        return self.control, self.bit.name if self.bit else self.name


class Bits:
    """The search for the bit changes of a unit."""

    def __init__(
        self, linker: Linker, operations: Operations, copies: Copies, controls: ControlTable
    ) -> None:
        self._linker = linker
        self._operations = operations
        self._copies = copies
        self._controls = controls

    def changes(self) -> Iterator[BitChange]:
        """All changes, in the order of the code."""
        for operations in self._operations.by_routine.values():
            for one in operations:
                if one.kind == "vmwrite" and one.field and one.field.major and one.computed:
                    found = {(c.key, c.sets): c for c in self._changes(one, one.computed, 0)}
                    yield from found.values()

    def _changes(self, write: Operation, value: Expr, depth: int) -> Iterator[BitChange]:
        """What the bits of `value` say, from the outermost operator to the old value in it."""
        if depth > _DEEPEST:
            return
        match value:
            case Expr("cast", _, (inner,)):
                yield from self._changes(write, inner, depth + 1)
            case Expr("ternary", _, (_, yes, no)):
                yield from self._changes(write, yes, depth + 1)
                yield from self._changes(write, no, depth + 1)
            case Expr("binary", "|" | "+" | "&" | "-" | "^" as operator, (left, right)):
                base, mask = (left, right) if self._is_old(left, write) else (right, left)
                if self._is_old(base, write) and not self._is_built(base, mask, write):
                    yield from self._applied(write, operator, mask)
                    yield from self._changes(write, base, depth + 1)
            case Expr("member" | "name"):
                yield from self._kept_elsewhere(write, value)

    def _applied(self, write: Operation, operator: str, mask: Expr) -> Iterator[BitChange]:
        match operator, mask:
            case "|" | "+", _:
                yield from self._named(write, mask, True)
            case "&", Expr("unary", "~", (inner,)):
                yield from self._named(write, inner, False)
            case "-", _:
                yield from self._named(write, mask, False)
            case "^", _:
                yield from self._named(write, mask, True)
                yield from self._named(write, mask, False)

    def _kept_elsewhere(self, write: Operation, value: Expr) -> Iterator[BitChange]:
        """Bits that were changed in a member or global which is then written whole."""
        wanted = spelled(value)
        for site in write.routine.flow.sites:
            match site.expr:
                case Expr("assign", "|=" | "&=" | "^=" as operator, (target, mask)):
                    if spelled(target) == wanted:
                        yield from self._applied(write, operator[0], mask)

    def _is_old(self, base: Expr, write: Operation) -> bool:
        """Whether the control's old value is in `base`: read back, or kept somewhere.

        A value that was put together in a local, or from several others, is only taken for the old
        one changed if it started from a VMREAD or a known copy; else it is computed anew.
        """
        leaves = list(_leaves(base))
        if any(self._is_known_old(leaf, write) for leaf in leaves):
            return True
        open_ones = [one for one in leaves if not is_constant(one) and not self._is_constant(one)]
        if write.from_local or len(open_ones) != 1:
            return False
        return open_ones[0].kind == "member" or self._may_be_kept(open_ones[0], write)

    def _is_built(self, base: Expr, mask: Expr, write: Operation) -> bool:
        """Whether a value is put together from several kept ones, none of them the control's."""
        kept = any(one.kind == "member" for one in _leaves(mask))
        return kept and not any(self._is_known_old(leaf, write) for leaf in _leaves(base))

    def _is_known_old(self, leaf: Expr, write: Operation) -> bool:
        assert write.field is not None
        if leaf.kind == "call" and self._operations.is_read_of(write.field, leaf, write.routine):
            return True
        return self._is_copy(leaf, write.routine, write.field.name)

    def _may_be_kept(self, call: Expr, write: Operation) -> bool:
        """Whether a call may give a value that is kept somewhere: nobody knows, or a member."""
        if call.kind != "call" or not call.kids:
            return False
        callee = self._linker.resolve(call.kids[0].text, write.routine.path)
        return callee is None or bool(self._returned_members(callee, 0))

    def _is_copy(self, leaf: Expr, routine: Routine, field_name: str) -> bool:
        members = {c.place.member.name for c in self._copies.all if c.field_name == field_name}
        if leaf.kind == "member":
            return leaf.text in members
        if leaf.kind == "call" and leaf.kids:
            callee = self._linker.resolve(leaf.kids[0].text, routine.path)
            return callee is not None and bool(self._returned_members(callee, 0) & members)
        return False

    def _returned_members(self, routine: Routine, depth: int) -> set[str]:
        """The members in what a routine returns, itself or through another getter."""
        found: set[str] = set()
        for site in routine.flow.sites:
            if site.kind == "return":
                for one in walk(site.expr):
                    if one.kind == "member":
                        found.add(one.text)
                    elif one.kind == "call" and one.kids and depth < _DEEPEST:
                        callee = self._linker.resolve(one.kids[0].text, routine.path)
                        found |= self._returned_members(callee, depth + 1) if callee else set()
        return found

    def _is_constant(self, call: Expr) -> bool:
        return evaluate(spelled(call), self._names) is not None

    @cached_property
    def _names(self) -> Mapping[str, str]:
        """The value of each name: of the model's bits, and the tree's own constants."""
        masks = {name: str(bit.mask) for bit in self._controls.bits for name in bit.names}
        return masks | self._linker.constants

    def _named(self, write: Operation, mask: Expr, sets: bool) -> Iterator[BitChange]:
        for one in _terms(mask):
            if one.kind == "call" and one.kids:
                callee = self._linker.resolve(one.kids[0].text, write.routine.path)
                one = returned(one.kids[1:], callee) or one
            if one.kind != "name" or one.text not in write.routine.variables:
                yield from self._known(write, spelled(one), sets)

    def _known(self, write: Operation, text: str, sets: bool) -> Iterator[BitChange]:
        assert write.field is not None
        if bit := self._controls.by_name(text):
            yield BitChange(write, bit, text, sets)
            return
        number = evaluate(text, self._names)
        bits = self._controls.within(write.field.name, number) if number else ()
        for bit in bits:
            yield BitChange(write, bit, bit.name, sets)
        if not bits and number != 0 and text.isidentifier():
            yield BitChange(write, None, text, sets)


def _leaves(expr: Expr) -> Iterator[Expr]:
    """What an expression is computed from, looking through operators."""
    todo = [expr]
    while todo:
        one = todo.pop()
        if one.kind in ("binary", "cast", "ternary"):
            todo.extend(one.kids[1:] if one.kind == "ternary" else one.kids)
        elif one.kind != "unary":
            yield one


def _terms(mask: Expr) -> Iterator[Expr]:
    todo = [mask]
    while todo:
        one = todo.pop()
        if one.kind == "ternary":
            todo.extend(reversed(one.kids[1:]))
        elif one.kind == "cast" or (one.kind == "binary" and one.text == "|"):
            todo.extend(reversed(one.kids))
        else:
            yield one


def same_branch(one: Site, other: Site) -> bool:
    """Whether two sites of one function are arms of one test or switch, so that only one of them
    runs."""
    return any(_is_denied(mine, other.conditions) for mine in one.conditions) or any(
        _is_denied(theirs, one.conditions) for theirs in other.conditions
    )


def _is_denied(condition: Condition, others: Conditions) -> bool:
    """Whether other conditions together say that one does not hold."""
    if condition.cases:
        return any(_excludes(condition, other) for other in others)
    denying = implied(condition.test, not condition.holds)
    return bool(denying) and all(
        any(spelled(need.test) == spelled(one.test) and _agree(need, one) for one in others)
        for need in denying
    )


def _agree(need: Condition, one: Condition) -> bool:
    return not one.cases and need.holds == one.holds


def _excludes(mine: Condition, theirs: Condition) -> bool:
    """Whether two sets of values of one subject rule each other out."""
    if not theirs.cases or spelled(mine.test) != spelled(theirs.test):
        return False
    some, others = ({spelled(case) for case in one.cases} for one in (mine, theirs))
    if mine.holds and theirs.holds:
        return some.isdisjoint(others)
    return mine.holds != theirs.holds and (some <= others if mine.holds else others <= some)
