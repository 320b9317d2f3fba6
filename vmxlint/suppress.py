"""Suppression comments: `vmxlint: ignore[VMX101] reason`, in C's /* */ or behind //.

One holds a finding that begins on its own line, or on the next one if it stands alone. It names
rules, by id or by name, and gives a reason: nothing is ignored without one, and never everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vmxlint.comments import Comment, comments
from vmxlint.hits import Hit, Spot
from vmxlint.model.dialect import Dialect
from vmxlint.reading.source import SourceFile, read_unit

MARK = "vmxlint:"
_FORM = re.compile(r"vmxlint:\s*ignore\s*\[([^][]*)\](.*)", re.DOTALL)
_WORD = re.compile(r"[^\s,]+")


@dataclass(frozen=True)
class Suppression:
    """A suppression comment: where it is (lines from 1, offsets in bytes), the names of rules as it
    spells them (none if it is malformed), its reason (none if it is empty), and the lines for which
    it speaks."""

    path: str
    line: int
    start: int
    end: int
    names: tuple[str, ...]
    reason: str
    lines: frozenset[int]

    def names_rule(self, rule_id: str, name: str) -> bool:
        """Whether it names the rule of that id and name."""
        return any(one.lower() in (rule_id.lower(), name) for one in self.names)


@dataclass(frozen=True)
class Judged:
    """A suppression, and what is wrong with it: names that no rule has, rules that looked and found
    nothing to suppress; `function` is the one around it."""

    suppression: Suppression
    function: str | None
    unknown: tuple[str, ...]
    unused: tuple[str, ...]

    def hit(self, message: str, label: str, advice: str) -> Hit:
        """What a rule says of the comment."""
        one = self.suppression
        spot = Spot(one.path, one.start, one.end, self.function)
        return Hit(spot, message, label, advice, (), (), "VM-exit")


def quoted(names: Sequence[str]) -> str:
    """Names as a message shows them."""
    return ", ".join(f"'{name}'" for name in names)


def suppressions_below(folder: str, dialect: Dialect) -> list[Suppression]:
    """All suppression comments in the C and assembly files below a folder, by path and line."""
    files = read_unit(Path(folder), dialect).files
    return [one for file in files for one in suppressions(file)]


def suppressions(file: SourceFile) -> list[Suppression]:
    """The suppression comments of a file, in order."""
    if MARK.encode() not in file.data:
        return []
    found = list(comments(file.data))
    bare = _blanked(file.data, found)
    marked = [one for one in found if one.text.startswith(MARK.encode())]
    lone: dict[int, int] = {}  # from the first line of one that stands alone to where it leads
    made = []
    for one in reversed(marked):
        lines = frozenset(_code_lines(file, bare, one))
        if not lines:
            below = file.line(one.end - 1) + 1
            lone[file.line(one.start)] = lone.get(below, below)
            lines = frozenset([lone[file.line(one.start)]])
        made.append(_suppression(file, one, lines))
    return made[::-1]


def _blanked(data: bytes, found: Sequence[Comment]) -> bytes:
    bare = bytearray(data)
    for one in found:
        bare[one.start : one.end] = b" " * (one.end - one.start)
    return bytes(bare)


def _code_lines(file: SourceFile, bare: bytes, one: Comment) -> Iterator[int]:
    """The lines of a comment on which there is code before or behind it."""
    begin = file.data.rfind(b"\n", 0, one.start) + 1
    end = file.data.find(b"\n", one.end)
    if bare[begin : one.start].strip():
        yield file.line(one.start)
    if bare[one.end : end if end >= 0 else len(bare)].strip():
        yield file.line(one.end - 1)


def _suppression(file: SourceFile, one: Comment, lines: frozenset[int]) -> Suppression:
    found = _FORM.fullmatch(one.text.decode("utf-8", "surrogateescape"))
    names = tuple(dict.fromkeys(_WORD.findall(found[1]))) if found else ()
    reason = found[2].strip(" -:*") if found and names else ""
    reason = reason if any(map(str.isalnum, reason)) else ""
    line = file.line(one.start)
    return Suppression(file.path, line, one.start, one.end, names, reason, lines)
