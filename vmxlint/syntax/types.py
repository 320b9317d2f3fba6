"""Types where the grammar wants an expression, the reverse, and declarations that a macro spells.

`kzalloc_obj(struct x, ...)`, `min_t(unsigned int, ...)`, `offsetof(struct x, a[0])`,
`__alignof__(a->b)`, `F(3DNOW)` and, among the members of a struct or at file level,
`DECLARE_BITMAP(x, 8);` are overwritten in place.
"""

from __future__ import annotations

import re
from itertools import chain

from vmxlint.syntax import mask
from vmxlint.syntax.brackets import last_byte

_TAGS = (b"struct", b"union", b"enum")
_TAGGED = [re.compile(b"(" + tag + rb")\s+\w+\s*(\**)\s*([,)])") for tag in _TAGS]
_TWO_WORDS = re.compile(rb"\(\s*(?:unsigned|signed|long)(\s)(?:int|long|char|short)(?=\s*,)")
_OFFSET = re.compile(rb"offsetof\s*\(")
_DECLARED = re.compile(rb"(?:DECLARE|DEFINE)_\w+\s*\(")
_ALIGNED_VALUE = re.compile(rb"\b(?:__alignof(?:__)?|_Alignof)(?=\s*\([^()]*(?:->|\.))")
_PASTED = [re.compile(before + rb"\s*(\d+[A-Z_]\w*)\s*[,)]") for before in (rb"\(", rb",")]
_NUMBER = re.compile(rb"0[xX][\da-fA-F]+[uUlL]*|\d+[uUlL]+|[\d]+[eE]\d*|0[bB][01]+[uUlL]*")
_NAME_BYTE = re.compile(rb"\w")


def spell(buffer: bytearray, code: bytearray) -> None:
    """Overwrite what is no expression with what reads like one of the same length."""
    snapshot = bytes(code)
    for match in chain.from_iterable(one.finditer(snapshot) for one in _TAGGED):
        if _is_argument(snapshot, match.start()):
            mask.overwrite(buffer, code, *match.span(1))
            if match[3] == b",":
                mask.overwrite(buffer, code, *match.span(2))
    for match in _TWO_WORDS.finditer(snapshot):
        mask.overwrite(buffer, code, *match.span(1), b"_")
    for match in _OFFSET.finditer(snapshot):
        end = mask.closing(snapshot, match.end() - 1)
        member = snapshot[match.end() : end].partition(b",")[2]
        if b"." in member or b"[" in member:
            mask.overwrite(buffer, code, match.start(), match.start() + 8, b"offset_f")
    for match in _ALIGNED_VALUE.finditer(snapshot) if b"lignof" in snapshot else ():
        mask.overwrite(buffer, code, *match.span(), b"alignof_")
    for match in chain.from_iterable(one.finditer(snapshot) for one in _PASTED):
        if not _NUMBER.fullmatch(match[1]):  # the rest of a name, for a macro to complete
            mask.overwrite(buffer, code, match.start(1), match.start(1) + 1, b"_")
    _blank_declared(buffer, code, snapshot)


def _is_argument(code: bytes, start: int) -> bool:
    """Whether a type stands behind a comma, or is the first thing that a call is given."""
    before = last_byte(code, start)
    if before != b"(":
        return before == b","
    opening = code.rfind(b"(", 0, start)
    return bool(_NAME_BYTE.match(last_byte(code, opening)))


def _blank_declared(buffer: bytearray, code: bytearray, snapshot: bytes) -> None:
    for match in _DECLARED.finditer(snapshot):
        line = snapshot.rfind(b"\n", 0, match.start()) + 1
        before = snapshot[line : match.start()].strip()
        end = mask.closing(snapshot, match.end() - 1)
        if end > 0 and before in (b"", b"static") and snapshot[end : end + 40].lstrip()[:1] == b";":
            mask.overwrite(buffer, code, line, snapshot.find(b";", end) + 1)
