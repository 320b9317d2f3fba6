"""What all passes of a program share: the tree of each routine's work."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, reduce

from vmxlint.budget.amounts import MOST
from vmxlint.budget.arms import Arm, Fork, Node, Work, tree_of
from vmxlint.budget.guesses import compares, is_jump
from vmxlint.budget.known import Known
from vmxlint.budget.memory import Common
from vmxlint.budget.rates import Rates
from vmxlint.budget.shape import Shape
from vmxlint.budget.trips import Trips
from vmxlint.calls.link import Edge
from vmxlint.contexts import Contexts
from vmxlint.contexts.gate import Gate
from vmxlint.contexts.reach import ENTRY, EXIT
from vmxlint.facts import walk
from vmxlint.flow import Site
from vmxlint.flow.conditions import Condition, Conditions, implied
from vmxlint.flow.routine import Routine
from vmxlint.interval import ONCE, Interval
from vmxlint.operations import Operation
from vmxlint.program import Program

OF_THE_PASS = ("reason", "flag")  # the kinds of gates that turn on what a pass counts
TURNING = (*OF_THE_PASS, "guest-mode")  # the kinds of gates that lead into other contexts


class Course:
    """A program's routines as passes see them."""

    def __init__(self, program: Program, rates: Rates) -> None:
        program.contexts.reached  # noqa: B018 - finds the ways to all operations, flags too
        for operation in program.operations:
            program.reaches(operation)
        self.program = program
        self.rates = rates
        self.known = Known(program.linker, program.contexts.spine)
        self._trips = Trips(program.linker)
        self._parts: dict[int, Conditions] = {}
        self._shapes: dict[Routine, Shape] = {}
        self._trees: dict[tuple[Routine, str], Node] = {}
        self._gates: dict[int, tuple[Gate, ...]] = {}
        self.common: Common = {}
        self.common_in_round: Common = {}

    @property
    def contexts(self) -> Contexts:
        """When each function runs."""
        return self.program.contexts

    @cached_property
    def of_reasons(self) -> Collection[Routine]:
        """The routines that are called otherwise in the exits of one reason than of another."""
        return frozenset(routine for routine, context in self._nodes if context[:5] == "exit:")

    @cached_property
    def _nodes(self) -> Collection[tuple[Routine, str]]:
        """What is called otherwise in one context than in another."""
        roots = ((root.routine, root.context) for root in self.contexts.roots)
        return (*roots, *self.contexts.dispatched, *self.contexts.round_trip)

    @cached_property
    def alike(self) -> Collection[Routine]:
        """The routines that do the same in each context that is counted."""
        reached, spine = self.contexts.reached, self.contexts.spine
        seeds = {routine for routine, _ in self._nodes} | {*spine.steps, *spine.loops, *spine.stays}
        seeds.update(one for one in reached if self._turns(one, OF_THE_PASS))
        return reached.keys() - self._above(seeds)

    @cached_property
    def turning(self) -> Collection[Routine]:
        """The routines in which a way leads into another context, and those that lead to them."""
        return self._above(one for one in self.contexts.reached if self._turns(one, TURNING))

    def _above(self, routines: Iterable[Routine]) -> set[Routine]:
        """Some routines and those that lead to them."""
        found = set(routines)
        todo = list(found)
        while todo:
            new = [one for one in self._callers.get(todo.pop(), ()) if one not in found]
            found.update(new)
            todo += new
        return found

    @cached_property
    def _callers(self) -> Mapping[Routine, Sequence[Routine]]:
        found: dict[Routine, list[Routine]] = {}
        for caller in self.contexts.reached:
            for edge in self.contexts.onward(caller):
                found.setdefault(edge.callee, []).append(caller)
        return found

    def _turns(self, routine: Routine, kinds: Collection[str]) -> bool:
        calls, made = self.contexts.onward(routine), self.rates.by_routine.get(routine, ())
        sites = {id(site): site for site in (*(c.site for c in calls), *(o.site for o in made))}
        inside = (one.conditions for one in made)
        return any(call.key for call in calls) or any(
            gate.kind in kinds
            for conditions in (*(one.conditions for one in sites.values()), *inside)
            for gate in self.contexts.gates(conditions, routine)
        )

    def gates(self, arm: Arm, fork: Fork, routine: Routine) -> tuple[Gate, ...]:
        """What the conditions of an arm are about, whose names are those of a routine. A compare of
        what is written behind it with its copy is a memo, in a helper too."""
        found = self._gates.get(id(arm))
        if found is None:
            found = self.contexts.gates(arm.conditions, routine)
            if any(map(self._is_behind_copy, fork.arms.values())):
                found = tuple(map(_as_memo, found))
            self._gates[id(arm)] = found
        return found

    def _is_behind_copy(self, arm: Arm) -> bool:
        works = list(arm.node.all_work())
        made = [one for work in works for one in work.operations]
        parts = (part for one in arm.conditions for part in walk(one.test)) if made else ()
        asked = {part.text for part in parts if part.kind == "member"}
        return (
            bool(made)
            and not any(work.calls for work in works)
            and all(
                any(copy.place.member.name in asked for copy in self.program.copies_before(one))
                for one in made
            )
        )

    def parts(self, condition: Condition) -> Conditions:
        """What would all have to hold for the condition not to: more than one of a test whose
        operands are joined by `||`, or by `&&` where it is false. They live as long as this."""
        found = self._parts.get(id(condition))
        if found is None:
            joined = condition.test.kind == "binary" and not condition.cases
            found = implied(condition.test, not condition.holds) if joined else ()
            self._parts[id(condition)] = found
        return found

    def tree(self, routine: Routine, context: str) -> Node:
        """What a routine does, by its tests; of one that leads to the VM-entry, on one side."""
        spine = self.contexts.spine
        side = context if spine.has_side(routine, context) else ""
        key = (routine, side)
        if key not in self._trees:
            shape = self._shape(routine)
            self._trees[key] = tree_of(shape, self._work(shape, side))
        return self._trees[key]

    def _shape(self, routine: Routine) -> Shape:
        if routine not in self._shapes:
            self._shapes[routine] = Shape(routine)
        return self._shapes[routine]

    def _work(self, shape: Shape, side: str) -> Iterator[tuple[Conditions, Work]]:
        """What the sites of a routine do, on one side of the VM-entry if it is on its way."""
        contexts, routine = self.contexts, shape.routine
        edges, made = self._calls(routine), self._made(routine)
        given = contexts.spine.given(routine) if side in (ENTRY, EXIT) else ()
        aside, loops = shape.aside, self._counted(shape)
        for site in routine.flow.sites:
            if id(site) not in edges and id(site) not in made:
                continue
            if side and not contexts.spine.is_on_side(routine, site, side):
                continue
            before = tuple(one for one in site.conditions if one not in given)
            if aside and site.expr.start >= aside.test.start and not any(map(is_jump, before)):
                before = (aside, *before)
            at = site.expr.start
            looped = any(start <= at < end for start, end in shape.uncertain_loops)
            around = (one for start, end, one in loops if start <= at < end)
            times = reduce(_nested, around, ONCE)
            late = side == EXIT and self._enters(routine, site)
            for alike in () if late else made.get(id(site), ()):
                inside = (one for one in alike[0].conditions if one.test.kind != "number")
                yield (*before, *inside), Work(site, (), alike, looped=looped, times=times)
            if id(site) in edges:
                calls, rivals = edges[id(site)]
                if any(edge.key for edge in calls):
                    before = self._leading_to_table(before, routine)
                yield before, Work(site, calls, (), rivals, looped, times)

    def _counted(self, shape: Shape) -> list[tuple[int, int, Interval]]:
        """Where the bodies of a routine's loops begin and end, and how often they run."""
        found = ((one, self._trips.of((one, before), shape.routine)) for one, before in shape.loops)
        return [(one.body[0].start, one.end, times) for one, times in found if times != ONCE]

    def _calls(self, routine: Routine) -> dict[int, tuple[tuple[Edge, ...], int]]:
        """Of each site, by its identity: the calls that lead to an operation, and how many there
        are. A handler table that the code fills has the last handler of each reason in force."""
        sites: dict[int, dict[Hashable, Edge]] = {}
        for edge in self.program.linker.edges(routine):
            sites.setdefault(id(edge.site), {})[edge.key or edge] = edge
        onward = set(self.contexts.onward(routine))
        found: dict[int, tuple[tuple[Edge, ...], int]] = {}
        for site, every in sites.items():
            if calls := tuple(one for one in every.values() if one in onward):
                found[site] = calls, _rivals(every.values())
        return found

    def _made(self, routine: Routine) -> dict[int, list[tuple[Operation, ...]]]:
        """The operations of each site, by its identity; those of which one is done, together."""
        found: dict[int, dict[tuple[int, str], list[Operation]]] = {}
        for one in self.rates.by_routine.get(routine, ()):
            alike = found.setdefault(id(one.site), {})
            alike.setdefault((id(one.operand), one.kind), []).append(one)
        return {site: [tuple(one) for one in alike.values()] for site, alike in found.items()}

    def _enters(self, routine: Routine, site: Site) -> bool:
        """Whether assembly leads to the VM-entry, so that what it does is done before."""
        first, last = self.contexts.spine.steps.get(routine, (0, -1))
        return site.expr.kind == "asm" and first <= routine.numbers[id(site)] <= last

    def _leading_to_table(self, conditions: Conditions, routine: Routine) -> Conditions:
        """Those without the early ways out before a handler table: that an exit of some reason
        comes as far as its handler goes without saying."""
        gates = self.contexts.gates(conditions, routine)
        return tuple(
            one
            for one, gate in zip(conditions, gates, strict=True)
            if not one.early or gate.kind in TURNING
        )


def _nested(outer: Interval, inner: Interval) -> Interval:
    return (outer * inner).capped(MOST)


def _as_memo(gate: Gate) -> Gate:
    return gate._replace(kind="memo") if gate.kind == "state" and compares(gate.condition) else gate


def _rivals(calls: Collection[Edge]) -> int:
    """Of how many functions a site calls just one; assembly calls all that it names."""
    by_value = [edge for edge in calls if edge.site.expr.kind == "call" and not edge.key]
    return max(1, len(by_value))
