"""Exit reasons in conditions: for which of them a test holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from vmxlint.calls.link import Linker
from vmxlint.facts import Expr, spelled, walk
from vmxlint.flow import Condition
from vmxlint.flow.routine import Routine
from vmxlint.model.exits import ExitTable
from vmxlint.operations import Operations
from vmxlint.operations.values import assigned, returned, substituted

# (True, S): the exit reason is one of S; (False, S): it is none of S.
Allowed = tuple[bool, frozenset[str]]

EXIT_REASON = "VM_EXIT_REASON"
HINTS = ("likely", "unlikely")
_READING = ("call", "asm")
_DEEPEST = 4
_FAR_UP = 2
_MOST_RETURNS = 8
_MOST_CALLERS = 8
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ALWAYS: Allowed = (False, frozenset())
_NEVER: Allowed = (True, frozenset())
_CONSTANT = {"0": _NEVER, "false": _NEVER, "1": _ALWAYS, "true": _ALWAYS}
_BASIC = 0xFFFF


class Reasons:
    """What the conditions of a unit say of the exit reason."""

    def __init__(self, linker: Linker, operations: Operations, exits: ExitTable) -> None:
        self._linker = linker
        self._prefix = linker.dialect.reason_prefix
        self._operations = operations
        self._exits = exits
        self._speaking: dict[Routine, bool] = {}
        self._transparent = {*HINTS, *linker.dialect.failure}

    def canonical(self, constant: str) -> str:
        """The name of the exit reason that a constant of the tree stands for."""
        bare = constant.removeprefix(self._prefix)
        return self._exits.canonical(bare) or bare

    def allowed(self, condition: Condition, routine: Routine) -> Allowed | None:
        """The exit reasons for which a condition holds; None if it is not about them."""
        return self._of_condition(condition, routine, 0)

    def _of_condition(self, condition: Condition, routine: Routine, depth: int) -> Allowed | None:
        if condition.cases:
            reasons = [self._of_case(one, routine) for one in condition.cases]
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
        if test.kind != "binary" and self._is_reason(test, routine, depth):
            return not holds, frozenset(filter(None, [self._exits.by_number(0)]))
        return self._kept(test, holds, routine, depth)

    def _kept(self, test: Expr, holds: bool, routine: Routine, depth: int) -> Allowed | None:
        """Of a test whose answer a variable keeps, or a function gives."""
        match test:
            case Expr("name", name) if name in routine.parameters:
                answers = [
                    self._allowed(given, holds, caller, depth + 1)
                    for given, caller in self._given(name, routine)
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
                one.text in self._reason_members
                if one.kind == "member"
                else one.text.startswith(self._prefix)
                for expr in (*tests.values(), *told)
                for one in walk(expr)
            )
        return self._speaking[callee] or any(self._is_reason(one, routine, 1) for one in given)

    def _may_speak(self, text: str) -> bool:
        return self._prefix in text or any(one in text for one in self._reason_members)

    def _given(self, name: str, routine: Routine) -> Iterator[tuple[Expr, Routine]]:
        """What the callers give for a parameter, if there are few and it is no pointer."""
        place = routine.parameters.index(name) + 1
        is_pointer = routine.function.params[place - 1].pointers > 0
        if is_pointer or self._linker.has_callers(routine, more_than=_MOST_CALLERS):
            return
        for edge in self._linker.callers(routine):
            if not edge.key and len(edge.site.expr.kids) > place:
                yield edge.site.expr.kids[place], edge.caller

    def predicate(
        self, name: str, given: list[Expr], routine: Routine
    ) -> tuple[Expr, Routine] | None:
        """What a call of a function that only returns an expression stands for, and its routine."""
        callee = self._linker.resolve(name, routine.path)
        body = returned(given, callee)
        return (body, callee) if body and callee else None

    def _compared(self, operator: str, left: Expr, right: Expr, routine: Routine) -> Allowed | None:
        for constant, subject, sign in (
            (right, left, operator),
            (left, right, _MIRRORED.get(operator, operator)),
        ):
            reason = self._reason(constant, routine)
            if (
                reason is None
                and constant.kind == "number"
                and self._is_reason(subject, routine, 0)
            ):
                reason = self._number(constant.text)
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
            if constant.text.startswith(self._prefix):
                return self.canonical(constant.text)
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
        found = {self._reason(one, caller, depth + 1) for one, caller in self._given(name, routine)}
        return found.pop() if len(found) == 1 else None

    def _of_case(self, case: Expr, routine: Routine) -> frozenset[str]:
        """The reasons that a value or range of a switch stands for; none if it is no reason."""
        ends = case.kids if case.kind == "range" else (case,)
        reasons = [one for end in ends if (one := self._reason(end, routine))]
        if case.kind != "range":
            return frozenset(reasons)
        match [self._exits.number(one) for one in reasons]:
            case [int(first), int(last)]:
                known = self._exits.reasons.items()
                return frozenset(name for name, number in known if first <= number <= last)
        return frozenset()

    def _number(self, text: str) -> str | None:
        try:
            return self._exits.by_number(int(text.rstrip("uUlL"), 0))
        except ValueError:
            return None

    def _is_reason(self, subject: Expr, routine: Routine, depth: int) -> bool:
        """Whether an expression is the exit reason: read from the VMCS, or a copy of it."""
        if depth > _DEEPEST:
            return False
        last = subject
        while last.kind == "cast" or (last.kind == "binary" and _keeps_the_reason(last)):
            last = last.kids[0]
        match last:
            case Expr("member", name):
                whole = name in self._reason_members or name in self._linker.dialect.reason_parts
                chain = (one.text for one in walk(last) if one.kind == "member")
                return whole and any(one in self._reason_members for one in chain)
            case Expr("name", name) if name in routine.parameters:
                given = list(self._given(name, routine))
                return bool(given) and all(self._is_reason(e, r, depth + 1) for e, r in given)
            case Expr("name", name) if name in routine.variables:
                values = list(assigned(routine, name))
                return bool(values) and all(
                    self._is_reason(value, routine, depth + 1) for value in values
                )
            case Expr("call", _, (Expr("name", name), *arguments)):
                if starts := self._reads.get(routine):
                    if any(one.start in starts for one in walk(last) if one.kind in _READING):
                        return True
                body = self.predicate(name, arguments, routine)
                return body is not None and self._is_reason(body[0], body[1], depth + 1)
        return False

    @cached_property
    def _reads(self) -> Mapping[Routine, set[int]]:
        """Where the exit reason is read from the VMCS."""
        found: dict[Routine, set[int]] = {}
        for routine, operations in self._operations.by_routine.items():
            for one in operations:
                if one.kind == "vmread" and one.field and one.field.name == EXIT_REASON:
                    found.setdefault(routine, set()).add(one.site.expr.start)
        return found

    @cached_property
    def _reason_members(self) -> frozenset[str]:
        """The struct members that are given the exit reason as read from the VMCS."""
        found = set()
        for routine, starts in self._reads.items():
            for site in routine.flow.sites:
                if site.expr.kind == "assign" and site.expr.kids[0].kind == "member":
                    if any(one.start in starts for one in walk(site.expr.kids[1])):
                        target = site.expr.kids[0]
                        found |= {one.text for one in walk(target) if one.kind == "member"}
        return frozenset(found)


def _keeps_the_reason(masked: Expr) -> bool:
    """Whether a mask leaves bits 15:0, which are the basic exit reason."""
    try:
        return masked.text == "&" and int(masked.kids[1].text.rstrip("uUlL"), 0) & _BASIC == _BASIC
    except ValueError:
        return False


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
