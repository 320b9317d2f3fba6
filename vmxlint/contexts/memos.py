"""Work that a test does not do again: it updates what is tested, or fills a cache."""

from __future__ import annotations

from collections.abc import Collection

from vmxlint.facts import Expr, is_constant, members, spelled
from vmxlint.flow import Site
from vmxlint.flow.conditions import Condition
from vmxlint.flow.routine import Routine

Store = tuple[str, Site]  # the member that is given a value, and where


class Memos:
    """The search for such work behind the conditions of a unit."""

    def __init__(self) -> None:
        self._stored: dict[Routine, list[Store]] = {}

    def updates(self, condition: Condition, routine: Routine) -> bool:
        """Whether the guarded code updates what is tested, or fills a cache."""
        guarded = self._guarded(condition, routine)
        asked = members(condition.test) if guarded else ()
        return any(
            member in asked and not _stays_apart(condition, member, site.expr.kids[-1])
            for member, site in guarded
        ) or _are_returned(guarded, condition, routine)

    def fills(self, condition: Condition, routine: Routine) -> bool:
        """Whether the guarded code fills a member that is returned behind it."""
        return _are_returned(self._guarded(condition, routine), condition, routine)

    def _guarded(self, condition: Condition, routine: Routine) -> list[Store]:
        """The assignments to members behind a condition."""
        return [store for store in self._stores(routine) if condition in store[1].conditions]

    def _stores(self, routine: Routine) -> list[Store]:
        if routine not in self._stored:
            self._stored[routine] = [
                (spelled(site.expr.kids[0]), site)
                for site in routine.flow.sites
                if site.expr.kind == "assign" and site.expr.kids[0].kind == "member"
            ]
        return self._stored[routine]


def _are_returned(stores: Collection[Store], condition: Condition, routine: Routine) -> bool:
    filled = {member for member, _ in stores}
    return any(
        not filled.isdisjoint(members(site.expr))
        for site in (routine.flow.sites if filled else ())
        if site.kind == "return" and condition not in site.conditions
    )


def _stays_apart(condition: Condition, member: str, value: Expr) -> bool:
    """Whether a member differs from a value and is then given a constant that is not known to be
    the same: the next compare may well come out as this one did."""
    test = condition.test
    differs = "!=" if condition.holds else "=="
    if test.kind != "binary" or test.text != differs or not is_constant(value):
        return False
    return any(spelled(one) != member and not is_constant(one) for one in test.kids)
