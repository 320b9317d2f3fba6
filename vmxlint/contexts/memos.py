"""Work that a test does not do again: it updates what is tested, or fills a cache."""

from __future__ import annotations

from vmxlint.facts import members, spelled
from vmxlint.flow import Site
from vmxlint.flow.conditions import Condition
from vmxlint.flow.routine import Routine


class Memos:
    """The search for such work behind the conditions of a unit."""

    def __init__(self) -> None:
        self._stored: dict[Routine, list[Site]] = {}

    def updates(self, condition: Condition, routine: Routine) -> bool:
        """Whether the guarded code updates what is tested, or fills a cache."""
        updates = self._guarded(condition, routine) & members(condition.test)
        return bool(updates) or self.fills(condition, routine)

    def fills(self, condition: Condition, routine: Routine) -> bool:
        """Whether the guarded code fills a member that is returned behind it."""
        guarded = self._guarded(condition, routine)
        return any(
            guarded & members(site.expr)
            for site in (routine.flow.sites if guarded else ())
            if site.kind == "return" and condition not in site.conditions
        )

    def _guarded(self, condition: Condition, routine: Routine) -> set[str]:
        """The members that code behind a condition fills."""
        return {
            spelled(site.expr.kids[0])
            for site in self._stores(routine)
            if condition in site.conditions
        }

    def _stores(self, routine: Routine) -> list[Site]:
        if routine not in self._stored:
            self._stored[routine] = [
                site
                for site in routine.flow.sites
                if site.expr.kind == "assign" and site.expr.kids[0].kind == "member"
            ]
        return self._stored[routine]
