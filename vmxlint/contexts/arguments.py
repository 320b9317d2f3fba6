"""What calls give for parameters: that decides the tests of a parameter alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vmxlint.calls.link import Edge, Linker
from vmxlint.contexts.constants import Constants, looks_constant
from vmxlint.facts import Expr, spelled
from vmxlint.flow.conditions import truth
from vmxlint.flow.routine import Routine
from vmxlint.operations.values import substituted

_FAR_UP = 3
_MOST_CALLERS = 8


def parameter_of(test: Expr, routine: Routine) -> str:
    """The parameter that a test is on, if it is on nothing else and nothing changes it; or ""."""
    match test:
        case Expr("binary", "==" | "!=", (subject, constant)) if looks_constant(constant, routine):
            test = subject
    while test.kind == "cast":
        test = test.kids[0]
    own = test.kind == "name" and test.text in routine.parameters
    return test.text if own and test.text not in routine.changes else ""


def handed(name: str, routine: Routine, linker: Linker) -> Iterator[tuple[Expr, Routine]]:
    """What the callers give for a parameter, if there are few and it is no pointer."""
    place = routine.parameters.index(name) + 1
    is_pointer = routine.function.params[place - 1].pointers > 0
    if is_pointer or linker.has_callers(routine, more_than=_MOST_CALLERS):
        return
    for edge in linker.callers(routine):
        if not edge.key and len(edge.site.expr.kids) > place:
            yield edge.site.expr.kids[place], edge.caller


class Arguments:
    """What the calls of a unit give for parameters."""

    def __init__(self, linker: Linker) -> None:
        self._linker = linker
        self._constants = Constants(linker)

    def decide(self, test: Expr, name: str, calls: Sequence[Edge]) -> bool | None:
        """Whether a test of a parameter is true in the function that the last of some calls leads
        to, one out of the other; None if the argument is no constant."""
        given = _given(name, calls)
        if given is None:
            return None
        decided = substituted(test, {name: given})
        match decided:
            case Expr("binary", "==" | "!=" as operator, (left, right)):
                same = self._constants.same(left, right)
                if same is None:
                    same = spelled(left) == spelled(right)
                return same if operator == "==" else not same
        value = self._constants.value(decided)
        return truth(decided) if value is None else value != 0

    def is_among(self, cases: Sequence[Expr], name: str, calls: Sequence[Edge]) -> bool | None:
        """The same for a switch on a parameter: whether it goes to one of some cases."""
        given = _given(name, calls)
        return None if given is None else self._constants.is_among(given, cases)

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


def _given(name: str, calls: Sequence[Edge]) -> Expr | None:
    """The constant that some calls, one out of the other, hand over for a parameter of the last."""
    for call in reversed(calls):
        given = _argument(name, call)
        if given is None:
            return None
        passed_on = parameter_of(given, call.caller)
        if not passed_on:
            return given if looks_constant(given, call.caller) else None
        name = passed_on
    return None


def _argument(name: str, call: Edge) -> Expr | None:
    place = call.callee.parameters.index(name) + 1
    given = call.site.expr.kids
    return given[place] if call.site.expr.kind == "call" and len(given) > place else None
