"""Two budgets side by side: what a change of the source costs or saves, path by path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from vmxlint.budget.paths import Budget, PathCost, Step
from vmxlint.interval import NOTHING, Interval

_SELDOM = 0.05  # times in one pass; what changes by less is rounded away


class Difference(NamedTuple):
    """Cycles more (or, negative, fewer): low <= typical <= high."""

    low: float
    typical: float
    high: float


@dataclass(frozen=True)
class Change:
    """One path in two budgets; None where only the other has it."""

    context: str
    before: PathCost | None
    after: PathCost | None
    delta: Difference

    @property
    def unpriced(self) -> tuple[tuple[str, float], ...]:
        """The kinds that have no price, and how much more often the path is expected to do each."""
        sides = [one for one in (self.before, self.after) if one]
        kinds = dict.fromkeys(kind for one in sides for kind in one.unpriced)
        moved = ((kind, _often(self.after, kind) - _often(self.before, kind)) for kind in kinds)
        return tuple((kind, more) for kind, more in moved if abs(more) >= _SELDOM)


def _often(path: PathCost | None, kind: str) -> float:
    count = path.operations.get(kind) if path else None
    return count.expected if count else 0.0


def summed(budget: Budget) -> Budget:
    """The budget without its call paths, a step for each of the model's operations: as good to
    compare, and a hundredth of the size."""
    paths = [
        replace(
            path, steps=tuple(Step((), "", "", None, *one, path.grade) for one in rows_of(path))
        )
        for path in budget.paths
    ]
    return replace(budget, paths=tuple(paths))


def compared(old: Budget, new: Budget) -> tuple[Change, ...]:
    """Every path of either budget, in the order of the new one, then those that are gone."""
    contexts = dict.fromkeys(one.context for one in (*new.paths, *old.paths))
    found = ((context, old.path(context), new.path(context)) for context in contexts)
    return tuple(
        Change(context, before, after, _difference(before, after))
        for context, before, after in found
    )


def _difference(before: PathCost | None, after: PathCost | None) -> Difference:
    """What the second costs more than the first.

    Operations that both do as often cancel: their price, however badly known, is the same. Of the
    rest, operations gone swap the ends of their price.
    """
    low = typical = high = 0.0
    old, new = _by_row(before), _by_row(after)
    for row in sorted({*old, *new}):
        more, fewer = _ends(new.get(row), old.get(row))
        typical += more.typical - fewer.typical
        low += more.low - fewer.high
        high += more.high - fewer.low
    return Difference(low, typical, high)


def _ends(
    new: tuple[float, Interval] | None, old: tuple[float, Interval] | None
) -> tuple[Interval, Interval]:
    """What operations of one price are done more, and what fewer."""
    after, now = new or (0.0, NOTHING)
    before, was = old or (0.0, NOTHING)
    if after >= before:
        return (now.scaled(1 - before / after) if after else NOTHING), NOTHING
    return NOTHING, was.scaled(1 - after / before)


def _by_row(path: PathCost | None) -> dict[str, tuple[float, Interval]]:
    """How often each of the model's operations is expected, and what that costs."""
    found: dict[str, tuple[float, Interval]] = {}
    for step in path.steps if path else ():
        often, cycles = found.get(step.row, (0.0, NOTHING))
        found[step.row] = (often + step.expected, cycles + step.cycles)
    return found


def rows_of(path: PathCost) -> Iterator[tuple[str, float, Interval]]:
    """Each of the model's operations on a path, how often it is expected, and its cycles."""
    for row, (often, cycles) in sorted(_by_row(path).items()):
        yield row, often, cycles
