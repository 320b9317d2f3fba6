"""The nested round trip: from the handler of VMLAUNCH to L2, and back to L1.

By definition it switches the vCPU to another VMCS and back. So whatever must hold for the switch to
be reached, holds; the checks on the way that could refuse it cost nothing in probability.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from vmxlint.calls.link import Edge, Linker
from vmxlint.contexts.reach import EXIT, NESTED, NESTED_EXIT, Given
from vmxlint.contexts.search import Search, Step
from vmxlint.contexts.ways import Ways
from vmxlint.facts import spelled
from vmxlint.flow import Condition, Site
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operations
from vmxlint.operations.structs import Structs

_DEEPEST = 8
_SELDOM = 0.05


class RoundTrip:
    """The search for the switch of the VMCS."""

    def __init__(self, linker: Linker, operations: Operations, structs: Structs) -> None:
        self._linker = linker
        self._operations = operations
        self._structs = structs

    def ways_to_switch(
        self,
        roots: Iterable[Step],
        onward: Callable[[Routine], Iterable[Edge]],
        ways: Ways,
    ) -> list[Step]:
        """The ways to the switch of the VMCS, there and back: with the fewest conditions that
        seldom hold, of these the shortest."""
        switches = self.switches
        wanted = set(NESTED) if switches else set()
        heap = [(0, 0, n, root) for n, root in enumerate(roots) if root.context == EXIT]
        heapq.heapify(heap)
        seen: set[tuple[Routine, str]] = set()
        found: list[Step] = []
        pushed = len(heap)
        while heap and wanted:
            odd, depth, _, step = heapq.heappop(heap)
            if (step.routine, step.context) in seen or depth > _DEEPEST:
                continue
            seen.add((step.routine, step.context))
            if step.context in wanted and step.routine in switches:
                wanted.discard(step.context)
                found.append(step)
            for below in self._below(step, onward, ways):
                pushed += 1
                oddly = odd + (below.chance.typical < _SELDOM)
                heapq.heappush(heap, (oddly, depth + 1, pushed, below))
        ways.asked.clear()
        return found

    def ways_by_flags(self, search: Search, ways: Ways) -> list[Step]:
        """The same where a flag asks for the switch, which is made elsewhere: from all that the
        search has found, with the ways to what alone sets such a flag."""
        found: list[Step] = []
        for context in NESTED:
            able = self._last_steps(context, search, ways)
            if best := max(able, key=lambda one: one.probability.typical, default=None):
                found += [best, *self._setting(best, search)]
        return found

    def _last_steps(self, context: str, search: Search, ways: Ways) -> Iterator[Step]:
        """The calls of a switch: from nested mode where it leads back, else from outside of it."""
        for edge in (edge for one in self.switches for edge in self._linker.callers(one)):
            step = search.found.get(edge.caller, {}).get(context)
            if step is None or step.is_nested != (context == NESTED_EXIT):
                continue
            for way in ways.along(edge, context, step.calls):
                if way[0] == context:
                    yield step.called(edge, way)

    def _setting(self, way: Step, search: Search) -> Iterator[Step]:
        for gate in (gate for step in way.chain() for gate in step.gates):
            setters = {routine for routine, _ in gate.setters}
            for one in setters if len(setters) == 1 else ():
                if step := search.found.get(one, {}).get(way.context):
                    yield step

    def given(self, ways: Sequence[Step]) -> Given:
        """The conditions that hold on such ways."""
        on_the_way = [gate.condition for w in ways for s in w.chain() for gate in s.gates]
        at_the_end = [one for way in ways for one in self.at_the_end(way)]
        flags = {
            id(gate.condition): way.context
            for way in ways
            for step in way.chain()
            for gate in step.gates
            if gate.kind == "flag"
        }
        return Given((*on_the_way, *at_the_end), flags)

    def at_the_end(self, way: Step) -> Sequence[Condition]:
        """The conditions of the switch that a way leads to."""
        site = self.switches.get(way.routine)
        return site.conditions if site else ()

    def _below(
        self, step: Step, onward: Callable[[Routine], Iterable[Edge]], ways: Ways
    ) -> Iterator[Step]:
        for edge in onward(step.routine):
            for way in ways.along(edge, step.context, step.calls):
                if way[0] in (EXIT, *NESTED):
                    yield step.called(edge, way)

    @cached_property
    def switches(self) -> Mapping[Routine, Site]:
        """The routines that put another VMCS into a member, be it its struct or the address that
        they make current by VMPTRLD; and where."""
        return dict(self._by_struct()) | dict(self._by_address())

    def _by_struct(self) -> Iterator[tuple[Routine, Site]]:
        holders = self._structs.holders
        pointing = {
            member.name
            for struct in self._structs.by_name.values()
            for member in struct.members
            if member.type in holders and member.pointers and struct.name not in holders
        }
        for name in sorted(pointing):
            for routine in self._linker.mentions.of(name + "="):
                for site in routine.stores:
                    if site.expr.kids[0].kind == "member" and site.expr.kids[0].text == name:
                        yield routine, site

    def _by_address(self) -> Iterator[tuple[Routine, Site]]:
        for routine in self._operations.by_routine:
            made = self._operations.made_in(routine)
            loaded = {spelled(one.operand) for one in made if one.kind == "vmptrld"}
            for site, _, value in routine.stored if loaded else ():
                if value in loaded and site.expr.kids[0].kind == "member":
                    yield routine, site
