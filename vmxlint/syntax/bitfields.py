"""Bit-fields without a name, which only fill: blanked, where the grammar does not take them."""

from __future__ import annotations

import re

from vmxlint.syntax import mask

_WIDTH = re.compile(rb":\s*\d+\s*([,;])")
_TYPE = re.compile(
    rb"[;{}]\s*((?:(?:unsigned|signed|long|short|int|char|bool|[us](?:8|16|32|64)|\w+_t)\s+)+)\Z"
)
_WINDOW = 200


def blank(buffer: bytearray, code: bytearray) -> None:
    """Blank all that stand behind the named ones of a declaration, before them, or alone."""
    for width in _WIDTH.finditer(bytes(code)):
        before = code[max(0, width.start() - _WINDOW) : width.start()]
        named = before.rstrip()
        if named.endswith(b","):
            comma = width.start() - len(before) + len(named) - 1
            mask.overwrite(buffer, code, comma, width.start(1))
    for width in _WIDTH.finditer(bytes(code)):
        before = code[max(0, width.start() - _WINDOW) : width.start()]
        if declared := _TYPE.search(before):
            alone = len(before) - declared.start(1) if width[1] == b";" else 0
            mask.overwrite(buffer, code, width.start() - alone, width.end())
