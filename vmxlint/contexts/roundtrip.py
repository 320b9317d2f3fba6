"""The nested round trip: from the handler of VMLAUNCH to L2, and back to L1.

By definition it switches the vCPU to another VMCS and back. So whatever must hold for the switch to
be reached, holds; the checks on the way that could refuse it cost nothing in probability.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property

from vmxlint.calls.link import Edge, Linker
from vmxlint.contexts.reach import EXIT, NESTED, Given
from vmxlint.contexts.search import Step
from vmxlint.contexts.ways import Ways
from vmxlint.flow import Site
from vmxlint.flow.routine import Routine
from vmxlint.operations.structs import Structs

_DEEPEST = 8
_SELDOM = 0.05


class RoundTrip:
    """The search for the switch of the VMCS."""

    def __init__(self, linker: Linker, structs: Structs) -> None:
        self._linker = linker
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

    def given(self, ways: Iterable[Step]) -> Given:
        """The conditions that hold on such ways."""
        on_the_way = [gate.condition for w in ways for s in w.chain() for gate in s.gates]
        at_the_end = [one for way in ways for one in self.switches[way.routine].conditions]
        return Given((*on_the_way, *at_the_end))

    def _below(
        self, step: Step, onward: Callable[[Routine], Iterable[Edge]], ways: Ways
    ) -> Iterator[Step]:
        for edge in onward(step.routine):
            for way in ways.along(edge, step.context, step.calls):
                if way[0] in (EXIT, *NESTED):
                    yield step.called(edge, way)

    @cached_property
    def switches(self) -> Mapping[Routine, Site]:
        """The routines that make a member point to another VMCS's struct, and where."""
        holders = self._structs.holders
        pointing = {
            member.name
            for struct in self._structs.by_name.values()
            for member in struct.members
            if member.type in holders and member.pointers and struct.name not in holders
        }
        return {
            routine: site
            for name in sorted(pointing)
            for routine in self._linker.mentions.of(name + "=")
            for site in routine.stores
            if site.expr.kids[0].kind == "member" and site.expr.kids[0].text == name
        }
