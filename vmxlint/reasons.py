"""Exit reasons in conditions: for which of them a test holds."""

from __future__ import annotations

from functools import cached_property

from vmxlint.facts import Expr, walk
from vmxlint.flow import Condition
from vmxlint.link import Linker, Routine
from vmxlint.model.exits import ExitTable
from vmxlint.operations import Operations
from vmxlint.templates import assigned, substituted

# (True, S): the exit reason is one of S; (False, S): it is none of S.
Allowed = tuple[bool, frozenset[str]]

HINTS = ("likely", "unlikely")
_DEEPEST = 4


class Reasons:
    """What the conditions of a unit say of the exit reason."""

    def __init__(self, linker: Linker, operations: Operations, exits: ExitTable) -> None:
        self._linker = linker
        self._prefix = linker.dialect.reason_prefix
        self._operations = operations
        self._exits = exits

    def canonical(self, constant: str) -> str:
        """The name of the exit reason that a constant of the tree stands for."""
        bare = constant.removeprefix(self._prefix)
        return self._exits.canonical(bare) or bare

    def allowed(self, condition: Condition, routine: Routine) -> Allowed | None:
        """The exit reasons for which a condition holds; None if it is not about them."""
        if condition.cases:
            reasons = {self._reason(one) for one in condition.cases}
            if None in reasons:
                return None
            return condition.holds, frozenset(r for r in reasons if r)
        return self._allowed(condition.test, condition.holds, routine, 0)

    def _allowed(self, test: Expr, holds: bool, routine: Routine, depth: int) -> Allowed | None:
        if depth > _DEEPEST:
            return None
        match test:
            case Expr("unary", "!", (inner,)):
                return self._allowed(inner, not holds, routine, depth)
            case Expr("binary", "==" | "!=" as operator, (left, right)):
                reason = self._compared(left, right, routine)
                return ((operator == "==") == holds, frozenset({reason})) if reason else None
            case Expr("binary", "||" | "&&" as operator, (left, right)):
                first = self._allowed(left, holds, routine, depth)
                second = self._allowed(right, holds, routine, depth)
                return _combined((operator == "||") == holds, first, second)
            case Expr("call", _, (Expr("name", name), first, *_)) if name in HINTS:
                return self._allowed(first, holds, routine, depth)
            case Expr("name", name) if name in routine.variables:
                values = list(assigned(routine, name))
                if len(values) == 1 and name not in routine.parameters:
                    return self._allowed(values[0], holds, routine, depth + 1)
            case Expr("call", _, (Expr("name", name), *given)):
                if body := self.predicate(name, given, routine):
                    return self._allowed(body[0], holds, body[1], depth + 1)
        return None

    def predicate(
        self, name: str, given: list[Expr], routine: Routine
    ) -> tuple[Expr, Routine] | None:
        """What a call of a function that only returns an expression stands for, and its routine."""
        callee = self._linker.resolve(name, routine.path)
        if callee is None:
            return None
        returns = [site for site in callee.flow.sites if site.kind == "return"]
        if len(returns) != 1 or returns[0].conditions:
            return None
        bound = dict(zip(callee.parameters, given, strict=False))
        return substituted(returns[0].expr, bound), callee

    def _compared(self, left: Expr, right: Expr, routine: Routine) -> str | None:
        for constant, subject in ((right, left), (left, right)):
            if reason := self._reason(constant):
                return reason
            if constant.kind == "number" and self._is_reason(subject, routine):
                return self._number(constant.text)
        return None

    def _reason(self, constant: Expr) -> str | None:
        if constant.kind != "name" or not constant.text.startswith(self._prefix):
            return None
        return self.canonical(constant.text)

    def _number(self, text: str) -> str | None:
        try:
            return self._exits.by_number(int(text.rstrip("uUlL"), 0))
        except ValueError:
            return None

    def _is_reason(self, subject: Expr, routine: Routine) -> bool:
        """Whether an expression is the exit reason: read from the VMCS, or a copy of it."""
        if any(f.name == "VM_EXIT_REASON" for f in self._operations.reads(subject, routine)):
            return True
        last = subject
        while last.kind in ("cast", "unary", "binary") and last.kids:
            last = last.kids[0]
        if last.kind == "member":
            members = {one.text for one in walk(last) if one.kind == "member"}
            return bool(members & self._reason_members)
        if last.kind == "name" and last.text in routine.variables:
            values = list(assigned(routine, last.text))
            return bool(values) and all(self._is_reason(v, routine) for v in values if v != last)
        return False

    @cached_property
    def _reason_members(self) -> frozenset[str]:
        """The struct members that are given the exit reason as read from the VMCS."""
        found = set()
        for routine, operations in self._operations.by_routine.items():
            starts = {
                one.site.expr.start
                for one in operations
                if one.kind == "vmread" and one.field and one.field.name == "VM_EXIT_REASON"
            }
            for site in routine.flow.sites if starts else ():
                if site.expr.kind == "assign" and site.expr.kids[0].kind == "member":
                    if any(one.start in starts for one in walk(site.expr.kids[1])):
                        target = site.expr.kids[0]
                        found |= {one.text for one in walk(target) if one.kind == "member"}
        return frozenset(found)


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
