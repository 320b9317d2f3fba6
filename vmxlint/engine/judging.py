"""Holds findings to the suppression comments of their unit, and those comments to their word."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vmxlint.facts import Facts
from vmxlint.hits import Hit
from vmxlint.reading.source import SourceFile
from vmxlint.registry import Rule, rules
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
    around = {one.path: _functions(one) for one in facts}
    named = {key: rule for rule in rules() for key in (rule.id.lower(), rule.name)}
    judged = [
        Judged(one, _at(around.get(one.path, []), one.start), *_wrong(one, named, ran, used))
        for one in found
    ]
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


def _wrong(
    one: Suppression, known: Mapping[str, Rule], ran: Sequence[Rule], used: set[tuple[int, str]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names in a comment that no rule has, and those of rules that found nothing there."""
    named = {name: known.get(name.lower()) for name in one.names}
    unused = [
        name
        for name, rule in named.items()
        if rule and (rule.is_own or (rule in ran and (id(one), rule.id) not in used))
    ]
    unknown = tuple(name for name, rule in named.items() if rule is None)
    return unknown, tuple(unused) if one.reason else ()


def _functions(facts: Facts) -> list[tuple[int, int, str]]:
    """The functions of a file, in order: start, end, name."""
    return sorted((f.start, f.end, f.name) for f in facts.functions if f.origin == "function")


def _at(functions: list[tuple[int, int, str]], offset: int) -> str | None:
    """The function around an offset."""
    place = bisect_right(functions, offset, key=lambda one: one[0]) - 1
    return functions[place][2] if place >= 0 and offset < functions[place][1] else None
