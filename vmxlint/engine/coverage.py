"""What of a unit was read and understood, and what was not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby

from vmxlint.deadline import TooLong, within
from vmxlint.facts import Gap
from vmxlint.program import Program
from vmxlint.reading.source import SourceFile, Unit
from vmxlint.registry import Rule
from vmxlint.report import Coverage, NotUnderstood

MOST_PLACES = 100  # in one file; of noise, every second byte is one
_PATIENCE = 10  # seconds


def covered(
    unit: Unit,
    files: Mapping[str, SourceFile],
    program: Program,
    given_up: Collection[Rule],
    in_bodies: Mapping[str, Iterable[Gap]],
) -> Coverage:
    """The coverage of a unit, of which the rules `given_up` have not seen all; `in_bodies` is what
    is not understood in the bodies of its functions, by file."""
    functions = sum(
        one.origin in ("function", "generated")
        for facts in program.files
        for one in facts.functions
    )
    gaps = [*unit.unread, *_gaps(files, program, in_bodies)]
    ordered = sorted(dict.fromkeys(gaps), key=lambda gap: (gap.path, gap.line, gap.reason))
    places = [*map(_unfinished, given_up), *_not_too_many(ordered)]
    return Coverage(len(unit.files), functions, _operations(program), tuple(places))


def _gaps(
    files: Mapping[str, SourceFile], program: Program, in_bodies: Mapping[str, Iterable[Gap]]
) -> Iterator[NotUnderstood]:
    """The gaps of all files, and what is too deep in functions that anybody has looked into."""
    found = [(one.path, gap) for one in program.files for gap in one.gaps]
    found += [(one.path, gap) for one in program.linker.routines for gap in one.gaps]
    found += [(path, gap) for path, gaps in in_bodies.items() for gap in gaps]
    for path, gap in found:
        yield NotUnderstood(path, files[path].line(gap.start), gap.reason)


def _not_too_many(ordered: Collection[NotUnderstood]) -> Iterator[NotUnderstood]:
    """The first MOST_PLACES of each file, and how many there are beside them."""
    for path, group in groupby(ordered, key=lambda gap: gap.path):
        places = list(group)
        yield from places[:MOST_PLACES]
        if more := places[MOST_PLACES:]:
            yield NotUnderstood(path, more[0].line, f"{len(more)} more places from here on")


def _unfinished(rule: Rule) -> NotUnderstood:
    return NotUnderstood(".", 1, f"rule {rule.id} {rule.name} was given up: it takes too long")


def _operations(program: Program) -> int:
    try:
        with within(_PATIENCE):
            return len(program.operations)
    except TooLong:
        return 0
