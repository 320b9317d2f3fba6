"""The sites of a routine as a tree of its tests: which of them exclude each other."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from vmxlint.budget.shape import Compound, Shape, key
from vmxlint.calls.link import Edge
from vmxlint.facts import Expr, names, spelled
from vmxlint.flow import Site
from vmxlint.flow.conditions import Condition, Conditions
from vmxlint.flow.routine import Routine
from vmxlint.interval import ONCE, Interval
from vmxlint.operations import Operation

OTHER = "other"  # the values of a switch's subject that no case names


@dataclass(frozen=True, eq=False)
class Work:
    """What a site does: calls, of which one is made, or one operation, which is one of several if
    the text leaves its field open. `rivals` is how many functions may be called there in all;
    `looped`: in a loop that may end before it begins; `times` is how often the loops around it run,
    as far as they say."""

    site: Site
    calls: tuple[Edge, ...] = ()
    operations: tuple[Operation, ...] = ()
    rivals: int = 1
    looped: bool = False
    times: Interval = ONCE


@dataclass(eq=False)
class Node:
    """Work that is done in any case, and tests on which the rest turns."""

    work: list[Work] = field(default_factory=list)
    forks: dict[Hashable, Fork] = field(default_factory=dict)

    def all_work(self) -> Iterator[Work]:
        """All work here and behind the tests."""
        todo = [self]
        while todo:
            one = todo.pop()
            yield from one.work
            todo += [arm.node for fork in one.forks.values() for arm in fork.arms.values()]


@dataclass(eq=False)
class Arm:
    """What runs where its conditions hold: one, or each operand of an `&&`."""

    conditions: Conditions
    holds: bool
    node: Node = field(default_factory=Node)

    @property
    def cases(self) -> Sequence[Expr]:
        """Of a switch, the values that are meant."""
        return self.conditions[0].cases

    def runs_for(self, outcome: Hashable) -> bool:
        """Whether it runs if the test comes to that."""
        if not self.cases:
            return self.holds == outcome
        return any(outcome == id(case) for case in self.cases) == self.holds


@dataclass(eq=False)
class Fork:
    """One test and its arms: of an `if` both, whatever they do, of a `switch` those that do
    something.

    `outcomes` is what the test can come to, no two of them at once; `leaves` says of which arm the
    way leads out of what the test stands in, if of one. `owner` is the helper whose names the test
    uses, if it is not in those of the routine.
    """

    arms: dict[Hashable, Arm]
    outcomes: Sequence[Hashable] = (True, False)
    leaves: bool | None = None
    owner: Routine | None = None

    @cached_property
    def running(self) -> Mapping[Hashable, tuple[Sequence[Arm], Sequence[Arm]]]:
        """For each outcome the arms that run, and the others; once all arms are known."""
        arms = list(self.arms.values())
        return {
            outcome: (
                [arm for arm in arms if arm.runs_for(outcome)],
                [arm for arm in arms if not arm.runs_for(outcome)],
            )
            for outcome in self.outcomes
        }


def tree_of(shape: Shape, work: Iterable[tuple[Conditions, Work]]) -> Node:
    """The tree of some work with the conditions before it."""
    root = Node()
    for conditions, one in work:
        node = root
        for test, fork, arm in _steps(conditions, one, shape):
            known = node.forks.setdefault(test, fork)
            node = known.arms.setdefault(arm, fork.arms[arm]).node
        node.work.append(one)
    return root


def _steps(
    conditions: Conditions, work: Work, shape: Shape
) -> Iterator[tuple[Hashable, Fork, Hashable]]:
    """The forks that lead to some work, each with what is the same for all arms of its test, and
    with the arm that is meant.

    Conditions of one test share it by identity; those inside a helper are made anew for each
    operation, so that of them the text tells which are of one test.
    """
    inside = {id(c) for made in work.operations for c in made.conditions}
    number = 0
    while number < len(conditions):
        condition = conditions[number]
        if id(condition) in inside:
            owner = _owner(condition, work.operations[0])
            test = id(work.site), spelled(condition.test)
            yield test, _fork(condition, shape, owner), _arm(condition)
            number += 1
            continue
        found = _compound(conditions[number:], shape)
        if found:
            meant = conditions[number : number + len(found.parts)]
            yield id(found.test), _compound_fork(found, meant, shape), found.holds
            number += len(found.parts)
        else:
            yield id(condition.test), _fork(condition, shape, None), _arm(condition)
            number += 1


def _compound(conditions: Conditions, shape: Shape) -> Compound | None:
    """The test of several parts that all are next among the conditions."""
    for one in shape.compounds(conditions[0]):
        if list(map(key, conditions[: len(one.parts)])) == list(map(key, one.parts)):
            return one
    return None


def _compound_fork(one: Compound, meant: Conditions, shape: Shape) -> Fork:
    leaves = shape.leaves.get(id(one.test))
    other = Condition(one.test, not one.holds, leaves == one.holds)
    arms: dict[Hashable, Arm] = {
        one.holds: Arm(meant, one.holds),
        (not one.holds): Arm((other,), not one.holds),
    }
    return Fork(arms, leaves=leaves)


def _fork(condition: Condition, shape: Shape, owner: Routine | None) -> Fork:
    if condition.cases:
        known = shape.values.get(id(condition.test)) or map(id, condition.cases)
        arm = Arm((condition,), condition.holds)
        return Fork({_arm(condition): arm}, (*known, OTHER), None, owner)
    found = next(iter(shape.wholes(condition)), None)
    if found:
        return _compound_fork(found, found.parts, shape)
    leaves = shape.leaves.get(id(condition.test))
    other = Condition(condition.test, not condition.holds, leaves == condition.holds)
    both: dict[Hashable, Arm] = {one.holds: Arm((one,), one.holds) for one in (condition, other)}
    return Fork(both, leaves=leaves, owner=owner)


def _arm(condition: Condition) -> Hashable:
    """What is the same for all conditions of one arm."""
    if not condition.cases:
        return condition.holds
    return (condition.holds, *map(id, condition.cases))


def _owner(condition: Condition, made: Operation) -> Routine | None:
    """The helper in whose local variables a condition inside it still is."""
    local = names(condition.test).difference(made.routine.variables)
    return next((one for one in made.through if local.intersection(one.variables)), None)
