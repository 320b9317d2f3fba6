"""Makes Findings of the Hits of one unit: names, places, prices and fingerprints are stamped on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vmxlint.cost import Pricing
from vmxlint.engine.chances import chances
from vmxlint.findings import Cost, Finding, Location, Related, no_cycles
from vmxlint.hits import Hit, Spot, spot
from vmxlint.program import Program
from vmxlint.reading.source import SourceFile, Target
from vmxlint.registry import Rule
from vmxlint.report import Coverage

SHOWN = ("state", "memo", "flag", "reason")  # the kinds of gates that a finding tells


@dataclass(frozen=True, eq=False)
class Analysed:
    """One unit, read and understood."""

    files: Mapping[str, SourceFile]
    program: Program
    hits: Sequence[tuple[Rule, Hit]]
    reasons: Mapping[int, str]  # why comments suppress hits, by their places in `hits`
    coverage: Coverage


def relative(path: Path, root: Path) -> str:
    """`path` from `root`, with `..` where it lies outside: narrowing does not hide the unit."""
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    above = next(up for up in root.parents if path.is_relative_to(up))
    depth = len(root.relative_to(above).parts)
    return "/".join([".."] * depth + [path.relative_to(above).as_posix()])


def findings_of(
    one: Target, analysed: Analysed, said: set[tuple[Path, Rule, Spot]]
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
            finding = _finding(one, analysed, rule, hit, _fingerprint(key, seen[key]))
            finding = finding._replace(line_hash=file.line_hash(finding.location.line))
            if reason := analysed.reasons.get(number):
                finding = finding._replace(suppressed=reason, suppressed_by="comment")
            yield finding


def _fingerprint(key: tuple[str, str, str], count: int) -> str:
    """The same while rule, function and statement stay: lines, files and paths may change."""
    return hashlib.sha256("\0".join((*key, str(count))).encode()).hexdigest()[:20]


def _finding(one: Target, analysed: Analysed, rule: Rule, hit: Hit, fingerprint: str) -> Finding:
    def place(where: Spot) -> Location:
        name = one.name(where.path) or relative(one.unit / where.path, one.root)
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
        cost=_cost(rule, hit, analysed.program.pricing),
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
