"""How probable each outcome of a test is."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple

from vmxlint.budget.arms import OTHER, Fork
from vmxlint.budget.course import TURNING
from vmxlint.contexts.gate import LEAVES, STAYS
from vmxlint.interval import Interval

DECIDED = "decided"  # the kind of a gate of which the pass knows the answer
_OPEN = frozenset({"state", "build", DECIDED})


class Chance(NamedTuple):
    """The probability that the conditions of an arm hold, and the kinds of their gates."""

    probability: Interval
    kinds: frozenset[str]

    @property
    def is_guessed(self) -> bool:
        """Whether nothing is known of the conditions but where the arms lead."""
        return self.kinds <= _OPEN and self.kinds != {DECIDED}


Chances = Mapping[int, Chance]  # of each arm, by its identity


def likelihoods(fork: Fork, chances: Chances) -> dict[Hashable, float]:
    """The outcomes that are possible at all, each with its probability.

    They add up to 1, or to less if the test may lead out of the pass that is counted. None depends
    on what the arms do.
    """
    possible = [one for one in fork.outcomes if _is_possible(one, fork, chances)]
    if not possible:
        return {}
    if all(one.is_guessed for one in chances.values()) and (even := _guessed(fork, possible)):
        return even
    weights = {one: _weight(one, fork, chances) for one in possible}
    total = sum(weights.values())
    turns = any(kind in TURNING for one in chances.values() for kind in one.kinds)
    if total > 1 or not turns:
        return {one: w / total if total else 1 / len(weights) for one, w in weights.items()}
    return weights


def _guessed(fork: Fork, possible: list[Hashable]) -> dict[Hashable, float]:
    """The odds of a test of which nothing is known but where its arms lead: an early way out is
    seldom taken, and the values of a switch are all alike."""
    if OTHER in fork.outcomes:
        return {one: 1 / len(possible) for one in possible}
    if fork.leaves is None or len(possible) < len(fork.outcomes):
        return {}
    return {one: LEAVES.typical if one == fork.leaves else STAYS.typical for one in possible}


def _is_possible(outcome: Hashable, fork: Fork, chances: Chances) -> bool:
    running, others = fork.running[outcome]
    if any(chances[id(arm)].probability.low >= 1 for arm in others):
        return False
    return not running or any(chances[id(arm)].probability.high > 0 for arm in running)


def _weight(outcome: Hashable, fork: Fork, chances: Chances) -> float:
    """The chance of what runs for an outcome; what the others leave over, if nothing runs or if
    only of the others something is known."""
    running, others = fork.running[outcome]
    left = max(0.0, 1 - sum(chances[id(arm)].probability.typical for arm in others))
    if not running:
        silent = [one for one in fork.outcomes if not fork.running[one][0]]
        return left / len(silent)
    if len(running) == len(others) == 1 and chances[id(running[0])].is_guessed:
        if not chances[id(others[0])].is_guessed:
            return left
    return min(chances[id(arm)].probability.typical for arm in running)
