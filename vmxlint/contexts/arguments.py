"""Tests of a parameter alone: the call that leads into the function decides them."""

from __future__ import annotations

from collections.abc import Sequence

from vmxlint.calls.link import Edge, Linker
from vmxlint.facts import Expr, spelled
from vmxlint.flow.conditions import truth
from vmxlint.flow.routine import Routine
from vmxlint.numbers import evaluate
from vmxlint.operations.templates import substituted

_FAR_UP = 3


def parameter_of(test: Expr, routine: Routine) -> str:
    """The parameter that a test is on, if it is on nothing else and nothing changes it; or ""."""
    match test:
        case Expr("binary", "==" | "!=", (subject, constant)) if _is_constant(constant, routine):
            test = subject
    while test.kind == "cast":
        test = test.kids[0]
    own = test.kind == "name" and test.text in routine.parameters
    return test.text if own and test.text not in routine.changes else ""


class Arguments:
    """What the calls of a unit give for parameters."""

    def __init__(self, linker: Linker) -> None:
        self._linker = linker

    def decide(self, test: Expr, name: str, calls: Sequence[Edge]) -> bool | None:
        """Whether a test of a parameter is true in the function that the last of some calls leads
        to, one out of the other; None if the argument is no constant."""
        given: Expr | None = None
        passed_on = name
        for call in reversed(calls):
            given = _argument(passed_on, call)
            passed_on = parameter_of(given, call.caller) if given is not None else ""
            if not passed_on:
                break
        if given is None or passed_on or not _is_constant(given, call.caller):
            return None
        decided = substituted(test, {name: given})
        match decided:
            case Expr("binary", "==" | "!=" as operator, (left, right)):
                values = [self._value(one) for one in (left, right)]
                named = None in values  # two names of constants mostly are two values
                equal = spelled(left) == spelled(right) if named else values[0] == values[1]
                return equal if operator == "==" else not equal
        value = self._value(decided)
        return truth(decided) if value is None else value != 0

    def _value(self, expr: Expr) -> int | None:
        words = {"true": "1", "false": "0", "NULL": "0"}
        while expr.kind == "cast":
            expr = expr.kids[0]
        if expr.kind == "unary" and expr.text == "-" and expr.kids[0].kind == "number":
            value = self._value(expr.kids[0])
            return None if value is None else -value
        text = words.get(expr.text, spelled(expr))
        return evaluate(text, self._linker.constants)

    def is_passed(self, constant: Expr, name: str, routine: Routine, depth: int = 0) -> bool:
        """Whether a call gives just that constant for a parameter, also through callers that pass
        theirs on: it then has a meaning of its own that no computed value has."""
        for edge in self._linker.callers(routine) if depth < _FAR_UP else ():
            given = _argument(name, edge)
            if given is not None and spelled(given) == spelled(constant):
                return True
            passed_on = parameter_of(given, edge.caller) if given is not None else ""
            if passed_on and self.is_passed(constant, passed_on, edge.caller, depth + 1):
                return True
        return False


def _argument(name: str, call: Edge) -> Expr | None:
    place = call.callee.parameters.index(name) + 1
    given = call.site.expr.kids
    return given[place] if call.site.expr.kind == "call" and len(given) > place else None


def _is_constant(expr: Expr, routine: Routine) -> bool:
    while expr.kind == "cast" or (expr.kind == "unary" and expr.text in "-~"):
        expr = expr.kids[0]
    named = expr.kind == "name" and expr.text not in routine.variables
    return expr.kind == "number" or (named and expr.text.isupper())
