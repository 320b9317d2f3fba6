"""A way to some code: the context that it runs in, the calls and the gates on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from vmxlint.calls.link import Edge
from vmxlint.contexts.gate import Gate
from vmxlint.flow.conditions import Condition, Conditions, alternatives
from vmxlint.interval import NOTHING, ONCE, Interval
from vmxlint.model.probabilities import chance

ENTRY, EXIT = "entry", "exit"
NESTED_ENTRY, NESTED_EXIT = "nested-entry", "nested-exit"
NESTED = (NESTED_ENTRY, NESTED_EXIT)
AROUND = LOAD, PUT = "vcpu-load", "vcpu-put"
_HARDLY = chance("against-the-round-trip")
_NESTED_REASONS = {
    "VMLAUNCH": chance("nested-by-vmlaunch"),
    "VMRESUME": chance("nested-by-vmresume"),
}


def exit_for(reason: str) -> str:
    """The context of the exits of one reason."""
    return NESTED_ENTRY if reason in _NESTED_REASONS else f"exit:{reason}"


def share_of(reason: str, handled: Collection[str]) -> Interval:
    """How much of its context one of the `handled` reasons is: L2 is launched once, then resumed
    ever after."""
    alone = not any(other in handled for other in _NESTED_REASONS if other != reason)
    return ONCE if alone else _NESTED_REASONS.get(reason, ONCE)


def nested_share(reasons: Collection[str], handled: Collection[str]) -> Interval:
    """How much of `nested-entry` some reasons are."""
    shares = (share_of(one, handled) for one in sorted(_NESTED_REASONS.keys() & reasons))
    return sum(shares, NOTHING).capped(1)


@dataclass(frozen=True, eq=False)
class Reach:
    """How a context comes to some code: by which calls, through which gates, how probably.

    `path` names the functions from the run loop on, `calls` are the calls between them: the most
    probable way. `probability` is that of its gates, in one pass through the context. `runs` counts
    how often the code runs in one pass.
    """

    context: str
    path: tuple[str, ...]
    gates: tuple[Gate, ...]
    probability: Interval
    calls: tuple[Edge, ...] = ()
    runs: Callable[[], Interval] = lambda: ONCE

    @property
    def unit(self) -> str:
        """The side of the VM-entry, which is what a figure is per."""
        return "VM-exit" if self.context.startswith("exit") else "VM-entry"

    @property
    def expected(self) -> Interval:
        """How often the code runs in one pass through the context, by all ways together."""
        return self.runs()


def hottest(reaches: Iterable[Reach]) -> dict[str, Reach]:
    """The most probable way of each context, the first of equals."""
    found: dict[str, Reach] = {}
    for reach in reaches:
        known = found.get(reach.context)
        if known is None or known.probability.typical < reach.probability.typical:
            found[reach.context] = reach
    return found


def together(known: Reach | None, more: Reach) -> Reach:
    """The more probable of two ways in one context, run as often as both."""
    if known is None:
        return more
    best = known if known.probability.typical >= more.probability.typical else more
    runs = partial(_sum, known.runs, more.runs)
    return Reach(best.context, best.path, best.gates, best.probability, best.calls, runs)


def _sum(one: Callable[[], Interval], other: Callable[[], Interval]) -> Interval:
    return one() + other()


class Passage(NamedTuple):
    """Gates that follow each other and their probability together.

    One test of the exit reason, of a flag or of a parameter, or several others, of which one may be
    the test for nested mode. `in_round` is the probability in a round trip, which does switch the
    VMCS.
    """

    gates: tuple[Gate, ...] = ()
    chance: Interval = ONCE
    in_round: Interval = ONCE
    special: Gate | None = None
    nested: bool = False


_START = Passage()


class Given:
    """The conditions that hold in every nested round trip, and so those that do not; `flags` are
    those among them that code waits for, by their identities: each with its context."""

    def __init__(
        self, conditions: Iterable[Condition] = (), flags: Mapping[int, str] = MappingProxyType({})
    ) -> None:
        self._flags = flags
        self._conditions = tuple(conditions)  # which keeps their identities
        self._hold = frozenset(map(id, self._conditions))
        self._fail = frozenset((id(one.test), not one.holds) for one in self._conditions)

    def joined(self, conditions: Iterable[Condition]) -> Given:
        """These and some more."""
        return Given((*self._conditions, *conditions), self._flags)

    def waiting(self, gate: Gate) -> str:
        """The context that waits for a flag once in every round trip; "" if none does."""
        return self._flags.get(id(gate.condition), "")

    def chance(self, gate: Gate) -> Interval:
        """The probability of a gate in a round trip."""
        if id(gate.condition) in self._hold:
            return ONCE
        if self._fail and all(map(self._fails, alternatives((gate.condition,)))):
            return _HARDLY
        return gate.probability

    def _fails(self, way: Conditions) -> bool:
        return any((id(one.test), one.holds) in self._fail for one in way if not one.cases)


def divided(gates: Iterable[Gate], given: Given) -> tuple[Passage, ...]:
    """Gates in runs."""
    passages: list[Passage] = []
    for gate in gates:
        special = gate if gate.kind in ("reason", "flag") or gate.parameter else None
        joins = not special and passages and not passages[-1].special
        last = passages.pop() if joins else _START
        in_round = given.chance(gate)
        onward = Passage(
            (*last.gates, gate),
            last.chance if gate.probability is ONCE else last.chance * gate.probability,
            last.in_round if in_round is ONCE else last.in_round * in_round,
            special,
            last.nested or (gate.kind == "guest-mode" and gate.holds),
        )
        passages.append(onward)
    return tuple(passages)


Way = tuple[str, Interval, tuple[Gate, ...]]


def nowhere(ways: Sequence[Way]) -> list[Way]:
    """The ways that can be gone at all."""
    return [way for way in ways if way[1].high > 0]
