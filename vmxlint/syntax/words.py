"""What a piece of code calls, by its words alone: cheap, and never too little.

It says which functions can lead to which others, so that only the bodies that matter are read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from vmxlint.syntax import macros
from vmxlint.syntax.macros import Macros

# In text that is turned round, so that each match starts with the bracket that is searched for.
_CALLED = re.compile(r"\(\s*(\w+(?:\s*(?:>-|\.))?)")
_CALLED_IN_BRACKETS = re.compile(r"\(\s*\)\s*(\w+)\s*(\(\s*\w|>-|\.|\*\s*\()")
_SIGNS = {">": ".", ".": ".", "*": ""}
_STORED = re.compile(r"=\s*&?([A-Za-z_]\w*+)(?=\s*[;,}])")
_EITHER = re.compile(r"\?\s*&?([A-Za-z_]\w*+)\s*:\s*&?([A-Za-z_]\w*+)")
_NAME = re.compile(r"[A-Za-z_]\w*")
_POINTER = re.compile(r"\(\*\s*(?:const\s+)?(\w+)\s*\)\s*\(")
_FEW = 2000
_STORED_IN = re.compile(r"=[|&]?[\s)]*(?:\][^\[\]]*\[\s*)?(\w+)\s*(?:>-|\.)")


class Words:
    """Takes the words from code, by the `pasting` macros, whose calls count as what they expand to,
    and the `aliases`, macros without parentheses that have calls in them."""

    def __init__(self, pasting: Macros, aliases: Collection[str]) -> None:
        self._pasting = pasting
        self._turned = frozenset(name[::-1] for name in pasting)
        self._aliases = aliases

    def of(self, code: str) -> frozenset[str]:
        """The words of `code`: "f" for a call of `f` or `(*f)`, ".f" for one of a member, "(f" for
        one of what `g(f)` gives, "=f" where `f` is assigned, "f=" where a member `f` is."""
        turned = code[::-1]
        found = set(_CALLED.findall(turned))
        if not self._turned.isdisjoint(found):
            turned = macros.expanded(code, self._pasting)[::-1]
            found.update(_CALLED.findall(turned))
        words = {_word(one) for one in found}
        bracketed = _CALLED_IN_BRACKETS.findall(turned)
        words.update([_SIGNS.get(sign[0], "(") + name[::-1] for name, sign in bracketed])
        words.update([name[::-1] + "=" for name in _STORED_IN.findall(turned)])
        words.update(["=" + name for name in _STORED.findall(code)])
        words.update(["=" + name for both in _EITHER.findall(code) for name in both])
        words.update("." + name for name in _copied(code))
        words.update(present_in(code, self._aliases))
        return frozenset(words)


def _copied(code: str) -> Iterator[str]:
    """The members that function pointers of `code` are copies of, to be called by another name."""
    for name in _POINTER.findall(code) if "(*" in code else ():
        yield from re.findall(rf"\b{name}\b[^;=]*=[\w\s>.-]*?(?:->|\.)(\w+)\s*[;,]", code)


def present_in(code: str, names: Collection[str]) -> Collection[str]:
    """Those of the names that `code` may mention. Of a few, a look for each is the cheaper way."""
    if len(names) < _FEW:
        return [name for name in names if name in code]
    return frozenset(names).intersection(_NAME.findall(code))


def _word(turned: str) -> str:
    name = turned[::-1]
    return name if name[0] not in "-." else "." + name.lstrip("->. \t\n")
