"""When code runs: from the VM-entry up to the run loop, and from there down to every function.

The functions on the way from the run loop to VMLAUNCH and VMRESUME are the spine. In each of them
what stands before the next step down runs on every VM-entry, what stands behind it on every
VM-exit. All else follows by calls: a test of the exit reason leads from `exit` to `exit:REASON`, a
test of nested mode to `nested-exit`, the handlers of VMLAUNCH and VMRESUME are `nested-entry`. Work
that waits for a flag has the contexts of what sets the flag.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial

from vmxlint.calls.link import Edge, Linker
from vmxlint.contexts.coverage import Coverage
from vmxlint.contexts.gate import Gate
from vmxlint.contexts.gates import Gates
from vmxlint.contexts.nested import NestedMode
from vmxlint.contexts.reach import (
    AROUND,
    ENTRY,
    EXIT,
    NESTED,
    NESTED_ENTRY,
    NESTED_EXIT,
    Given,
    Reach,
    Way,
    exit_for,
    together,
)
from vmxlint.contexts.roundtrip import RoundTrip
from vmxlint.contexts.search import Node, Search, Step
from vmxlint.contexts.spine import Spine
from vmxlint.contexts.ways import Ways
from vmxlint.flow import Condition, Site
from vmxlint.flow.routine import Routine
from vmxlint.interval import Interval
from vmxlint.model.profiles import Profile
from vmxlint.operations import Operations
from vmxlint.operations.structs import Structs


class Contexts:
    """The contexts of every routine and site of a unit."""

    def __init__(
        self,
        linker: Linker,
        operations: Operations,
        structs: Structs,
        gates: Gates,
        profile: Profile,
    ) -> None:
        self._linker = linker
        self._operations = operations
        self._gates = gates
        self._profile = profile
        self._round = RoundTrip(linker, operations, structs)
        self._coverage = Coverage(linker, operations.entries)
        self._reaches: dict[Routine, Mapping[str, Reach]] = {}
        self.spine = Spine(linker, operations)

    def _roots(self) -> Iterator[Step]:
        """Where contexts start: the spine, slots whose caller is not in the tree, lone handlers."""
        for routine in (*self.spine.loops, *self.spine.steps):
            for context in (ENTRY, EXIT):
                yield Step(routine, context, descent=self.spine.descent(routine))
        for routine in self.spine.stays:
            for context in AROUND:
                yield Step(routine, context)
        called = {edge.callee for one in self.spine.loops for edge in self._linker.edges(one)}
        for slot, context in self._linker.dialect.slot_contexts.items():
            for routine in self._linker.dispatch.held(slot):
                if routine not in called:
                    yield Step(routine, context)
        yield from self._undispatched()

    def _undispatched(self) -> Iterator[Step]:
        """Handlers of a table that nothing in the tree indexes."""
        dispatchers = {one for many in self._linker.dispatch.dispatchers.values() for one in many}
        dispatched = {e.callee for one in dispatchers for e in self._linker.edges(one) if e.key}
        for rows in self._linker.dispatch.handlers.values():
            for key, routine in rows:
                if routine not in dispatched and self._linker.exit_names.is_one(key):
                    yield Step(routine, exit_for(self._linker.exit_names.canonical(key)))

    @cached_property
    def roots(self) -> tuple[Step, ...]:
        """Where contexts start, with the calls above."""
        return tuple(self._roots())

    @property
    def ways(self) -> Ways:
        """The ways through gates; complete for what has been asked for."""
        return self._ways

    def onward(self, routine: Routine) -> Sequence[Edge]:
        """The calls of a routine that lead to what somebody has asked for."""
        return self._coverage.onward(routine)

    def gates(self, conditions: Iterable[Condition], routine: Routine) -> tuple[Gate, ...]:
        """What each of the conditions in a routine is about."""
        return self._gates.gates(conditions, routine)

    def table(self, key: str) -> Gate:
        """The gate of a handler table's row."""
        return self._gates.tables.row(key)

    @cached_property
    def round_trip(self) -> Mapping[Node, Collection[Edge]]:
        """What a nested round trip runs once in each context on its way to the switch of the VMCS,
        and the calls by which it gets there."""
        found: dict[Node, list[Edge]] = {}
        for way in self._switching:
            for step in way.chain():
                found.setdefault((step.routine, step.context), [])
                if step.edge:
                    found[step.routine, step.context].append(step.edge)
        return found

    def is_given(self, condition: Condition) -> bool:
        """Whether a condition holds in every nested round trip."""
        return _told(condition) in self._given

    @cached_property
    def _given(self) -> frozenset[tuple[int, ...]]:
        gates = (gate for way in self._switching for step in way.chain() for gate in step.gates)
        last = (one for way in self._switching for one in self._round.at_the_end(way))
        return frozenset(map(_told, (*(gate.condition for gate in gates), *last)))

    def switched(self, routine: Routine) -> Site:
        """Where a routine makes another VMCS the current one."""
        return self._round.switches[routine]

    @cached_property
    def dispatched(self) -> Collection[Node]:
        """The handlers that the code calls through their table, each in its own context."""
        dispatchers = {one for many in self._linker.dispatch.dispatchers.values() for one in many}
        return frozenset(
            (edge.callee, exit_for(self._linker.exit_names.canonical(edge.key)))
            for one in dispatchers
            for edge in self._linker.edges(one)
            if edge.key
        )

    @cached_property
    def _ways(self) -> Ways:
        there, back = (
            {s.routine for w in self._switching for s in w.chain()[:-1] if s.context == context}
            for context in (NESTED_ENTRY, NESTED_EXIT)
        )
        nested = NestedMode(self._linker, there, back)
        return Ways(self.spine, self._gates, self._profile, self.given, nested)

    @cached_property
    def given(self) -> Given:
        """The conditions that hold in every nested round trip."""
        return self._round.given(self._switching)

    def chance(self, gate: Gate, context: str) -> Interval:
        """The probability of a gate on a way of a context."""
        return self._ways.chance(gate, context)

    @property
    def switches(self) -> Collection[Routine]:
        """The routines that make another VMCS the vCPU's current one."""
        return self._round.switches.keys()

    @cached_property
    def _switching(self) -> list[Step]:
        self._coverage.cover(self._round.switches)
        plain = Ways(self.spine, self._gates, self._profile)
        ways = self._round.ways_to_switch(self._roots(), self._coverage.onward, plain)
        if len(ways) < len(NESTED) and self._round.switches:
            search = Search(list(self._roots()), self._coverage, plain, self._handled())
            ways = self._round.ways_by_flags(search, plain)
        return ways

    @cached_property
    def _search(self) -> Search:
        once = {(s.routine, s.context) for way in self._switching for s in way.chain()}
        once |= set(self._handled())
        return Search(list(self._roots()), self._coverage, self._ways, once)

    def _handled(self) -> Iterator[Node]:
        """Each handler of an exit reason in the context of that reason."""
        for rows in self._linker.dispatch.handlers.values():
            for key, routine in rows:
                context = exit_for(self._linker.exit_names.canonical(key))
                if context != NESTED_ENTRY:
                    yield routine, context

    @property
    def reached(self) -> Mapping[Routine, Mapping[str, Reach]]:
        """The ways of each context to each routine that makes an operation or leads to one; cold
        routines are not in it."""
        makers = [one for one in self._linker.routines if self._operations.made_in(one)]
        if self._coverage.cover(makers):
            self._search.go_on()
        leading = [one for one in self._search.found if one in self._coverage.covered]
        return {routine: self.to(routine) for routine in leading}

    def to(self, routine: Routine) -> Mapping[str, Reach]:
        """The way of each context to a routine, in order of their names; none if it is cold."""
        search = self._search
        if self._coverage.cover([routine]):
            search.go_on()
        steps = search.found.get(routine, {})
        known = self._reaches.get(routine, {})
        if len(known) < len(steps):
            known = self._reaches[routine] = {
                name: steps[name].reach(partial(search.expected, routine, name))
                for name in sorted(steps)
            }
        return known

    def of(self, routine: Routine, site: Site) -> tuple[Reach, ...]:
        """The ways of all contexts to one site of a routine, in order of their names."""
        found: dict[str, Reach] = {}
        for reach in self.to(routine).values():
            for context, chance, gates in self._at(routine, site, reach):
                onward = Reach(
                    context,
                    reach.path,
                    reach.gates + gates,
                    reach.probability * chance,
                    reach.calls,
                    partial(_times, reach.runs, chance),
                )
                found[context] = together(found.get(context), onward)
        return tuple(found[name] for name in sorted(found))

    def _at(self, routine: Routine, site: Site, reach: Reach) -> list[Way]:
        """The ways on to a site, once the flags before it are known."""
        ways = self._ways.at(routine, site, reach.context, reach.calls)
        if self._ways.asked:
            self._search.go_on()
            ways = self._ways.at(routine, site, reach.context, reach.calls)
        return ways


def _told(condition: Condition) -> tuple[int, ...]:
    """What is the same for all conditions that say the same of one test."""
    return (id(condition.test), condition.holds, *map(id, condition.cases))


def _times(runs: Callable[[], Interval], chance: Interval) -> Interval:
    return runs() * chance
