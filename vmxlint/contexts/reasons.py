"""Exit reasons in conditions: for which of them a test holds."""

from __future__ import annotations

from vmxlint.calls.link import Linker
from vmxlint.contexts.arguments import handed
from vmxlint.contexts.bare import HINTS
from vmxlint.contexts.exit_reason import ExitReason
from vmxlint.facts import Expr, spelled, walk
from vmxlint.flow import Condition
from vmxlint.flow.routine import Routine
from vmxlint.model.exits import ExitTable
from vmxlint.operations import Operations
from vmxlint.operations.values import assigned, substituted

# (True, S): the exit reason is one of S; (False, S): it is none of S.
Allowed = tuple[bool, frozenset[str]]

_DEEPEST = 4
_FAR_UP = 2
_MOST_RETURNS = 8
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ALWAYS: Allowed = (False, frozenset())
_NEVER: Allowed = (True, frozenset())
_CONSTANT = {"0": _NEVER, "false": _NEVER, "1": _ALWAYS, "true": _ALWAYS}


class Reasons:
    """What the conditions of a unit say of the exit reason."""

    def __init__(self, linker: Linker, operations: Operations, exits: ExitTable) -> None:
        self._linker = linker
        self._names = linker.exit_names
        self._exit_reason = ExitReason(linker, operations)
        self._exits = exits
        self._speaking: dict[Routine, bool] = {}
        self._transparent = {*HINTS, *linker.dialect.failure}

    def allowed(self, condition: Condition, routine: Routine) -> Allowed | None:
        """The exit reasons for which a condition holds; None if it is not about them."""
        return self._of_condition(condition, routine, 0)

    def _of_condition(self, condition: Condition, routine: Routine, depth: int) -> Allowed | None:
        if condition.cases:
            reasons = [self._of_case(one, condition.test, routine) for one in condition.cases]
            return (condition.holds, frozenset().union(*reasons)) if all(reasons) else None
        return self._allowed(condition.test, condition.holds, routine, depth)

    def _allowed(self, test: Expr, holds: bool, routine: Routine, depth: int) -> Allowed | None:
        if depth > _DEEPEST:
            return None
        match test:
            case Expr("unary", "!", (inner,)):
                return self._allowed(inner, not holds, routine, depth)
            case Expr("binary", "==" | "!=" | "<" | "<=" | ">" | ">=" as operator, (left, right)):
                found = self._compared(operator, left, right, routine)
                return found if found is None or holds else (not found[0], found[1])
            case Expr("binary", "||" | "&&" as operator, (left, right)):
                first = self._allowed(left, holds, routine, depth)
                second = self._allowed(right, holds, routine, depth)
                return _combined((operator == "||") == holds, first, second)
            case Expr("call", _, (Expr("name", name), first, *_)) if name in self._transparent:
                return self._allowed(first, holds, routine, depth)
        if test.kind != "binary" and self._exit_reason.is_in(test, routine, depth):
            return not holds, frozenset(filter(None, [self._exits.by_number(0)]))
        return self._kept(test, holds, routine, depth)

    def _kept(self, test: Expr, holds: bool, routine: Routine, depth: int) -> Allowed | None:
        """Of a test whose answer a variable keeps, or a function gives."""
        match test:
            case Expr("name", name) if name in routine.parameters:
                answers = [
                    self._allowed(given, holds, caller, depth + 1)
                    for given, caller in handed(name, routine, self._linker)
                ]
                return answers[0] if len(set(answers)) == 1 else None
            case Expr("name", name) if name in routine.variables:
                values = list(assigned(routine, name))
                if len(values) == 1:
                    return self._allowed(values[0], holds, routine, depth + 1)
            case Expr("member"):
                wanted = spelled(test)
                values = [site.expr for site, target, _ in routine.stored if target == wanted]
                if len(values) == 1:
                    return self._allowed(values[0].kids[1], holds, routine, depth + 1)
            case Expr("call", _, (Expr("name", name), *given)):
                return self._answered(name, given, holds, routine, depth)
        return None

    def _answered(
        self, name: str, given: list[Expr], holds: bool, routine: Routine, depth: int
    ) -> Allowed | None:
        """The reasons for which a predicate's answer is `holds`: over all of its returns."""
        callee = self._linker.resolve(name, routine.path)
        if callee is None or not self._may_answer(callee, given, routine):
            return None
        returns = [site for site in callee.flow.sites if site.kind == "return"]
        if not 0 < len(returns) <= _MOST_RETURNS:
            return None
        bound = dict(zip(callee.parameters, given, strict=False))
        yes: Allowed | None = (True, frozenset())
        for site in returns:
            answer = substituted(site.expr, bound)
            one: Allowed | None = _CONSTANT.get(answer.text) if answer.kind == "number" else None
            one = one or self._allowed(answer, True, routine, depth + 1)
            for condition in site.conditions:
                test = condition._replace(
                    test=substituted(condition.test, bound),
                    cases=tuple(substituted(case, bound) for case in condition.cases),
                )
                found = self._of_condition(test, routine, depth + 1)
                one = _combined(False, one, found) if one and found else None
            yes = _combined(True, yes, one)
        return yes if yes is None or holds else (not yes[0], yes[1])

    def _may_answer(self, callee: Routine, given: list[Expr], routine: Routine) -> bool:
        """Whether a predicate names exit reasons or a member that holds one, or is given one."""
        if callee not in self._speaking and not self._may_speak(callee.function.text):
            self._speaking[callee] = False
        if callee not in self._speaking:
            tests = {id(c): c.test for site in callee.flow.sites for c in site.conditions}
            told = [site.expr for site in callee.flow.sites if site.kind == "return"]
            self._speaking[callee] = any(
                one.text in self._exit_reason.members
                if one.kind == "member"
                else self._names.is_one(one.text)
                for expr in (*tests.values(), *told)
                for one in walk(expr)
            )
        return self._speaking[callee] or any(
            self._exit_reason.is_in(one, routine, 1) for one in given
        )

    def _may_speak(self, text: str) -> bool:
        return self._names.are_in(text) or any(one in text for one in self._exit_reason.members)

    def _compared(self, operator: str, left: Expr, right: Expr, routine: Routine) -> Allowed | None:
        for constant, subject, sign in (
            (right, left, operator),
            (left, right, _MIRRORED.get(operator, operator)),
        ):
            reason = self._meant(constant, subject, routine)
            if reason and sign in ("==", "!="):
                return sign == "==", frozenset({reason})
            if reason:
                return self._ordered(sign, reason)
        return None

    def _ordered(self, sign: str, reason: str) -> Allowed | None:
        """The reasons below or above one."""
        limit = self._exits.number(reason)
        if limit is None:
            return None
        below = {name for name, number in self._exits.reasons.items() if number < limit}
        if sign in ("<=", ">"):
            below.add(reason)
        return sign in ("<", "<="), frozenset(below)

    def _reason(self, constant: Expr, routine: Routine, depth: int = 0) -> str | None:
        """The reason that a constant stands for: itself, or by another name for it."""
        for _ in range(_DEEPEST):
            if constant.kind == "cast":
                constant = constant.kids[0]
            if constant.kind != "name":
                return None
            if self._names.is_one(constant.text):
                return self._names.canonical(constant.text)
            if constant.text in routine.parameters:
                return self._handed(constant.text, routine, depth)
            values = list(assigned(routine, constant.text))
            if len(values) == 1:
                constant = values[0]
            else:
                text = self._linker.constants.get(constant.text)
                if not text:
                    return None
                constant = constant._replace(text=text)
        return None

    def _handed(self, name: str, routine: Routine, depth: int) -> str | None:
        """The reason that all callers give for a parameter."""
        if depth >= _FAR_UP:
            return None
        found = {
            self._reason(one, caller, depth + 1)
            for one, caller in handed(name, routine, self._linker)
        }
        return found.pop() if len(found) == 1 else None

    def _meant(self, constant: Expr, subject: Expr, routine: Routine) -> str | None:
        """The reason that a constant stands for beside a subject: by its name or its value."""
        return self._reason(constant, routine) or self._by_value(constant, subject, routine)

    def _by_value(self, constant: Expr, subject: Expr, routine: Routine) -> str | None:
        """The reason that a constant is the number of, where the subject is the exit reason."""
        reason = self._names.reason(spelled(constant))
        return reason if reason and self._exit_reason.is_in(subject, routine, 0) else None

    def _of_case(self, case: Expr, subject: Expr, routine: Routine) -> frozenset[str]:
        """The reasons that a value or range of a switch stands for; none if it is no reason."""
        ends = case.kids if case.kind == "range" else (case,)
        named = [self._meant(end, subject, routine) for end in ends]
        reasons = [*filter(None, named)]
        if case.kind != "range":
            return frozenset(reasons)
        match [self._exits.number(one) for one in reasons]:
            case [int(first), int(last)]:
                known = self._exits.reasons.items()
                return frozenset(name for name, number in known if first <= number <= last)
        return frozenset()


def _combined(
    union: bool,
    first: Allowed | None,
    second: Allowed | None,
) -> Allowed | None:
    """The reasons for which one of two tests (`union`) or both of them hold."""
    if first is None or second is None:
        return None if union else first or second
    (a, x), (b, y) = first, second
    if not union:
        a, b = not a, not b  # both hold unless one of the opposites does
    if a and b:
        return union, x | y
    if not a and not b:
        return (not union), x & y
    kept = (y - x) if a else (x - y)
    return (not union), kept
