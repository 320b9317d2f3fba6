"""Nested mode: code that only ever runs while L2 is the guest, though nothing before it asks.

Only L2's exits lead back to the VMCS of L1, so what stands on that way runs in nested mode, whoever
calls it. So does a callback that only the way to L2 puts in, and what says so by an assertion.
"""

from __future__ import annotations

from collections.abc import Set
from functools import cached_property

from vmxlint.calls.link import Edge, Linker
from vmxlint.facts import Expr
from vmxlint.flow import Site
from vmxlint.flow.routine import Routine

_DEEPEST = 6


class NestedMode:
    """What runs in nested mode only, given the routines on the way to the switch of the VMCS:
    `there` to that of L2, `back` to that of L1."""

    def __init__(self, linker: Linker, there: Set[Routine], back: Set[Routine]) -> None:
        self._linker = linker
        self._there = dict.fromkeys(there - back, True)
        self._only = dict.fromkeys(back - there, True)

    def needs(self, edge: Edge) -> bool:
        """Whether a call is made in nested mode only."""
        return self._is_only(edge.callee, 0) or self._is_put_in(edge)

    def rivals(self, edge: Edge) -> int:
        """How many functions a call can lead to in the mode, nested or not, that it is made in."""
        siblings = [one for one in self._linker.edges(edge.caller) if one.site is edge.site]
        needed = self.needs(edge)
        return sum(self.needs(one) == needed for one in siblings)

    def _is_only(self, routine: Routine, depth: int) -> bool:
        """Whether a routine, or what it calls in any case, runs in nested mode only."""
        if routine not in self._only:
            self._only[routine] = False  # as long as it is not known
            if routine not in self._able:
                return False
            self._only[routine] = self._asserts(routine) or (
                depth < _DEEPEST
                and any(
                    self._is_only(edge.callee, depth + 1)
                    for edge in self._linker.edges(routine)
                    if not edge.site.conditions and edge.rivals == 1 and not edge.key
                )
            )
        return self._only[routine]

    @cached_property
    def _able(self) -> Set[Routine]:
        """The routines that may run in nested mode only, found without reading them: those that
        may assert it, and what may call these or what leads back from L2."""
        found = {one for one, only in self._only.items() if only}
        found |= self._asserting
        todo = [*found]
        while todo:
            callers = set(self._linker.could_call(todo.pop())) - found
            found |= callers
            todo += callers
        return found

    @cached_property
    def _asserting(self) -> Set[Routine]:
        """The routines that may assert nested mode, found without reading them."""
        dialect, mentions = self._linker.dialect, self._linker.mentions
        asked = set(mentions.of_any(*dialect.guest_mode))
        return asked.intersection(mentions.of_any(*dialect.failure))

    def _asserts(self, routine: Routine) -> bool:
        return routine in self._asserting and any(map(self._says, routine.flow.sites))

    def _says(self, site: Site) -> bool:
        """Whether a site asserts nested mode: `WARN_ON(!is_guest_mode(vcpu))`."""
        dialect = self._linker.dialect
        match site.expr:
            case Expr("call", _, (Expr("name", name), Expr("unary", "!", (asked,)), *_)):
                is_assertion = name in dialect.failure and not site.conditions
                callee = asked.kids[0].text if asked.kind == "call" and asked.kids else ""
                return is_assertion and callee in dialect.guest_mode
        return False

    def _is_put_in(self, edge: Edge) -> bool:
        """Whether only the way to L2 puts the called function into the member that is called."""
        installers = self._linker.dispatch.installers(edge.slot, edge.callee) if edge.slot else ()
        return bool(installers) and all(self._is_there(one, 0) for one in installers)

    def _is_there(self, routine: Routine, depth: int) -> bool:
        """Whether a routine is on the way to L2, as is all that calls it."""
        if routine not in self._there:
            self._there[routine] = False  # as long as it is not known
            self._there[routine] = (
                depth < _DEEPEST
                and self._linker.has_callers(routine)
                and all(
                    self._is_there(edge.caller, depth + 1)
                    for edge in self._linker.each_caller(routine)
                )
            )
        return self._there[routine]
