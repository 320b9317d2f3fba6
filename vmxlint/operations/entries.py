"""Where VMLAUNCH and VMRESUME stand."""

from __future__ import annotations

from vmxlint.calls.link import Linker
from vmxlint.facts import ASM_WORD, ENTRIES, ENTRY_NAME
from vmxlint.flow import Site
from vmxlint.flow.routine import Routine


def entries(linker: Linker) -> frozenset[Routine]:
    """The routines in which one of them stands."""
    able = linker.mentions.of_any(ASM_WORD, ENTRY_NAME, *linker.dialect.entering)
    return frozenset(one for one in able if entered_at(one, linker))


def entered_at(routine: Routine, linker: Linker) -> list[int]:
    """The numbers of the sites of a routine at which one of them is executed."""
    sites = enumerate(routine.flow.sites)
    return [number for number, site in sites if _is_entry(site, routine, linker)]


def _is_entry(site: Site, routine: Routine, linker: Linker) -> bool:
    if site.expr.kind == "asm":
        made = routine.asm(site.expr).instructions
        return any(mnemonic in ENTRIES for mnemonic, _ in made)
    if site.kind or site.expr.kind != "call" or not site.expr.kids:
        return False
    name = site.expr.kids[0].text
    if routine.function.origin == "assembly":
        return name == ENTRY_NAME
    return name in linker.dialect.entering and not linker.names.routines.get(name)
