"""GitHub's hash of a line, by which code scanning knows a result again when lines move.

From codeql-action's fingerprints: a 64-bit polynomial over the 100 UTF-16 units from the line's
start, without spaces and tabs, and `:n`, which counts equal ones from the top of the file.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property

_BASE, _BITS, _WINDOW = 37, (1 << 64) - 1, 100
_WIDE = re.compile("[\U00010000-\U0010ffff]")
_END = "\uffff" + "\0" * _WINDOW


class LineHashes:
    """The hashes of one file's lines, each worked out when it is asked for.

    A file with a lone CR has none: GitHub takes that for a line's end, and C does not.
    """

    def __init__(self, data: bytes) -> None:
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        self._text = "" if "\r" in text else _units(text) + _END

    def of(self, line: int) -> str | None:
        """The hash of a line, counted from 1 by its line feeds."""
        if not self._text:
            return None
        window, count = self._windows[line - 1]
        value = 0
        for unit in window:
            value = (value * _BASE + ord(unit)) & _BITS
        return f"{value:x}:{count}"

    @cached_property
    def _windows(self) -> list[tuple[str, int]]:
        """What each line begins with, and how many up to it begin so: equal units, equal hashes."""
        starts = [0, *(found.end() for found in re.finditer("\n", self._text))]
        counts: Counter[str] = Counter()
        windows = []
        for window in (self._text[start : start + _WINDOW] for start in starts):
            counts[window] += 1
            windows.append((window, counts[window]))
        return windows


def _units(text: str) -> str:
    """UTF-16 code units, each as one character, without the white space that does not count."""
    return _WIDE.sub(_pair, text.replace(" ", "").replace("\t", ""))


def _pair(wide: re.Match[str]) -> str:
    high, low = divmod(ord(wide[0]) - 0x10000, 0x400)
    return chr(0xD800 + high) + chr(0xDC00 + low)
