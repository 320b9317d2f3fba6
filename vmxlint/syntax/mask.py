"""Blanking: C text with parts replaced by spaces, so that every other byte keeps its offset."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice

from vmxlint.comments import LEXEME, in_lines

OPENED = re.compile(rb"\s*\(")  # what stands behind a name that is called

_BLANK = bytes(one if one == ord("\n") else ord(" ") for one in range(256))
_BRACKET = re.compile(rb"[()\[\]{}]")
_SEPARATOR = re.compile(rb"[()\[\]{},]")
_NAME_BYTE = re.compile(rb"\w")
_OPENING = b"([{"
_WINDOW = 200  # bytes, for a parenthesis to be near
_NEAR = 60  # brackets; what closes farther away, or has more in each other, is looked up
_DEEP = 12


def spaces(text: bytes) -> bytes:
    """As many bytes as `text` has: its line feeds, and spaces for all else."""
    return text.translate(_BLANK)


def overwrite(buffer: bytearray, code: bytearray, start: int, end: int, word: bytes = b"") -> None:
    """Blank `start` to `end` in both, then write `word` there."""
    blank = spaces(bytes(buffer[start:end]))
    for one in (buffer, code):
        one[start:end] = word + blank[len(word) :]


def occurrences(word: bytes, code: bytes) -> Iterator[int]:
    """Where `word` stands as a whole word."""
    start = code.find(word)
    while start >= 0:
        end = start + len(word)
        if not (start and _NAME_BYTE.match(code, start - 1)) and not _NAME_BYTE.match(code, end):
            yield start
        start = code.find(word, end)


def without_comments(text: bytes) -> bytes:
    """`text` with comments and byte order mark blanked, and a line feed for each lone CR."""

    def blank(lexeme: re.Match[bytes]) -> bytes:
        found = lexeme[0]
        return spaces(found) if found[:1] == b"/" else found

    if text.startswith(codecs.BOM_UTF8):
        text = spaces(codecs.BOM_UTF8) + text[len(codecs.BOM_UTF8) :]
    return LEXEME.sub(blank, in_lines(text))


def code_only(text: bytes) -> bytes:
    """`text`, which has no comments, with the insides of its strings and characters made `_`."""

    def blank(lexeme: re.Match[bytes]) -> bytes:
        found = lexeme[0]
        return found[:1] + b"_" * (len(found) - 2) + found[:1] if len(found) > 1 else found

    return LEXEME.sub(blank, text)


def closing(code: bytes, opening: int) -> int:
    """The offset behind the bracket that closes the one at `opening`; -1 if nothing does."""
    depth = 0
    for seen, bracket in enumerate(islice(_BRACKET.finditer(code, opening), _NEAR), 1):
        depth += 1 if bracket[0] in _OPENING else -1
        if depth == 0:
            return bracket.end()
        if depth == _DEEP or seen == _NEAR:
            return _closings(bytes(code)).get(opening, -1)
    return -1


@lru_cache(maxsize=4)
def _closings(code: bytes) -> Mapping[int, int]:
    """The offset behind the closing bracket of each bracket that has one: one look at the text, for
    thousands of brackets that nothing closes."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for bracket in _BRACKET.finditer(code):
        if bracket[0] in _OPENING:
            opened.append(bracket.start())
        elif opened:
            found[opened.pop()] = bracket.end()
    return found


def opening(code: bytes | bytearray, closing: int) -> int:
    """The parenthesis that the one at `closing` closes, if it is near; else -1."""
    depth = 0
    for position in range(closing, max(-1, closing - _WINDOW), -1):
        if code[position] == ord(")"):
            depth += 1
        elif code[position] == ord("("):
            depth -= 1
            if depth == 0:
                return position
    return -1


def arguments(text: bytes, code: bytes, opening: int, end: int) -> list[tuple[bytes, int]]:
    """The comma-separated parts between the brackets `opening` and `end`, each with its offset."""
    parts = []
    start, depth = opening + 1, 0
    for mark in _SEPARATOR.finditer(code, opening + 1, end - 1):
        if mark[0] in _OPENING:
            depth += 1
        elif mark[0] != b",":
            depth -= 1
        elif depth == 0:
            parts.append((text[start : mark.start()], start))
            start = mark.end()
    parts.append((text[start : end - 1], start))
    return parts
