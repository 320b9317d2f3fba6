"""Subtracts the trees of a series: the report on what the whole change brings, patch by patch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, zip_longest
from pathlib import Path

from vmxlint.budget import Budget, compared
from vmxlint.change.apply import difference as diff_of
from vmxlint.change.compare import Difference, difference
from vmxlint.change.look import Looked, Looking, Seen, look, nothing
from vmxlint.change.parts import Snapshot, part, snapshot
from vmxlint.change.paths import below
from vmxlint.change.quote import Hunk, hunks, quote
from vmxlint.change.series import Series
from vmxlint.change.store import store
from vmxlint.change.suppressed import added
from vmxlint.change.trace import Trace
from vmxlint.findings import Finding
from vmxlint.model.dialect import candidates
from vmxlint.reading.source import InputError
from vmxlint.report import Change, Delta, PatchEffect, PathChange, Report


def subtracted(series: Series, looking: Looking, quoted: bool = False) -> Report:
    """The report whose findings are those that the change brings, with the Change itself.

    `quoted` adds to each finding the hunk that brings it. Raises InputError for a path that no tree
    has, or that can't be analysed.
    """
    snapshots = _snapshots(series, looking)
    if len({one.digest for one in snapshots}) == 1:  # nothing that matters is touched
        untouched = tuple(PatchEffect(one.number, one.of, one.subject) for one in series.patches)
        note = series.note or "no C file of it is touched"
        change = Change(series.base, patches=untouched, note=note)
        return nothing(looking.options)._replace(change=change)
    subtraction = _Subtraction(series, snapshots, look(snapshots, looking), looking)
    return subtraction.report(looking.folder if quoted else None)


def _snapshots(series: Series, looking: Looking) -> list[Snapshot]:
    dialects = list(candidates(looking.options.dialect))
    parts: dict[bytes, None] = {}
    for path in looking.paths:
        found = {part(tree, path, dialects) for tree in series.trees}
        ends = sorted(one for one in found if one is not None)
        if not ends:
            shown = path.decode("utf-8", "surrogateescape")
            raise InputError(f"no such file or folder before or after the change: {shown!r}")
        parts.update(dict.fromkeys(ends))
    return [snapshot(tree, list(parts)) for tree in series.trees]


@dataclass(frozen=True, eq=False)
class _Subtraction:
    """The trees of a series, and what was seen in them."""

    series: Series
    snapshots: Sequence[Snapshot]
    looks: Sequence[Looked]
    looking: Looking

    @cached_property
    def _trace(self) -> Trace:
        numbers = range(len(self.looks))
        return Trace([self._difference(old, new) for old, new in pairwise(numbers)])

    @cached_property
    def _whole(self) -> Difference:
        steps = self._trace.steps
        return steps[0] if len(steps) == 1 else self._difference(0, -1)

    def _difference(self, old: int, new: int) -> Difference:
        looks, trees = self.looks, self.snapshots
        return difference(looks[old], looks[new], trees[old], trees[new])

    def report(self, scratch: Path | None) -> Report:
        """The report; a folder to work in asks for the hunks."""
        new = [self._new(one, scratch) for one in self._whole.new]
        shown = self.looking.shown
        silences = added(self.snapshots[0], self.snapshots[-1], self._name)
        change = Change(
            self.series.base,
            tuple(new),
            tuple(self._named(one.finding, self._trace.end(one)) for one in self._whole.fixed),
            tuple((old.finding, new.finding) for old, new in self._whole.costlier),
            tuple(self._effect(number) for number in range(len(self.series.patches))),
            self.series.note,
            _paths(self.looks[0], self.looks[-1]),
            tuple(silence for _, silence in silences),
        )
        return self.looks[-1].report._replace(
            findings=tuple(new),
            prefixes={
                **opened(shown, self.looks),
                **{one.path: place(shown, os.fsdecode(path)) for path, one in silences},
            },
            change=change,
        )

    def _name(self, file: bytes) -> str | None:
        """The name of a file in the report, None if it was not asked for."""
        names = (below(file, path) for path in self.looking.paths)
        return next((os.fsdecode(name) for name in names if name is not None), None)

    def _new(self, seen: Seen, scratch: Path | None) -> Finding:
        number, first = self._trace.origin(seen)
        finding = self._named(seen.finding, number)
        if scratch is None or number is None:
            return finding
        return finding._replace(quote=quote(first, self._hunks(number, scratch)))

    def _named(self, finding: Finding, number: int | None) -> Finding:
        """The finding with the patch that brings it or takes it away, if that has a name."""
        if number is None or not self.series.patches[number].subject:
            return finding
        patch = self.series.patches[number]
        return finding._replace(patch=patch.name, patch_number=patch.number)

    def _effect(self, number: int) -> PatchEffect:
        patch, step = self.series.patches[number], self._trace.steps[number]
        lost = [one.finding for one in step.new if id(one) not in self._lasting]
        new, fixed = ([one.finding for one in seen] for seen in (step.new, step.fixed))
        return PatchEffect(
            patch.number,
            patch.of,
            patch.subject,
            tuple(new),
            tuple(fixed),
            tuple(lost),
            _paths(*self.looks[number : number + 2]) if self.looking.budgeted == "each" else (),
        )

    @cached_property
    def _lasting(self) -> set[int]:
        """The findings of all trees that become new ones of the last."""
        return {id(one) for seen in self._whole.new for one in self._trace.back(seen)}

    def _hunks(self, number: int, folder: Path) -> list[Hunk]:
        patch = self.series.patches[number]
        if patch.diff:
            return list(hunks(patch.diff, patch.naming))
        own = store(folder / f"difference-{number}")
        before, after = self.snapshots[number : number + 2]
        return list(hunks(diff_of(own, before.as_files(), after.as_files())))


def _paths(old: Looked, new: Looked) -> tuple[PathChange, ...]:
    """What each hot path cost before and costs now."""
    return tuple(
        PathChange(
            one.context,
            one.before.cycles if one.before else None,
            one.after.cycles if one.after else None,
            Delta(*one.delta),
            one.unpriced,
        )
        for before, after in zip_longest(old.budgets, new.budgets)
        for one in compared(before or _without_paths(after), after or _without_paths(before))
    )


def _without_paths(budget: Budget) -> Budget:
    return replace(budget, paths=())


def opened(shown: str, looks: Sequence[Looked]) -> dict[str, str]:
    """How a user opens the files of some findings, if `shown` is how the top of the tree."""

    return {name: place(shown, path) for one in looks for name, path in one.report.prefixes.items()}


def place(shown: str, path: str) -> str:
    """How a user opens a path from the top of the tree."""
    whole = os.path.join(shown, path)  # noqa: PTH118
    return os.path.normpath(whole) if os.path.isabs(shown) else os.path.relpath(whole)  # noqa: PTH117
