"""The lines of a file in assembly: labels, instructions and where its functions start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

_LINE = re.compile(
    r"(?:^|;)[ \t]*(?:([\w.$]+):(?!:))?[ \t]*(?:(?:lock|rep|repz|repnz)[ \t]+)?"
    r"(?:([.#]?[A-Za-z_]\w*)[ \t]*([^\n;]*))?",
    re.MULTILINE,
)
_START = re.compile(
    r"^(?:SYM_(?:FUNC|CODE)_START\w*|FUNC(?:_LOCAL)?|ENTRY(?:_NP)?|ALTENTRY)\s*\(\s*(\w+)\s*\)",
    re.MULTILINE,
)
_INTELS_START = re.compile(
    r"^(?:function[ \t]+(\w+)|[ \t]*(\w+)[ \t]+(?:PROC|proc)\b)", re.MULTILINE
)
_END = re.compile(r"^(?:SYM_(?:FUNC|CODE)_END|ENDPROC|END)\s*\(", re.MULTILINE)
_MACRO = re.compile(r"^#[ \t]*define[ \t]+(\w+)\(([^()\n]*)\)((?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)
_DEFINE = re.compile(r"^#[ \t]*define\b(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
_CALL = re.compile(r"\bcall[ \t]+(\w+)")
_GLOBAL = re.compile(r"^[ \t]*(?:\.globa?l|global)[ \t]+(\w+)", re.MULTILINE)
_ALIGNING = ("ALIGN", "__ALIGN", "ASM_ALIGN", "FUNC_ALIGN")
_NAME = re.compile(r"[A-Za-z_]\w*")
_COMMA = re.compile(r",(?![^(]*\))")


class Line(NamedTuple):
    """A label or an instruction, with the places of the first byte of it and of its operands."""

    at: int
    label: str
    word: str = ""
    operands: tuple[str, ...] = ()
    behind: int = 0

    @property
    def leaves(self) -> bool:
        """Whether what stands behind is not gone on with."""
        return self.word in ("jmp", "ret", "retq", "iretq", "RET", "ud2")


class Start(NamedTuple):
    """A function: where it starts, its name, and where it ends."""

    at: int
    name: str
    end: int


def lines(text: str, start: int, end: int) -> Iterator[Line]:
    """The labels and instructions between two places, in order."""
    for found in _LINE.finditer(text, start, end):
        label, word, operands = found.groups()
        if label:
            yield Line(found.start(1), label)
        if word and word[0] not in ".#":
            parts = (one.strip() for one in _COMMA.split(operands))
            yield Line(found.start(2), "", word, tuple(filter(None, parts)), found.start(3))


def calling(text: str) -> Mapping[str, int]:
    """The macros of a file that call one of their arguments, with its number."""
    found: dict[str, int] = {}
    for name, given, body in _MACRO.findall(text):
        params = [one.strip() for one in given.split(",")]
        if (call := _CALL.search(body)) and call[1] in params:
            found[name] = params.index(call[1])
    return found


def without_macros(text: str) -> str:
    """The text with blanks in the place of what macros are defined as."""
    return _DEFINE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def starts(text: str) -> Iterator[Start]:
    """The functions: as their macros say, else by their labels."""
    found = (
        [(one.start(), one[1]) for one in _START.finditer(text)]
        or [(one.start(), one[1] or one[2]) for one in _INTELS_START.finditer(text)]
        or list(_labelled(text))
    )
    for (start, name), (following, _) in pairwise([*found, (len(text), "")]):
        end = _END.search(text, start, following)
        yield Start(start, name, end.start() if end else following)


def _labelled(text: str) -> Iterator[tuple[int, str]]:
    """The labels that start a function: nothing comes to them from above, nor by a jump unless
    others than this file may call them."""
    listed = [one for one in lines(text, 0, len(text)) if one.word not in _ALIGNING]
    jumped = {one.operands[0] for one in listed if one.word[:1] == "j" and one.operands}
    inner = jumped.difference(_GLOBAL.findall(text))
    for before, one in pairwise([Line(0, "", "ret"), *listed]):
        if before.leaves and _NAME.fullmatch(one.label) and one.label not in inner:
            yield one.at, one.label
