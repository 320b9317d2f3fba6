"""Function pointers that calls hand over, to be called by whoever is given them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property

from vmxlint.calls.mentions import Mentions
from vmxlint.calls.names import Names
from vmxlint.facts import Expr
from vmxlint.flow.routine import Routine
from vmxlint.model.dialect import Dialect

_DEEPEST = 3
_WORD = re.compile(r"[A-Za-z_]\w*")


class Handing:
    """What the calls of a unit hand over."""

    def __init__(self, names: Names, mentions: Mentions, dialect: Dialect) -> None:
        self._names = names
        self._mentions = mentions
        self._dialect = dialect

    def may_call(self, name: str) -> Iterator[Routine]:
        """The routines that may call a function because somebody hands over its name."""
        yield from self._takers.get(name, ())
        yield from self._called_back.get(name, ())

    @cached_property
    def _takers(self) -> Mapping[str, list[Routine]]:
        """Of each name that is handed over to a routine which calls a parameter: the routines."""
        found: dict[str, list[Routine]] = {}
        for taker in self._mentions.routines:
            if taker.function.words.isdisjoint([one.name for one in taker.function.params]):
                continue
            for giver in self._mentions.of(taker.name):
                for name in filter(self._names.is_function, _handed_names(taker.name, giver)):
                    found.setdefault(name, []).append(taker)
        return found

    @cached_property
    def _called_back(self) -> Mapping[str, list[Routine]]:
        """The routines that hand a name to a function outside the tree which calls it at once."""
        found: dict[str, list[Routine]] = {}
        for outside in sorted(self._dialect.call_back):
            for giver in self._mentions.of(outside):
                for name in _handed_names(outside, giver):
                    found.setdefault(name, []).append(giver)
        return found

    def handed(self, taker: Routine, parameter: str, depth: int = 0) -> Iterator[Routine]:
        """The functions that the callers of `taker` hand over for a parameter."""
        place = taker.parameters.index(parameter) + 1
        for giver in self._mentions.of(taker.name):
            for site in giver.flow.sites:
                parts = site.expr.kids
                if site.expr.kind != "call" or len(parts) <= place or parts[0].text != taker.name:
                    continue
                if self._names.resolve(taker.name, giver.path) is taker:
                    yield from self._functions(plain(parts[place]), giver, depth)

    def _functions(self, value: Expr, giver: Routine, depth: int) -> Iterator[Routine]:
        if value.kind != "name":
            return
        if value.text in giver.parameters and depth < _DEEPEST:
            yield from self.handed(giver, value.text, depth + 1)
        elif value.text not in giver.variables:
            if found := self._names.resolve(value.text, giver.path):
                yield found

    def called_back(self, call: Expr, giver: Routine) -> Iterator[Routine]:
        """The functions that a call hands to one outside the tree which calls them at once."""
        if call.kids[0].text in self._dialect.call_back:
            for one in call.kids[1:]:
                yield from self._functions(plain(one), giver, 0)


def _handed_names(callee: str, giver: Routine) -> set[str]:
    """The names in what a routine gives to the calls of another."""
    calls = re.findall(rf"\b{callee}\s*\(([^;{{}}]*)", giver.function.text)
    return {name for arguments in calls for name in _WORD.findall(arguments)}


def plain(value: Expr) -> Expr:
    """A function's name without `&` and casts."""
    while value.kind in ("cast", "unary") and value.kids:
        value = value.kids[-1]
    return value
