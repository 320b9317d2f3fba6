"""Strings from strangers' files and paths, made harmless: nothing hidden, nothing obeyed.

`\\xNN` stands for one byte, `\\uNNNN` for one code point above ASCII.
"""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")

# Controls, line separators, and what is invisible or turns the direction of writing.
_HIDDEN = "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"

# GitHub and Azure obey ##[command] and ##vso[command] anywhere in a line of a log.
_COMMAND = r"(?<=##)\[|(?<=##vso)\["

_COMMANDS = re.compile(_COMMAND)
_UNSAFE = re.compile(f"{_HIDDEN}|{_COMMAND}")


def well_formed(text: str | bytes) -> str:
    """`text` as a string that every encoder takes: bytes that are not UTF-8 come out as `\\xNN`."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    return _SURROGATE.sub(_visible, text)


def escape(text: str | bytes) -> str:
    """`text` on one line for a terminal or a CI log, each unsafe character spelt out."""
    return _UNSAFE.sub(_visible, well_formed(text))


def unobeyed(line: str) -> str:
    """A line so that it does not begin with a `::` workflow command."""
    return f"\\x3a{line[1:]}" if line.startswith("::") else line


def commandless(json: str) -> str:
    """JSON text in which no log finds a command; it means the same."""
    return _COMMANDS.sub(r"\\u005b", json)


def is_shown_as_it_is(text: bytes) -> bool:
    """Whether nothing in `text` has to be spelt out."""
    return escape(text).encode() == text


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte that came in through surrogateescape
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"
