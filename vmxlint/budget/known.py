"""What a pass knows beyond a condition's odds: constant arguments, caches that each exit empties.

A register that a VM-exit left in the VMCS is read when it is first asked for, and kept. The word
whose bits say what is kept is written anew behind each VM-exit; so a test of it that fails means
the first use in this pass, and the VMREAD behind it happens once however often one asks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property

from vmxlint.calls.link import Edge, Linker
from vmxlint.contexts.constants import Constants, bare
from vmxlint.contexts.gate import Gate
from vmxlint.contexts.spine import Spine
from vmxlint.facts import Expr, members, walk
from vmxlint.flow.conditions import Condition, truth
from vmxlint.flow.routine import Routine
from vmxlint.operations.values import returned, substituted

Given = tuple[tuple[str, str], ...]  # the parameters whose value is a constant, with its text
_DEEPEST = 2


class Known:
    """What is known of a unit's conditions in one pass."""

    def __init__(self, linker: Linker, spine: Spine) -> None:
        self._linker = linker
        self._spine = spine
        self._constants = Constants(linker)
        self._telling: dict[Routine, frozenset[str]] = {}
        self._first: dict[int, bool] = {}
        self._decided: dict[tuple[int, Given], bool | None] = {}

    def given(self, edge: Edge, caller: Given) -> Given:
        """The constants that a call hands over, for the parameters that decide something."""
        if edge.value or edge.site.expr.kind != "call":
            return ()
        telling = self._decisive(edge.callee)
        if not telling:
            return ()
        known = dict(caller)
        pairs = zip(edge.callee.parameters, edge.site.expr.kids[1:], strict=False)
        texts = [
            (name, self._constant(value, edge.caller, known))
            for name, value in pairs
            if name in telling
        ]
        return tuple((name, text) for name, text in texts if text)

    def _decisive(self, routine: Routine) -> frozenset[str]:
        """The parameters that a test is about, or that are handed on."""
        if routine not in self._telling:
            tests = {id(c): c.test for site in routine.flow.sites for c in site.conditions}
            handed = (
                one
                for site in routine.flow.sites
                if site.expr.kind == "call"
                for one in site.expr.kids[1:]
            )
            named = {one.text for test in tests.values() for one in walk(test)}
            named |= {one.text for one in map(bare, handed) if one.kind == "name"}
            self._telling[routine] = frozenset(named & set(routine.parameters))
        return self._telling[routine]

    def _constant(self, value: Expr, caller: Routine, known: Mapping[str, str]) -> str:
        value = bare(value)
        if value.kind == "name" and value.text in caller.variables:
            return known.get(value.text, "")
        if value.kind == "number":
            return value.text
        return value.text if self._constants.is_named(value) else ""

    def decided(self, gate: Gate, given: Given, routine: Routine) -> bool | None:
        """Whether a gate's condition holds, by constant arguments, or for module parameters and
        the like by what they are set to in the source; None if that leaves it open."""
        key = id(gate.condition), given
        if key not in self._decided:
            self._decided[key] = self._decide(gate, given, routine)
        return self._decided[key]

    def _decide(self, gate: Gate, given: Given, routine: Routine) -> bool | None:
        condition = gate.condition
        texts = {name: Expr("name", text, (), 0, 0) for name, text in given}
        test = substituted(condition.test, texts)
        if condition.cases:
            among = self._constants.is_among(test, condition.cases)
            return None if among is None else among == condition.holds
        if test is condition.test and gate.kind != "build" and not _is_plain_call(test):
            return None
        known = self._truth(test, routine)
        return None if known is None else known == condition.holds

    def _truth(self, test: Expr, routine: Routine, depth: int = 0) -> bool | None:
        if depth > _DEEPEST:
            return None
        match test:
            case Expr("unary", "!", (inner,)):
                known = self._truth(inner, routine, depth + 1)
                return None if known is None else not known
            case Expr("binary", "&&" | "||" as operator, (left, right)):
                both = {self._truth(one, routine, depth + 1) for one in (left, right)}
                decisive = operator == "||"
                return decisive if decisive in both else None if None in both else not decisive
            case Expr("binary", "==" | "!=" as operator, (left, right)):
                same = self._constants.same(left, right)
                return None if same is None else same == (operator == "==")
            case Expr("name", name) if name not in routine.variables:
                value = self._constants.value(test)
                return None if value is None else bool(value)
            case Expr("call", _, (Expr("name", name), *given)):
                return self._answer(name, given, routine, depth)
        return truth(test)

    def _answer(
        self, name: str, given: Sequence[Expr], routine: Routine, depth: int
    ) -> bool | None:
        """What a function that only returns an expression answers, in every build that has one."""
        if name in self._linker.dialect.static_key:
            return False  # a feature that is switched on at run time, for some rare need
        answers: set[bool | None] = set()
        for callee in self._linker.names.meant(name, routine.path):
            answer = returned(given, callee)
            answers.add(self._truth(answer, callee, depth + 1) if answer else None)
        return answers.pop() if len(answers) == 1 else None

    def is_first_use(self, condition: Condition, routine: Routine) -> bool:
        """Whether a condition says that something is not yet kept since the last VM-exit."""
        found = self._first.get(id(condition))
        if found is None:
            test, holds = condition.test, condition.holds
            while test.kind == "unary" and test.text == "!":
                test, holds = test.kids[0], not holds
            found = not holds and self._asks_kept(test, routine)
            self._first[id(condition)] = found
        return found

    def _asks_kept(self, test: Expr, routine: Routine, depth: int = 0) -> bool:
        if test.kind != "call" or not test.kids or depth > _DEEPEST:
            return False
        given = test.kids[1:]
        addresses = (one for each in given for one in walk(each) if one.kind == "unary")
        if any(one.text == "&" and self._is_renewed(one) for one in addresses):
            return True
        callee = self._linker.resolve(test.kids[0].text, routine.path)
        if callee is None:
            return False
        told = (site.expr for site in callee.flow.sites if site.kind == "return")
        calls = (one for each in told for one in walk(each) if one.kind == "call")
        return any(self._asks_kept(one, callee, depth + 1) for one in calls)

    def _is_renewed(self, address: Expr) -> bool:
        return any(re.split(r"->|\.", name)[-1] in self._renewed for name in members(address))

    @cached_property
    def _renewed(self) -> frozenset[str]:
        """The members that the functions which enter the guest write behind each VM-exit."""
        return frozenset(
            site.expr.kids[0].text
            for routine, (first, _) in self._spine.steps.items()
            for site in routine.flow.sites[first:]
            if site.expr.kind == "assign" and site.expr.kids[0].kind == "member"
        )


def _is_plain_call(test: Expr) -> bool:
    """Whether a test asks nothing but a function without arguments."""
    while test.kind == "unary" and test.text == "!":
        test = test.kids[0]
    return test.kind == "call" and len(test.kids) == 1
