"""Flags: `if (x->dirty) { x->dirty = false; ... }` runs as often as somebody sets the flag."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
        self._near: dict[str, frozenset[Routine]] = {}

    def setters(self, test: Expr, holds: bool, routine: Routine) -> tuple[Setter, ...] | None:
        """The places that make a test of a flag in `routine` be `holds`; None if it is no flag.

        A flag is a member, or a bit of one, that is set to constants, beside these also to what a
        call answers, and taken back by the routine that tests it or by what that calls. None also
        if that routine makes the test hold itself: as often as it does so, which the other places
        don't tell.
        """
        flag = _flag(test)
        if flag is None or routine not in self._near_stores(flag[0]):
            return None
        stores = self._stores_of(flag)
        setters = tuple((where, site) for where, site, value in stores if value == holds)
        if not setters or routine not in self._takes_back(flag, not holds):
            return None
        return None if any(where is routine for where, _ in setters) else setters

    def _near_stores(self, member: str) -> frozenset[Routine]:
        """The routines that may take a flag in a member back, found without reading them."""
        if member not in self._near:
            self._near[member] = self._and_above(self._linker.mentions.of(member + "="))
        return self._near[member]

    def _stores_of(self, flag: _Flag) -> list[tuple[Routine, Site, bool]]:
        if flag not in self._stores:
            self._stores[flag] = self._search(flag)
        return self._stores[flag]

    def _search(self, flag: _Flag) -> list[tuple[Routine, Site, bool]]:
        """The stores to a flag, in order; none if one of them is of something else: looked for in
        what has been read first."""
        able = self._linker.mentions.of(flag[0] + "=")
        found: dict[Routine, list[tuple[Routine, Site, bool]]] = {}
        for routine in sorted(able, key=lambda one: not one.is_read):
            stores = list(_stores_in(routine, *flag))
            is_set = any(value for _, value in stores)
            known = [(routine, site, value) for site, value in stores if value is not None]
            known += [(routine, s, True) for s, value in stores if is_set and _is_asked(s, value)]
            if len(known) < len(stores):
                return []
            found[routine] = known
        return [one for routine in able for one in found[routine]]

    def _takes_back(self, flag: _Flag, value: bool) -> frozenset[Routine]:
        """The routines that store a value in a flag, and those that may call them."""
        key = (flag, value)
        if key not in self._takers:
            stores = self._stores_of(flag)
            self._takers[key] = self._and_above(w for w, _, stored in stores if stored == value)
        return self._takers[key]

    def _and_above(self, routines: Iterable[Routine]) -> frozenset[Routine]:
        """Routines, and those that may call them."""
        level = set(routines)
        found = set(level)
        for _ in range(_FAR_UP):
            level = {up for one in level for up in self._linker.could_call(one)} - found
            found |= level
        return frozenset(found)


def _stores_in(routine: Routine, member: str, bit: str) -> Iterator[tuple[Site, bool | None]]:
    for site in routine.flow.sites:
        match site.expr:
            case Expr("assign", sign, (Expr("member", name), value)) if name == member:
                yield from ((site, one) for one in _stored(sign, value, bit))


def _is_asked(site: Site, value: bool | None) -> bool:
    """Whether a store that is of no constant is of what a call answers, which may be true."""
    return value is None and site.expr.text == "=" and site.expr.kids[1].kind == "call"


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
