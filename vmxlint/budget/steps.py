"""The operations of a pass by call path: the calls unfolded, each with how often it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from vmxlint.budget.amounts import MOST, Amount, Cap, Pace
from vmxlint.budget.outcome import Made, Point
from vmxlint.budget.passes import Pass
from vmxlint.budget.paths import Call, Place, Step
from vmxlint.budget.rates import CONTROL_WRITE, Rates, counted_as, is_control_write
from vmxlint.facts import spelled
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operation

SELDOM = 0.005  # expected times in one pass; what is done less often is one step without a path
_LONGEST = 60  # calls
_MOST_ROUTINES = 5000  # on all call paths of a pass; what further ones do has no path either
Places = Callable[[str, int], Place]  # of an offset in a file


@dataclass(frozen=True)
class Listed:
    """What a pass does, its steps in the order of the code, and those that write a control."""

    amount: Amount
    steps: tuple[Step, ...]
    writes: tuple[Step, ...]


class Unfolded:
    """The call paths of one pass."""

    def __init__(self, one: Pass, rates: Rates, place: Places, pace: Pace = "any") -> None:
        self._pass = one
        self._rates = rates
        self._place = place
        self._shares: Mapping[Cap, float] = one.amount.shares(pace)
        self._total = one.amount.capped(pace)
        self._limited = not one.in_round
        self._left = _MOST_ROUTINES

    def listed(self) -> Listed:
        """All steps, those of one operation on one path together; then what is done seldom."""
        found: dict[tuple[object, ...], Step] = {}
        writes: dict[tuple[object, ...], Step] = {}
        for step, is_write in self._all():
            key = (tuple(one.name for one in step.calls), step.kind, step.operand, step.place)
            known = found.get(key)
            found[key] = _together(known, step) if known else step
            if is_write:
                writes[key] = found[key]
        steps = tuple(found.values())
        return Listed(self._total, (*steps, *self._rest(steps)), tuple(writes.values()))

    def _all(self) -> Iterator[tuple[Step, bool]]:
        for routine, context in self._pass.roots:
            above = tuple(map(self._call, self._pass.above(routine, context)))
            yield from self._below(self._pass.start(routine, context), 1.0, above)

    def _below(
        self, point: Point, times: float, above: tuple[Call, ...]
    ) -> Iterator[tuple[Step, bool]]:
        todo: list[tuple[Point, float, tuple[Call, ...], tuple[Point, ...]]]
        todo = [(point, times, above, ())]
        while todo and self._left > 0:
            point, times, above, outside = todo.pop()
            self._left -= 1
            calls, under_way = (*above, self._call(point.routine)), (*outside, point)
            behind: dict[Point, float] = {}
            for share, what in self._pass.outcome(point).parts:
                if isinstance(what, Made):
                    if times * share >= SELDOM:
                        yield from self._made(what, times * share, calls)
                else:
                    behind[what[1]] = behind.get(what[1], 0.0) + times * share
            todo += [
                (callee, min(often, MOST), calls, under_way)
                for callee, often in reversed(behind.items())
                if often >= SELDOM and len(calls) < _LONGEST and callee not in under_way
            ]

    def _made(
        self, made: Made, often: float, calls: tuple[Call, ...]
    ) -> Iterator[tuple[Step, bool]]:
        share = often / len(made.operations)
        for one in made.operations:
            cap = self._rates.cap(one, made.fills, self._limited)
            times = share * (self._shares.get(cap, 1.0) if cap else 1.0)
            yield self._step(one, times, calls), is_control_write(one)

    def _step(self, operation: Operation, times: float, calls: tuple[Call, ...]) -> Step:
        row = self._rates.row_of(operation)
        return Step(
            calls,
            counted_as(operation),
            operation.field.name if operation.field else spelled(operation.operand),
            self._place(operation.routine.path, operation.site.expr.start),
            row.operation,
            times,
            self._rates.cycles(operation).scaled(times),
            row.grade,
        )

    def _call(self, routine: Routine) -> Call:
        return Call(routine.name, self._place(routine.path, routine.function.start))

    def _rest(self, steps: Sequence[Step]) -> Iterator[Step]:
        """What is missing from the total of each kind: done too seldom to have steps."""
        total = self._total.expected
        for kind in sorted(str(one) for one in total if one != CONTROL_WRITE):
            missing = total[kind] - sum(one.expected for one in steps if one.kind == kind)
            if missing > 1e-9:
                row = self._rates.row_of_kind(kind)
                cycles = self._rates.price(row).scaled(missing)
                yield Step((), kind, "", None, row.operation, missing, cycles, row.grade)


def _together(one: Step, other: Step) -> Step:
    return replace(one, expected=one.expected + other.expected, cycles=one.cycles + other.cycles)
