"""From paths to a Report: reads each unit, lets the rules look, makes Findings of their Hits."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vmxlint.cost import Pricing
from vmxlint.deadline import TooLong, within
from vmxlint.engine.chances import chances
from vmxlint.engine.coverage import covered
from vmxlint.engine.explain import explained
from vmxlint.engine.judging import judge
from vmxlint.explanation import Explanation
from vmxlint.findings import (
    Cost,
    Coverage,
    Finding,
    Location,
    NotUnderstood,
    Related,
    Report,
    no_cycles,
)
from vmxlint.hits import Hit, Spot, spot
from vmxlint.model.dialect import Dialect
from vmxlint.program import Program
from vmxlint.reading import Reading
from vmxlint.reading.source import InputError, SourceFile, Target
from vmxlint.reading.units import targets
from vmxlint.registry import Rule

if TYPE_CHECKING:
    from vmxlint.budget import Budget, Place

PATIENCE = 20  # seconds for the rules of one unit, beside those that its size takes
BYTES_A_SECOND = 100_000  # a kernel's hypervisor takes a thirtieth of that time
SHOWN = ("state", "memo", "flag", "reason")  # the kinds of gates that a finding tells


@dataclass(frozen=True)
class Options:
    """What a run does: which rules, whose spelling, at whose prices."""

    rules: Sequence[Rule]
    dialect: Dialect
    pricing: Pricing
    jobs: int = 1  # processes that read files
    begun: Mapping[Path, Reading] = field(default_factory=dict)  # by the unit's root

    def reading(self, root: Path) -> Reading:
        """The reading of a unit, begun already or now."""
        return self.begun.get(root) or Reading(root, self.dialect, self.jobs)


@dataclass(frozen=True, eq=False)
class _Analysed:
    """One unit, read and understood."""

    files: Mapping[str, SourceFile]
    program: Program
    hits: Sequence[tuple[Rule, Hit]]
    reasons: Mapping[int, str]  # why comments suppress hits, by their places in `hits`
    coverage: Coverage


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
    return Explanation(found, pricing.cpu, pricing.profile.name)


def budget(path: str, options: Options) -> Budget:
    """What each hot path of the unit around `path` does and costs.

    Raises InputError for a path that can't be analysed, or if nothing there enters a guest.
    """
    from vmxlint.budget import Place, budget_of

    one, program, files = _understood(path, options)
    if not program.contexts.roots:
        raise InputError(f"nothing in {path!r} enters a VMX guest or handles its exits")

    def place(name: str, start: int) -> Place:
        return Place(_relative(one.unit / name, one.root), files[name].line(start))

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
    facts, reader = reading.facts()
    program = Program(facts, reader.body, options.dialect, options.pricing)
    return one, program, {file.path: file for file in reading.unit.files}


def _analyse(root: Path, options: Options) -> _Analysed:
    reading = options.reading(root)
    unit = reading.unit
    facts, reader = reading.facts()
    program = Program(facts, reader.body, options.dialect, options.pricing)
    files = {one.path: one for one in unit.files}
    looking = [rule for rule in options.rules if not rule.is_own]
    hits, given_up = _checked(looking, program, _patience(files))
    ran = [rule for rule in options.rules if rule not in given_up]
    judged = judge(files, facts, ran, hits)
    coverage = covered(unit, files, program, given_up)
    return _Analysed(files, program, [*hits, *judged.hits], judged.reasons, coverage)


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


def _report(targets: Sequence[Target], units: Mapping[Path, _Analysed], options: Options) -> Report:
    findings: dict[Finding, None] = {}
    prefixes: dict[str, str] = {}
    said: set[tuple[Path, Rule, Spot]] = set()
    for one in targets:
        for finding in _findings(one, units[one.unit], options.pricing, said):
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


def _total(targets: Sequence[Target], units: Mapping[Path, _Analysed]) -> Coverage:
    """The coverage of all units, their gaps named relative to the first target in them."""
    gaps: list[NotUnderstood] = []
    for unit, analysed in units.items():
        root = next(one.root for one in targets if one.unit == unit)
        gaps += [
            NotUnderstood(_relative(unit / gap.path, root), gap.line, gap.reason)
            for gap in analysed.coverage.not_understood
        ]
    parts = [analysed.coverage for analysed in units.values()]
    return Coverage(
        sum(one.files for one in parts),
        sum(one.functions for one in parts),
        sum(one.operations for one in parts),
        tuple(gaps),
    )


def _relative(path: Path, root: Path) -> str:
    """`path` from `root`, with `..` where it lies outside: narrowing does not hide the unit."""
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    above = next(up for up in root.parents if path.is_relative_to(up))
    depth = len(root.relative_to(above).parts)
    return "/".join([".."] * depth + [path.relative_to(above).as_posix()])


def _findings(
    one: Target, analysed: _Analysed, pricing: Pricing, said: set[tuple[Path, Rule, Spot]]
) -> Iterator[Finding]:
    """The findings below a target that no target before it has `said`."""
    seen: dict[tuple[str, str, str], int] = {}
    for number, (rule, hit) in enumerate(analysed.hits):
        file = analysed.files[hit.spot.path]
        text = b" ".join(file.data[hit.spot.start : hit.spot.end].split())
        key = (rule.id, hit.spot.function or "", text.decode("utf-8", "replace"))
        seen[key] = seen.get(key, 0) + 1
        where = (one.unit, rule, hit.spot)
        if one.name(hit.spot.path) and (seen[key] > 1 or where not in said):
            said.add(where)
            finding = _finding(one, analysed, pricing, rule, hit, _fingerprint(key, seen[key]))
            finding = replace(finding, line_hash=file.line_hash(finding.location.line))
            if reason := analysed.reasons.get(number):
                finding = replace(finding, suppressed=reason, suppressed_by="comment")
            yield finding


def _fingerprint(key: tuple[str, str, str], count: int) -> str:
    """The same while rule, function and statement stay: lines, files and paths may change."""
    return hashlib.sha256("\0".join((*key, str(count))).encode()).hexdigest()[:20]


def _finding(
    one: Target, analysed: _Analysed, pricing: Pricing, rule: Rule, hit: Hit, fingerprint: str
) -> Finding:
    def place(where: Spot) -> Location:
        name = one.name(where.path) or _relative(one.unit / where.path, one.root)
        return analysed.files[where.path].location(where.start, where.end, name)

    first = hit.reaches[0] if hit.reaches else None
    shown = [gate.spelled for gate in first.gates if gate.kind in SHOWN] if first else []
    calls = first.calls if first else ()
    return Finding(
        rule=rule.id,
        name=rule.name,
        severity=rule.severity,
        tier=rule.tier,
        location=place(hit.spot),
        function=hit.spot.function,
        message=hit.message,
        label=hit.label,
        help=hit.help,
        call_path=first.path if first else (),
        call_sites=tuple(place(spot(call.caller, call.site.expr)) for call in calls),
        contexts=tuple(dict.fromkeys(reach.context for reach in hit.reaches)),
        conditions=tuple(shown),
        cost=_cost(rule, hit, pricing),
        related=tuple(Related(place(where), message) for where, message in hit.related),
        fingerprint=fingerprint,
        chances=chances(first, analysed.program),
    )


def _cost(rule: Rule, hit: Hit, pricing: Pricing) -> Cost:
    cost = pricing.price(hit.savings, hit.unit)
    if any(one and one.high for one in (cost.per_exit, cost.per_nested_round_trip)):
        return cost
    if cost.magnitude and hit.savings:
        return cost
    why = "it is about what the code does" if hit.reaches else "it is about layout"
    why = "it is about a comment" if rule.is_own else why
    return no_cycles(why, hit.unit, pricing.cpu, pricing.profile.name)
