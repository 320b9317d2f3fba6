"""The pairs of VMREADs of which the second asks for what the first has answered."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from vmxlint.facts import walk
from vmxlint.flow import Condition
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operation
from vmxlint.program import Program
from vmxlint.questions.readings import Reading, Readings
from vmxlint.questions.unchanged import Unchanged

_NEAREST = 8  # earlier reads that are looked at for each, besides the first


class Pair(NamedTuple):
    """A first and a second VMREAD of a field, and the routine in which the ways to both part."""

    routine: Routine
    first: Reading
    second: Reading


class Repeats:
    """The pairs of a program, whatever happens between the two."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._readings = program.shared(Readings)

    @cached_property
    def pairs(self) -> Sequence[Pair]:
        """Those that are the fewest calls apart come first."""
        found = []
        for routine, readings in self._readings.by_routine.items():
            earlier: dict[object, list[Reading]] = {}
            for second in readings:
                read = second.operation
                before = earlier.setdefault((read.field, read.is_high), [])
                firsts = (one for one in _some(before) if _is_again(one, second))
                found += [Pair(routine, first, second) for first in firsts]
                before.append(second)
        return sorted(found, key=lambda pair: len(pair.first.calls) + len(pair.second.calls))

    def are_paired(self, first: Operation, second: Operation) -> bool:
        """Whether two operations are a pair somewhere."""
        return (first, second) in self._operations

    @cached_property
    def _operations(self) -> frozenset[tuple[Operation, Operation]]:
        return frozenset((one.first.operation, one.second.operation) for one in self.pairs)

    def is_known(self, pair: Pair) -> bool:
        """Whether both are plain, and nothing on the way from one to the other makes the field
        another."""
        routine, first, second = pair
        field = first.operation.field
        assert field is not None
        for one in (first.operation, second.operation):
            if self._program.is_asserted(one) or not self._readings.is_plain(one):
                return False
        start, end = (routine.numbers[id(one.site)] for one in (first, second))
        behind = ((one, one.numbers[id(site)], len(one.flow.sites)) for one, site in first.below())
        before = ((one, -1, one.numbers[id(site)]) for one, site in second.below())
        unchanged = self._program.shared(Unchanged)
        ways = (*behind, (routine, start, end), *before)
        return all(unchanged.between(*way, field) for way in ways)


def _some(before: Sequence[Reading]) -> Sequence[Reading]:
    return (*before[:1], *before[1:][-_NEAREST:])


def _is_again(first: Reading, second: Reading) -> bool:
    """Whether the second is made only where the first has been."""
    if first.site is second.site or not first.is_sure:
        return False
    given = first.site.conditions
    if second.site.conditions[: len(given)] != given:
        return False
    if not first.calls:
        return True
    more = second.site.conditions[len(given) :]
    return second.is_sure and all(one.early or _asks(one, first) for one in more)


def _asks(condition: Condition, reading: Reading) -> bool:
    """Whether a condition tests what a call answered."""
    return any(one.start == reading.site.expr.start for one in walk(condition.test))
