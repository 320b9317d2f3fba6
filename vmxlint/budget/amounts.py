"""How much one pass does: the least, the expected and the most of each kind of operation."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Literal, NamedTuple

from vmxlint.interval import ONCE, Interval

Bag = Mapping[Hashable, float]


MOST = 1e6  # times in one pass; beyond, a sum over ways says no more than "often"


Pace = Literal["any", "entry", "into-nested"]  # what a pass leads up to, where that has a rate
Rhythm = tuple[tuple[Pace, float], ...]


class Cap(NamedTuple):
    """Some operations of one kind are done only so often in one pass, however often the code comes
    by: `expected` on the mean, `most` in any pass. They are counted as (cap, kind).

    `rates` are means that are known of passes of some pace, whatever the tests on the way let
    guess.
    """

    name: str
    kind: str
    expected: float
    most: float
    rates: Rhythm = ()

    def mean(self, guessed: float, pace: Pace) -> float:
        """How often it is on the mean, if the tests on the way let guess that it is so often."""
        return dict(self.rates).get(pace, min(guessed, self.expected))


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

    def repeated(self, times: Interval) -> Amount:
        """All of it so many times."""
        if times == ONCE:
            return self
        bags = (self.least, self.expected, self.most)
        return Amount(
            *(
                {kind: n * often for kind, n in bag.items()}
                for bag, often in zip(bags, times, strict=True)
            )
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

    def shares(self, pace: Pace = "any") -> Mapping[Cap, float]:
        """Of the operations under each cap, the part that is expected to be done."""
        least, most = _counts(self.least), _counts(self.most)
        return {
            cap: max(
                min(least.get(cap, 0.0), cap.most),
                min(cap.mean(count, pace), most[cap], cap.most),
            )
            / count
            for cap, count in _counts(self.expected).items()
            if count
        }

    def capped(self, pace: Pace = "any") -> Amount:
        """The same by plain kinds: no operation is done more often than its cap says."""
        return Amount(
            _capped(self.least, _most_shares(self.least)),
            _capped(self.expected, self.shares(pace)),
            _capped(self.most, _most_shares(self.most)),
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


def _most_shares(bag: Bag) -> Mapping[Cap, float]:
    return {cap: min(1.0, cap.most / count) for cap, count in _counts(bag).items() if count}


def _capped(bag: Bag, shares: Mapping[Cap, float]) -> Bag:
    found: dict[Hashable, float] = {}
    for key, number in bag.items():
        match key:
            case (Cap() as cap, kind):
                number *= shares.get(cap, 1.0)
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
