"""Single bits of the major controls: which code sets and which clears them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vmxlint.copies import Copies
from vmxlint.facts import Expr, spelled, walk
from vmxlint.flow import Site
from vmxlint.link import Linker, Routine
from vmxlint.model.controls import ControlBit, ControlTable
from vmxlint.numbers import evaluate
from vmxlint.operations import Operation, Operations
from vmxlint.templates import assigned

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
                if one.kind == "vmwrite" and one.field and one.field.major and one.value:
                    found = {(c.key, c.sets): c for c in self._changes(one, one.value, 0)}
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
            case Expr("binary", "|", (base, mask)) if self._is_old(base, write):
                yield from self._named(write, mask, True)
                yield from self._changes(write, base, depth + 1)
            case Expr("binary", "&", (base, Expr("unary", "~", (mask,)))):
                if self._is_old(base, write):
                    yield from self._named(write, mask, False)
                    yield from self._changes(write, base, depth + 1)
            case Expr("name", name) if name in write.routine.variables:
                if self._holds_old(name, write):
                    yield from self._through_local(write, name, depth)

    def _through_local(self, write: Operation, name: str, depth: int) -> Iterator[BitChange]:
        for value in assigned(write.routine, name):
            yield from self._changes(write, value, depth + 1)
        for site in write.routine.flow.sites:
            target = site.expr.kids[0] if site.expr.kind == "assign" else None
            if target is None or target.text != name or site.expr.start > write.site.expr.start:
                continue
            match site.expr:
                case Expr("assign", "|=", (_, mask)):
                    yield from self._named(write, mask, True)
                case Expr("assign", "&=", (_, Expr("unary", "~", (mask,)))):
                    yield from self._named(write, mask, False)

    def _is_old(self, base: Expr, write: Operation) -> bool:
        """Whether `base` can be the control's old value: read back, or kept somewhere."""
        inner = base
        while inner.kind in ("cast", "binary") and inner.kids:
            inner = inner.kids[0]
        if inner.kind in ("call", "member"):
            return True
        return inner.kind == "name" and self._holds_old(inner.text, write)

    def _holds_old(self, name: str, write: Operation) -> bool:
        """Whether a local was given the control's old value: by VMREAD, or from its copy."""
        assert write.field is not None
        return any(
            self._is_read(value, write.routine, write.field.name)
            or self._is_copy(value, write.routine, write.field.name)
            for value in assigned(write.routine, name)
        )

    def _is_read(self, value: Expr, routine: Routine, field_name: str) -> bool:
        return any(one.name == field_name for one in self._operations.reads(value, routine))

    def _is_copy(self, value: Expr, routine: Routine, field_name: str) -> bool:
        members = {c.place.member.name for c in self._copies.all if c.field_name == field_name}
        for one in walk(value):
            if one.kind == "member" and one.text in members:
                return True
            if one.kind == "call" and one.kids:
                callee = self._linker.resolve(one.kids[0].text, routine.path)
                if callee and _returned_members(callee) & members:
                    return True
        return False

    def _named(self, write: Operation, mask: Expr, sets: bool) -> Iterator[BitChange]:
        for one in _terms(mask):
            if one.kind == "name" and one.text in write.routine.variables:
                values = list(assigned(write.routine, one.text))
                one = values[0] if len(values) == 1 else one
            if one.kind in ("name", "number") and one.text not in write.routine.variables:
                yield from self._known(write, one.text, sets)

    def _known(self, write: Operation, text: str, sets: bool) -> Iterator[BitChange]:
        assert write.field is not None
        if bit := self._controls.by_name(text):
            yield BitChange(write, bit, text, sets)
            return
        number = evaluate(text, self._linker.constants)
        bits = self._controls.within(write.field.name, number) if number else ()
        for bit in bits:
            yield BitChange(write, bit, text, sets)
        if not bits:
            yield BitChange(write, None, text, sets)


def _terms(mask: Expr) -> Iterator[Expr]:
    todo = [mask]
    while todo:
        one = todo.pop()
        if one.kind == "cast" or (one.kind == "binary" and one.text == "|"):
            todo.extend(reversed(one.kids))
        else:
            yield one


def _returned_members(routine: Routine) -> set[str]:
    return {
        one.text
        for site in routine.flow.sites
        if site.kind == "return"
        for one in walk(site.expr)
        if one.kind == "member"
    }


def same_branch(one: Site, other: Site) -> bool:
    """Whether two sites of one function are the two arms of one test, so that only one of them
    runs."""
    for mine in one.conditions:
        for theirs in other.conditions:
            same = spelled(mine.test) == spelled(theirs.test) and mine.cases == theirs.cases
            if same and mine.holds != theirs.holds:
                return True
    return False
