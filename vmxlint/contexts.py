"""When code runs: from the VM-entry up to the run loop, and from there down to every function.

The functions on the way from the run loop to VMLAUNCH and VMRESUME are the spine. In each of them
what stands before the next step down runs on every VM-entry, what stands behind it on every
VM-exit. All else follows by calls: a test of the exit reason leads from `exit` to `exit:REASON`, a
test of nested mode to `nested-exit`, the handlers of VMLAUNCH and VMRESUME are `nested-entry`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from vmxlint.flow import Site
from vmxlint.gates import Gate, Gates
from vmxlint.interval import ONCE, Interval, exactly
from vmxlint.link import Edge, Linker
from vmxlint.model.profiles import Profile
from vmxlint.operations import Operations
from vmxlint.reasons import Reasons
from vmxlint.routine import Routine
from vmxlint.spine import Spine

ENTRY, EXIT = "entry", "exit"
NESTED_ENTRY, NESTED_EXIT = "nested-entry", "nested-exit"
_NESTED_REASONS = frozenset({"VMLAUNCH", "VMRESUME"})


def exit_for(reason: str) -> str:
    """The context of the exits of one reason."""
    return NESTED_ENTRY if reason in _NESTED_REASONS else f"exit:{reason}"


@dataclass(frozen=True, eq=False)
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


@dataclass(frozen=True, eq=False)
class _Passage:
    """Gates that follow each other, and their probability together: one test of the exit reason,
    or several others, one of which may be the test for nested mode."""

    gates: tuple[Gate, ...]
    chance: Interval
    reason: Gate | None = None
    nested: bool = False


class Contexts:
    """The contexts of every routine and site of a unit."""

    def __init__(
        self,
        linker: Linker,
        operations: Operations,
        gates: Gates,
        reasons: Reasons,
        profile: Profile,
    ) -> None:
        self._linker = linker
        self._operations = operations
        self._gates = gates
        self._reasons = reasons
        self._profile = profile
        self.spine = Spine(linker, operations)
        self._known: dict[int, tuple[_Passage, ...]] = {}

    def _roots(self) -> Iterator[tuple[Routine, Reach]]:
        for routine in (*self.spine.loops, *self.spine.steps):
            calls = self.spine.descent(routine)
            path = (*(call.caller.name for call in calls), routine.name)
            for context in (ENTRY, EXIT):
                yield routine, Reach(context, path, (), ONCE, calls)
        for slot, context in self._linker.dialect.slot_contexts.items():
            for routine in self._linker.slots.get(slot, ()):
                called = any(
                    edge.caller in self.spine.loops for edge in self._linker.callers(routine)
                )
                if not called:
                    yield routine, Reach(context, (routine.name,), (), ONCE)
        yield from self._undispatched()

    def _undispatched(self) -> Iterator[tuple[Routine, Reach]]:
        """Handlers of a table that nothing in the tree indexes."""
        dispatchers = {one for many in self._linker.dispatchers.values() for one in many}
        dispatched = {e.callee for one in dispatchers for e in self._linker.edges(one) if e.key}
        prefix = self._linker.dialect.reason_prefix
        for rows in self._linker.handlers.values():
            for key, routine in rows:
                if routine not in dispatched and key.startswith(prefix):
                    reason = self._reasons.canonical(key)
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
            for edge in self._linker.edges(routine):
                if edge.callee in self._worth_reaching and not self._is_cold(edge):
                    for onward in self.at(routine, edge.site, reach, edge.key):
                        push(edge.callee, _called(onward, edge))
        return found

    @cached_property
    def _worth_reaching(self) -> frozenset[Routine]:
        """The routines from which calls lead to an operation; no rule asks for another."""
        found = set(self._operations.entries)
        todo = [r for r in self._linker.routines if self._operations.made_in(r)]
        while todo:
            routine = todo.pop()
            if routine not in found:
                found.add(routine)
                todo += self._linker.could_call(routine)
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
        passages = self._passages(routine, site)
        if reach.context in (ENTRY, EXIT):
            if not self.spine.is_on_side(routine, site, reach.context == ENTRY):
                return []
            if given := self.spine.given(routine):
                conditions = [one for one in site.conditions if one not in given]
                passages = self._divided(self._gates.gates(conditions, routine))
        if key:
            passages = (*passages, *self._divided([self._gates.table(key)]))
        ways = [reach]
        for passage in passages:
            ways = [onward for way in ways for onward in self._through(way, passage)]
        return [way for way in ways if way.probability.high > 0]

    def _passages(self, routine: Routine, site: Site) -> tuple[_Passage, ...]:
        """The gates before a site; by its identity, for it lives as long as its routine."""
        known = self._known.get(id(site))
        if known is None:
            gates = self._gates.gates(site.conditions, routine)
            known = self._known[id(site)] = self._divided(gates)
        return known

    def _divided(self, gates: Iterable[Gate]) -> tuple[_Passage, ...]:
        """Gates in runs, each test of the exit reason by itself."""
        passages: list[_Passage] = []
        for gate in gates:
            if gate.kind == "reason" or not passages or passages[-1].reason:
                passages.append(_Passage((), ONCE))
            last = passages[-1]
            chance = last.chance if gate.probability is ONCE else last.chance * gate.probability
            passages[-1] = _Passage(
                (*last.gates, gate),
                chance,
                gate if gate.kind == "reason" else None,
                last.nested or (gate.kind == "guest-mode" and gate.holds),
            )
        return tuple(passages)

    def _through(self, way: Reach, passage: _Passage) -> Sequence[Reach]:
        if passage.reason:
            return self._through_reason(way, passage.reason)
        context = way.context
        if passage.nested:
            context = NESTED_EXIT if context == EXIT or context.startswith("exit:") else context
            context = NESTED_ENTRY if context == ENTRY else context
        return [_behind(way, passage.gates, context, passage.chance)]

    def _through_reason(self, way: Reach, gate: Gate) -> Sequence[Reach]:
        here = way.context.removeprefix("exit:")
        if way.context == EXIT:
            if gate.among:
                return [_behind(way, (gate,), exit_for(one), ONCE) for one in sorted(gate.reasons)]
            rest = max(0.0, 1 - sum(map(self._profile.share, gate.reasons)))
            return [_behind(way, (gate,), EXIT, exactly(rest))]
        if here != way.context and (here in gate.reasons) != gate.among:
            return []
        if way.context == NESTED_EXIT:
            share = min(1.0, sum(map(self._profile.share, gate.reasons)))
            chance = Interval(0, share, 1)
            return [
                _behind(way, (gate,), NESTED_EXIT, chance if gate.among else chance.complement())
            ]
        return [_behind(way, (gate,), way.context, ONCE)]


def _called(way: Reach, edge: Edge) -> Reach:
    path, calls = (*way.path, edge.callee.name), (*way.calls, edge)
    return Reach(way.context, path, way.gates, way.probability, calls)


def _behind(way: Reach, gates: tuple[Gate, ...], context: str, chance: Interval) -> Reach:
    probability = way.probability if chance is ONCE else way.probability * chance
    return Reach(context, way.path, way.gates + gates, probability, way.calls)
