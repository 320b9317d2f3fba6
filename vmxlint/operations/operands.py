"""Memory operands of inline assembly: the struct members that `%c[name](%reg)` and the like are."""

from __future__ import annotations

import re

from vmxlint.facts import Asm
from vmxlint.flow.routine import Routine
from vmxlint.operations.structs import Place, Structs

_OFFSET = re.compile(r"offsetof\s*\(\s*(?:struct\s+)?(\w+)\s*,\s*([\w.\[\]>-]+)\s*\)")
_IN_MEMORY = re.compile(r"(?:%[a-zA-Z]?(\[\w+\]|\d+))\(.*\)|\(?%[a-zA-Z]?(\[\w+\]|\d+)\)?")


def addressed(asm: Asm, operand: str, routine: Routine, structs: Structs) -> Place | None:
    """The struct member that an operand of an instruction addresses, by its offset or as such."""
    match = _IN_MEMORY.fullmatch(operand)
    if match is None:
        return None
    wanted = f"%{match[1] or match[2]}"
    value = next((value for name, _, value in asm.operands if name == wanted), None)
    if value is None:
        return None
    if offset := _OFFSET.search(value.text):
        return _at_offset(offset[1], offset[2], structs)
    return structs.place(value, routine)


def _at_offset(struct: str, path: str, structs: Structs) -> Place | None:
    through = [struct]
    found = None
    for name in re.findall(r"[A-Za-z_]\w*", path):
        found = structs.member(through[-1], name)
        if found is None:
            return None
        through.append(found[1].type)
    return Place(found[0], found[1], tuple(through[:-1])) if found else None
