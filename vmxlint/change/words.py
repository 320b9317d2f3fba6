"""C text as tokens, for telling whether two places say the same."""

from __future__ import annotations

import re

_COMMENT = re.compile(rb"/\*.*?\*/|//[^\n]*", re.DOTALL)
_TOKEN = re.compile(rb"(?:\.|->)?\s*[A-Za-z_]\w*|\w+|\S")
_NAME = re.compile(rb"((?:\.|->)?)\s*([A-Za-z_]\w*)")


def tokens(text: bytes) -> list[bytes]:
    """The words and marks of some text, without white space and comments; a member is `.name`."""
    return [_spelled(one) for one in _TOKEN.findall(_COMMENT.sub(b" ", text))]


def names(text: bytes) -> set[bytes]:
    """The names in some text, without those in comments; a member is `.name`."""
    found = set(_NAME.findall(_COMMENT.sub(b" ", text)))
    return {b"." + name if mark else name for mark, name in found}


def is_name(token: bytes) -> bool:
    """Whether a token is a name, but not of a member."""
    return token[:1].isalpha() or token[:1] == b"_"


def _spelled(token: bytes) -> bytes:
    found = _NAME.fullmatch(token)
    return b"." + found[2] if found and found[1] else token.strip()
