"""Folded stacks: the input of flamegraph.pl, inferno and speedscope. One line a call path, with its
typical cycles per pass as an integer; the lines of a path add up to its rounded cycles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vmxlint.budget import Budget, PathCost
from vmxlint.reporters.budget_frames import frames_of
from vmxlint.reporters.escape import escape


def render(budget: Budget) -> str:
    """Each path of the budget as a root frame. Says in it that cycles are modelled."""
    return "".join(line for path in budget.paths for line in _lines(path))


def _lines(path: PathCost) -> Iterator[str]:
    cycles = rounded([step.cycles.typical for step in path.steps])
    stacks: dict[str, int] = {}
    for step, number in zip(path.steps, cycles, strict=True):
        frames = (f"{path.context} [modelled]", *(frame.name for frame in frames_of(step)))
        stack = ";".join(map(_plain, frames))
        stacks[stack] = stacks.get(stack, 0) + number
    for stack, number in stacks.items():
        if number:
            yield f"{stack} {number}\n"


def rounded(values: Sequence[float]) -> list[int]:
    """Each value as an integer, so that they add up to their rounded sum: what is cut off goes to
    those that lost most, the first of equals."""
    whole = [int(value) for value in values]
    lost = sorted(range(len(values)), key=lambda n: (whole[n] - values[n], n))
    for number in lost[: round(sum(values)) - sum(whole)]:
        whole[number] += 1
    return whole


def _plain(name: str) -> str:
    return escape(name).replace(";", ",")
