"""Where the spine starts: the functions on top of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from vmxlint.calls.link import Edge, Linker
from vmxlint.contexts.runs import run_loops
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operations

_FAR_UP = 6


def towards_entry(linker: Linker, operations: Operations) -> Mapping[Routine, int]:
    """The routines that enter the guest, themselves or by so many plain calls."""
    found = dict.fromkeys(operations.entries, 0)
    level = list(found)
    for calls in range(1, _FAR_UP + 1):
        above = [
            edge.caller
            for routine in level
            for edge in linker.plain_callers(routine)
            if edge.caller not in found
        ]
        level = list(dict.fromkeys(above))
        found.update(dict.fromkeys(level, calls))
    return found


def other_callers(routine: Routine, linker: Linker) -> list[Edge]:
    """The calls of a routine by its name, but for its own."""
    return [one for one in linker.plain_callers(routine) if one.caller != routine]


class Tops:
    """The search for the tops of a unit whose VM-exits arrive at `landings`, if it has some."""

    def __init__(
        self, linker: Linker, operations: Operations, landings: Collection[Routine]
    ) -> None:
        self._linker = linker
        self._operations = operations
        self._landings = landings

    def of(self, towards: Mapping[Routine, int]) -> Sequence[Routine]:
        """The functions in the ops struct's slot for running, else where VM-exits arrive, else
        those callers of the VM-entry that nothing calls by name, the nearest to it, or the run
        loops that they call."""
        held = [
            routine
            for slot in self._linker.dialect.entry_slots
            for routine in self._linker.dispatch.held(slot)
            if routine in towards or not towards
        ]
        return held or list(self._landings) or list(self._nearest(towards))

    def _nearest(self, towards: Mapping[Routine, int]) -> Iterator[Routine]:
        level = dict.fromkeys(self._operations.entries)
        seen: set[Routine] = set()
        while level:
            seen.update(level)
            tops = [one for one in level if not self._is_called(one)]
            if len(tops) < len(level):
                tops = [one for one in tops if self._does_more(one)]
            if tops:
                yield from run_loops(tops, towards, self._linker, self._operations)
                return
            above = (edge for one in level for edge in other_callers(one, self._linker))
            level = dict.fromkeys(one.caller for one in above)
            level = {one: None for one in level if one in towards and one not in seen}
        yield from self._operations.entries  # all of them call each other

    def _does_more(self, routine: Routine) -> bool:
        """Whether a function does more than to enter the guest: else it may just be unused."""
        return bool(self._linker.edges(routine) or self._operations.made_in(routine))

    def _is_called(self, routine: Routine) -> bool:
        """Whether a function is called by name, be it that of another build."""
        alike = self._linker.names.routines[routine.name]
        return any(other_callers(one, self._linker) for one in alike)
