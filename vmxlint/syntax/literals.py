"""String literals put together with macros, in the forms that the grammar knows.

`PREFIX_A PREFIX_B "text"` keeps but the last macro; of `MACRO(x) "text"` and `"text" MACRO(x)` the
arguments are blanked, as nothing but the text of a string can stand beside one.
"""

from __future__ import annotations

import re

from vmxlint.syntax import mask

_OPENED = re.compile(rb"\"(?<=[A-Z0-9\s]\")")
_BEFORE = re.compile(rb"[(,=]\s*((?:[A-Z_][A-Z0-9_]*\s+)+)[A-Z_][A-Z0-9_]*\s*\Z")
_CALL_BEFORE = re.compile(rb"\)\s*\"")
_CALL_BEHIND = re.compile(rb"\"\s*[A-Za-z_]\w*\s*(?=\()")
_CALLED = re.compile(rb"[A-Za-z_]\w*\s*\Z")
_KEYWORD = re.compile(rb"\b(?:if|while|for|switch|return|case|sizeof)\s*\Z")
_WINDOW = 200


def spell(buffer: bytearray, code: bytearray) -> None:
    """Blank what the grammar does not take beside a string."""
    snapshot = bytes(code)
    for match in _CALL_BEHIND.finditer(snapshot):
        if is_closing(snapshot, match.start()):
            end = mask.closing(snapshot, match.end())
            if end > 0:
                mask.overwrite(buffer, code, match.end(), end)
    snapshot = bytes(code)
    for match in _CALL_BEFORE.finditer(snapshot):
        opening = mask.opening(snapshot, match.start())
        before = snapshot[max(0, opening - _WINDOW) : opening]
        if opening > 0 and _CALLED.search(before) and not _KEYWORD.search(before):
            mask.overwrite(buffer, code, opening, match.start() + 1)
    for quote in _OPENED.finditer(bytes(code)):
        start = quote.start()
        if found := _BEFORE.search(code, max(0, start - _WINDOW), start):
            mask.overwrite(buffer, code, *found.span(1))


def is_closing(code: bytes, quote: int) -> bool:
    """Whether a quotation mark ends a string: its insides are masked by `_`."""
    return code[quote - 1 : quote] in (b"_", b'"')
