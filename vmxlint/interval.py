"""Intervals (low, typical, high): the only form in which a cost or a frequency is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A non-negative quantity known only as low <= typical <= high.

    Errors of one model line up (every VMREAD term comes from one figure), so addition and
    multiplication work end by end; the typical value of a sum or product is that of the typicals.
    Raises ValueError for ends that are negative, not finite or out of order.
    """

    low: float
    typical: float
    high: float

    def __post_init__(self) -> None:
        ends = (self.low, self.typical, self.high)
        if not all(map(math.isfinite, ends)) or not 0 <= self.low <= self.typical <= self.high:
            raise ValueError(f"not an interval: {ends}")

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.typical + other.typical, self.high + other.high)

    def __mul__(self, other: Interval) -> Interval:
        return Interval(self.low * other.low, self.typical * other.typical, self.high * other.high)

    def scaled(self, factor: float) -> Interval:
        """This quantity `factor` (>= 0) times over."""
        return self * exactly(factor)

    def complement(self) -> Interval:
        """The probability that an event of this probability does not happen."""
        return Interval(1 - self.high, 1 - self.typical, 1 - self.low)

    def capped(self, most: float) -> Interval:
        """No end above `most`."""
        return Interval(min(self.low, most), min(self.typical, most), min(self.high, most))


def exactly(value: float) -> Interval:
    """A quantity that is known."""
    return Interval(value, value, value)


NOTHING = exactly(0)
ONCE = exactly(1)
