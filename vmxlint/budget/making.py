"""From a program to its budget: which paths there are, and what each is made up of."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, reduce

from vmxlint.budget.amounts import Amount, Pace, total
from vmxlint.budget.course import Course
from vmxlint.budget.memory import DEEPEST
from vmxlint.budget.passes import Pass
from vmxlint.budget.paths import Budget, Count, PathCost, Place, Step
from vmxlint.budget.rates import COUNTED, GUESS, Rates
from vmxlint.budget.steps import Listed, Places, Unfolded
from vmxlint.contexts.reach import AROUND, ENTRY, EXIT, NESTED_ENTRY, NESTED_EXIT, exit_for
from vmxlint.flow.conditions import MOST_CONDITIONS
from vmxlint.interval import NOTHING, Interval
from vmxlint.model.profiles import Profile
from vmxlint.model.tables import worst
from vmxlint.program import Program

ROUND_TRIP = "nested-round-trip"
RECHECK, TRANSITION = "consistency_recheck", "vm_roundtrip_hw"
_ON_THE_WAY = (ENTRY, EXIT)
_FRAMES = DEEPEST * 4 * (MOST_CONDITIONS + 4)  # tests in each other in calls in each other


def budget_of(program: Program, place: Places = lambda path, _: Place(path, 0)) -> Budget:
    """The budget of a whole program, at its own pricing; `place` gives the line of an offset."""
    profile = program.pricing.profile
    with _deep_recursion():
        paths = tuple(_Making(program, place).paths())
    shares = {
        one.context: profile.share(reason)
        for one in paths
        if (reason := one.context.removeprefix("exit:")) != one.context
    }
    pricing, dialect = program.pricing, program.dialect.id
    where, source = pricing.where, profile.source
    return Budget(paths, where, profile.name, source, shares, pricing.rate, dialect)


@contextmanager
def _deep_recursion() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


class _Making:
    def __init__(self, program: Program, place: Places) -> None:
        self._program = program
        self._place = place
        self._rates = Rates(program)
        self._course = Course(program, self._rates)

    def paths(self) -> Iterator[PathCost]:
        """Entry, the part common to all exits, each exit reason, the nested ones, load and put."""
        yield self._path(ENTRY, [[self._entry]])
        yield self._path(EXIT, [[self._exit]])
        for reason in self._reasons:
            yield self._path(exit_for(reason), [[self._exit_for(reason), self._entry]], 1)
        if self._contexts & {NESTED_ENTRY, NESTED_EXIT}:
            there, back = self._nested(NESTED_ENTRY), self._nested(NESTED_EXIT)
            yield self._path(NESTED_ENTRY, [[there]])
            yield self._path(NESTED_EXIT, [[back]])
            legs = [[self._exit, back, self._entry], [self._exit, there, self._entry_to_nested]]
            yield self._path(ROUND_TRIP, legs, 2)
        for context in AROUND:
            if context in self._contexts:
                yield self._path(context, [[self._part(self._plain, {context}, ())]])

    @cached_property
    def _contexts(self) -> frozenset[str]:
        contexts = self._program.contexts
        handled = {context for _, context in contexts.dispatched}
        return (
            frozenset(context for ways in contexts.reached.values() for context in ways) | handled
        )

    @property
    def _reasons(self) -> Sequence[str]:
        return sorted(
            one.removeprefix("exit:") for one in self._contexts if one.startswith("exit:")
        )

    @property
    def _plain(self) -> Profile:
        return self._program.pricing.profile

    @cached_property
    def _to_entry(self) -> Pass:
        return self._pass(self._plain, {ENTRY})

    @cached_property
    def _entry(self) -> Listed:
        return self._listed(self._to_entry, "entry")

    @cached_property
    def _entry_to_nested(self) -> Listed:
        """What runs before the VM-entry of a nested guest as before any, its controls toggled as
        often as a whole round trip does."""
        return self._listed(self._to_entry, "into-nested")

    @cached_property
    def _exit(self) -> Listed:
        return self._part(self._plain, {EXIT}, ())

    def _exit_for(self, reason: str) -> Listed:
        """What runs from an exit of one reason on, until the next VM-entry is prepared."""
        only = Profile(reason, "", "", {reason: 1}, 1)
        return self._part(only, {EXIT, exit_for(reason)}, ())

    def _nested(self, context: str) -> Listed:
        return self._part(self._plain, {context}, _ON_THE_WAY, in_round=True)

    def _part(
        self, profile: Profile, counted: set[str], walked: Sequence[str], in_round: bool = False
    ) -> Listed:
        return self._listed(self._pass(profile, counted, walked, in_round))

    def _pass(
        self,
        profile: Profile,
        counted: set[str],
        walked: Sequence[str] = (),
        in_round: bool = False,
    ) -> Pass:
        ways = self._program.contexts.ways.of_exits(profile)
        return Pass(self._course, ways, counted, walked, in_round)

    def _listed(self, one: Pass, pace: Pace = "any") -> Listed:
        return Unfolded(one, self._rates, self._place, pace).listed()

    def _path(
        self, context: str, legs: Sequence[Sequence[Listed]], transitions: int = 0
    ) -> PathCost:
        """A path of some legs, each of which ends with a VM-entry."""
        parts = [part for leg in legs for part in leg]
        amount = total(part.amount for part in parts)
        steps = [step for part in parts for step in part.steps]
        for leg in legs:
            steps += self._rechecks([step for part in leg for step in part.writes])
        if transitions:
            steps.insert(0, self._transition(transitions))
        return PathCost(
            context,
            {kind: _count(amount, kind) for kind in COUNTED},
            reduce(Interval.__add__, (step.cycles for step in steps), NOTHING),
            worst("A", *(step.grade for step in steps if step.cycles.high)),
            tuple(_merged(steps)),
            tuple(dict.fromkeys(step.kind for step in steps if step.grade == GUESS)),
        )

    def _transition(self, times: int) -> Step:
        row = self._rates.row(TRANSITION)
        cycles = self._rates.price(row).scaled(times)
        return Step((), TRANSITION, "", None, row.operation, times, cycles, row.grade)

    def _rechecks(self, writes: Sequence[Step]) -> Iterator[Step]:
        """What the VM-entry behind some control writes costs more: once, if any of them is done;
        each has its part of that."""
        row = self._rates.row(RECHECK)
        spared = 1.0
        for write in writes:
            spared *= 1 - min(1.0, write.expected)
        expected = sum(write.expected for write in writes)
        for write in writes:
            share = write.expected / expected * (1 - spared)
            yield replace(
                write,
                kind=RECHECK,
                row=row.operation,
                expected=share,
                cycles=self._rates.price(row).scaled(share),
                grade=row.grade,
            )


def _count(amount: Amount, kind: str) -> Count:
    return Count(*(bag.get(kind, 0.0) for bag in (amount.least, amount.expected, amount.most)))


def _merged(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps of several parts, those of one operation on one path together, in order."""
    found: dict[tuple[object, ...], Step] = {}
    for one in steps:
        key = (one.calls, one.kind, one.operand, one.place)
        known = found.get(key)
        found[key] = (
            replace(known, expected=known.expected + one.expected, cycles=known.cycles + one.cycles)
            if known
            else one
        )
    yield from found.values()
