"""What a dialect declares of conditions: nested mode, requests, failures, and known state."""

from __future__ import annotations

from vmxlint.contexts.bare import HINTS, chance_that, is_error_test, stripped
from vmxlint.contexts.gate import NEVER, RARELY, Gate
from vmxlint.facts import Expr, called, spelled, walk
from vmxlint.flow import Condition
from vmxlint.flow.routine import Routine
from vmxlint.interval import ONCE, Interval
from vmxlint.model.dialect import Dialect
from vmxlint.operations.values import assigned


def _constants(test: Expr) -> set[str]:
    """The constants that the calls in a test are handed."""
    calls = (one for one in walk(test) if one.kind == "call")
    return {one.text for call in calls for one in call.kids[1:] if one.kind == "name"}


class Declared:
    """The conditions of which a dialect says what they are about, or how probable they are."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def gate(self, condition: Condition, test: Expr, holds: bool, routine: Routine) -> Gate | None:
        """What a condition is about whose bare test has to be `holds`; None if nothing says it."""
        names = called(test)
        if names & self._dialect.guest_mode:
            _, holds = stripped(test, holds, HINTS.keys() | self._dialect.failure)
            return Gate("guest-mode", condition, holds, ONCE)
        if (names | _constants(test)) & self._dialect.request:
            return Gate("request", condition, holds, chance_that(RARELY, holds))
        if names & self._dialect.failure or is_error_test(test):
            return Gate("failure", condition, holds, chance_that(NEVER, holds))
        if (known := self.chance(test, routine)) is not None:
            return Gate("hint", condition, holds, chance_that(known, holds))
        return None

    def chance(self, test: Expr, routine: Routine) -> Interval | None:
        """The probability that a test of known state is true; None if it is of something else."""
        if test.kind == "name" and test.text in routine.variables:
            values = list(assigned(routine, test.text))
            own = test.text in self._dialect.known
            test = values[0] if len(values) == 1 and not own else test
        test = self._plain(test)
        if test.kind == "binary" and test.text in ("==", "!="):
            known = self._dialect.known.get(spelled(test.kids[-1]))
            return known and chance_that(known, test.text == "==")
        told: tuple[Expr, ...] = (test,)
        if test.kind == "call" or (test.kind == "binary" and test.text == "&"):
            told = test.kids
        named = (one.text for one in told if one.kind in ("name", "member"))
        return next(filter(None, map(self._dialect.known.get, named)), None)

    def _plain(self, test: Expr) -> Expr:
        """What is asked for by a macro that stands for its argument, or for what that points to."""
        match test:
            case Expr("call", _, (Expr("name", name), given)) if name in self._dialect.transparent:
                return given.kids[0] if given.kind == "unary" and given.text == "&" else given
        return test
