"""The spine: the functions from the run loop down to VMLAUNCH and VMRESUME.

In each of them what stands before the next step down runs on every VM-entry, and what stands behind
it on every VM-exit. A function that is called to run the guest may enter it in a loop of its own:
then what stands around that loop, or around its call, is the work of loading the vCPU and putting
it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import cached_property

from vmxlint.calls.link import Edge, Linker
from vmxlint.contexts.landings import landings, nearest
from vmxlint.contexts.reach import AROUND, ENTRY, EXIT, LOAD
from vmxlint.contexts.tops import Tops, other_callers, towards_entry
from vmxlint.flow import Conditions, Site
from vmxlint.flow.conditions import clash
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operations


class Spine:
    """The search for the spine of a unit."""

    def __init__(self, linker: Linker, operations: Operations) -> None:
        self._linker = linker
        self._operations = operations
        self._down: dict[Routine, tuple[int, ...]] = {}

    @cached_property
    def steps(self) -> Mapping[Routine, tuple[int, int]]:
        """The functions from the run loop down to the VM-entry, each with the numbers of the first
        and last of its sites that lead on downwards."""
        towards = self._towards
        steps: dict[Routine, tuple[int, int]] = {}
        for top in self._starts:
            todo = [top]
            while todo:
                routine = todo.pop()
                if routine in steps:
                    continue
                down = [edge for edge in self._linker.edges(routine) if edge.callee in towards]
                if routine in self._landings:
                    down = nearest(routine, down, towards)
                numbers = [_number(routine, edge.site) for edge in down]
                numbers += self._operations.entered_at(routine)
                self._down[routine] = tuple(numbers)
                end = len(routine.flow.sites)
                steps[routine] = (min(numbers, default=end), max(numbers, default=end))
                if routine not in self._operations.entries:
                    todo += [edge.callee for edge in down]
        return steps

    @cached_property
    def _starts(self) -> Sequence[Routine]:
        return Tops(self._linker, self._operations, self._landings).of(self._towards)

    @cached_property
    def loops(self) -> Mapping[Routine, tuple[int, int]]:
        """The callers of the spine through the ops struct: the run loop."""
        return self._around(self._calling_through_slot(self.steps.keys() - self._own_loop.keys()))

    def _calling_through_slot(self, steps: Set[Routine]) -> dict[Routine, tuple[int, int]]:
        """What calls some steps through the ops struct, with the first and last numbers of these
        calls."""
        found: dict[Routine, tuple[int, int]] = {}
        known = self._linker.dialect.entry_slots
        named = any(map(self._linker.dispatch.held, known))
        ordered = (one for one in self.steps if one in steps)
        callers = (edge.caller for one in ordered for edge in self._linker.callers(one))
        for routine in dict.fromkeys(callers):
            numbers = [
                _number(routine, edge.site)
                for edge in self._linker.edges(routine)
                if edge.callee in steps and (edge.slot in known if named else edge.slot)
            ]
            if numbers:
                found[routine] = (min(numbers), max(numbers))
        return found

    @cached_property
    def stays(self) -> Mapping[Routine, tuple[int, int]]:
        """The functions that others call to let the guest run for a while, with a loop of their
        own, and these callers: each with the first and last numbers of the sites in the loop."""
        called = {
            routine: loop
            for routine, loop in self._own_loop.items()
            if routine in self._linker.dispatch.tabled
        }
        inside = {routine: _inside(routine, loop) for routine, loop in called.items()}
        return inside | self._around(self._calling_through_slot(called.keys()))

    def _around(self, loops: Mapping[Routine, tuple[int, int]]) -> dict[Routine, tuple[int, int]]:
        """The callers of such a function that does nothing else, and theirs."""
        found = dict(loops)
        todo = list(loops)
        while todo:
            routine = todo.pop()
            inside = (edge.callee for edge in self._linker.edges(routine))
            if not all(one in self.steps or one in found for one in inside):
                continue
            for above in other_callers(routine, self._linker):
                if above.caller not in found:
                    number = _number(above.caller, above.site)
                    found[above.caller] = (number, number)
                    todo.append(above.caller)
        return found

    def descent(self, routine: Routine) -> tuple[Edge, ...]:
        """The calls from the top of the spine down to `routine`."""
        calls: list[Edge] = []
        seen = {routine}
        while routine in self.steps:
            above = (e for e in self._linker.callers(routine) if not e.slot)
            call = next((e for e in above if e.caller in self.steps and e.caller not in seen), None)
            if call is None:
                break
            calls.append(call)
            routine = call.caller
            seen.add(routine)
        return tuple(reversed(calls))

    def given(self, routine: Routine) -> Conditions:
        """The conditions that hold in the run loop because the guest is or was entered at all."""
        steps = self.steps.get(routine) or self.loops.get(routine)
        if steps is None or steps[0] >= len(routine.flow.sites):
            return ()
        return routine.flow.sites[steps[0]].conditions

    @cached_property
    def _own_loop(self) -> Mapping[Routine, tuple[int, int]]:
        """Of each step that nothing calls by name, or that is a run loop: the loop in it that leads
        on downwards."""
        found: dict[Routine, tuple[int, int]] = {}
        for routine, (first, _) in self.steps.items():
            outer = routine in self._starts or not other_callers(routine, self._linker)
            if first < len(routine.flow.sites) and outer:
                start = routine.flow.sites[first].expr.start
                around = [one for one in routine.flow.loops if one[0] <= start < one[1]]
                if around:
                    found[routine] = around[0]
        return found

    @cached_property
    def _towards(self) -> Mapping[Routine, int]:
        return towards_entry(self._linker, self._operations)

    @cached_property
    def _landings(self) -> Mapping[Routine, int]:
        return landings(self._linker, self._operations, self._towards)

    def has_side(self, routine: Routine, context: str) -> bool:
        """Whether only a part of a routine runs in a context in which it is a root."""
        if context in AROUND:
            return routine in self.stays
        return context in (ENTRY, EXIT) and (routine in self.steps or routine in self.loops)

    def is_on_side(self, routine: Routine, site: Site, context: str) -> bool:
        """Whether a site of the spine stands on the context's side of the VM-entry."""
        if context in AROUND:
            return self._is_around(routine, site, context)
        entry = context == ENTRY
        steps = self.steps.get(routine) or self.loops.get(routine)
        if steps is None:
            return True
        if loop := self._own_loop.get(routine):
            if not loop[0] <= site.expr.start < loop[1]:
                return False
        number = _number(routine, site)
        if routine in self._landings:
            turn = self._landings[routine]
            return turn <= number <= steps[1] if entry else number < turn
        beside = self._beside(routine, site, steps)
        if number > steps[1] and not beside:
            return entry  # where the guest is not entered after all
        first, last = beside or steps
        return number <= last if entry else number >= first

    def _beside(
        self, routine: Routine, site: Site, steps: tuple[int, int]
    ) -> tuple[int, int] | None:
        """The numbers of the first and last sites that lead on downwards, of those that the same
        run may come by, not in other arms; None if there are none."""
        sites = routine.flow.sites
        down = [one for one in self._down.get(routine, steps) if one < len(sites)]
        able = [one for one in down if not clash(site.conditions, sites[one].conditions)]
        return (min(able), max(able)) if able else None

    def _is_around(self, routine: Routine, site: Site, context: str) -> bool:
        """Whether a site stands before the loop of a stay, or behind it."""
        if routine not in self.stays:
            return True
        first, last = self.stays[routine]
        number = _number(routine, site)
        return number < first if context == LOAD else number > last


def _inside(routine: Routine, loop: tuple[int, int]) -> tuple[int, int]:
    """The numbers of the first and last sites in a loop."""
    sites = enumerate(routine.flow.sites)
    numbers = [number for number, one in sites if loop[0] <= one.expr.start < loop[1]]
    return numbers[0], numbers[-1]


def _number(routine: Routine, site: Site) -> int:
    return routine.numbers[id(site)]
