"""The price of a hit: operations saved, times how often, in interval arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce

from vmxlint.findings import Cost
from vmxlint.interval import NOTHING, ONCE, Interval, exactly
from vmxlint.model import Model
from vmxlint.model.frequencies import PER_EXIT
from vmxlint.model.profiles import Profile
from vmxlint.model.tables import GRADES, ModelError
from vmxlint.reach import ENTRY, EXIT, NESTED_ENTRY, NESTED_EXIT, Reach

VMREAD, VMWRITE, RECHECK = "vmread", "vmwrite", "consistency_recheck"
EXITS_OF_A_NESTED_ROUND_TRIP = 2
WIDEST = 30
_MAGNITUDES = ((10, "a few"), (100, "tens of"), (1000, "hundreds of"), (10000, "thousands of"))


@dataclass(frozen=True)
class Times:
    """How often something happens, per VM-exit and per nested round trip, and how well it is known.

    Grade A where the frequency follows from the code alone.
    """

    per_exit: Interval
    per_nested_round_trip: Interval
    grade: str = "A"
    source: str = ""

    def __add__(self, other: Times) -> Times:
        sources = dict.fromkeys(one for one in (self.source, other.source) if one)
        return Times(
            self.per_exit + other.per_exit,
            self.per_nested_round_trip + other.per_nested_round_trip,
            max(self.grade, other.grade),
            "; ".join(sources),
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
class Pricing:
    """The choice of tables that a run prices with."""

    model: Model
    profile: Profile
    cpu: str

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
        return Times(per_exit * chance, per_nested * chance, grade, source)

    def _weight(self, context: str) -> tuple[Interval, Interval, str, str]:
        """Of one context: runs per VM-exit, per nested round trip, the grade and the source."""
        if context in (ENTRY, EXIT):
            return ONCE, exactly(EXITS_OF_A_NESTED_ROUND_TRIP), "A", ""
        if context in (NESTED_ENTRY, NESTED_EXIT):
            return NOTHING, ONCE, "A", ""
        if context.startswith("exit:"):
            share = exactly(self.profile.share(context.removeprefix("exit:")))
            return share, NOTHING, "A", self.profile.source
        try:
            row = self.model.frequencies.lookup(context, PER_EXIT)
        except ModelError:
            return NOTHING, NOTHING, "X", ""
        return row.times, NOTHING, row.grade, row.source

    def price(self, savings: Iterable[Saving], unit: str) -> Cost:
        """What the savings come to; `unit` is "VM-exit" or "VM-entry"."""
        per_exit = per_nested = NOTHING
        grade = "A"
        sources: dict[str, None] = {}
        for saving in savings:
            row = self.model.operations.lookup(saving.operation, self.cpu)
            per_exit += row.cycles * saving.times.per_exit
            per_nested += row.cycles * saving.times.per_nested_round_trip
            grade = max(grade, row.grade, saving.times.grade, key=GRADES.index)
            sources[row.source] = None
            if saving.times.source:
                sources[saving.times.source] = None
        known = grade != "X" and _is_narrow(per_exit) and _is_narrow(per_nested)
        return Cost(
            per_exit if known else None,
            per_nested if known else None,
            unit,
            None if known else _magnitude(per_exit, per_nested, unit),
            grade,
            self.cpu,
            self.profile.name,
            tuple(sources),
        )


def _is_narrow(cycles: Interval) -> bool:
    return cycles.high == 0 or (cycles.low > 0 and cycles.high <= WIDEST * cycles.low)


def _magnitude(per_exit: Interval, per_nested: Interval, unit: str) -> str:
    """The order of what is only guessed, in words."""
    cycles, per = (per_exit, unit) if per_exit.high else (per_nested, "nested round trip")
    for below, words in _MAGNITUDES:
        if cycles.typical < below:
            return f"{words} cycles per {per}"
    return f"tens of thousands of cycles per {per}"
