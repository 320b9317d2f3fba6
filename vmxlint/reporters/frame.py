"""The source line of a finding with a caret under its span, as a terminal shows it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import accumulate

from vmxlint.findings import Location
from vmxlint.reporters.escape import escape

COLUMNS = 160  # a longer line is cut
_LEAD = 60  # and then shows at most so much before its span
_CUT = "..."
_NEAR = 1000  # bytes on either side of a span's start: whatever lies beyond is cut anyway


def frame(location: Location, label: str) -> Iterator[str]:
    """Two lines: the numbered source line, and the underlined span of `location` with `label`."""
    gutter = f" {location.line} "
    before, span, after = _fitted(*_parts(location))
    underline = "^".ljust(_width(span), "~")
    yield f"{gutter}| {before}{span}{after}".rstrip()
    yield f"{' ' * len(gutter)}| {' ' * _width(before)}{underline} {escape(label)}".rstrip()


def _parts(location: Location) -> tuple[str, str, str]:
    """What stands before, in and after the span on its first line, as displayed."""
    start = location.column - 1
    left = max(0, start - _NEAR)
    text = location.text[left : start + _NEAR].rstrip()
    same_line = location.end_line == location.line
    end = max(start, location.end_column - 1) if same_line else len(location.text)
    shown = _display(text)
    first, last = (len(_display(text[: byte - left])) for byte in (start, end))
    return shown[:first], shown[first:last], shown[last:]


def _display(text: bytes) -> str:
    return "\t".join(map(escape, text.split(b"\t"))).expandtabs(8)


def _fitted(before: str, span: str, after: str) -> tuple[str, str, str]:
    """The three parts cut to COLUMNS in all, so that the start of the span is seen."""
    if _width(before + span + after) <= COLUMNS:
        return before, span, after
    if _width(before) > _LEAD:
        before = _CUT + _head(before[::-1], _LEAD - len(_CUT))[::-1]
    rest, room = span + after, COLUMNS - _width(before)
    if _width(rest) > room:
        rest = _head(rest, room - len(_CUT)) + _CUT
    return before, rest[: len(span)], rest[len(span) :]


def _head(text: str, columns: int) -> str:
    """As much of the start of `text` as fits."""
    ends = accumulate(map(_columns, text))
    return "".join(character for character, end in zip(text, ends, strict=True) if end <= columns)


def _width(text: str) -> int:
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    """How many columns of a terminal a character takes: 0 (combining), 1 or 2 (wide)."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
