"""How much one pass does: the least, the expected and the most of each kind of operation."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import NamedTuple

Bag = Mapping[Hashable, float]


MOST = 1e6  # times in one pass; beyond, a sum over ways says no more than "often"


class Cap(NamedTuple):
    """Some operations of one kind are done only so often in one pass, however often the code comes
    by: `expected` on the mean, `most` in any pass. They are counted as (cap, kind)."""

    name: str
    kind: str
    expected: float
    most: float


@dataclass(frozen=True)
class Amount:
    """What some code does in one pass, by kind of operation.

    `least` and `most` bound every pass, `expected` is the mean over all of them. For each kind
    least <= expected <= most; a kind that is missing is done 0 times.
    """

    least: Bag = field(default_factory=dict)
    expected: Bag = field(default_factory=dict)
    most: Bag = field(default_factory=dict)

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            _sum(self.least, other.least),
            _sum(self.expected, other.expected),
            _sum(self.most, other.most),
        )

    @property
    def bounded(self) -> Amount:
        """The same, nothing in it more often than makes sense."""
        if all(number <= MOST for number in self.most.values()):
            return self
        bags = (self.least, self.expected, self.most)
        return Amount(*({kind: min(n, MOST) for kind, n in bag.items()} for bag in bags))

    @property
    def at_most(self) -> Amount:
        """The same, if it may also not be done at all."""
        return Amount({}, self.expected, self.most)

    @property
    def shares(self) -> Mapping[Cap, float]:
        """Of the operations under each cap, the part that is expected to be done."""
        counts = _counts(self.expected)
        return {cap: min(1.0, cap.expected / count) for cap, count in counts.items() if count}

    @property
    def capped(self) -> Amount:
        """The same by plain kinds: no operation is done more often than its cap says."""
        return Amount(
            _capped(self.least, lambda cap: cap.most),
            _capped(self.expected, lambda cap: cap.expected),
            _capped(self.most, lambda cap: cap.most),
        )


NONE = Amount()


def total(amounts: Iterable[Amount]) -> Amount:
    """All of some amounts."""
    return reduce(Amount.__add__, amounts, NONE)


def once(kinds: Iterable[Hashable]) -> Amount:
    """Each of some kinds, done once in every pass."""
    bag = dict.fromkeys(kinds, 1.0)
    return Amount(bag, bag, bag)


def _counts(bag: Bag) -> dict[Cap, float]:
    found: dict[Cap, float] = {}
    for key, number in bag.items():
        match key:
            case (Cap() as cap, str() as kind) if kind == cap.kind:
                found[cap] = number
    return found


def _capped(bag: Bag, limit: Callable[[Cap], float]) -> Bag:
    counts = _counts(bag)
    found: dict[Hashable, float] = {}
    for key, number in bag.items():
        match key:
            case (Cap() as cap, kind):
                number *= min(1.0, limit(cap) / (counts.get(cap) or 1.0))
            case kind:
                pass
        found[kind] = found.get(kind, 0.0) + number
    return found


def _sum(one: Bag, other: Bag) -> Bag:
    if not one or not other:
        return one or other
    found = dict(one)
    for kind, number in other.items():
        found[kind] = found.get(kind, 0.0) + number
    return found


def either(ways: Sequence[tuple[float, Amount]]) -> Amount:
    """What code does that goes just one of several ways, each with its probability.

    Ways that exclude each other do not add up in the most, nor need all be taken in the least. If
    the probabilities do not add up to 1, the rest does nothing.
    """
    rest = 1 - sum(chance for chance, _ in ways)
    if rest > _NOTHING:
        ways = (*ways, (rest, NONE))
    if len(ways) == 1:
        return ways[0][1]
    amounts = [amount for _, amount in ways]
    return Amount(
        _least([one.least for one in amounts]),
        _mean([(chance, amount.expected) for chance, amount in ways]),
        _most(one.most for one in amounts),
    )


_NOTHING = 1e-9  # a probability that is only an error of rounding


def _least(bags: Sequence[Bag]) -> Bag:
    shared = set(bags[0]).intersection(*bags[1:]) if bags else set()
    return {kind: min(bag[kind] for bag in bags) for kind in bags[0] if kind in shared}


def _most(bags: Iterable[Bag]) -> Bag:
    found: dict[Hashable, float] = {}
    for bag in bags:
        for kind, number in bag.items():
            found[kind] = max(found.get(kind, 0.0), number)
    return found


def _mean(weighted: Sequence[tuple[float, Bag]]) -> Bag:
    found: dict[Hashable, float] = {}
    for chance, bag in weighted:
        for kind, number in bag.items():
            found[kind] = found.get(kind, 0.0) + chance * number
    return found
