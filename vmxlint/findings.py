"""A Finding: what a rule has found, where, when it runs and what it costs."""

from __future__ import annotations

from typing import NamedTuple

from vmxlint.interval import NOTHING, Interval

OWN = "VMX9"  # begins the ids of the rules about comments for vmxlint


class Location(NamedTuple):
    """A span of one file: lines and columns count from 1, columns in bytes, the end exclusive.

    `path` is relative to the analysed root, with forward slashes; `text` is the whole first line
    without its line end, as bytes, for frames and for columns in other units.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: bytes


class Related(NamedTuple):
    """Another place that belongs to a finding, and what it has to do with it."""

    location: Location
    message: str


class Term(NamedTuple):
    """One operation in a price: cycles for doing it once, and how often a fix saves it.

    `row` is its row of the model as `vmxlint model why` takes it, `sources` are those of the cycles
    and of the frequency. `grade` is the worse of the two; `guessed` whether the frequency rests on
    conditions whose probability is a guess.
    """

    operation: str
    row: str
    cycles: Interval
    per_exit: Interval
    per_nested_round_trip: Interval
    grade: str
    sources: tuple[str, ...]
    guessed: bool = False


class Load(NamedTuple):
    """What a cost per VM-exit comes to over time: part of one core at a rate of VM-exits.

    `part` is 0 to 1 and more; `gigahertz` is that of the time-stamp counter.
    """

    part: Interval
    exits_per_second: float
    gigahertz: Interval


class Cost(NamedTuple):
    """What a fix would save, in modelled TSC cycles, with what each figure is per.

    `per_exit` is per VM-exit, which is also per VM-entry: `unit` says which of the two words fits.
    An interval is None where the model has only a guess (grade X, or ends more than thirtyfold
    apart); `magnitude` then holds the order of it in words ("tens of cycles").
    Both intervals are zero, and `magnitude` says why, where nothing runs at all: see `no_cycles`.
    `grade` is the worst among the terms, "here" (measured by the user), A to D or X; `sources` name
    the figures' origins. The figures are the sums over the `terms`; `environment` is where the code
    runs, L0 on bare metal. `load` is there if the rate of VM-exits is known.
    """

    per_exit: Interval | None
    per_nested_round_trip: Interval | None
    unit: str
    magnitude: str | None
    grade: str
    cpu: str
    profile: str
    sources: tuple[str, ...]
    environment: str = "L0"
    terms: tuple[Term, ...] = ()
    load: Load | None = None

    @property
    def rank(self) -> tuple[float, float]:
        """What findings are sorted by: typical cycles per VM-exit, then per nested round trip."""
        return (
            sum(one.cycles.typical * one.per_exit.typical for one in self.terms),
            sum(one.cycles.typical * one.per_nested_round_trip.typical for one in self.terms),
        )

    @property
    def is_guessed(self) -> bool:
        """Whether the price rests on conditions whose probability is a guess."""
        return any(one.guessed for one in self.terms)

    @property
    def is_none(self) -> bool:
        """Whether the finding is of a kind that costs no cycles."""
        return self.per_exit is not None and self.magnitude is not None


def no_cycles(why: str, unit: str, cpu: str, profile: str) -> Cost:
    """The cost of a finding that is not about lost time, and what it is about."""
    return Cost(NOTHING, NOTHING, unit, f"no cycles: {why}", "A", cpu, profile, ())


class Quote(NamedTuple):
    """Some lines of a hunk, its header first; whether the last is the one a finding stands on."""

    lines: tuple[bytes, ...]
    is_place: bool


class Chance(NamedTuple):
    """A condition as it must hold, and the probability that it does, by `basis`: a profile, what is
    "known" of the state, or "guessed"."""

    condition: str
    probability: Interval
    basis: str


class Rank(NamedTuple):
    """The place of a finding among all, by price; whether the model can't tell it from the one
    above or below."""

    place: int
    among: int
    ties_above: bool
    ties_below: bool


class Finding(NamedTuple):
    """One report, complete: everything that any reporter prints about it.

    `call_path` names the functions from the run loop to the code, none if it is about layout;
    `call_sites` are the calls between them, one fewer. `suppressed` is the reason why it is not to
    be shown, if there is one.
    """

    rule: str
    name: str
    severity: str
    tier: str
    location: Location
    function: str | None
    message: str
    label: str
    help: str
    call_path: tuple[str, ...]
    call_sites: tuple[Location, ...]
    contexts: tuple[str, ...]
    conditions: tuple[str, ...]
    cost: Cost
    related: tuple[Related, ...]
    fingerprint: str
    suppressed: str | None = None
    suppressed_by: str | None = None  # "comment" or "baseline"
    patch: str | None = None  # of a series: the one that brings the finding, or takes it away
    patch_number: int = 0  # its place in the series, from 1
    quote: Quote | None = None  # of the patch, if a reply is asked for
    chances: tuple[Chance, ...] = ()
    rank: Rank | None = None
    line_hash: str | None = None  # by which GitHub knows the line
