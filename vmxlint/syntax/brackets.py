"""The brackets that are open at a place of a text without comments, strings and directives."""

from __future__ import annotations

import re

_BRACKET = re.compile(rb"[(){}\[\]]")
_FAR = 20_000  # bytes of white space, most of which was a comment


def opened(
    bare: bytes, start: int, end: int, stack: tuple[str, ...]
) -> tuple[tuple[str, ...], int]:
    """The brackets open at `end`, given those at `start`; and the least depth in between."""
    low = len(stack)
    if stack:
        stack, low, start = _counted(bare, start, end, stack, leave=True)
    if not stack and _is_balanced(bare, start, end):
        return stack, 0
    closed = -1 if stack else bare.rfind(b"\n}", start, end)
    if closed >= 0 and _is_balanced(bare, start, closed + 2):
        start = closed + 2
    stack, least, _ = _counted(bare, start, end, stack)
    return stack, min(low, least)


def _counted(
    bare: bytes, start: int, end: int, stack: tuple[str, ...], *, leave: bool = False
) -> tuple[tuple[str, ...], int, int]:
    """The same, bracket by bracket, and where the count ended: to `leave`, behind the brace in
    column 0 that closes the last one."""
    found = list(stack)
    low = len(found)
    for match in _BRACKET.finditer(bare, start, end):
        bracket = match[0]
        if bracket in b"([":
            found.append("(")
        elif bracket == b"{":
            found.append(_brace(bare, match.start(), found))
        elif found:
            found.pop()
            low = min(low, len(found))
            if leave and not found and bare.startswith(b"\n}", match.start() - 1):
                return (), 0, match.end()
    return tuple(found), low, end


def _is_balanced(bare: bytes, start: int, end: int) -> bool:
    """Whether as many brackets of each kind open as close: at file level, then all is as before."""
    return all(
        bare.count(opening, start, end) == bare.count(closing, start, end)
        for opening, closing in (b"{}", b"()", b"[]")
    )


def _brace(bare: bytes, position: int, opened: list[str]) -> str:
    """Whether the `{` at `position` opens a block of statements or of data."""
    before = last_byte(bare, position)
    if before == b")" or (opened and opened[-1] == "block" and before in (b";", b"{", b"}", b":")):
        return "block"
    word = bare[max(0, position - 12) : position].split()
    return "block" if word and word[-1] in (b"else", b"do") else "data"


def last_byte(bare: bytes | bytearray, position: int) -> bytes:
    """The last byte before `position` that is not white space, if it is near."""
    for near in (80, _FAR):
        if before := bare[max(0, position - near) : position].rstrip():
            return bytes(before[-1:])
    return b""
