"""Whether a VMCS field is the same at two places of one path."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from vmxlint.flow import Site
from vmxlint.flow.routine import Routine
from vmxlint.flow.shape import jumps_back
from vmxlint.model.fields import Field
from vmxlint.operations import Operation
from vmxlint.program import Program

_MOST = 600  # functions that are looked through for a VMWRITE of the field
_SWITCHES = ("vmptrld", "vmclear")


class Unchanged:
    """What a program does to fields between two sites."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._changing: dict[Routine, list[Operation]] = {}
        for one in program.operations:
            if one.kind == "vmwrite" or one.kind in _SWITCHES:
                self._changing.setdefault(one.routine, []).append(one)
        self._steps: dict[Routine, tuple[list[int], list[Operation | Routine]]] = {}
        self._may: dict[tuple[Routine, Field], bool] = {}
        self._back: dict[Routine, Sequence[tuple[int, int]]] = {}

    def between(self, routine: Routine, start: int, end: int, field: Field) -> bool:
        """Whether nothing between two sites of a routine, given by their numbers, writes the field,
        enters the guest or switches the VMCS; nor what else is done at the first one's place."""
        numbers, steps = self._steps_of(routine)
        end = self._last(routine, start, end)
        if any(start < number < end for number in self._program.entered_at(routine)):
            return False
        beside = steps[bisect_left(numbers, start) : bisect_right(numbers, start)]
        if any(not isinstance(one, Routine) and _changes(one, field) for one in beside):
            return False
        return not any(
            self._may_change(one, field) if isinstance(one, Routine) else _changes(one, field)
            for one in steps[bisect_right(numbers, start) : bisect_left(numbers, end)]
        )

    def _last(self, routine: Routine, start: int, end: int) -> int:
        """The number of the second site, or of that behind the last jump back between the two."""
        sites = routine.flow.sites
        if start < 0 or end >= len(sites):
            return end
        first, last = sites[start].expr.start, sites[end].expr.start
        jumps = [jump for label, jump in self._jumps_back(routine) if first < label <= last < jump]
        if not jumps:
            return end
        behind = max(jumps)
        return max(end, sum(1 for site in sites if site.expr.start < behind))

    def _jumps_back(self, routine: Routine) -> Sequence[tuple[int, int]]:
        if routine not in self._back:
            self._back[routine] = jumps_back(routine.body)
        return self._back[routine]

    def _steps_of(self, routine: Routine) -> tuple[list[int], list[Operation | Routine]]:
        """What may change a field: operations and callees in order, and the numbers of their
        sites."""
        if routine not in self._steps:
            steps: list[tuple[Site, Operation | Routine]] = [
                *((edge.site, edge.callee) for edge in self._program.linker.edges(routine)),
                *((one.site, one) for one in self._changing.get(routine, ())),
            ]
            steps.sort(key=lambda step: routine.numbers[id(step[0])])
            numbers = [routine.numbers[id(site)] for site, _ in steps]
            self._steps[routine] = numbers, [one for _, one in steps]
        return self._steps[routine]

    def _may_change(self, routine: Routine, field: Field) -> bool:
        """Whether a function, or one that it calls, may make the field another; true if too many
        do."""
        known = self._may.get((routine, field))
        if known is None:
            known = self._may[routine, field] = self._is_changed_below(routine, field)
        return known

    def _is_changed_below(self, routine: Routine, field: Field) -> bool:
        seen = {routine}
        todo = [routine]
        while todo:
            one = todo.pop()
            if len(seen) > _MOST or self._program.enters(one):
                return True
            if one in self._program.contexts.spine.steps:
                return True
            if any(_changes(other, field) for other in self._changing.get(one, ())):
                return True
            new = {edge.callee for edge in self._program.linker.edges(one)} - seen
            seen |= new
            todo += new
        return False


def _changes(operation: Operation, field: Field) -> bool:
    return operation.kind in _SWITCHES or operation.field in (None, field)
