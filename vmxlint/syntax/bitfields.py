"""Bit-fields without a name, which only fill: blanked, where the grammar does not take them."""

from __future__ import annotations

import re

from vmxlint.syntax import mask

_WIDTH = rb":\s*\d+"
_TYPE = rb"(?:(?:unsigned|signed|long|short|int|char|bool|[us](?:8|16|32|64)|\w+_t)\s+)+"
_ANY = re.compile(_WIDTH + rb"\s*[,;]")
_AMONG = re.compile(rb",\s*" + _WIDTH + rb"(?=\s*[,;])")
_ALONE = re.compile(rb"[;{}]\s*(" + _TYPE + _WIDTH + rb"\s*;)")
_FIRST = re.compile(rb"[;{}]\s*" + _TYPE + rb"(" + _WIDTH + rb"\s*,)")


def blank(buffer: bytearray, code: bytearray) -> None:
    """Blank all that stand behind the named ones of a declaration, before them, or alone."""
    if not _ANY.search(code):
        return
    for match in _AMONG.finditer(bytes(code)):
        mask.overwrite(buffer, code, *match.span())
    for pattern in (_ALONE, _FIRST):
        for match in pattern.finditer(bytes(code)):
            mask.overwrite(buffer, code, *match.span(1))
