"""The budget of a program: each hot path with its operations, its cycles and its call paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from vmxlint.cost import Rate
from vmxlint.findings import Load
from vmxlint.interval import Interval


@dataclass(frozen=True)
class Count:
    """How often one pass does something: `min` and `max` bound every pass, `expected` is the mean.

    A loop counts as often as its text says, else once. What a pass does less than once in a hundred
    even at the worst is left out.
    """

    min: float
    expected: float
    max: float


@dataclass(frozen=True)
class Place:
    """A line of the unit's source; line 0 if nobody has counted the lines."""

    path: str
    line: int


@dataclass(frozen=True)
class Call:
    """A function on a call path, and where it is defined."""

    name: str
    place: Place


@dataclass(frozen=True)
class Step:
    """One operation on one call path: how often it is expected in one pass, and what that costs.

    `row` is the operation's row in the model. `operand` is the field, VMCS or MSR; `calls` leads
    from the run loop to the function that does it. Cycles are modelled; where the model has no more
    than a guess (grade X) there are none.
    """

    calls: tuple[Call, ...]
    kind: str
    operand: str
    place: Place | None
    row: str
    expected: float
    cycles: Interval
    grade: str


@dataclass(frozen=True)
class PathCost:
    """One hot path.

    `operations` counts each kind in one pass. `cycles` is what the expected pass costs at the low,
    typical and high price of each operation; it is the sum of the steps' cycles, end by end.
    `unpriced` names the kinds that are counted but not priced, for want of a source.
    """

    context: str
    operations: Mapping[str, Count]
    cycles: Interval
    grade: str
    steps: tuple[Step, ...]
    unpriced: tuple[str, ...] = ()


@dataclass(frozen=True)
class Budget:
    """The hot paths of a program; `shares` is how much of all exits each path is, if it is one.

    With a rate of exits, `load` is what the average exit comes to on one core. `dialect` is the one
    in which the program was read.
    """

    paths: tuple[PathCost, ...]
    cpu: str
    profile: str
    source: str
    shares: Mapping[str, float]
    rate: Rate | None = None
    dialect: str = ""

    @property
    def mix(self) -> tuple[tuple[PathCost, float], ...]:
        """The exits that the profile lists, each with its part of these."""
        listed = [(one, self.shares.get(one.context, 0.0)) for one in self.paths]
        total = sum(share for _, share in listed)
        return tuple((one, share / total) for one, share in listed if share)

    @property
    def average(self) -> Interval | None:
        """The cycles of an average exit of the profile, whole way; None if it has none of ours."""
        parts = [one.cycles.scaled(part) for one, part in self.mix]
        return reduce(Interval.__add__, parts) if parts else None

    @property
    def load(self) -> Load | None:
        """The part of one core that the exits take, if their rate is known."""
        average = self.average
        return self.rate.load(average) if self.rate and average else None

    def path(self, context: str) -> PathCost | None:
        """The path of that context."""
        return next((one for one in self.paths if one.context == context), None)
