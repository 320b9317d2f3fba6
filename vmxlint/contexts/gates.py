"""Conditions understood: exit-reason tests, nested mode, the build, caches, rare state."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from itertools import islice

from vmxlint.calls.link import Edge, Linker
from vmxlint.contexts.arguments import Arguments, parameter_of
from vmxlint.contexts.builds import Builds
from vmxlint.contexts.flags import Flags
from vmxlint.contexts.gate import (
    BUILD,
    DECIDED,
    LEAVES,
    LIKELY,
    NEVER,
    RARELY,
    STAYS,
    UNKNOWN,
    Gate,
)
from vmxlint.contexts.memos import Memos
from vmxlint.contexts.reasons import Reasons
from vmxlint.facts import Expr, called, spelled, walk
from vmxlint.flow import Condition, Conditions
from vmxlint.flow.conditions import implied, truth
from vmxlint.flow.routine import Routine
from vmxlint.interval import NOTHING, ONCE, Interval
from vmxlint.operations.values import assigned, predicate

_LARGE = 40  # parts of a test, beyond which its sides are not looked at
_RARITY = 0.05  # of what is no more than an exception beside a flag
_HINTS = {"likely": LIKELY, "unlikely": RARELY, "static_branch_likely": BUILD}


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

    def gates(self, conditions: Iterable[Condition], routine: Routine) -> tuple[Gate, ...]:
        """What each of the conditions in `routine` is about."""
        return tuple(self._gate(one, routine) for one in conditions)

    def table(self, key: str) -> Gate:
        """The gate of a handler table's row."""
        reasons = frozenset({self._reasons.canonical(key)})
        reason, row = Expr("opaque", "exit reason", (), 0, 0), Expr("name", key, (), 0, 0)
        return Gate("reason", Condition(reason, True, False, (row,)), True, ONCE, reasons)

    @cached_property
    def handled(self) -> frozenset[str]:
        """The exit reasons that have a row in a handler table."""
        tables = self._linker.dispatch.handlers.values()
        return frozenset(self._reasons.canonical(key) for rows in tables for key, _ in rows)

    def chance_in(self, gate: Gate, calls: Sequence[Edge]) -> Interval:
        """The probability of a test of a parameter in the function that some calls lead to."""
        test, holds = _stripped(gate.condition.test, gate.condition.holds)
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
                    return _chance(LEAVES, holds == (operator == "=="))
        return gate.probability

    def _gate(self, condition: Condition, routine: Routine) -> Gate:
        """By the identity of the condition, which lives as long as its routine's flow."""
        gate = self._known.get(id(condition))
        if gate is None:
            gate = self._known[id(condition)] = self._classify(condition, routine)
        return gate

    def _classify(self, condition: Condition, routine: Routine) -> Gate:
        test, holds = _stripped(condition.test, condition.holds)
        if routine in self._naming_tables and self._is_about_table(test):
            return Gate("table", condition, holds, _chance(ONCE, holds != _is_beyond(test)))
        if (found := self._reasons.allowed(condition, routine)) is not None:
            among, reasons = found
            return Gate("reason", condition, condition.holds, ONCE, reasons, among)
        if condition.cases:
            return _of_switch(condition, parameter_of(test, routine))
        if condition.ways:
            chance = self._chance_of(condition.ways, routine)
            return Gate("state", condition, condition.holds, chance)
        return (
            self._by_dialect(condition, test, holds, routine)
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
        return Gate(kind, condition, holds, _chance(fails, holds != (test.text == "||")))

    def _flag_beside_rarity(
        self, condition: Condition, test: Expr, holds: bool, routine: Routine
    ) -> Gate | None:
        """The flag of `flag || rare`, or of `!(flag && usual)`, which decides all but always."""
        if holds != (test.text == "||"):
            return None
        for side, other in (test.kids, test.kids[::-1]):
            known = self._known_chance(_stripped(other, True)[0], routine)
            bare, wanted = _stripped(side, holds)
            setters = known and self._flags.setters(bare, wanted, routine)
            if known and setters and _chance(known, holds).typical <= _RARITY:
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

    def _by_dialect(
        self, condition: Condition, test: Expr, holds: bool, routine: Routine
    ) -> Gate | None:
        names = called(test)
        if names & self._dialect.guest_mode:
            _, holds = _stripped(test, holds, _HINTS.keys() | self._dialect.failure)
            return Gate("guest-mode", condition, holds, ONCE)
        if names & self._dialect.request:
            return Gate("request", condition, holds, _chance(RARELY, holds))
        if names & self._dialect.failure or _is_error_test(test):
            return Gate("failure", condition, holds, _chance(NEVER, holds))
        if (known := self._known_chance(test, routine)) is not None:
            return Gate("hint", condition, holds, _chance(known, holds))
        return None

    def _by_answer(
        self, condition: Condition, test: Expr, holds: bool, routine: Routine
    ) -> Gate | None:
        """A test that a function makes, or whose answer a local keeps: for nested mode, or of a
        flag."""
        answer = self._meant(test, routine)
        if answer is None:
            return None
        answer, holds = _stripped(answer, holds)
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
        if (hint := self._hint(condition.test)) is not None:
            return Gate("hint", condition, holds, _chance(hint, condition.holds))
        if _is_null_test(test, routine):
            return Gate("hint", condition, holds, _chance(LIKELY, holds != _is_null(test)))
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

    def _is_about_table(self, test: Expr) -> bool:
        """Whether a test only asks if a handler table has a row."""
        return any(one.text in self._tables for one in walk(test) if one.kind == "name")

    @cached_property
    def _tables(self) -> frozenset[str]:
        """The handler tables, and the constants in which one is named."""
        tables = self._linker.dispatch.handlers
        texts = self._linker.constants.items()
        named = {name for table in tables for name, text in texts if table in text}
        return frozenset(named.union(tables))

    @cached_property
    def _naming_tables(self) -> frozenset[Routine]:
        return frozenset(self._linker.mentions.naming_any(self._tables))

    def _known_chance(self, test: Expr, routine: Routine) -> Interval | None:
        if test.kind == "name" and test.text in routine.variables:
            values = list(assigned(routine, test.text))
            own = test.text in self._dialect.known
            test = values[0] if len(values) == 1 and not own else test
        test = self._plain(test)
        if test.kind == "binary" and test.text in ("==", "!="):
            known = self._dialect.known.get(spelled(test.kids[-1]))
            return known and _chance(known, test.text == "==")
        last = test.kids[0] if test.kind == "call" and test.kids else test
        if test.kind == "binary" and test.text == "&":
            last = test.kids[-1]
        return self._dialect.known.get(last.text) if last.kind in ("name", "member") else None

    def _plain(self, test: Expr) -> Expr:
        """What is asked for by a macro that stands for its argument, or for what that points to."""
        match test:
            case Expr("call", _, (Expr("name", name), given)) if name in self._dialect.transparent:
                return given.kids[0] if given.kind == "unary" and given.text == "&" else given
        return test

    def _hint(self, test: Expr) -> Interval | None:
        match test:
            case Expr("call", _, (Expr("name", name), *_)):
                return _HINTS.get(name)
            case Expr("unary", "!", (inner,)):
                hint = self._hint(inner)
                return hint.complement() if hint else None
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


def _is_beyond(test: Expr) -> bool:
    return test.kind == "binary" and test.text in (">=", ">", "==")


def _stripped(test: Expr, holds: bool, hints: Collection[str] = _HINTS.keys()) -> tuple[Expr, bool]:
    """The condition without `!`, casts and hints."""
    while True:
        match test:
            case Expr("unary", "!", (inner,)):
                test, holds = inner, not holds
            case Expr("cast", _, (inner,)):
                test = inner
            case Expr(
                "binary", "==" | "!=" as operator, (inner, Expr("number", text) as known)
            ) if text != "1" and (said := truth(known)) is not None:
                test, holds = inner, holds == ((operator == "==") == said)
            case Expr("call", _, (Expr("name", name), inner, *_)) if name in hints:
                test = inner
            case _:
                return test, holds


def _chance(true: Interval, holds: bool) -> Interval:
    return true if holds else true.complement()


def _is_null_test(test: Expr, routine: Routine) -> bool:
    """Whether a test only asks if a pointer is there."""
    match test:
        case Expr("binary", "==" | "!=", (inner, Expr("number", "NULL" | "0"))):
            test = inner
    variable = routine.variables.get(test.text) if test.kind == "name" else None
    return variable is not None and variable.pointers > 0


def _is_null(test: Expr) -> bool:
    return test.kind == "binary" and test.text == "=="


def _is_error_test(test: Expr) -> bool:
    """`ret < 0`: the usual test for an error."""
    match test:
        case Expr("binary", "<", (_, Expr("number", "0"))):
            return True
    return False
