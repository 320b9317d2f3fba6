"""The Report of a run: its findings, what was read for them, and what a change does to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from vmxlint.findings import Finding
from vmxlint.interval import Interval


class NotUnderstood(NamedTuple):
    """A place that was not read or not understood, and why."""

    path: str
    line: int
    reason: str


class UnitRead(NamedTuple):
    """A unit that was read, by its folder, and the dialect in which it was."""

    path: str
    dialect: str


class Coverage(NamedTuple):
    """What was read: counts over the units together, and what is missing from them."""

    files: int
    functions: int
    operations: int
    not_understood: tuple[NotUnderstood, ...]
    units: tuple[UnitRead, ...] = ()


class Delta(NamedTuple):
    """By how much an interval has changed, end by end: below zero where it got cheaper."""

    low: float
    typical: float
    high: float


class PathChange(NamedTuple):
    """The cycles of one path before and after a change; None for a path that is not there.

    `unpriced` are the kinds of operations without a price, each with how much more often the path
    is expected to do it.
    """

    context: str
    before: Interval | None
    after: Interval | None
    delta: Delta
    unpriced: tuple[tuple[str, float], ...] = ()


class PatchEffect(NamedTuple):
    """What one patch of a series does; `lost` are those of `new` that a later one takes away."""

    number: int
    of: int
    subject: str
    new: tuple[Finding, ...] = ()
    fixed: tuple[Finding, ...] = ()
    lost: tuple[Finding, ...] = ()
    paths: tuple[PathChange, ...] = ()


class Silence(NamedTuple):
    """What keeps quiet about a change: a comment that it adds, or an entry of the baseline for what
    it brings; where, the rules as it names them, its reason."""

    path: str
    line: int
    rules: tuple[str, ...]
    reason: str
    by: str = "comment"  # or "baseline"


class Change(NamedTuple):
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


class Report(NamedTuple):
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
