"""Conditions understood: exit-reason tests, nested mode, the build, caches, rare state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from vmxlint.calls.link import Edge, Linker
from vmxlint.contexts.arguments import Arguments, parameter_of
from vmxlint.contexts.bare import chance_that, hint_of, is_null, is_null_test, stripped
from vmxlint.contexts.builds import Builds
from vmxlint.contexts.declared import Declared
from vmxlint.contexts.flags import Flags
from vmxlint.contexts.gate import DECIDED, LEAVES, LIKELY, STAYS, UNKNOWN, Gate
from vmxlint.contexts.memos import Memos
from vmxlint.contexts.reasons import Reasons
from vmxlint.contexts.tables import Tables, is_beyond
from vmxlint.facts import Expr, called, walk
from vmxlint.flow import Condition, Conditions
from vmxlint.flow.conditions import implied
from vmxlint.flow.routine import Routine
from vmxlint.interval import NOTHING, ONCE, Interval
from vmxlint.operations.values import assigned, predicate

_LARGE = 40  # parts of a test, beyond which its sides are not looked at
_RARITY = 0.05  # of what is no more than an exception beside a flag


class Gates:
    """Classifies the conditions of a unit's routines."""

    def __init__(self, linker: Linker, reasons: Reasons) -> None:
        self._linker = linker
        self._dialect = linker.dialect
        self._flags = Flags(linker)
        self._arguments = Arguments(linker)
        self._reasons = reasons
        self._known: dict[int, Gate] = {}
        self._memos = Memos()
        self._builds = Builds(linker)
        self._declared = Declared(linker.dialect)
        self.tables = Tables(linker)

    def gates(self, conditions: Iterable[Condition], routine: Routine) -> tuple[Gate, ...]:
        """What each of the conditions in `routine` is about."""
        return tuple(self._gate(one, routine) for one in conditions)

    def chance_in(self, gate: Gate, calls: Sequence[Edge]) -> Interval:
        """The probability of a test of a parameter in the function that some calls lead to."""
        test, holds = stripped(gate.condition.test, gate.condition.holds)
        if not calls:
            return gate.probability
        if cases := gate.condition.cases:
            answer = self._arguments.is_among(cases, gate.parameter, calls)
        else:
            answer = self._arguments.decide(test, gate.parameter, calls)
        if answer is not None:
            return DECIDED if answer == holds else DECIDED.complement()
        match test:
            case Expr("binary", operator, (_, constant)):
                if self._arguments.is_passed(constant, gate.parameter, calls[-1].callee):
                    return chance_that(LEAVES, holds == (operator == "=="))
        return gate.probability

    def _gate(self, condition: Condition, routine: Routine) -> Gate:
        """By the identity of the condition, which lives as long as its routine's flow."""
        gate = self._known.get(id(condition))
        if gate is None:
            gate = self._known[id(condition)] = self._classify(condition, routine)
        return gate

    def _classify(self, condition: Condition, routine: Routine) -> Gate:
        test, holds = stripped(condition.test, condition.holds)
        if self.tables.asked(test, routine):
            return Gate("table", condition, holds, chance_that(ONCE, holds != is_beyond(test)))
        if (found := self._reasons.allowed(condition, routine)) is not None:
            among, reasons = found
            return Gate("reason", condition, condition.holds, ONCE, reasons, among)
        if condition.cases:
            return _of_switch(condition, parameter_of(test, routine))
        if condition.ways:
            chance = self._chance_of(condition.ways, routine)
            return Gate("state", condition, condition.holds, chance)
        return (
            self._declared.gate(condition, test, holds, routine)
            or self._by_answer(condition, test, holds, routine)
            or self._by_hint(condition, test, holds, routine)
            or self._by_sides(condition, test, holds, routine)
            or self._by_use(condition, test, holds, routine)
            or _state(condition, holds, parameter_of(test, routine))
        )

    def _by_sides(
        self, condition: Condition, test: Expr, holds: bool, routine: Routine
    ) -> Gate | None:
        """An `||` of which each side is known: both sides have to fail for it to fail."""
        if test.kind != "binary" or test.text not in ("&&", "||"):
            return None
        if sum(1 for _ in islice(walk(test), _LARGE)) == _LARGE:
            return None
        if (flag := self._flag_beside_rarity(condition, test, holds, routine)) is not None:
            return flag
        fails, kind = ONCE, "hint"
        for side in test.kids:
            chance = ONCE
            for part in implied(side, test.text == "||"):
                gate = self._classify(part, routine)
                if gate.kind not in ("build", "hint"):
                    return None
                chance = chance * gate.probability
                kind = gate.kind if kind == "hint" else kind
            fails = fails * chance.complement()
        return Gate(kind, condition, holds, chance_that(fails, holds != (test.text == "||")))

    def _flag_beside_rarity(
        self, condition: Condition, test: Expr, holds: bool, routine: Routine
    ) -> Gate | None:
        """The flag of `flag || rare`, or of `!(flag && usual)`, which decides all but always."""
        if holds != (test.text == "||"):
            return None
        for side, other in (test.kids, test.kids[::-1]):
            known = self._declared.chance(stripped(other, True)[0], routine)
            bare, wanted = stripped(side, holds)
            setters = known and self._flags.setters(bare, wanted, routine)
            if known and setters and chance_that(known, holds).typical <= _RARITY:
                flag = condition._replace(test=bare, holds=wanted)
                return Gate("flag", flag, wanted, UNKNOWN, setters=setters)
        return None

    def _chance_of(self, ways: Iterable[Conditions], routine: Routine) -> Interval:
        """The chance of any of the ways to a label; a jump there leaves, so it seldom is taken."""
        total = NOTHING
        for way in ways:
            chance = ONCE
            for gate in self.gates(way, routine):
                chance = chance * (LEAVES if gate.probability is UNKNOWN else gate.probability)
            total = total + chance
        return total.capped(1)

    def _by_answer(
        self, condition: Condition, test: Expr, holds: bool, routine: Routine
    ) -> Gate | None:
        """A test that a function makes, or whose answer a local keeps: for nested mode, or of a
        flag."""
        answer = self._meant(test, routine)
        if answer is None:
            return None
        answer, holds = stripped(answer, holds)
        if answer.kind == "call" and called(answer) & self._dialect.guest_mode:
            return Gate("guest-mode", condition, holds, ONCE)
        if setters := self._flags.setters(answer, holds, routine):
            flag = condition._replace(test=answer, holds=holds)
            return Gate("flag", flag, holds, UNKNOWN, setters=setters)
        return None

    def _meant(self, test: Expr, routine: Routine) -> Expr | None:
        """What a local or a call in a test stands for."""
        match test:
            case Expr("name", name) if name in routine.variables:
                values = list(assigned(routine, name))
                return values[0] if len(values) == 1 else None
            case Expr("call", _, (Expr("name", name), *given)):
                body = predicate(name, given, routine, self._linker)
                return body[0] if body else None
        return None

    def _by_hint(
        self, condition: Condition, test: Expr, holds: bool, routine: Routine
    ) -> Gate | None:
        if (hint := hint_of(condition.test)) is not None:
            return Gate("hint", condition, holds, chance_that(hint, condition.holds))
        if is_null_test(test, routine):
            return Gate("hint", condition, holds, chance_that(LIKELY, holds != is_null(test)))
        return None

    def _by_use(
        self, condition: Condition, test: Expr, holds: bool, routine: Routine
    ) -> Gate | None:
        setters = self._flags.setters(test, holds, routine)
        if setters and not (test.kind == "binary" and self._memos.fills(condition, routine)):
            return Gate("flag", condition, holds, UNKNOWN, setters=setters)
        if (built := self._builds.chance(test, holds, routine)) is not None:
            return Gate("build", condition, holds, built)
        if self._memos.updates(condition, routine):
            return Gate("memo", condition, holds, UNKNOWN)
        return None


def _of_switch(condition: Condition, parameter: str) -> Gate:
    """One arm of a switch: each value is as likely as another, and as none of them."""
    if condition.early or not condition.holds:
        return _state(condition, condition.holds, parameter)
    share = len(condition.cases) / (condition.of + 1)
    return Gate("state", condition, True, Interval(0, share, 1), parameter=parameter)


def _state(condition: Condition, holds: bool, parameter: str) -> Gate:
    chance = STAYS if condition.early else UNKNOWN
    return Gate("state", condition, holds, chance, parameter=parameter)
