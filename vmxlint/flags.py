"""Flags: `if (x->dirty) { x->dirty = false; ... }` runs as often as somebody sets the flag."""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.conditions import truth
from vmxlint.facts import Expr
from vmxlint.flow import Site
from vmxlint.link import Linker
from vmxlint.routine import Routine

_FAR_UP = 3
Setter = tuple[Routine, Site]


class Flags:
    """The search for flags that gate work and are taken back by it."""

    def __init__(self, linker: Linker) -> None:
        self._linker = linker
        self._stores: dict[str, list[tuple[Routine, Site, bool]]] = {}
        self._takers: dict[tuple[str, bool], frozenset[Routine]] = {}

    def setters(self, test: Expr, holds: bool, routine: Routine) -> tuple[Setter, ...] | None:
        """The places that make a test of a flag in `routine` be `holds`; None if it is no flag.

        A flag is a member that is set to constants only, and taken back by the routine that tests
        it or by what that calls.
        """
        if test.kind != "member" or test.text == "":
            return None
        stores = self._stores_of(test.text)
        setters = tuple((where, site) for where, site, value in stores if value == holds)
        if not setters or routine not in self._takes_back(test.text, not holds):
            return None
        return tuple(one for one in setters if one[0] is not routine) or None

    def _stores_of(self, member: str) -> list[tuple[Routine, Site, bool]]:
        if member not in self._stores:
            found = list(self._search(member))
            constant = all(value is not None for _, _, value in found)
            kept = [(where, site, value) for where, site, value in found if value is not None]
            self._stores[member] = kept if constant else []
        return self._stores[member]

    def _search(self, member: str) -> Iterator[tuple[Routine, Site, bool | None]]:
        for routine in self._linker.mentions.of(member + "="):
            for site in routine.stores:
                target, value = site.expr.kids
                if target.kind == "member" and target.text == member:
                    yield routine, site, truth(value)

    def _takes_back(self, member: str, value: bool) -> frozenset[Routine]:
        """The routines that store a value in a flag, and those that may call them."""
        key = (member, value)
        if key not in self._takers:
            level = {where for where, _, stored in self._stores_of(member) if stored == value}
            found = set(level)
            for _ in range(_FAR_UP):
                level = {up for one in level for up in self._linker.could_call(one)} - found
                found |= level
            self._takers[key] = frozenset(found)
        return self._takers[key]
