"""Holds findings to the suppression comments of their unit, and those comments to their word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vmxlint.facts import Facts
from vmxlint.hits import Hit
from vmxlint.registry import Rule, rules
from vmxlint.source import SourceFile
from vmxlint.suppress import Judged, Suppression, suppressions


@dataclass(frozen=True, eq=False)
class Judgement:
    """What the comments of a unit say of its hits, and what is to be said of the comments."""

    hits: Sequence[tuple[Rule, Hit]]  # those of the rules about comments
    reasons: Mapping[int, str] = field(default_factory=dict)  # by the place of the hit among all


def judge(
    files: Mapping[str, SourceFile],
    facts: Iterable[Facts],
    ran: Sequence[Rule],
    hits: Sequence[tuple[Rule, Hit]],
) -> Judgement:
    """Which of the hits are suppressed, for which reason; and the hits of those rules of `ran` that
    look at comments."""
    found = [one for file in files.values() for one in suppressions(file)]
    if not found:
        return Judgement(())
    held = dict(_held(files, found, hits))
    used = {(id(one), hits[place][0].id) for place, one in held.items()}
    functions = {one.path: one for one in facts}
    judged = [_judged(one, functions.get(one.path), ran, used) for one in found]
    about = [(rule, hit) for rule in ran if rule.is_own for hit in rule.check(judged)]
    return Judgement(about, {place: one.reason for place, one in held.items()})


def _held(
    files: Mapping[str, SourceFile], found: Sequence[Suppression], hits: Iterable[tuple[Rule, Hit]]
) -> Iterator[tuple[int, Suppression]]:
    """The places of the hits that are suppressed, each with the comment that does it."""
    places: dict[tuple[str, int], list[Suppression]] = {}
    for one in found:
        for line in one.lines:
            places.setdefault((one.path, line), []).append(one)
    for place, (rule, hit) in enumerate(hits):
        line = files[hit.spot.path].line(hit.spot.start)
        for one in places.get((hit.spot.path, line), ()):
            if one.reason and one.names_rule(rule.id, rule.name):
                yield place, one


def _judged(
    one: Suppression, facts: Facts | None, ran: Sequence[Rule], used: set[tuple[int, str]]
) -> Judged:
    known = {key: rule for rule in rules() for key in (rule.id.lower(), rule.name)}
    named = {name: known.get(name.lower()) for name in one.names}
    unused = [
        name
        for name, rule in named.items()
        if rule and (rule.is_own or (rule in ran and (id(one), rule.id) not in used))
    ]
    return Judged(
        one,
        _function_around(facts, one.start),
        tuple(name for name, rule in named.items() if rule is None),
        tuple(unused) if one.reason else (),
    )


def _function_around(facts: Facts | None, offset: int) -> str | None:
    functions = facts.functions if facts else ()
    around = (f for f in functions if f.origin == "function" and f.start <= offset < f.end)
    return next((one.name for one in around), None)
