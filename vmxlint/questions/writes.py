"""The VMWRITEs of the major controls: what each costs that need not be."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise

from vmxlint.contexts.reach import ENTRY, EXIT, NESTED, Reach
from vmxlint.facts import Expr, members, spelled, walk
from vmxlint.operations import Operation
from vmxlint.operations.bits import BitChange
from vmxlint.program import Program
from vmxlint.questions.toggles import is_forced, toggles

_KEPT = ("memo", "flag")
# How probable a way must be to count as normal running: our guesses, as an unknown condition is.
_COMMON = {ENTRY: 0.02, EXIT: 0.02} | dict.fromkeys(NESTED, 0.2)
_OFTEN, _OF_ALL = 0.05, 0.001  # of the exits of a reason, and of all exits


class Writes:
    """The VMWRITEs of the major controls of a program, with what can be said about each."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._ways: dict[Operation, tuple[Reach, ...]] = {}
        self._compared: dict[Operation, bool] = {}
        self._decided: dict[tuple[Operation, tuple[str, str]], bool | None] = {}

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
        if write not in self._ways:
            self._ways[write] = tuple(self._hot(write))
        return self._ways[write]

    def _hot(self, write: Operation) -> list[Reach]:
        found = [one for one in self._program.reaches(write) if self._is_hot(one)]
        return sorted(found, key=lambda one: (-self._weight(one), one.context))

    def _is_hot(self, reach: Reach) -> bool:
        if any(gate.is_exceptional for gate in reach.gates):
            return False
        if reach.context in _COMMON:
            return reach.probability.typical >= _COMMON[reach.context]
        return reach.probability.typical >= _OFTEN and self._weight(reach) >= _OF_ALL

    def _weight(self, reach: Reach) -> float:
        times = self._program.pricing.times((reach,))
        return times.per_exit.typical or times.per_nested_round_trip.typical / 1000

    def is_compared(self, write: Operation) -> bool:
        """Whether a compare with a copy, or a flag, keeps a write from repeating what is there."""
        if write not in self._compared:
            self._compared[write] = self._is_compared(write)
        return self._compared[write]

    def _is_compared(self, write: Operation) -> bool:
        return (
            self._program.is_behind_copy(write)
            or self._is_behind_compare(write)
            or any(gate.kind in _KEPT for gate in self._program.gates_before(write))
        )

    def _is_behind_compare(self, write: Operation) -> bool:
        if write.value is None:
            return False
        tests = [one.test for one in (*write.site.conditions, *write.conditions)]
        kept = members(write.value)
        if self.changes(write) and any(kept & members(test) for test in tests):
            return True
        copies = self._program.kept_with(write)
        return any(
            _compares(one, spelled(write.value), copies) for test in tests for one in walk(test)
        )

    def is_alone(self, write: Operation, context: str) -> bool:
        """Whether all other controls are compared before they are written in a context."""
        return all(
            self.is_compared(one) or context not in {reach.context for reach in self.hot(one)}
            for one in self.all
            if one.field != write.field
        )

    def reads_back(self, write: Operation) -> tuple[Operation, ...]:
        """The VMREADs of the same control whose answer a write changes and gives back."""
        if write.computed is None:
            return ()
        starts = {one.start for one in walk(write.computed) if one.kind in ("call", "asm")}
        made_here = tuple(
            one
            for one in self._program.made_in(write.routine)
            if one.kind == "vmread"
            and one.field == write.field
            and (one.site is write.site or one.site.expr.start in starts)
        )
        return made_here or self._read_in_helper(write) or tuple(self._program.read_for(write))

    def _read_in_helper(self, write: Operation) -> tuple[Operation, ...]:
        """The VMREADs that a helper on the way to a write makes by the same call as the write."""
        return tuple(
            one
            for helper, inner in pairwise(write.through)
            for one in self._program.made_in(helper)
            if one.kind == "vmread" and one.field == write.field and inner in one.through[:1]
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

    def decides(self, write: Operation, change: BitChange) -> bool | None:
        """Whether the value that a write computes has the bit of a change set, whatever else is;
        None if the text leaves it open."""
        asked = write, change.key
        if asked not in self._decided:
            self._decided[asked] = self._decides(write, change)
        return self._decided[asked]

    def _decides(self, write: Operation, change: BitChange) -> bool | None:
        value = write.computed
        while value is not None:
            match value:
                case Expr("cast", _, (inner,)):
                    value = inner
                case Expr("binary", "|", (left, right)):
                    if any(self._is_bit(one, change) for one in (*_terms(left), *_terms(right))):
                        return True
                    open_here = any(self._is_bit(one, change) for one in walk(right))
                    value = None if open_here else left
                case Expr("binary", "&", (left, Expr("unary", "~", (mask,)))):
                    if any(self._is_bit(one, change) for one in _terms(mask)):
                        return False
                    value = left
                case _:
                    return None
        return None

    def _is_bit(self, mask: Expr, change: BitChange) -> bool:
        """Whether a constant holds the bit of a change."""
        if mask.kind not in ("name", "number"):
            return False
        if mask.text == change.name or (change.bit and mask.text in change.bit.names):
            return True
        number = self._program.linker.number(mask.text)
        return bool(change.bit and number and number & change.bit.mask)

    def is_forced(self, write: Operation) -> bool:
        """Whether all bits that a write changes must follow a request, the guest, or an MSR: each
        one way, since code that may set and may clear a bit writes it also if it stays."""
        changes = self.changes(write)
        ways = {(change.key, change.sets) for change in changes}
        one_way = len(ways) == len({key for key, _ in ways})
        return bool(changes) and one_way and all(map(is_forced, changes))

    def is_toggled(self, write: Operation) -> bool:
        """Whether a write is one of a bit that is set and cleared as entries and exits go by."""
        return write in self._toggled

    @cached_property
    def _toggled(self) -> frozenset[Operation]:
        groups = self._program.shared(toggles).values()
        return frozenset(one.change.operation for changes in groups for one in changes)


def _compares(test: Expr, wanted: str, copies: set[str]) -> bool:
    """Whether a test compares a value with one that may be what was written last: not with a
    member if there are `copies`, members that are given the value, and it is none of them."""
    if test.kind != "binary" or test.text not in ("!=", "=="):
        return False
    left, right = test.kids
    for value, other in ((left, right), (right, left)):
        if spelled(value) == wanted:
            return other.kind != "member" or not copies or other.text in copies
    return False


def _terms(mask: Expr) -> Iterator[Expr]:
    """What a mask is put together from."""
    todo = [mask]
    while todo:
        one = todo.pop()
        if one.kind == "cast" or (one.kind == "binary" and one.text == "|"):
            todo.extend(one.kids)
        else:
            yield one
