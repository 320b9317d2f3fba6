"""The hunk of a patch that a reply quotes: the one that brings a finding, cut to a few lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vmxlint.change.look import Seen
from vmxlint.change.naming import USUAL, Naming
from vmxlint.findings import Quote

_HEADER = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@.*")
_LINES = 3  # of a hunk that are quoted


class Line(NamedTuple):
    """A line of a hunk with its mark, and its number in the new file, None for one that is gone."""

    text: bytes
    number: int | None

    @property
    def is_new(self) -> bool:
        """Whether the patch adds it."""
        return self.text.startswith(b"+")


@dataclass(frozen=True)
class Hunk:
    """A hunk: the file as it is called afterwards, its first line, and the others."""

    file: bytes
    header: bytes
    lines: tuple[Line, ...]


def hunks(diff: bytes, naming: Naming = USUAL) -> Iterator[Hunk]:
    """The hunks of a diff, in order."""
    file = b""
    lines = iter(diff.split(b"\n"))
    for line in lines:
        if line.startswith(b"+++ "):
            file = naming.path(line[4:].partition(b"\t")[0].rstrip())
        elif found := _HEADER.fullmatch(line.rstrip()):
            old, new = (int(found[n] if found[n] is not None else 1) for n in (1, 3))
            yield Hunk(file, line.rstrip(), tuple(_inside(lines, int(found[2]), old, new)))


def _inside(lines: Iterator[bytes], number: int, old: int, new: int) -> Iterator[Line]:
    """The lines of a hunk with so many lines of the old and of the new file."""
    while old > 0 or new > 0:
        text = next(lines, None)
        if text is None:
            return
        if text.startswith(b"\\"):
            continue
        gone = text.startswith(b"-")
        yield Line(text.rstrip(b"\r"), None if gone else number)
        old -= not text.startswith(b"+")
        new -= not gone
        number += not gone


def quote(seen: Seen, found: Sequence[Hunk]) -> Quote | None:
    """What to quote for a finding: the added line that it stands on or that belongs to it, else one
    around it, else the first of the patch. None for a patch without hunks."""
    own = (seen.file, seen.finding.location.line)
    standing = {
        (hunk.file, line.number): (hunk, index)
        for hunk in found
        for index, line in enumerate(hunk.lines)
        if line.number is not None
    }
    met = [(place, *standing[place]) for place in (own, *seen.places) if place in standing]
    met.sort(key=lambda one: not one[1].lines[one[2]].is_new)  # stable: own place, then related
    for place, hunk, index in met[:1]:
        return _cut(hunk, index, place == own)
    for hunk in found[:1]:
        index = next((n for n, line in enumerate(hunk.lines) if line.is_new), len(hunk.lines) - 1)
        return _cut(hunk, index, False)
    return None


def _cut(hunk: Hunk, index: int, is_place: bool) -> Quote:
    lines = [line.text for line in hunk.lines[max(0, index + 1 - _LINES) : index + 1]]
    return Quote((hunk.header, *lines), is_place)
