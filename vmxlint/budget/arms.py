"""The sites of a routine as a tree of its tests: which of them exclude each other."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vmxlint.conditions import Condition, Conditions, implied
from vmxlint.facts import spelled
from vmxlint.flow import Site
from vmxlint.link import Edge
from vmxlint.operations import Operation

OTHER = "other"  # the values of a switch's subject that no case names


@dataclass(frozen=True, eq=False)
class Work:
    """What a site does: calls, of which one is made, or one operation, which is one of several if
    the text leaves its field open. `looped`: in a loop that may end before it begins."""

    site: Site
    calls: tuple[Edge, ...] = ()
    operations: tuple[Operation, ...] = ()
    looped: bool = False


@dataclass(eq=False)
class Node:
    """Work that is done in any case, and tests on which the rest turns."""

    work: list[Work] = field(default_factory=list)
    forks: dict[Hashable, Fork] = field(default_factory=dict)


@dataclass(eq=False)
class Fork:
    """One test and its arms; an arm runs where its condition holds."""

    arms: dict[Hashable, Arm] = field(default_factory=dict)

    @property
    def outcomes(self) -> Sequence[Hashable]:
        """What the test can come to, no two of them at once."""
        cases = [id(case) for arm in self.arms.values() for case in arm.cases]
        return (*dict.fromkeys(cases), OTHER) if cases else (True, False)


@dataclass(eq=False)
class Arm:
    """What runs where its conditions hold: one, or each operand of an `&&`."""

    conditions: Conditions
    holds: bool
    node: Node = field(default_factory=Node)

    @property
    def cases(self) -> Sequence[object]:
        """Of a switch, the values that are meant."""
        return self.conditions[0].cases

    def runs_for(self, outcome: Hashable) -> bool:
        """Whether it runs if the test comes to that."""
        if not self.cases:
            return self.holds == outcome
        return any(outcome == id(case) for case in self.cases) == self.holds


def tree_of(work: Iterable[tuple[Conditions, Work]]) -> Node:
    """The tree of some work with the conditions before it."""
    listed = list(work)
    whole = _wholes(condition for conditions, _ in listed for condition in conditions)
    root = Node()
    for conditions, one in listed:
        node = root
        for test, arm in _steps(conditions, one, whole):
            fork = node.forks.setdefault(test, Fork())
            values = (arm.holds, *map(id, arm.cases))
            node = fork.arms.setdefault(values, arm).node
        node.work.append(one)
    return root


Wholes = Mapping[Hashable, list[tuple[Condition, Conditions]]]  # by what their first part tests


def _wholes(conditions: Iterable[Condition]) -> Wholes:
    """The tests of several parts that hold where not all of the parts do, and these parts.

    Where `a && b` is true, `a` and `b` are conditions of their own; where it is false, it is one.
    """
    found: dict[Hashable, dict[int, tuple[Condition, Conditions]]] = {}
    for one in conditions:
        if one.test.kind == "binary" and one.test.text in ("&&", "||") and not one.cases:
            parts = implied(one.test, not one.holds)
            if len(parts) > 1:
                found.setdefault(_key(parts[0]), {})[id(one.test)] = (one, parts)
    return {key: list(known.values()) for key, known in found.items()}


def _key(condition: Condition) -> Hashable:
    return id(condition.test), condition.holds


def _steps(conditions: Conditions, work: Work, whole: Wholes) -> Iterator[tuple[Hashable, Arm]]:
    """The arms that lead to some work, each with what is the same for all arms of its test.

    Conditions of one test share it by identity; those inside a helper are made anew for each
    operation, so that of them the text tells which are of one test.
    """
    inside = {id(c) for made in work.operations for c in made.conditions}
    number = 0
    while number < len(conditions):
        condition = conditions[number]
        for other, parts in whole.get(_key(condition), ()):
            meant = conditions[number : number + len(parts)]
            if list(map(_key, meant)) == list(map(_key, parts)):
                yield id(other.test), Arm(meant, not other.holds)
                number += len(parts)
                break
        else:
            test: Hashable = id(condition.test)
            if id(condition) in inside:
                test = (id(work.site), spelled(condition.test))
            yield test, Arm((condition,), condition.holds)
            number += 1
