"""What comes out of the engine: a rule's Hit, the Finding made of it, and the Report of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from vmxlint.interval import NOTHING, Interval

OWN = "VMX9"  # begins the ids of the rules about comments for vmxlint


@dataclass(frozen=True)
class Location:
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


@dataclass(frozen=True)
class Related:
    """Another place that belongs to a finding, and what it has to do with it."""

    location: Location
    message: str


@dataclass(frozen=True)
class Term:
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


@dataclass(frozen=True)
class Load:
    """What a cost per VM-exit comes to over time: part of one core at a rate of VM-exits.

    `part` is 0 to 1 and more; `gigahertz` is that of the time-stamp counter.
    """

    part: Interval
    exits_per_second: float
    gigahertz: Interval


@dataclass(frozen=True)
class Cost:
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


@dataclass(frozen=True)
class Quote:
    """Some lines of a hunk, its header first; whether the last is the one a finding stands on."""

    lines: tuple[bytes, ...]
    is_place: bool


@dataclass(frozen=True)
class Chance:
    """A condition as it must hold, and the probability that it does, by `basis`: a profile, what is
    "known" of the state, or "guessed"."""

    condition: str
    probability: Interval
    basis: str


@dataclass(frozen=True)
class Rank:
    """The place of a finding among all, by price; whether the model can't tell it from the one
    above or below."""

    place: int
    among: int
    ties_above: bool
    ties_below: bool


@dataclass(frozen=True)
class Finding:
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


@dataclass(frozen=True)
class NotUnderstood:
    """A place that was not read or not understood, and why."""

    path: str
    line: int
    reason: str


@dataclass(frozen=True)
class Coverage:
    """What was read: counts over the whole unit, and what is missing from them."""

    files: int
    functions: int
    operations: int
    not_understood: tuple[NotUnderstood, ...]


class Delta(NamedTuple):
    """By how much an interval has changed, end by end: below zero where it got cheaper."""

    low: float
    typical: float
    high: float


@dataclass(frozen=True)
class PathChange:
    """The cycles of one path before and after a change; None for a path that is not there.

    `unpriced` are the kinds of operations without a price, each with how much more often the path
    is expected to do it.
    """

    context: str
    before: Interval | None
    after: Interval | None
    delta: Delta
    unpriced: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class PatchEffect:
    """What one patch of a series does; `lost` are those of `new` that a later one takes away."""

    number: int
    of: int
    subject: str
    new: tuple[Finding, ...] = ()
    fixed: tuple[Finding, ...] = ()
    lost: tuple[Finding, ...] = ()
    paths: tuple[PathChange, ...] = ()


@dataclass(frozen=True)
class Silence:
    """What keeps quiet about a change: a comment that it adds, or an entry of the baseline for what
    it brings; where, the rules as it names them, its reason."""

    path: str
    line: int
    rules: tuple[str, ...]
    reason: str
    by: str = "comment"  # or "baseline"


@dataclass(frozen=True)
class Change:
    """What a change does to the tree that `base` names.

    `costlier` pairs findings that were there already with themselves at a higher price. `note` is
    what the user should know of how the trees were found; `by_patch` asks for each patch in text.
    """

    base: str
    new: tuple[Finding, ...] = ()
    fixed: tuple[Finding, ...] = ()
    costlier: tuple[tuple[Finding, Finding], ...] = ()
    patches: tuple[PatchEffect, ...] = ()
    note: str = ""
    paths: tuple[PathChange, ...] = ()
    silences: tuple[Silence, ...] = ()
    by_patch: bool = False


@dataclass(frozen=True)
class Report:
    """The result of a run over one or more roots.

    `prefixes` maps a finding's path to the path that opens the file from where vmxlint was called;
    `stale` says which entries of the baseline match nothing any more; `replaced` names the rows of
    the model that the user's `model_file` replaced.
    `change` is there if a change was asked about; `findings` are then those that it brings.
    """

    findings: tuple[Finding, ...]
    coverage: Coverage
    prefixes: Mapping[str, str]
    cpu: str
    profile: str
    stale: tuple[str, ...] = ()
    change: Change | None = None
    model_file: str | None = None
    replaced: tuple[str, ...] = ()
