"""How probable each outcome of a test is."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from vmxlint.budget.arms import OTHER, Arm
from vmxlint.interval import Interval

Chances = Mapping[int, Interval]  # of each arm, by its identity


def likelihoods(
    arms: Sequence[Arm], outcomes: Sequence[Hashable], chances: Chances, leaks: bool
) -> dict[Hashable, float]:
    """The outcomes that are possible at all, each with its probability.

    They add up to 1, or to less if the test `leaks`: then the rest leads out of the pass that is
    counted. An outcome for which no arm runs has what the others leave over.
    """
    possible = [one for one in outcomes if _is_possible(one, arms, chances)]
    weights = {one: _weight(one, arms, chances) for one in possible}
    known = sum(weight for weight in weights.values() if weight is not None)
    open_ones = [one for one, weight in weights.items() if weight is None]
    left = max(0.0, 1 - known)
    if OTHER in open_ones and known and not leaks:  # a switch without default: one value of many
        left = max(left, known / (len(weights) - 1))
    found = {
        one: left / len(open_ones) if weight is None else weight for one, weight in weights.items()
    }
    total = sum(found.values())
    if total > 1 or (found and not leaks):
        scale = total or len(found)
        found = {one: (weight if total else 1.0) / scale for one, weight in found.items()}
    return found


def _is_possible(outcome: Hashable, arms: Sequence[Arm], chances: Chances) -> bool:
    running = [arm for arm in arms if arm.runs_for(outcome)]
    others = [arm for arm in arms if not arm.runs_for(outcome)]
    if any(chances[id(arm)].low >= 1 for arm in others):
        return False
    return not running or any(chances[id(arm)].high > 0 for arm in running)


def _weight(outcome: Hashable, arms: Sequence[Arm], chances: Chances) -> float | None:
    running = [chances[id(arm)].typical for arm in arms if arm.runs_for(outcome)]
    return min(running) if running else None
