"""From paths to a Report: reads each unit, lets the rules look, makes Findings of their Hits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from vmxlint.cost import Pricing
from vmxlint.deadline import TooLong, within
from vmxlint.engine.coverage import covered
from vmxlint.engine.explain import explained
from vmxlint.engine.judging import judge
from vmxlint.engine.making import Analysed, findings_of, relative
from vmxlint.explanation import Explanation
from vmxlint.findings import Finding
from vmxlint.hits import Hit, Spot
from vmxlint.model.dialect import NESTING, Dialect
from vmxlint.program import Program
from vmxlint.reading import Reading
from vmxlint.reading.source import InputError, SourceFile, Target
from vmxlint.reading.units import targets
from vmxlint.reading.whose import whose
from vmxlint.registry import Rule
from vmxlint.report import Coverage, NotUnderstood, Report, UnitRead

if TYPE_CHECKING:
    from vmxlint.budget import Budget, Place
    from vmxlint.facts import Facts
    from vmxlint.reading.bodies import Bodies

PATIENCE = 20  # seconds for the rules of one unit, beside those that its size takes
BYTES_A_SECOND = 100_000  # a kernel's hypervisor takes a thirtieth of that time


@dataclass(frozen=True)
class Options:
    """What a run does: which rules, in the dialect that was named if one was, at whose prices."""

    rules: Sequence[Rule]
    dialect: Dialect | None
    pricing: Pricing
    jobs: int = 1  # processes that read files
    begun: Mapping[Path, Reading] = field(default_factory=dict)  # by the unit's root

    def reading(self, root: Path) -> Reading:
        """The reading of a unit, begun already or now."""
        return self.begun.get(root) or Reading(root, whose(root, self.dialect), self.jobs)


def run(paths: Iterable[str], options: Options) -> Report:
    """Analyse the units around `paths` and report what lies in them.

    Raises InputError for a path that can't be analysed at all; everything else that can't be read
    or understood is in the report's coverage.
    """
    return report(targets(paths, options.dialect, options.jobs), options)


def report(targets: Sequence[Target], options: Options) -> Report:
    """The same for targets, whose units are known."""
    return examined(targets, options)[0]


def examined(targets: Sequence[Target], options: Options) -> tuple[Report, list[Program]]:
    """The same, with the units that were analysed."""
    roots = dict.fromkeys(one.unit for one in targets)
    units = {root: _analyse(root, options) for root in roots}
    for one in targets:
        if not any(one.name(path) for path in units[one.unit].files):
            unread = [gap for gap in units[one.unit].coverage.not_understood if one.name(gap.path)]
            if one.path.is_dir() and not unread:
                raise InputError(f"no C files in {one.given!r}")
            if one.path.is_file() and unread:
                raise InputError(f"can't read {one.given!r}: it {unread[0].reason}")
    programs = [one.program for one in units.values()]
    return _report(targets, units, options), programs


def why(function: str, path: str, options: Options) -> Explanation:
    """When a function in the unit around `path` runs, and what it does there.

    Raises InputError for a path that can't be analysed, or if there is no such function below it.
    """
    one, program, files = _understood(path, options)
    pricing = options.pricing
    try:
        with within(_patience(files)):
            found = explained(function, one, program, files)
    except TooLong:
        raise InputError(f"can't explain {function!r}: it takes too long") from None
    return Explanation(found, pricing.cpu, pricing.profile.name, program.dialect.id)


def budget(path: str, options: Options) -> Budget:
    """What each hot path of the unit around `path` does and costs.

    Raises InputError for a path that can't be analysed, or if nothing there enters a guest.
    """
    from vmxlint.budget import Place, budget_of

    one, program, files = _understood(path, options)
    if not program.contexts.roots:
        raise InputError(f"nothing in {path!r} enters a VMX guest or handles its exits")

    @cache
    def place(name: str, start: int) -> Place:
        return Place(relative(one.unit / name, one.root), files[name].line(start))

    try:
        with within(_patience(files)):
            return budget_of(program, place)
    except TooLong:
        raise InputError(f"can't budget {path!r}: it takes too long") from None


def _understood(path: str, options: Options) -> tuple[Target, Program, Mapping[str, SourceFile]]:
    """The one unit that a path means, linked."""
    one, *others = targets([path], options.dialect, options.jobs)
    if others:
        names = [target.unit.relative_to(one.root).as_posix() for target in (one, *others)]
        raise InputError(f"several hypervisors in {path!r}; name one of them: {', '.join(names)}")
    reading = options.reading(one.unit)
    facts, bodies = reading.facts()
    program = _linked(reading, facts, bodies, options)
    return one, program, {file.path: file for file in reading.unit.files}


def _analyse(root: Path, options: Options) -> Analysed:
    reading = options.reading(root)
    unit = reading.unit
    facts, bodies = reading.facts(gaps=True)
    program = _linked(reading, facts, bodies, options)
    files = {one.path: one for one in unit.files}
    looking = [rule for rule in options.rules if not rule.is_own]
    hits, given_up = _checked(looking, program, _patience(files))
    ran = [rule for rule in options.rules if rule not in given_up]
    judged = judge(files, facts, ran, hits)
    coverage = covered(unit, files, program, given_up, reading.gaps())
    return Analysed(files, program, [*hits, *judged.hits], judged.reasons, coverage)


def _linked(reading: Reading, facts: Sequence[Facts], bodies: Bodies, options: Options) -> Program:
    """The Program of a unit that is read, at prices for what its hypervisor does."""
    nests = NESTING not in reading.dialect.without
    pricing = replace(options.pricing, nests=nests)
    return Program(facts, bodies.body, reading.dialect, pricing)


def _patience(files: Mapping[str, SourceFile]) -> float:
    return PATIENCE + sum(len(one.data) for one in files.values()) / BYTES_A_SECOND


def _checked(
    rules: Sequence[Rule], program: Program, seconds: float
) -> tuple[list[tuple[Rule, Hit]], list[Rule]]:
    """What the rules say, and those that did not end within the seconds that there are for all."""
    hits: list[tuple[Rule, Hit]] = []
    given_up: list[Rule] = []
    end = os.times().user + seconds
    for rule in rules:
        try:
            with within(end - os.times().user):
                hits += [(rule, hit) for hit in _check(rule, program)]
        except TooLong:
            given_up.append(rule)
    return hits, given_up


def _check(rule: Rule, program: Program) -> Iterator[Hit]:
    try:
        yield from rule.check(program)
    except Exception as error:
        error.add_note(f"in rule {rule.id} {rule.name}")
        raise


def _report(targets: Sequence[Target], units: Mapping[Path, Analysed], options: Options) -> Report:
    findings: dict[Finding, None] = {}
    prefixes: dict[str, str] = {}
    said: set[tuple[Path, Rule, Spot]] = set()
    for one in targets:
        for finding in findings_of(one, units[one.unit], said):
            findings[finding] = None
            prefixes.setdefault(finding.location.path, one.opened_as(finding.location.path))
            for related in finding.related:
                path = related.location.path
                prefixes.setdefault(path, one.opened_as(path))
    ordered = sorted(
        findings, key=lambda f: (f.location.path, f.location.line, f.location.column, f.rule)
    )
    overlay = options.pricing.model.overlay
    return Report(
        tuple(ordered),
        _total(targets, units),
        prefixes,
        options.pricing.cpu,
        options.pricing.profile.name,
        model_file=overlay.file if overlay else None,
        replaced=overlay.rows if overlay else (),
    )


def _total(targets: Sequence[Target], units: Mapping[Path, Analysed]) -> Coverage:
    """The coverage of all units, they and their gaps named relative to the first target in them."""
    read: list[UnitRead] = []
    gaps: list[NotUnderstood] = []
    for unit, analysed in units.items():
        root = next(one.root for one in targets if one.unit == unit)
        read.append(UnitRead(relative(unit, root), analysed.program.dialect.id))
        gaps += [
            NotUnderstood(relative(unit / gap.path, root), gap.line, gap.reason)
            for gap in analysed.coverage.not_understood
        ]
    parts = [analysed.coverage for analysed in units.values()]
    return Coverage(
        sum(one.files for one in parts),
        sum(one.functions for one in parts),
        sum(one.operations for one in parts),
        tuple(gaps),
        tuple(read),
    )
