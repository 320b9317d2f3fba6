"""Macros that call their first argument with the others, by one macro for each number of them.

`alternative_call(ops.f, x)` becomes `ops.f( x)`, blanks before it: the callee keeps its place, but
for that of a call without other arguments, which moves one byte down.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from vmxlint.syntax import mask
from vmxlint.syntax.macros import Macros

_FIRST = "1"


def of(unit_macros: Macros) -> frozenset[bytes]:
    """The names of such macros: `f` where `f1(p, ...)` has a call of `p` in it."""
    found = set()
    for name, macro in unit_macros.items():
        first = unit_macros.get(name + _FIRST)
        if macro.params and first and first.params:
            if re.search(rf"(?<![\w#]){re.escape(first.params[0])}\s*\(", first.body):
                found.add(name.encode())
    return frozenset(found)


def spell(buffer: bytearray, code: bytearray, names: Collection[bytes]) -> None:
    """Make each call of such a macro one of its first argument."""
    snapshot = bytes(code)
    for name in sorted(names):
        for start in mask.occurrences(name, snapshot):
            if opened := mask.OPENED.match(snapshot, start + len(name)):
                first, end = opened.end(), mask.closing(snapshot, opened.end() - 1)
                if end > 0:
                    parts = mask.arguments(snapshot, snapshot, first - 1, end)
                    comma = parts[1][1] - 1 if len(parts) > 1 else 0
                    _spell(buffer, code, (start, first, comma, end))


def _spell(buffer: bytearray, code: bytearray, call: tuple[int, int, int, int]) -> None:
    """Write one call, by where it starts, its first argument, the comma behind that, if any, and
    where it ends."""
    start, first, comma, end = call
    if comma:
        buffer[comma] = code[comma] = ord("(")
        mask.overwrite(buffer, code, start, first)
    else:
        callee = bytes(buffer[first : end - 1])
        mask.overwrite(buffer, code, start, end, b"")
        for one in (buffer, code):
            one[first - 1 : end] = callee + b"()"
