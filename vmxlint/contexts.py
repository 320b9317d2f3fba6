"""When code runs: from the VM-entry up to the run loop, and from there down to every function.

The functions on the way from the run loop to VMLAUNCH and VMRESUME are the spine. In each of them
what stands before the next step down runs on every VM-entry, what stands behind it on every
VM-exit. All else follows by calls: a test of the exit reason leads from `exit` to `exit:REASON`, a
test of nested mode to `nested-exit`, the handlers of VMLAUNCH and VMRESUME are `nested-entry`. Work
that waits for a flag has the contexts of what sets the flag.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from vmxlint.flow import Site
from vmxlint.gates import Gates
from vmxlint.link import Edge, Linker
from vmxlint.model.profiles import Profile
from vmxlint.operations import Operations
from vmxlint.reach import ENTRY, EXIT, NESTED_ENTRY, Reach, exit_for
from vmxlint.reasons import Reasons
from vmxlint.roundtrip import RoundTrip
from vmxlint.routine import Routine
from vmxlint.search import Node, Search, Step
from vmxlint.spine import Spine
from vmxlint.structs import Structs
from vmxlint.ways import Ways


class Contexts:
    """The contexts of every routine and site of a unit."""

    def __init__(
        self,
        linker: Linker,
        operations: Operations,
        structs: Structs,
        gates: Gates,
        reasons: Reasons,
        profile: Profile,
        about: str = "",
    ) -> None:
        self._linker = linker
        self._operations = operations
        self._gates = gates
        self._reasons = reasons
        self._profile = profile
        self._about = about
        self._round = RoundTrip(linker, structs)
        self._followed: dict[Routine, list[Edge]] = {}
        self.spine = Spine(linker, operations)

    def _roots(self) -> Iterator[Step]:
        """Where contexts start: the spine, slots whose caller is not in the tree, lone handlers."""
        for routine in (*self.spine.loops, *self.spine.steps):
            for context in (ENTRY, EXIT):
                yield Step(routine, context, descent=self.spine.descent(routine))
        for slot, context in self._linker.dialect.slot_contexts.items():
            for routine in self._linker.dispatch.held(slot):
                called = any(e.caller in self.spine.loops for e in self._linker.callers(routine))
                if not called:
                    yield Step(routine, context)
        yield from self._undispatched()

    def _undispatched(self) -> Iterator[Step]:
        """Handlers of a table that nothing in the tree indexes."""
        dispatchers = {one for many in self._linker.dispatch.dispatchers.values() for one in many}
        dispatched = {e.callee for one in dispatchers for e in self._linker.edges(one) if e.key}
        prefix = self._linker.dialect.reason_prefix
        for rows in self._linker.dispatch.handlers.values():
            for key, routine in rows:
                if routine not in dispatched and key.startswith(prefix):
                    yield Step(routine, exit_for(self._reasons.canonical(key)))

    @cached_property
    def _ways(self) -> Ways:
        return Ways(self.spine, self._gates, self._profile, self._round.given(self._switching))

    @cached_property
    def _switching(self) -> list[Step]:
        plain = Ways(self.spine, self._gates, self._profile)
        return self._round.ways_to_switch(self._roots(), self._onward, plain)

    @cached_property
    def _search(self) -> Search:
        once = {(s.routine, s.context) for way in self._switching for s in way.chain()}
        once |= set(self._handled())
        return Search(list(self._roots()), self._onward, self._ways, once)

    def _handled(self) -> Iterator[Node]:
        """Each handler of an exit reason in the context of that reason."""
        for rows in self._linker.dispatch.handlers.values():
            for key, routine in rows:
                context = exit_for(self._reasons.canonical(key))
                if context != NESTED_ENTRY:
                    yield routine, context

    def _onward(self, routine: Routine) -> Sequence[Edge]:
        """The calls of a routine that may lead to an operation, or to what the user asks about."""
        if routine not in self._followed:
            cold = self._linker.dialect.cold
            self._followed[routine] = [
                edge
                for edge in self._linker.edges(routine)
                if edge.callee in self._worth_reaching and edge.callee.name not in cold
            ]
        return self._followed[routine]

    @cached_property
    def _worth_reaching(self) -> frozenset[Routine]:
        found = set(self._operations.entries)
        todo = list(self._linker.names.routines.get(self._about, ()))
        todo += [r for r in self._linker.routines if self._operations.made_in(r)]
        while todo:
            routine = todo.pop()
            if routine not in found:
                found.add(routine)
                todo += self._linker.could_call(routine)
        return frozenset(found)

    @cached_property
    def reached(self) -> Mapping[Routine, Mapping[str, Reach]]:
        """The ways of each context to each routine; cold routines are not in it."""
        return {routine: self.to(routine) for routine in self._search.found}

    def to(self, routine: Routine) -> Mapping[str, Reach]:
        """The way of each context to a routine, in order of their names; none if it is cold."""
        steps = self._search.found.get(routine, {})
        expected = self._search.expected
        return {name: steps[name].reach(expected(routine, name)) for name in sorted(steps)}

    def of(self, routine: Routine, site: Site) -> tuple[Reach, ...]:
        """The ways of all contexts to one site of a routine, in order of their names."""
        found: dict[str, Reach] = {}
        for reach in self.to(routine).values():
            for context, chance, gates in self._ways.at(routine, site, reach.context):
                onward = Reach(
                    context,
                    reach.path,
                    reach.gates + gates,
                    reach.probability * chance,
                    reach.calls,
                    reach.expected * chance,
                )
                found[context] = _together(found.get(context), onward)
        return tuple(found[name] for name in sorted(found))


def _together(known: Reach | None, more: Reach) -> Reach:
    """The more probable of two ways in one context, run as often as both."""
    if known is None:
        return more
    best = known if known.probability.typical >= more.probability.typical else more
    expected = known.expected + more.expected
    return Reach(best.context, best.path, best.gates, best.probability, best.calls, expected)
