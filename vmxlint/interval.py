"""Intervals (low, typical, high): the only form in which a cost or a frequency is kept."""

from __future__ import annotations

import math
from typing import NamedTuple


class _Ends(NamedTuple):
    low: float
    typical: float
    high: float


class Interval(_Ends):
    """A non-negative quantity known only as low <= typical <= high.

    Errors of one model line up (every VMREAD term comes from one figure), so addition and
    multiplication work end by end; the typical value of a sum or product is that of the typicals.
    Raises ValueError for ends that are negative, not finite or out of order.
    """

    __slots__ = ()

    def __new__(cls, low: float, typical: float, high: float) -> Interval:
        """The interval of these ends, checked."""
        ends = (low, typical, high)
        if not all(map(math.isfinite, ends)) or not 0 <= low <= typical <= high:
            raise ValueError(f"not an interval: {ends}")
        return tuple.__new__(cls, ends)

    def __add__(self, other: Interval) -> Interval:  # type: ignore[override]
        a, b, c = self
        x, y, z = other
        return tuple.__new__(Interval, (a + x, b + y, c + z))

    def __mul__(self, other: Interval) -> Interval:  # type: ignore[override]
        a, b, c = self
        x, y, z = other
        return tuple.__new__(Interval, (a * x, b * y, c * z))

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
