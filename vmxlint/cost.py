"""The price of a hit: operations saved, times how often, in interval arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce

from vmxlint.contexts.reach import Reach
from vmxlint.findings import Cost, Load, Term
from vmxlint.interval import NOTHING, Interval
from vmxlint.model import Model
from vmxlint.model.frequencies import PER_EXIT, PER_NESTED_ROUND_TRIP
from vmxlint.model.operations import BARE_METAL, OperationCost
from vmxlint.model.profiles import Profile
from vmxlint.model.tables import worst

VMREAD, VMWRITE, RECHECK = "vmread", "vmwrite", "consistency_recheck"
GUESS = "X"
WIDEST = 30
_MAGNITUDES = ((10, "a few"), (100, "tens of"), (1000, "hundreds of"), (10000, "thousands of"))


@dataclass(frozen=True)
class Times:
    """How often something happens, per VM-exit and per nested round trip, and how well it is known.

    Grade A where the frequency follows from the code alone. `source` holds one source a line.
    """

    per_exit: Interval
    per_nested_round_trip: Interval
    grade: str = "A"
    source: str = ""

    @property
    def is_guessed(self) -> bool:
        """Whether it rests on more than what is known: a condition may hold or not."""
        return any(one.low < one.high for one in (self.per_exit, self.per_nested_round_trip))

    @property
    def sources(self) -> tuple[str, ...]:
        """Each source once."""
        return tuple(dict.fromkeys(self.source.splitlines()))

    def __add__(self, other: Times) -> Times:
        return Times(
            self.per_exit + other.per_exit,
            self.per_nested_round_trip + other.per_nested_round_trip,
            worst(self.grade, other.grade),
            "\n".join(dict.fromkeys(self.sources + other.sources)),
        )

    def at_most(self, per_exit: float, per_nested_round_trip: float) -> Times:
        """No more often than that."""
        return replace(
            self,
            per_exit=self.per_exit.capped(per_exit),
            per_nested_round_trip=self.per_nested_round_trip.capped(per_nested_round_trip),
        )


NEVER = Times(NOTHING, NOTHING)


@dataclass(frozen=True)
class Saving:
    """What a fix saves: one of the model's operations, so many times."""

    operation: str
    times: Times


@dataclass(frozen=True)
class Rate:
    """VM-exits per second, on a core whose time-stamp counter runs at so many GHz."""

    exits_per_second: float
    gigahertz: Interval

    def load(self, cycles_per_exit: Interval) -> Load:
        """The part of the core that so many cycles per VM-exit take."""
        slow, usual, fast = (1e9 * end for end in self.gigahertz)
        low, typical, high = (self.exits_per_second * end for end in cycles_per_exit)
        part = Interval(low / fast, typical / usual, high / slow)
        return Load(part, self.exits_per_second, self.gigahertz)


@dataclass(frozen=True)
class Pricing:
    """The choice of tables that a run prices with; without a rate there is no load, and nothing is
    counted per nested round trip of a hypervisor that has no nested guests."""

    model: Model
    profile: Profile
    cpu: str
    environment: str = BARE_METAL
    rate: Rate | None = None
    nests: bool = True

    @property
    def where(self) -> str:
        """The CPU family, the environment if it is not bare metal, and whose rows there are."""
        parts = [self.cpu]
        if self.environment != BARE_METAL:
            parts.append(self.environment)
        if self.model.overlay:
            parts.append(f"rows of {self.model.overlay.file}")
        return ", ".join(parts)

    def cost_of(self, operation: str) -> OperationCost:
        """The row of one operation, on this CPU and in this environment."""
        return self.model.operations.lookup(operation, self.cpu, self.environment)

    def toggled(self, bit: str) -> Times | None:
        """How often the state behind a control's bit changes, if the model knows it."""
        rate = self.model.controls.rate(bit)
        if rate is None:
            return None
        return Times(rate.per_entry, rate.per_nested_round_trip, rate.grade, rate.source)

    def times(self, reaches: Iterable[Reach]) -> Times:
        """How often code that is reached in these ways runs, each context counted once."""
        return reduce(lambda total, one: total + self._in_context(one), reaches, NEVER)

    def _in_context(self, reach: Reach) -> Times:
        per_exit, per_nested, grade, source = self._weight(reach.context)
        chance = reach.expected
        return self._done(Times(per_exit * chance, per_nested * chance, grade, source))

    def _done(self, times: Times) -> Times:
        """So often, but never in a nested round trip where there is none."""
        return times if self.nests else replace(times, per_nested_round_trip=NOTHING)

    def _weight(self, context: str) -> tuple[Interval, Interval, str, str]:
        """Of one context: runs per VM-exit, per nested round trip, the grade and the source."""
        if context.startswith("exit:"):
            share = self.profile.frequency(context.removeprefix("exit:"))
            return share, NOTHING, "A", self.profile.source
        rows = self.model.frequencies.rows
        found = [rows.get((context, per)) for per in (PER_EXIT, PER_NESTED_ROUND_TRIP)]
        known = [row for row in found if row]
        if not known:
            return NOTHING, NOTHING, GUESS, ""
        per_exit, per_nested = (row.times if row else NOTHING for row in found)
        sources = dict.fromkeys(row.source for row in known if not row.is_definition)
        return per_exit, per_nested, worst(*(row.grade for row in known)), "\n".join(sources)

    def price(self, savings: Iterable[Saving], unit: str) -> Cost:
        """What the savings come to; `unit` is "VM-exit" or "VM-entry"."""
        terms = tuple(map(self._term, savings))
        per_exit = _total(one.cycles * one.per_exit for one in terms)
        per_nested = _total(one.cycles * one.per_nested_round_trip for one in terms)
        grade = worst("A", *(one.grade for one in terms))
        known = grade != GUESS and _is_narrow(per_exit) and _is_narrow(per_nested)
        if not known and any(one.guessed for one in terms):
            grade = GUESS
        return Cost(
            per_exit if known else None,
            per_nested if known else None,
            unit,
            None if known else _magnitude(per_exit, per_nested, unit),
            grade,
            self.cpu,
            self.profile.name,
            tuple(dict.fromkeys(source for one in terms for source in one.sources)),
            self.environment,
            terms,
            self.rate.load(per_exit) if self.rate and known and per_exit.high else None,
        )

    def _term(self, saving: Saving) -> Term:
        row, times = self.cost_of(saving.operation), self._done(saving.times)
        return Term(
            row.operation,
            row.name,
            row.cycles,
            times.per_exit,
            times.per_nested_round_trip,
            worst(row.grade, times.grade),
            tuple(dict.fromkeys((row.source, *times.sources))),
            times.is_guessed,
        )


def _total(parts: Iterable[Interval]) -> Interval:
    return reduce(lambda one, other: one + other, parts, NOTHING)


def _is_narrow(cycles: Interval) -> bool:
    return cycles.high == 0 or (cycles.low > 0 and cycles.high <= WIDEST * cycles.low)


def _magnitude(per_exit: Interval, per_nested: Interval, unit: str) -> str:
    """The order of what is only guessed, in words."""
    cycles, per = (per_exit, unit) if per_exit.high else (per_nested, "nested round trip")
    for below, words in _MAGNITUDES:
        if cycles.typical < below:
            return f"{words} cycles per {per}"
    return f"tens of thousands of cycles per {per}"
