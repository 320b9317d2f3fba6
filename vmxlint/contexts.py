"""When code runs: from the VM-entry up to the run loop, and from there down to every function.

The functions on the way from the run loop to VMLAUNCH and VMRESUME are the spine. In each of them
what stands before the next step down runs on every VM-entry, what stands behind it on every
VM-exit. All else follows by calls: a test of the exit reason leads from `exit` to `exit:REASON`, a
test of nested mode to `nested-exit`, the handlers of VMLAUNCH and VMRESUME are `nested-entry`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from vmxlint.flow import Conditions, Site
from vmxlint.gates import Gate, Gates
from vmxlint.interval import ONCE, Interval, exactly
from vmxlint.link import Edge, Linker, Routine
from vmxlint.model.profiles import Profile
from vmxlint.operations import Operations

ENTRY, EXIT = "entry", "exit"
NESTED_ENTRY, NESTED_EXIT = "nested-entry", "nested-exit"
VCPU_LOAD, VCPU_PUT = "vcpu-load", "vcpu-put"
_NESTED_REASONS = frozenset({"VMLAUNCH", "VMRESUME"})
_FAR_UP = 6


def exit_for(reason: str) -> str:
    """The context of the exits of one reason."""
    return NESTED_ENTRY if reason in _NESTED_REASONS else f"exit:{reason}"


@dataclass(frozen=True)
class Reach:
    """How a context comes to some code: by which calls, through which gates, how probably.

    `path` names the functions from the run loop on, `calls` are the calls between them.
    `probability` is that of the gates, in one pass through the context.
    """

    context: str
    path: tuple[str, ...]
    gates: tuple[Gate, ...]
    probability: Interval
    calls: tuple[Edge, ...] = ()


class Contexts:
    """The contexts of every routine and site of a unit."""

    def __init__(
        self, linker: Linker, operations: Operations, gates: Gates, profile: Profile
    ) -> None:
        self._linker = linker
        self._operations = operations
        self._gates = gates
        self._profile = profile

    @cached_property
    def spine(self) -> Mapping[Routine, tuple[int, int]]:
        """The functions from the run loop down to the VM-entry, each with the numbers of the first
        and last of its sites that lead on downwards."""
        towards = self._towards_entry()
        steps: dict[Routine, tuple[int, int]] = {}
        for top in self._tops(towards):
            todo = [top]
            while todo:
                routine = todo.pop()
                if routine in steps:
                    continue
                down = [edge for edge in self._linker.edges[routine] if edge.callee in towards]
                numbers = [_number(routine, edge.site) for edge in down]
                end = len(routine.flow.sites)
                steps[routine] = (min(numbers, default=end), max(numbers, default=end))
                if routine not in self._operations.entries:
                    todo += [edge.callee for edge in down]
        return steps

    def _towards_entry(self) -> frozenset[Routine]:
        """The routines that enter the guest, themselves or by plain calls."""
        found = dict.fromkeys(self._operations.entries)
        level = list(found)
        for _ in range(_FAR_UP):
            above = [
                edge.caller
                for routine in level
                for edge in self._linker.callers.get(routine, ())
                if not edge.slot and not edge.key and edge.caller not in found
            ]
            level = list(dict.fromkeys(above))
            found.update(dict.fromkeys(level))
        return frozenset(found)

    def _tops(self, towards: frozenset[Routine]) -> Iterator[Routine]:
        """Where the spine starts: the functions in the ops struct's slot for running, else the
        highest callers of the VM-entry that no exit handler leads to."""
        slots = self._linker.dialect.entry_slots
        tops = [
            routine
            for slot in slots
            for routine in self._linker.slots.get(slot, ())
            if routine in towards or not towards
        ]
        if tops:
            yield from tops
            return
        handlers = {one for rows in self._linker.handlers.values() for _, one in rows}
        for routine in self._linker.routines:
            above = self._linker.callers.get(routine, ())
            if routine in towards and routine not in handlers:
                if not any(edge.caller in towards for edge in above):
                    yield routine

    @cached_property
    def _loops(self) -> Mapping[Routine, tuple[int, int]]:
        """The callers of the spine through the ops struct, and one further up: the run loop."""
        found: dict[Routine, tuple[int, int]] = {}
        slots = self._linker.dialect.entry_slots
        for routine, edges in self._linker.edges.items():
            numbers = [
                _number(routine, edge.site)
                for edge in edges
                if edge.slot in slots and edge.callee in self.spine
            ]
            if numbers:
                found[routine] = (min(numbers), max(numbers))
        return found

    def _roots(self) -> Iterator[tuple[Routine, Reach]]:
        for routine in (*self._loops, *self.spine):
            calls = self._descent(routine)
            path = (*(call.caller.name for call in calls), routine.name)
            for context in (ENTRY, EXIT):
                yield routine, Reach(context, path, (), ONCE, calls)
        for slot, context in self._linker.dialect.slot_contexts.items():
            for routine in self._linker.slots.get(slot, ()):
                called = any(
                    edge.caller in self._loops for edge in self._linker.callers.get(routine, ())
                )
                if not called:
                    yield routine, Reach(context, (routine.name,), (), ONCE)
        yield from self._undispatched()

    def _descent(self, routine: Routine) -> tuple[Edge, ...]:
        """The calls from the top of the spine down to `routine`."""
        calls: list[Edge] = []
        seen = {routine}
        while routine in self.spine:
            above = (e for e in self._linker.callers.get(routine, ()) if not e.slot)
            call = next((e for e in above if e.caller in self.spine and e.caller not in seen), None)
            if call is None:
                break
            calls.append(call)
            routine = call.caller
            seen.add(routine)
        return tuple(reversed(calls))

    def _undispatched(self) -> Iterator[tuple[Routine, Reach]]:
        """Handlers of a table that nothing in the tree indexes."""
        dispatched = {
            edge.callee for edges in self._linker.edges.values() for edge in edges if edge.key
        }
        prefix = self._linker.dialect.reason_prefix
        for rows in self._linker.handlers.values():
            for key, routine in rows:
                if routine not in dispatched and key.startswith(prefix):
                    reason = self._gates.canonical(key)
                    yield routine, Reach(exit_for(reason), (routine.name,), (), ONCE)

    @cached_property
    def reached(self) -> Mapping[Routine, Mapping[str, Reach]]:
        """The most probable way of each context to each routine; cold routines are not in it.

        The most probable way first, by a heap as in Dijkstra's search: a probability never grows
        along a path. Of equals the shortest, then the first in the alphabet.
        """
        found: dict[Routine, dict[str, Reach]] = {}
        heap: list[tuple[float, int, tuple[str, ...], str, int]] = []
        waiting: list[tuple[Routine, Reach]] = []

        def push(routine: Routine, reach: Reach) -> None:
            if reach.context not in found.get(routine, {}):
                rank = (-reach.probability.typical, len(reach.path), reach.path, routine.path)
                heapq.heappush(heap, (*rank, len(waiting)))
                waiting.append((routine, reach))

        for routine, reach in self._roots():
            push(routine, reach)
        while heap:
            routine, reach = waiting[heapq.heappop(heap)[-1]]
            known = found.setdefault(routine, {})
            if reach.context in known:
                continue
            known[reach.context] = reach
            for edge in self._linker.edges[routine]:
                if edge.callee in self._worth_reaching and not self._is_cold(edge):
                    for onward in self.at(routine, edge.site, reach, edge.key):
                        push(edge.callee, _called(onward, edge))
        return found

    @cached_property
    def _worth_reaching(self) -> frozenset[Routine]:
        """The routines from which calls lead to an operation; no rule asks for another."""
        found = dict.fromkeys(self._operations.entries)
        todo = [r for r in self._linker.routines if self._operations.made_in(r)]
        while todo:
            routine = todo.pop()
            if routine not in found:
                found[routine] = None
                todo += [edge.caller for edge in self._linker.callers.get(routine, ())]
        return frozenset(found)

    def _is_cold(self, edge: Edge) -> bool:
        return edge.callee.name in self._linker.dialect.cold

    def of(self, routine: Routine, site: Site) -> tuple[Reach, ...]:
        """The ways of all contexts to one site of a routine, in order of their names."""
        reaches = self.reached.get(routine, {})
        found: dict[str, Reach] = {}
        for name in sorted(reaches):
            for reach in self.at(routine, site, reaches[name]):
                known = found.get(reach.context)
                if known is None or known.probability.typical < reach.probability.typical:
                    found[reach.context] = reach
        return tuple(found[name] for name in sorted(found))

    def at(self, routine: Routine, site: Site, reach: Reach, key: str = "") -> list[Reach]:
        """How `reach`, having come to `routine`, comes to one of its sites, if it does."""
        if not self._on_side(routine, site, reach.context):
            return []
        ways = [reach]
        given = self._given(routine, reach.context)
        conditions = [one for one in site.conditions if one not in given]
        for gate in self._gates.gates(conditions, routine):
            ways = [onward for way in ways for onward in self._through(way, gate)]
        if key:
            gate = self._gates.table(key)
            ways = [onward for way in ways for onward in self._through(way, gate)]
        return [way for way in ways if way.probability.high > 0]

    def _given(self, routine: Routine, context: str) -> Conditions:
        """The conditions that hold in the run loop because the guest is or was entered at all."""
        steps = self.spine.get(routine) or self._loops.get(routine)
        if steps is None or context not in (ENTRY, EXIT) or steps[0] >= len(routine.flow.sites):
            return ()
        return routine.flow.sites[steps[0]].conditions

    def _on_side(self, routine: Routine, site: Site, context: str) -> bool:
        """Whether a site of the spine stands on the context's side of the VM-entry."""
        steps = self.spine.get(routine) or self._loops.get(routine)
        if steps is None or context not in (ENTRY, EXIT):
            return True
        number = _number(routine, site)
        return number <= steps[1] if context == ENTRY else number >= steps[0]

    def _through(self, way: Reach, gate: Gate) -> Sequence[Reach]:
        if gate.kind == "reason":
            return self._through_reason(way, gate)
        context = way.context
        if gate.kind == "guest-mode" and gate.holds:
            context = NESTED_EXIT if context == EXIT or context.startswith("exit:") else context
            context = NESTED_ENTRY if context == ENTRY else context
        return [_behind(way, gate, context, gate.probability)]

    def _through_reason(self, way: Reach, gate: Gate) -> Sequence[Reach]:
        here = way.context.removeprefix("exit:")
        if way.context == EXIT:
            if gate.among:
                return [_behind(way, gate, exit_for(one), ONCE) for one in sorted(gate.reasons)]
            rest = max(0.0, 1 - sum(map(self._profile.share, gate.reasons)))
            return [_behind(way, gate, EXIT, exactly(rest))]
        if here != way.context and (here in gate.reasons) != gate.among:
            return []
        if way.context == NESTED_EXIT:
            share = min(1.0, sum(map(self._profile.share, gate.reasons)))
            chance = Interval(0, share, 1)
            return [_behind(way, gate, NESTED_EXIT, chance if gate.among else chance.complement())]
        return [_behind(way, gate, way.context, ONCE)]


def _called(way: Reach, edge: Edge) -> Reach:
    path, calls = (*way.path, edge.callee.name), (*way.calls, edge)
    return Reach(way.context, path, way.gates, way.probability, calls)


def _behind(way: Reach, gate: Gate, context: str, chance: Interval) -> Reach:
    probability = way.probability if chance is ONCE else way.probability * chance
    return Reach(context, way.path, (*way.gates, gate), probability, way.calls)


def _number(routine: Routine, site: Site) -> int:
    return routine.numbers[id(site)]
