"""Compares of a struct member with what is about to be written, in the conditions on the way."""

from __future__ import annotations

from vmxlint.calls.link import Linker
from vmxlint.facts import Expr, walk
from vmxlint.flow import Conditions
from vmxlint.flow.routine import Routine
from vmxlint.operations.structs import Place, Structs
from vmxlint.operations.values import assigned, returned

_COMPARING = ("!=", "==", "^", "-")
_DEEPEST = 6


class Compares:
    """The search for such compares in a unit."""

    def __init__(self, linker: Linker, structs: Structs) -> None:
        self._linker = linker
        self._structs = structs

    def among(self, conditions: Conditions, place: Place, routine: Routine) -> bool:
        """Whether one of some conditions, in the names of `routine`, compares the member."""
        return any(
            one.kind == "binary" and one.text in _COMPARING and self._mentions(one, place, routine)
            for condition in conditions
            for test in (condition.test, self._expanded(condition.test, routine, 0))
            for one in walk(test)
        )

    def _expanded(self, test: Expr, routine: Routine, depth: int) -> Expr:
        """A condition with its locals and predicates replaced by what they stand for."""
        if depth > _DEEPEST:
            return test
        if test.kind == "name" and test.text not in routine.parameters:
            values = list(assigned(routine, test.text))
            return self._expanded(values[0], routine, depth + 1) if len(values) == 1 else test
        if test.kind == "call" and test.kids:
            callee = self._linker.resolve(test.kids[0].text, routine.path)
            if body := returned(test.kids[1:], callee):
                return self._expanded(body, routine, depth + 1)
        if not test.kids:
            return test
        kids = tuple(self._expanded(kid, routine, depth + 1) for kid in test.kids)
        return test._replace(kids=kids)

    def _mentions(self, compare: Expr, place: Place, routine: Routine) -> bool:
        if any(side.kind == "number" for side in compare.kids):
            return False
        for one in walk(compare):
            if one.kind == "member" and one.text == place.member.name:
                found = self._structs.place(one, routine)
                if found and (found.owner, found.member) == (place.owner, place.member):
                    return True
            if one.kind == "call" and one.kids and self._gets(one, place, routine):
                return True
        return False

    def _gets(self, call: Expr, place: Place, routine: Routine) -> bool:
        """Whether a call only returns the member."""
        callee = self._linker.resolve(call.kids[0].text, routine.path)
        if callee is None or callee is routine:
            return False
        returned = [site.expr for site in callee.flow.sites if site.kind == "return"]
        if len(returned) != 1 or returned[0].kind != "member":
            return False
        found = self._structs.place(returned[0], callee)
        return found is not None and found.member == place.member
