"""Landings: functions in assembly at whose start VM-exits arrive, for it is the host's RIP.

Such a function handles the exit and enters the guest again, so it goes in a circle. What stands
behind VMLAUNCH and VMRESUME in it is jumped to where the guest is not entered after all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vmxlint.calls.link import Linker
from vmxlint.facts import AGAIN_NAME, names
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operations

HOST_RIP = "HOST_RIP"


def landings(linker: Linker, operations: Operations) -> Mapping[Routine, int]:
    """Each landing with the number of its first site on the way to the next VM-entry: where jumps
    lead back to, else VMRESUME itself."""
    able = {one for one in operations.entries if one.function.origin == "assembly"}
    found = {one for one in _host_rips(linker, operations) if one in able} if able else set()
    return {
        one: min([*_back_to(one), *operations.entered_at(one)])
        for one in linker.routines
        if one in found
    }


def _host_rips(linker: Linker, operations: Operations) -> Iterator[Routine]:
    for routine, made in operations.by_routine.items():
        for one in made:
            if one.field and one.field.name == HOST_RIP and one.value:
                for name in sorted(names(one.value)):
                    if target := linker.resolve(name, routine.path):
                        yield target


def _back_to(routine: Routine) -> Iterator[int]:
    for number, site in enumerate(routine.flow.sites):
        if site.expr.kind == "call" and site.expr.kids[0].text == AGAIN_NAME:
            yield number
