"""Tests as they are written, whatever they are about: hints, `!`, and the usual forms."""

from __future__ import annotations

from collections.abc import Collection

from vmxlint.contexts.gate import BUILD, LIKELY, RARELY
from vmxlint.facts import Expr
from vmxlint.flow.conditions import truth
from vmxlint.flow.routine import Routine
from vmxlint.interval import Interval

HINTS = {
    "likely": LIKELY,
    "unlikely": RARELY,
    "__predict_true": LIKELY,
    "__predict_false": RARELY,
    "static_branch_likely": BUILD,
}


def stripped(test: Expr, holds: bool, hints: Collection[str] = HINTS.keys()) -> tuple[Expr, bool]:
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


def hint_of(test: Expr) -> Interval | None:
    """The probability that a test is true by the hint in which it is wrapped, if it is in one."""
    match test:
        case Expr("call", _, (Expr("name", name), *_)):
            return HINTS.get(name)
        case Expr("unary", "!", (inner,)):
            hint = hint_of(inner)
            return hint.complement() if hint else None
    return None


def chance_that(true: Interval, holds: bool) -> Interval:
    """The probability of a test that has to hold, or to fail, by that of its being true."""
    return true if holds else true.complement()


def is_null_test(test: Expr, routine: Routine) -> bool:
    """Whether a test only asks if a pointer is there."""
    match test:
        case Expr("binary", "==" | "!=", (inner, Expr("number", "NULL" | "0"))):
            test = inner
    variable = routine.variables.get(test.text) if test.kind == "name" else None
    return variable is not None and variable.pointers > 0


def is_null(test: Expr) -> bool:
    """Whether such a test is true where the pointer is not there."""
    return test.kind == "binary" and test.text == "=="


def is_error_test(test: Expr) -> bool:
    """`ret < 0` or `call() == -1`: the usual tests for an error."""
    match test:
        case Expr("binary", "<", (_, Expr("number", "0"))):
            return True
        case Expr("binary", "==", (Expr("call"), Expr("number", "-1"))):
            return True
    return False
