"""The steps of a path as a tree of frames, for pictures: calls in calls, operations at the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from vmxlint.budget import Budget, PathCost
from vmxlint.interval import NOTHING, Interval
from vmxlint.reporters.budget_frames import Frame, frames_of

AVERAGE = "an average VM-exit"


@dataclass(eq=False)
class Node:
    """A frame with everything below it: cycles in one pass, and for an operation how often."""

    frame: Frame
    cycles: Interval = NOTHING
    times: float = 0.0
    below: dict[Frame, Node] = field(default_factory=dict)

    def add(self, frames: Iterable[Frame], cycles: Interval, times: float) -> None:
        """Put a step under this node."""
        node = self
        node.cycles += cycles
        for frame in frames:
            node = node.below.setdefault(frame, Node(frame))
            node.cycles += cycles
        node.times += times

    @property
    def dearest(self) -> list[Node]:
        """What is below, the dearest first; of equals in the order of the code."""
        return sorted(self.below.values(), key=lambda one: -one.cycles.typical)


def tree_of(path: PathCost) -> Node:
    """The tree of one path."""
    root = Node(Frame(path.context, None))
    for step in path.steps:
        if step.cycles.typical:
            root.add(frames_of(step), step.cycles, step.expected)
    return root


def average(budget: Budget) -> Node | None:
    """An average exit of the profile, whole way; None if no path has a share in it."""
    root = Node(Frame(AVERAGE, None))
    for path, share in budget.mix:
        head = Frame(path.context, None)
        for step in path.steps:
            if step.cycles.typical:
                root.add((head, *frames_of(step)), step.cycles.scaled(share), step.expected * share)
    return root if root.below else None
