"""What the points of a pass come to, as far as it is known: from that pass, or from another one.

Most of what an exit runs does not turn on its reason. So the outcome of a point is common to all
passes, unless it hangs on something: on the pass itself, or on a routine that was under way.
"""

from __future__ import annotations

from collections.abc import Callable

from vmxlint.budget.outcome import NOTHING, Outcome, Point

DEEPEST = 200  # calls in each other
_THE_PASS = 0
_NOTHING_ELSE = DEEPEST + 1

Common = dict[Point, Outcome]


class Memory:
    """The memory of one pass, on top of what it has in `common` with others.

    Calls back into a routine that is under way, and those deeper than anybody programs, count
    nothing.
    """

    def __init__(self, common: Common) -> None:
        self._common = common
        self._own: dict[Point, Outcome] = {}
        self._open: dict[Point, int] = {}
        self._hangs_on = _NOTHING_ELSE  # the outermost open point by its depth, or the pass

    def __len__(self) -> int:
        return len(self._own)

    def is_particular(self) -> None:
        """Note that what is under way turns on the pass."""
        self._hangs_on = _THE_PASS

    def outcome(self, point: Point, found_out: Callable[[], Outcome]) -> Outcome:
        """What one run from a point does, found out once."""
        if (known := self._common.get(point)) is not None:
            return known
        if (known := self._own.get(point)) is not None:
            self._hangs_on = min(self._hangs_on, self._open.get(point, _THE_PASS))
            return known
        if len(self._open) == DEEPEST:
            self.is_particular()
            return NOTHING
        self._open[point] = depth = len(self._open) + 1
        self._own[point] = NOTHING
        outside, self._hangs_on = self._hangs_on, _NOTHING_ELSE
        found = self._own[point] = found_out()
        del self._open[point]
        if self._hangs_on >= depth:
            self._common[point] = self._own.pop(point)
            self._hangs_on = _NOTHING_ELSE
        self._hangs_on = min(self._hangs_on, outside)
        return found
