"""What code does in one pass, and of which operations and calls that is made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vmxlint.budget.amounts import NONE, Amount, either
from vmxlint.budget.known import Given
from vmxlint.calls.link import Edge
from vmxlint.flow.routine import Routine
from vmxlint.interval import ONCE, Interval
from vmxlint.operations import Operation


class Point(NamedTuple):
    """A routine in a context, its constant arguments, and whether it is asked to fill a cache that
    the last VM-exit emptied."""

    routine: Routine
    context: str
    given: Given = ()
    fills: bool = False


@dataclass(frozen=True, eq=False)
class Made:
    """An operation, or one of several that the text leaves open, where its field is named."""

    operations: tuple[Operation, ...]
    fills: bool = False


Part = tuple[float, Made | tuple[Edge, Point]]  # how often in one run of the routine, and what


@dataclass(frozen=True)
class Outcome:
    """What one run of some code does, and which operations and calls that is made up of."""

    amount: Amount = NONE
    parts: tuple[Part, ...] = ()

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(self.amount + other.amount, self.parts + other.parts)

    def repeated(self, times: Interval) -> Outcome:
        """What so many runs do."""
        if times == ONCE:
            return self
        parts = tuple((often * times.typical, what) for often, what in self.parts)
        return Outcome(self.amount.repeated(times), parts)


NOTHING = Outcome()


def scaled(weighted: Sequence[tuple[float, Outcome]]) -> tuple[Part, ...]:
    """The parts of several outcomes, each as often as that is met."""
    return tuple(
        (weight * often, what) for weight, one in weighted if weight for often, what in one.parts
    )


def one_of(ways: Sequence[tuple[float, Outcome]]) -> Outcome:
    """Of several ways of an arm just one is gone."""
    if not ways:
        return NOTHING
    total = sum(chance for chance, _ in ways)
    even = [(chance / total if total else 1 / len(ways), one) for chance, one in ways]
    return Outcome(either([(chance, one.amount) for chance, one in even]), scaled(even))
