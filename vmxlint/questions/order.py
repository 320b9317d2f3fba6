"""The order of two sites in one pass through a context, wherever their functions lie."""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.calls.link import Edge
from vmxlint.contexts.reach import Reach
from vmxlint.flow import Site
from vmxlint.flow.routine import Routine
from vmxlint.operations.bits import same_branch
from vmxlint.program import Program

_FAR_UP = 2

Chain = tuple[tuple[Routine, Site], ...]  # the calls from the run loop down, and the site itself


class Order:
    """Which sites of a program follow each other between a VM-exit and the next VM-entry."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._spine = program.contexts.spine
        self._switching: set[Routine] | None = None

    def chain(self, reach: Reach, routine: Routine, site: Site) -> Chain:
        """A way to a site, from the run loop's callee on if that enters the guest."""
        calls = [(edge.caller, edge.site) for edge in reach.calls]
        whole = (*calls, (routine, site))
        below_loop = whole[0][0] in self._spine.loops and len(whole) > 1
        return whole[1:] if below_loop and whole[1][0] in self._spine.steps else whole

    def parting(self, first: Chain, second: Chain) -> tuple[int, int] | None:
        """How many calls behind the place where two ways part each of them ends, if the second
        site may follow the first in one pass and in the same VMCS; None if not."""
        if first[0][0] is not second[0][0]:
            start = self._spine.loops.get(second[0][0], (-1, -1))[1]
            follows = self._is_slot_behind(first[0][0], second[0])
            able = follows and not self._switches(second, start)
            return (len(first), len(second)) if able else None
        for depth, ((here, site), (there, other)) in enumerate(zip(first, second, strict=False)):
            if here is not there:
                return None
            if site is other:
                continue
            start = here.numbers[id(site)]
            if same_branch(site, other) or start > here.numbers[id(other)]:
                return None
            rest = second[depth:]
            return None if self._switches(rest, start) else (len(first) - depth, len(rest))
        return None

    def _is_slot_behind(self, first: Routine, top: tuple[Routine, Site]) -> bool:
        """Whether the slot function or run loop in which a way starts comes after another one."""
        routine, site = top
        if first not in self._spine.steps:
            before, behind = self._rank(first), self._rank(routine)
            return before is not None and behind is not None and before < behind
        if routine in self._spine.steps:
            return False
        inside = self._spine.loops.get(routine)
        return inside is None or routine.numbers[id(site)] > inside[1]

    def _rank(self, routine: Routine) -> int | None:
        """The place of a slot's function among those that a run loop calls after an exit."""
        slots = self._program.linker.dispatch.slots_of.get(routine, ())
        order = list(self._program.dialect.slot_contexts)
        return min((order.index(slot) for slot in slots if slot in order), default=None)

    def _switches(self, rest: Chain, start: int) -> bool:
        """Whether the way down to a site loads another VMCS, behind site `start` of its first."""
        for routine, site in rest:
            number = routine.numbers[id(site)]
            for edge in self._program.linker.edges(routine):
                if (
                    start < routine.numbers[id(edge.site)] < number
                    and edge.callee in self._changers
                ):
                    if not same_branch(edge.site, site) and not _leaves_behind(edge):
                        return True
            start = -1
        return False

    @property
    def _changers(self) -> set[Routine]:
        """The routines that make another VMCS current, and those that call them."""
        if self._switching is None:
            self._switching = set(self._loading())
            level = set(self._switching)
            for _ in range(_FAR_UP):
                level = {e.caller for one in level for e in self._program.linker.callers(one)}
                level -= self._switching
                self._switching |= level
        return self._switching

    def _loading(self) -> Iterator[Routine]:
        yield from self._program.contexts.switches
        for one in self._program.operations:
            if one.kind in ("vmptrld", "vmclear"):
                yield from (one.routine, *one.through)


def _leaves_behind(edge: Edge) -> bool:
    """Whether the caller returns where a call says that it has done its work."""
    at = edge.site.expr.start
    return any(
        one.holds and one.test.start <= at < one.test.end
        for site in edge.caller.flow.sites
        if site.kind == "return"
        for one in site.conditions
    )
