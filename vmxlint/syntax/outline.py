"""Functions as kernels write them, found by their text before the parser sees a file.

Such a function begins in column 0 with a plain head and ends with a brace in column 0. Its head
says all that a file's Facts hold of it, and its body is parsed when somebody asks for it: most of
the bytes of a file are in bodies that nobody asks for. What is written in any other way is left for
the parser, which says the same of all.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, islice
from typing import NamedTuple

from vmxlint.facts import Variable

MOST = 2000  # functions of a file; the parser passes over each hole between them again and again
LONGEST_FUNCTION = 100_000  # bytes; the longest of a kernel has a fifth of that
_LONGEST_HEAD = 2000
_SPACE = re.compile(rb"\s*")
_CLOSING = re.compile(rb"\n\}")
_ON_ONE_LINE = re.compile(rb"\{[^{}\n]*+\}")
_UNINDENTED = re.compile(rb"\n(?![\s}]|[A-Za-z_]\w*+\s*+:|if\(2\)\{)")
_OPENED, _CLOSED = b"{}"
_NO_BRACES = bytes(one for one in range(256) if one not in b"{}")
_BODY = re.compile(rb"\)\s*+\{")
_KEYWORDS = (
    rb"unsigned|signed|long|short|int|char|struct|union|enum|static|inline|extern|const|volatile"
    rb"|register|restrict|typeof|else|return|do|case|goto|if|for|while|switch|sizeof|break|continue"
    rb"|default|typedef|auto|asm|constexpr|noreturn|thread_local|alignas|alignof|_alignof|offsetof"
    rb"|defined|true|false|NULL|nullptr|_unaligned|__unaligned|__restrict__|__volatile__"
)
_WORD = rb"(?!(?:%s)\b)[A-Za-z_]\w*+" % _KEYWORDS
_TYPE = rb"(?!__(?![us]\d)|_[A-Z])%s" % _WORD
_KIND = (
    rb"(?:(?:struct|union|enum)\s++(%s)|(unsigned (?:int|long|char|short)\b"
    rb"|(?:unsigned|long|short|int|char)\b|%s))" % (_WORD, _TYPE)
)
_NAME = rb"(?<=[\s*])(%s)" % _WORD
_HEAD = re.compile(
    rb"((?:(?:static|inline|extern|const)\s++)*)%s\s*+\**+\s*+%s\(([\w\s*,\[\]]*+)\)\s*+\{"
    % (_KIND, _NAME)
)
_PARAMETER = re.compile(
    rb"\s*+(?:const\s++)?%s\s*+(\**+)\s*+(?:%s)?(?:\[\w*+\])?\s*+\Z" % (_KIND, _NAME)
)


class Plain(NamedTuple):
    """A function of which the text says: `at` and `end` are where it starts and ends, `start` is
    where its name stands."""

    name: str
    params: tuple[Variable, ...]
    static: bool
    type: str
    start: int
    at: int
    end: int


def plain_functions(code: bytes) -> Sequence[Plain]:
    """The plain functions of a text without comments and directives, strings masked, in order; none
    if there are more than MOST, or if what looks like a directive is left."""
    found = () if b"#" in code else list(islice(_plain_functions(code), MOST + 1))
    return found if len(found) <= MOST else ()


def _plain_functions(code: bytes) -> Iterator[Plain]:
    closings = [one.start() for one in _CLOSING.finditer(code)]
    done = end = counted = depth = 0
    opened = -1  # where the last body at file level does that is not of a plain function
    while body := _BODY.search(code, end):
        end = body.end()
        depth += code.count(b"{", counted, end - 1) - code.count(b"}", counted, end - 1)
        counted = end - 1
        if depth:
            continue
        head = _head(code, done, opened, body)
        one = _plain(head, _end(code, counted, closings)) if head else None
        if one:
            yield one
            done = end = counted = one.end
        opened = -1 if one else counted


def between(functions: Iterable[Plain], size: int) -> Iterator[tuple[int, int]]:
    """What is left of a text of some size, as offsets: one span at least."""
    end = 0
    for one in functions:
        if one.at > end:
            yield end, one.at
        end = one.end
    yield end, size


def _head(code: bytes, done: int, opened: int, body: re.Match[bytes]) -> re.Match[bytes] | None:
    """The plain head in column 0 behind the last `;` or function, if a body follows it."""
    near = max(done, body.start() - _LONGEST_HEAD)
    before = max(code.rfind(b";", near, body.start()), code.rfind(b"}", near, body.start()))
    start = _SPACE.match(code, before + 1 or near)
    at = start.end() if start else 0
    if (before < 0 and near != done) or (at and code[at - 1 : at] != b"\n"):
        return None
    head = _HEAD.match(code, at)
    if head is None or head.end() != body.end():
        return None
    is_function = before < 0 or code[before] != _CLOSED or _is_body(code, opened, before)
    return head if is_function else None


def _is_body(code: bytes, opening: int, closing: int) -> bool:
    """Whether two braces are those of a body, and not the last one that of a struct without `;`."""
    return opening >= 0 and _depths(_braces(code, opening + 1, closing)) == (0, 0)


def _braces(code: bytes, start: int, end: int) -> bytes:
    return code[start:end].translate(None, _NO_BRACES)


def _end(code: bytes, opening: int, closings: Sequence[int]) -> int:
    """Where the body ends that opens at a brace: on the same line, or at one of the `closings` in
    column 0; -1 if what is in column 0 before that may be more than a label or an arm of `#if`."""
    if line := _ON_ONE_LINE.match(code, opening):
        return line.end()
    end, depth = opening + 1, 1
    for number in range(bisect_left(closings, opening), len(closings)):
        closed = closings[number]
        if _UNINDENTED.search(code, end, closed):
            return -1
        rise, low = _depths(_braces(code, end, closed))
        depth, low = depth + rise, depth + low
        if low < 1:
            return -1
        if depth == 1:
            return closed + 2
        end, depth = closed + 2, depth - 1
    return -1


@lru_cache(maxsize=4096)
def _depths(braces: bytes) -> tuple[int, int]:
    """How much deeper one is behind some braces than before, and the least in between."""
    depths = list(accumulate(1 if one == _OPENED else -1 for one in braces))
    return (depths[-1], min(0, min(depths))) if depths else (0, 0)


def _plain(head: re.Match[bytes], end: int) -> Plain | None:
    if not 0 < end <= head.start() + LONGEST_FUNCTION:
        return None
    specifiers, tag, kind, name, given = head.groups()
    params = _parameters(given, head.start(5))
    if params is None:
        return None
    static = b"static" in specifiers
    return Plain(
        name.decode(), params, static, (tag or kind).decode(), head.start(4), head.start(), end
    )


def _parameters(given: bytes, start: int) -> tuple[Variable, ...] | None:
    """The parameters with a name; None if one is spelled in another way."""
    found = []
    for part in given.split(b","):
        one = _PARAMETER.match(part)
        if one is None and given.strip():
            return None
        if one and one[4]:
            kind = (one[1] or one[2]).decode()
            found.append(Variable(one[4].decode(), kind, len(one[3]), start + one.start(4)))
        start += len(part) + 1
    return tuple(found)
