"""Run loops: functions that enter the guest again and again, and look in the loop why it has left.

What calls such a function, as a system call that makes the vCPU first, runs once for many VM-exits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from vmxlint.calls.link import Edge, Linker
from vmxlint.contexts.exit_reason import EXIT_REASON
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operations

_FAR = 3  # calls
_MOST = 200  # functions that are looked through for the exit reason


def run_loops(
    tops: Iterable[Routine],
    towards: Collection[Routine],
    linker: Linker,
    operations: Operations,
) -> Iterator[Routine]:
    """The nearest run loops from some functions down to the VM-entry, which the routines `towards`
    it lead to; a function itself where none is on its way."""
    for top in tops:
        found: list[Routine] = []
        seen, todo = {top}, [top]
        while todo:
            routine = todo.pop()
            down = [edge for edge in linker.edges(routine) if edge.callee in towards]
            around = [span for edge in down for span in _around(routine, edge.site.expr.start)]
            if any(_sees(routine, span, linker, operations) for span in around):
                found.append(routine)
            elif routine not in operations.entries:
                callees = dict.fromkeys(edge.callee for edge in down if edge.callee not in seen)
                seen.update(callees)
                todo += reversed(callees)
        yield from found or [top]


def _around(routine: Routine, start: int) -> list[tuple[int, int]]:
    return [span for span in routine.flow.loops if span[0] <= start < span[1]]


def _sees(routine: Routine, span: tuple[int, int], linker: Linker, operations: Operations) -> bool:
    """Whether the exit reason is read in a loop of a routine, or in what is called there."""
    inside = [edge for edge in linker.edges(routine) if span[0] <= edge.site.expr.start < span[1]]
    return _reads(routine, operations) or sees_reason(inside, linker, operations)


def sees_reason(calls: Iterable[Edge], linker: Linker, operations: Operations) -> bool:
    """Whether one of some calls leads, by few others, to a read of the exit reason."""
    level = [edge.callee for edge in calls]
    seen = set(level)
    for _ in range(_FAR):
        if any(_reads(one, operations) for one in level):
            return True
        if len(seen) > _MOST:
            return False
        level = [e.callee for one in level for e in linker.edges(one) if e.callee not in seen]
        seen.update(level)
    return False


def _reads(routine: Routine, operations: Operations) -> bool:
    made = operations.by_routine.get(routine, ())
    return any(one.kind == "vmread" and one.field and one.field.name == EXIT_REASON for one in made)
