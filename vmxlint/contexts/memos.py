"""Work that a test does not do again: it updates what is tested, or fills a cache."""

from __future__ import annotations

from vmxlint.facts import members, spelled
from vmxlint.flow import Site
from vmxlint.flow.conditions import Condition
from vmxlint.flow.routine import Routine


class Memos:
    """The search for such work behind the conditions of a unit."""

    def __init__(self) -> None:
        self._stored: dict[Routine, list[tuple[str, Site]]] = {}

    def updates(self, condition: Condition, routine: Routine) -> bool:
        """Whether the guarded code updates what is tested, or fills a cache."""
        guarded = self._guarded(condition, routine)
        updates = bool(guarded) and not guarded.isdisjoint(members(condition.test))
        return updates or self._are_returned(guarded, condition, routine)

    def fills(self, condition: Condition, routine: Routine) -> bool:
        """Whether the guarded code fills a member that is returned behind it."""
        return self._are_returned(self._guarded(condition, routine), condition, routine)

    def _are_returned(self, filled: set[str], condition: Condition, routine: Routine) -> bool:
        return any(
            not filled.isdisjoint(members(site.expr))
            for site in (routine.flow.sites if filled else ())
            if site.kind == "return" and condition not in site.conditions
        )

    def _guarded(self, condition: Condition, routine: Routine) -> set[str]:
        """The members that code behind a condition fills."""
        stores = self._stores(routine)
        return {member for member, site in stores if condition in site.conditions}

    def _stores(self, routine: Routine) -> list[tuple[str, Site]]:
        if routine not in self._stored:
            self._stored[routine] = [
                (spelled(site.expr.kids[0]), site)
                for site in routine.flow.sites
                if site.expr.kind == "assign" and site.expr.kids[0].kind == "member"
            ]
        return self._stored[routine]
