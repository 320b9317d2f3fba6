"""What the engine says of the trees of a change, each analysed whole, several at a time."""

from __future__ import annotations

import gc
import multiprocessing
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vmxlint import engine
from vmxlint.budget import Budget, budget_of
from vmxlint.budget.comparison import summed
from vmxlint.cache import Store
from vmxlint.cache.packing import pack, unpack
from vmxlint.cache.stamp import named
from vmxlint.change.parts import Snapshot
from vmxlint.change.words import tokens
from vmxlint.deadline import TooLong, within
from vmxlint.findings import Finding, Location
from vmxlint.program import Program
from vmxlint.reading import Reading
from vmxlint.reading.source import InputError
from vmxlint.reading.units import targets
from vmxlint.reading.whose import whose
from vmxlint.report import Coverage, Report


@dataclass(frozen=True)
class Seen:
    """A finding with what it takes to know it again in another tree.

    `file` is its path from the top of the tree, `statement` the tokens that it speaks of,
    `places` the other files and lines that belong to it.
    """

    finding: Finding
    file: bytes
    statement: bytes
    places: tuple[tuple[bytes, int], ...]


@dataclass(frozen=True)
class Looked:
    """One tree, analysed; its report's prefixes are paths from the top of the tree.

    There is a budget for each unit that enters a guest, if asked for.
    """

    report: Report
    seen: tuple[Seen, ...]
    budgets: tuple[Budget, ...] = ()


Budgeted = Literal["no", "whole", "each"]


@dataclass(frozen=True)
class Looking:
    """What is asked of each tree: the paths from its top, at these options.

    `shown` is how a user opens the top of the tree; `folder` is a private one to unpack in; the
    store keeps what is found for the next run, under what it follows from: the `question`, which
    stands for the options, the paths and the tree. With `is_whole` nobody has named a path: what is
    no hypervisor is passed over. `budgeted` asks for the budgets of the trees before and after the
    `whole` change, or before and after `each` patch.
    """

    paths: Sequence[bytes]
    options: engine.Options
    shown: str
    folder: Path
    store: Store
    question: bytes
    is_whole: bool = False
    budgeted: Budgeted = "no"

    def to_budget(self, snapshots: Sequence[Snapshot]) -> set[str]:
        """The digests of the trees of a series whose budgets are asked for."""
        if self.budgeted == "whole":
            snapshots = (snapshots[0], snapshots[-1])
        return {one.digest for one in snapshots} if self.budgeted != "no" else set()

    def _name(self, snapshot: Snapshot, is_budgeted: bool) -> str:
        paths = (part for path in self.paths for part in (b"path", path))
        kind = b"budgeted" if is_budgeted else b"seen"
        return named(kind, self.question, snapshot.digest.encode(), *paths)

    def known(self, snapshot: Snapshot, is_budgeted: bool) -> Looked | None:
        """What an earlier run has seen in that tree, if it was kept."""
        if not self.store.is_open:
            return None
        enough = dict.fromkeys([is_budgeted, True])
        kept = (self.store.get(self._name(snapshot, one)) for one in enough)
        data = next(filter(None, kept), None)
        looked = unpack(Looked, data)
        return looked if looked is None or is_budgeted else replace(looked, budgets=())

    def keep(self, snapshot: Snapshot, is_budgeted: bool, looked: Looked) -> None:
        """Keep what was seen in a tree for the next run."""
        if self.store.is_open:
            self.store.put(self._name(snapshot, is_budgeted), pack(looked))


def look(snapshots: Sequence[Snapshot], looking: Looking) -> list[Looked]:
    """What is seen in each of the trees; the same tree is analysed once.

    Raises InputError for a path that can't be analysed in any tree that has it.
    """
    found: dict[str, Looked] = {}
    to_budget = looking.to_budget(snapshots)
    for one in snapshots:
        if one.digest not in found and (known := looking.known(one, one.digest in to_budget)):
            found[one.digest] = known
    new = {one.digest: one for one in snapshots if one.digest not in found}
    tasks = [(one, digest in to_budget) for digest, one in new.items()]
    for (one, is_budgeted), looked in zip(tasks, _look_at_all(tasks, looking), strict=True):
        found[one.digest] = looked
        looking.keep(one, is_budgeted, looked)
    return [found[one.digest] for one in snapshots]


_Task = tuple[Snapshot, bool]  # a tree, and whether its budgets are asked for


def _look_at_all(tasks: Sequence[_Task], looking: Looking) -> list[Looked]:
    """As `look`, for different trees, in as many processes as there are jobs.

    In processes of their own, since each holds the whole Program of a tree.
    """
    jobs = min(looking.options.jobs, len(tasks))
    if len(tasks) < 2:
        return [_look(*one, looking) for one in tasks]
    global _at_hand
    _at_hand = (replace(looking, options=replace(looking.options, jobs=1)), tasks)
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")) as pool:
        return list(pool.map(_look_at, range(len(tasks))))


_at_hand: tuple[Looking, Sequence[_Task]]  # what a forked process finds in its memory


def _look_at(number: int) -> Looked:
    looking, tasks = _at_hand
    looked = _look(*tasks[number], looking)
    gc.collect()  # a process that goes on to the next tree would keep this one
    return looked


def _look(snapshot: Snapshot, is_budgeted: bool, looking: Looking) -> Looked:
    top = looking.folder / snapshot.digest[:16]
    snapshot.write(top)
    try:
        report, programs = _examined(top, looking)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    inside = {name: os.path.relpath(path, top) for name, path in report.prefixes.items()}
    seen = tuple(_seen(one, inside, snapshot) for one in report.findings)
    budgets = map(_budget, programs if is_budgeted else ())
    return Looked(report._replace(prefixes=inside), seen, tuple(filter(None, budgets)))


def _examined(top: Path, looking: Looking) -> tuple[Report, list[Program]]:
    """The report on the paths of a tree that are there, at `top`, and the units around them."""
    there = [top / os.fsdecode(path) for path in looking.paths]
    given = [str(path) for path in there if path.exists()]
    options = looking.options
    try:
        found = targets(given, options.dialect, options.jobs)
        roots = dict.fromkeys(one.unit for one in found)
        readings = {
            root: Reading(root, whose(root, options.dialect), options.jobs, store=looking.store)
            for root in roots
        }
        if not found:
            return nothing(options), []
        examined = engine.examined(found, replace(options, begun=readings))
    except InputError as error:
        if looking.is_whole:
            return nothing(options), []
        raise InputError(str(error).replace(str(top), looking.shown)) from None
    for one in readings.values():
        one.keep()
    return examined


def _budget(program: Program) -> Budget | None:
    """What the unit's hot paths cost; None if it enters no guest, or if that takes too long."""
    if not program.contexts.roots:
        return None
    try:
        with within(engine.PATIENCE):
            return summed(budget_of(program))
    except TooLong:
        return None


def nothing(options: engine.Options) -> Report:
    """The report on a tree that has nothing to analyse."""
    coverage = Coverage(0, 0, 0, ())
    return Report((), coverage, {}, options.pricing.cpu, options.pricing.profile.name)


def _seen(finding: Finding, inside: Mapping[str, str], snapshot: Snapshot) -> Seen:
    where = inside[finding.location.path]
    base = where.removesuffix(finding.location.path)

    def file(location: Location) -> bytes:
        return os.fsencode(os.path.normpath(base + location.path))

    others = (*(one.location for one in finding.related), *finding.call_sites)
    places = tuple((file(one), one.line) for one in others)
    statement = _statement(finding.location, snapshot.files[os.fsencode(where)])
    return Seen(finding, os.fsencode(where), statement, places)


def _statement(location: Location, data: bytes) -> bytes:
    """The tokens of a span, one space apart: neither white space nor comments make a difference."""
    starts = [0, *(found.end() for found in re.finditer(b"\n", data))]
    start = starts[location.line - 1] + location.column - 1
    end = starts[location.end_line - 1] + location.end_column - 1
    return b" ".join(tokens(data[start:end]))
