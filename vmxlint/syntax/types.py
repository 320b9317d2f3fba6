"""Types where the grammar wants an expression, the reverse, and declarations that a macro spells.

`kzalloc_obj(struct x, ...)`, `min_t(unsigned int, ...)`, `offsetof(struct x, a[0])`,
`__alignof__(a->b)`, `typeof(a->b) c`, `va_arg(list, unsigned int)`, `F(3DNOW)` and, among the
members of a struct or at file level, `DECLARE_BITMAP(x, 8);` are overwritten in place.
"""

from __future__ import annotations

import re
from itertools import chain

from vmxlint.syntax import mask
from vmxlint.syntax.brackets import last_byte

_TAGS = (b"struct", b"union", b"enum")
_TAGGED = [
    re.compile(rb"(" + before + tag + rb")\s+\w+\s*(\**)\s*([,)])")
    for before in (rb"", rb"const\s+")  # apart, for each has a plain beginning to search for
    for tag in _TAGS
]
_TWO_WORDS = re.compile(rb"\(\s*(?:unsigned|signed|long)(\s)(?:int|long|char|short)(?=\s*,)")
_VA_ARG = re.compile(rb"\bva_arg\s*\([^()]*,\s*\w+(\s+)\w+\s*\)")
_POINTED = re.compile(rb"(?:[=(,]|\breturn\b)\s*[A-Za-z_]\w*\s*\(\s*\w+_t\s*(\*+)\s*,")
_POINTER = re.compile(rb"_t\s*\*+\s*,")
_TYPEOF = re.compile(rb"\b(?:__)?typeof(?:__)?\s*(?=\()")
_OFFSET = re.compile(rb"offsetof\s*\(")
_DECLARED = re.compile(rb"(?:DECLARE|DEFINE)_\w+\s*\(")
_ENDED = re.compile(rb"\s*(?:=\s*\{[^{};]*\}\s*)?;")
_ALIGNED_VALUE = re.compile(rb"\b(?:__alignof(?:__)?|_Alignof)(?=\s*\((?:\s*\*|[^()]*(?:->|\.)))")
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
    _spell_whole(buffer, code, snapshot)
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


def _spell_whole(buffer: bytearray, code: bytearray, snapshot: bytes) -> None:
    """Types of two words, pointers and `typeof`, where they stand alone."""
    for match in _VA_ARG.finditer(snapshot) if b"va_arg" in snapshot else ():
        mask.overwrite(buffer, code, *match.span(1), b"_" * (match.end(1) - match.start(1)))
    for match in _POINTED.finditer(snapshot) if _POINTER.search(snapshot) else ():
        mask.overwrite(buffer, code, *match.span(1))
    for match in _TYPEOF.finditer(snapshot) if b"typeof" in snapshot else ():
        if (end := mask.closing(snapshot, match.end())) > 0:
            mask.overwrite(buffer, code, match.start(), end, b"int")


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
        ended = _ENDED.match(snapshot, end) if end > 0 else None
        if ended and before in (b"", b"static"):
            mask.overwrite(buffer, code, line, ended.end())
