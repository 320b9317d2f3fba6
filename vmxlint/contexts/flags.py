"""Flags: `if (x->dirty) { x->dirty = false; ... }` runs as often as somebody sets the flag."""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.calls.link import Linker
from vmxlint.facts import Expr, spelled, walk
from vmxlint.flow import Site
from vmxlint.flow.conditions import truth
from vmxlint.flow.routine import Routine

_FAR_UP = 3
Setter = tuple[Routine, Site]
_Flag = tuple[str, str]  # the member, and the bit of it as spelled, if it is one


class Flags:
    """The search for flags that gate work and are taken back by it."""

    def __init__(self, linker: Linker) -> None:
        self._linker = linker
        self._stores: dict[_Flag, list[tuple[Routine, Site, bool]]] = {}
        self._takers: dict[tuple[_Flag, bool], frozenset[Routine]] = {}

    def setters(self, test: Expr, holds: bool, routine: Routine) -> tuple[Setter, ...] | None:
        """The places that make a test of a flag in `routine` be `holds`; None if it is no flag.

        A flag is a member, or a bit of one, that is set to constants only, and taken back by the
        routine that tests it or by what that calls.
        """
        flag = _flag(test)
        if flag is None:
            return None
        stores = self._stores_of(flag)
        setters = tuple((where, site) for where, site, value in stores if value == holds)
        if not setters or routine not in self._takes_back(flag, not holds):
            return None
        return tuple(one for one in setters if one[0] is not routine) or None

    def _stores_of(self, flag: _Flag) -> list[tuple[Routine, Site, bool]]:
        if flag not in self._stores:
            found = list(self._search(*flag))
            constant = all(value is not None for _, _, value in found)
            kept = [(where, site, value) for where, site, value in found if value is not None]
            self._stores[flag] = kept if constant else []
        return self._stores[flag]

    def _search(self, member: str, bit: str) -> Iterator[tuple[Routine, Site, bool | None]]:
        for routine in self._linker.mentions.of(member + "="):
            for site in routine.flow.sites:
                match site.expr:
                    case Expr("assign", sign, (Expr("member", name), value)) if name == member:
                        yield from ((routine, site, one) for one in _stored(sign, value, bit))

    def _takes_back(self, flag: _Flag, value: bool) -> frozenset[Routine]:
        """The routines that store a value in a flag, and those that may call them."""
        key = (flag, value)
        if key not in self._takers:
            level = {where for where, _, stored in self._stores_of(flag) if stored == value}
            found = set(level)
            for _ in range(_FAR_UP):
                level = {up for one in level for up in self._linker.could_call(one)} - found
                found |= level
            self._takers[key] = frozenset(found)
        return self._takers[key]


def _flag(test: Expr) -> _Flag | None:
    match test:
        case Expr("member", name) if name:
            return name, ""
        case Expr("binary", "&", (Expr("member", name), bit)) if name and _is_bit(bit):
            return name, spelled(bit)
    return None


def _is_bit(expr: Expr) -> bool:
    """Whether an expression may be a constant: a number, or the name of one."""
    names = [one.text for one in walk(expr) if one.kind in ("name", "member")]
    return all(name.isupper() for name in names)


def _stored(sign: str, value: Expr, bit: str) -> Iterator[bool | None]:
    """Whether an assignment makes a flag true; None if that is not known, nothing if it is of
    another bit."""
    if not bit:
        yield truth(value) if sign == "=" else None
    elif sign == "=":
        yield {bit: True, "0": False}.get(spelled(value))
    elif sign == "|=":
        yield from [True] * _has(value, bit)
    elif sign == "&=" and value.kind == "unary" and value.text == "~":
        yield from [False] * _has(value.kids[0], bit)
    else:
        yield None


def _has(mask: Expr, bit: str) -> bool:
    return any(spelled(one) == bit for one in walk(mask))
