"""Landings: functions at whose start VM-exits arrive, for it is the host's RIP, or so it seems.

Such a function handles the exit and enters the guest again, itself or by what it calls, so it goes
in a circle. What stands behind VMLAUNCH and VMRESUME in it is jumped to where the guest is not
entered after all. Where nothing tells how it goes on to the guest, all of it is the exit's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from vmxlint.calls.link import Edge, Linker
from vmxlint.contexts.runs import sees_reason
from vmxlint.facts import AGAIN_NAME, names
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operations

HOST_RIP = "HOST_RIP"


def landings(
    linker: Linker, operations: Operations, towards: Mapping[Routine, int]
) -> Mapping[Routine, int]:
    """Each landing with the number of its first site on the way to the next VM-entry: where jumps
    lead back to, else VMRESUME itself or the first call of what enters the guest. One that neither
    leads there nor to a read of the exit reason is none: it returns to what has entered the guest.
    """
    found = set(_host_rips(linker, operations)) if operations.entries else set()
    found |= {one for one in operations.entries if _is_only_named(one, linker)}
    return {
        one: min(_ahead(one, linker, operations, towards), default=len(one.flow.sites))
        for one in linker.routines
        if one in found and (one in towards or sees_reason(linker.edges(one), linker, operations))
    }


def _host_rips(linker: Linker, operations: Operations) -> Iterator[Routine]:
    for routine, made in operations.by_routine.items():
        for one in made:
            if one.field and one.field.name == HOST_RIP and one.value:
                for name in sorted(names(one.value)):
                    if target := linker.resolve(name, routine.path):
                        yield target


def _is_only_named(entry: Routine, linker: Linker) -> bool:
    """Whether an entry in assembly is called by nobody, while some code has its address."""
    if entry.function.origin != "assembly":
        return False
    alike = linker.names.routines[entry.name]  # also that of another build
    if any(map(linker.has_callers, alike)):
        return False
    return any(one is not entry for one in linker.mentions.naming(entry.name))


def _ahead(
    landing: Routine, linker: Linker, operations: Operations, towards: Mapping[Routine, int]
) -> Iterator[int]:
    """The numbers of the sites of a landing that are on the way to the next VM-entry."""
    for number, site in enumerate(landing.flow.sites):
        if site.expr.kind == "call" and site.expr.kids[0].text == AGAIN_NAME:
            yield number
    yield from operations.entered_at(landing)
    for edge in nearest(landing, linker.edges(landing), towards):
        yield landing.numbers[id(edge.site)]


def nearest(landing: Routine, calls: Iterable[Edge], towards: Mapping[Routine, int]) -> list[Edge]:
    """The calls by which a landing that does not do so itself enters the guest again: those of the
    routines that, with so many calls between, are nearest to a VM-entry. What handles the exit may
    start another guest."""
    able = [edge for edge in calls if edge.callee in towards and towards.get(landing)]
    least = min((towards[edge.callee] for edge in able), default=0)
    return [edge for edge in able if towards[edge.callee] == least]
