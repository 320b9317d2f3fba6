"""The findings of two trees, subtracted: what is new, what is fixed, what is only elsewhere."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import chain

from vmxlint.change.look import Looked, Seen
from vmxlint.change.parts import Snapshot
from vmxlint.change.renames import Renames
from vmxlint.findings import Cost

_NOISE = 1.01  # a cost that grows by less is the same


@dataclass(frozen=True)
class Difference:
    """`same` pairs the findings that both trees have."""

    new: tuple[Seen, ...]
    fixed: tuple[Seen, ...]
    same: tuple[tuple[Seen, Seen], ...]

    @property
    def costlier(self) -> tuple[tuple[Seen, Seen], ...]:
        """The findings that were there before and have become dearer."""
        return tuple(
            (old, new) for old, new in self.same if _is_dearer(old.finding.cost, new.finding.cost)
        )


def difference(old: Looked, new: Looked, before: Snapshot, after: Snapshot) -> Difference:
    """What the second tree has that the first has not, and the other way round.

    A finding is the same if rule, function and statement are, but for parentheses and braces; or
    rule, statement, contexts and price, the names in it being those that the change gave things:
    then it has moved.
    """
    same: list[tuple[Seen, Seen]] = []
    left, right = list(old.seen), list(new.seen)
    if before.digest == after.digest:
        return Difference((), (), tuple(zip(left, right, strict=True)))
    for said in (_exact, _bare):
        same += _alike(left, right, said, before, after)
        left, right = _without(left, [a for a, _ in same]), _without(right, [b for _, b in same])
    same += _moved(left, right, Renames(before, after))
    same = [pair for pair in same if not _shows(*pair)]
    gone = _without(old.seen, [a for a, _ in same])
    return Difference(
        tuple(_without(new.seen, [b for _, b in same])),
        tuple(one for one in gone if one.finding.suppressed is None),
        tuple(same),
    )


def _alike(
    left: Sequence[Seen],
    right: Sequence[Seen],
    said: Callable[[Seen], bytes],
    before: Snapshot,
    after: Snapshot,
) -> list[tuple[Seen, Seen]]:
    """Pairs of findings of the same rule, function and statement."""
    groups: dict[Hashable, tuple[list[Seen], list[Seen]]] = defaultdict(lambda: ([], []))
    for side, seen in ((0, left), (1, right)):
        for one in seen:
            groups[one.finding.rule, one.finding.function, said(one)][side].append(one)
    pairs = (_paired(ours, theirs, before, after) for ours, theirs in groups.values())
    return list(chain.from_iterable(pairs))


def _exact(seen: Seen) -> bytes:
    return seen.statement


def _bare(seen: Seen) -> bytes:
    """The statement of a finding without what only groups its parts."""
    return seen.statement.translate(None, b"(){} ")


def _shows(old: Seen, new: Seen) -> bool:
    """Whether a finding was suppressed and is no longer."""
    return old.finding.suppressed is not None and new.finding.suppressed is None


def _without(seen: Sequence[Seen], matched: Sequence[Seen]) -> list[Seen]:
    known = set(map(id, matched))
    return [one for one in seen if id(one) not in known]


def _paired(
    old: list[Seen], new: list[Seen], before: Snapshot, after: Snapshot
) -> list[tuple[Seen, Seen]]:
    """Findings that look alike, paired: those on a line that stayed first, then in order."""
    if len(old) == len(new):
        return list(zip(old, new, strict=True))
    pairs = []
    stayed = _Stayed(before, after)
    for one in list(old):
        there = next((two for two in new if stayed.same_line(one, two)), None)
        if there:
            pairs.append((one, there))
            old, new = _without(old, [one]), _without(new, [there])
    return [*pairs, *zip(old, new, strict=False)]


class _Stayed:
    """Which lines of two trees are the same line."""

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self._before, self._after = before, after
        self._lines: dict[bytes, dict[int, int]] = {}

    def same_line(self, old: Seen, new: Seen) -> bool:
        """Whether both stand in the same file, on a line that the change left alone."""
        if old.file != new.file:
            return False
        lines = self._lines.setdefault(old.file, {}) or self._matched(old.file)
        return lines.get(old.finding.location.line) == new.finding.location.line

    def _matched(self, file: bytes) -> dict[int, int]:
        old = self._before.files.get(file, b"").splitlines()
        new = self._after.files.get(file, b"").splitlines()
        matcher = difflib.SequenceMatcher(None, old, new)
        self._lines[file] = {
            a + n + 1: b + n + 1
            for a, b, size in matcher.get_matching_blocks()
            for n in range(size)
        }
        return self._lines[file]


def _moved(
    left: Sequence[Seen], right: Sequence[Seen], renames: Renames
) -> list[tuple[Seen, Seen]]:
    """Pairs of findings of which the second is the first, moved or renamed; the likeliest first."""
    candidates = [
        (_distance(old, new, renames), number, other)
        for number, old in enumerate(left)
        for other, new in enumerate(right)
        if _is_alike(old, new) and (_bare(old) == _bare(new) or renames.same(old, new))
    ]
    pairs, taken_left, taken_right = [], set(), set()
    for _, number, other in sorted(candidates):
        if number not in taken_left and other not in taken_right:
            taken_left.add(number)
            taken_right.add(other)
            pairs.append((left[number], right[other]))
    return pairs


def _is_alike(old: Seen, new: Seen) -> bool:
    """Whether rule, severity and contexts are the same, and the price has not grown."""
    one, other = old.finding, new.finding
    return (
        one.rule == other.rule
        and set(one.contexts) == set(other.contexts)
        and not _is_dearer(one.cost, other.cost)
    )


def _distance(old: Seen, new: Seen, renames: Renames) -> tuple[bool, bool, bool]:
    return (
        not renames.function(old.finding.function, new.finding.function),
        old.file != new.file,
        old.finding.message != new.finding.message,
    )


def _is_dearer(old: Cost, new: Cost) -> bool:
    """Whether any typical figure has grown; one that is not known says nothing."""
    pairs = (
        (old.per_exit, new.per_exit),
        (old.per_nested_round_trip, new.per_nested_round_trip),
    )
    return any(a and b and b.typical > a.typical * _NOISE for a, b in pairs)
