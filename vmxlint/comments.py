"""Where the comments of C text are, and what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

LEXEME = re.compile(
    rb"/\*.*?(?:\*/|\Z)|//[^\n]*(?:(?<=\\)\n[^\n]*|(?<=\\\r)\n[^\n]*)*|\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?",
    re.DOTALL,
)
_LONE_CR = re.compile(rb"\r(?!\n)")
_MARGIN = re.compile(rb"\\?\r?\n[ \t]*(?:\*(?!/)|//)?")


class Comment(NamedTuple):
    """One comment: its span in bytes, and its text without the marks of a comment, on one line.

    One that nothing closes ends with the last word of the file.
    """

    start: int
    end: int
    text: bytes


def in_lines(data: bytes) -> bytes:
    """C text with a line feed for each CR that stands alone: it ends a line for a compiler, though
    not for those who count lines."""
    return _LONE_CR.sub(b"\n", data) if b"\r" in data else data


def comments(data: bytes) -> Iterator[Comment]:
    """All comments in C text, in order; what looks like one in a string is none."""
    for lexeme in LEXEME.finditer(in_lines(data)):
        if lexeme[0][:1] == b"/":
            inner = lexeme[0][2:].removesuffix(b"*/") if lexeme[0][1:2] == b"*" else lexeme[0][2:]
            text = b" ".join(_MARGIN.sub(b" ", inner).lstrip(b"*").split())
            yield Comment(lexeme.start(), lexeme.start() + len(lexeme[0].rstrip()), text)
