"""The VMWRITEs of the major controls: what each costs that need not be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from vmxlint.bits import BitChange
from vmxlint.facts import Expr, spelled, walk
from vmxlint.operations import Operation
from vmxlint.program import Program
from vmxlint.reach import ENTRY, EXIT, NESTED, Reach

_UNAVOIDABLE = ("window", "guest-state", "msr-switch")
_KEPT = ("memo", "flag")
_COMMON = {ENTRY: 0.02, EXIT: 0.02} | dict.fromkeys(NESTED, 0.1)
_OFTEN_ENOUGH = 0.001  # of all exits
_SELDOM = 0.5


class Writes:
    """The VMWRITEs of the major controls of a program, with what can be said about each."""

    def __init__(self, program: Program) -> None:
        self._program = program

    @cached_property
    def all(self) -> tuple[Operation, ...]:
        """Every VMWRITE of a major control, in the order of the code."""
        return tuple(
            one
            for one in self._program.operations
            if one.kind == "vmwrite" and one.field and one.field.major
        )

    def hot(self, write: Operation) -> tuple[Reach, ...]:
        """The ways to a write that are taken in normal running, the most frequent first."""
        found = [one for one in self._program.reaches(write) if self._is_hot(one)]
        return tuple(sorted(found, key=lambda one: (-self._weight(one), one.context)))

    def _is_hot(self, reach: Reach) -> bool:
        if any(g.kind in ("request", "failure") and _is_seldom(g.probability) for g in reach.gates):
            return False
        if reach.context in _COMMON:
            return reach.probability.typical >= _COMMON[reach.context]
        return self._weight(reach) >= _OFTEN_ENOUGH

    def _weight(self, reach: Reach) -> float:
        times = self._program.pricing.times((reach,))
        return times.per_exit.typical or times.per_nested_round_trip.typical / 1000

    def is_compared(self, write: Operation) -> bool:
        """Whether a compare with a copy, or a flag, keeps a write from repeating what is there."""
        return (
            self._is_behind_copy(write)
            or self._is_behind_compare(write)
            or any(gate.kind in _KEPT for gate in self._program.gates_before(write))
        )

    def _is_behind_copy(self, write: Operation) -> bool:
        return any(
            use.site is write.site or use.routine in write.through
            for copy in self._program.copies
            if write.field and copy.field_name == write.field.name
            for use in copy.compares
        )

    def _is_behind_compare(self, write: Operation) -> bool:
        if write.value is None:
            return False
        wanted = spelled(write.value)
        return any(
            one.kind == "binary" and one.text in ("!=", "==") and wanted in map(spelled, one.kids)
            for condition in (*write.site.conditions, *write.conditions)
            for one in walk(condition.test)
        )

    def reads_back(self, write: Operation) -> tuple[Operation, ...]:
        """The VMREADs of the same control whose answer a write changes and gives back."""
        if write.computed is None:
            return ()
        starts = {one.start for one in walk(write.computed) if one.kind in ("call", "asm")}
        return tuple(
            one
            for one in self._program.made_in(write.routine)
            if one.kind == "vmread"
            and one.field == write.field
            and (one.site is write.site or one.site.expr.start in starts)
        )

    def changes(self, write: Operation) -> tuple[BitChange, ...]:
        """The bits that a write sets or clears, keeping the others."""
        return self._changes.get(write, ())

    @cached_property
    def _changes(self) -> dict[Operation, tuple[BitChange, ...]]:
        found: dict[Operation, tuple[BitChange, ...]] = {}
        for change in self._program.bit_changes:
            found[change.operation] = (*found.get(change.operation, ()), change)
        return found

    def is_forced(self, write: Operation) -> bool:
        """Whether all bits that a write changes must follow a request, the guest, or an MSR."""
        changes = self.changes(write)
        return bool(changes) and all(one.bit and is_forced(one) for one in changes)

    def is_toggled(self, write: Operation) -> bool:
        """Whether a write changes a bit that is set and cleared as entries and exits go by."""
        return any(one.key in self._toggled for one in self.changes(write))

    @cached_property
    def _toggled(self) -> frozenset[tuple[str, str]]:
        directions: dict[tuple[str, str], set[bool]] = {}
        for change in self._program.bit_changes:
            if not is_forced(change):
                directions.setdefault(change.key, set()).add(change.sets)
        both = {key for key, sides in directions.items() if len(sides) == 2}
        return frozenset(key for key in both if self._changes_often(key))

    def _changes_often(self, key: tuple[str, str]) -> bool:
        """Whether both halves of a toggle are hot, and one on every entry or exit."""
        hot = [(c.sets, self.hot(c.operation)) for c in self._program.bit_changes if c.key == key]
        contexts = {reach.context for _, reaches in hot for reach in reaches}
        return len({sets for sets, reaches in hot if reaches}) == 2 and bool(
            contexts & {ENTRY, EXIT}
        )


def is_forced(change: BitChange) -> bool:
    """Whether a bit must follow a request, the guest, or an MSR."""
    return change.bit is not None and change.bit.toggle in _UNAVOIDABLE


def _is_seldom(probability: Iterable[float]) -> bool:
    return tuple(probability)[1] < _SELDOM


def decided(value: Expr, name: str) -> bool | None:
    """Whether a computed control has the bit of that name set; None if the text does not say."""
    while True:
        match value:
            case Expr("cast", _, (inner,)):
                value = inner
            case Expr("binary", "|", (left, right)):
                if name in _terms(right) or name in _terms(left):
                    return True
                if _mentions(right, name):
                    return None
                value = left
            case Expr("binary", "&", (left, Expr("unary", "~", (mask,)))):
                if name in _terms(mask):
                    return False
                value = left
            case _:
                return None


def _terms(mask: Expr) -> Iterator[str]:
    todo = [mask]
    while todo:
        one = todo.pop()
        if one.kind == "cast" or (one.kind == "binary" and one.text == "|"):
            todo.extend(one.kids)
        else:
            yield spelled(one)


def _mentions(expr: Expr, name: str) -> bool:
    return any(one.kind == "name" and one.text == name for one in walk(expr))
