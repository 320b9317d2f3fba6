"""Follows findings through the steps of a series: which patch brings one, which takes it away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from vmxlint.change.compare import Difference
from vmxlint.change.look import Seen


@dataclass(frozen=True, eq=False)
class Trace:
    """The differences from each tree to the next."""

    steps: Sequence[Difference]

    @cached_property
    def _before(self) -> list[dict[int, Seen]]:
        return [{id(new): old for old, new in step.same} for step in self.steps]

    @cached_property
    def _after(self) -> list[dict[int, Seen]]:
        return [{id(old): new for old, new in step.same} for step in self.steps]

    def back(self, seen: Seen) -> Iterator[Seen]:
        """A finding of the last tree, and what it was in the trees before, the latest first."""
        yield seen
        for before in reversed(self._before):
            if id(seen) not in before:
                return
            seen = before[id(seen)]
            yield seen

    def origin(self, seen: Seen) -> tuple[int | None, Seen]:
        """The index of the step that brings a finding of the last tree, and as what.

        None if it was always there, which a finding that went and came again is not.
        """
        states = list(self.back(seen))
        number = len(self.steps) - len(states)
        return (number if number >= 0 else None), states[-1]

    def end(self, seen: Seen) -> int | None:
        """The index of the step that takes a finding of the first tree away; None if none does."""
        for number, after in enumerate(self._after):
            if id(seen) not in after:
                return number
            seen = after[id(seen)]
        return None
