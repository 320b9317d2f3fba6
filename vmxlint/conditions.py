"""What must hold for code to run: what a test implies, and what is left where ways meet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vmxlint.facts import Expr

MOST_CONDITIONS = 64  # in force at once; a function with more early ways out forgets the later ones

_TRUTH = {"0": False, "1": True, "false": False, "true": True, "NULL": False}


class Condition(NamedTuple):
    """`test` is true (`holds`) or false. `early`: because other ways left.

    Of a `switch`, `test` is the subject and `cases` are the values; then `holds` says whether the
    subject is among them.
    """

    test: Expr
    holds: bool
    early: bool = False
    cases: tuple[Expr, ...] = ()


Conditions = tuple[Condition, ...]
State = Conditions | None  # what holds at some point of a function; None where it never comes


_DECIDABLE = ("number", "unary", "binary")


def truth(test: Expr) -> bool | None:
    """Whether `test` is true whatever the variables are; None if they decide."""
    if test.kind not in _DECIDABLE:
        return None
    match test:
        case Expr("number", text):
            return _TRUTH.get(text)
        case Expr("unary", "!", (inner,)):
            known = truth(inner)
            return None if known is None else not known
        case Expr("binary", "&&" | "||" as operator, (left, right)):
            operands = (truth(left), truth(right))
            decisive = operator == "||"
            if decisive in operands:
                return decisive
            return None if None in operands else not decisive
    return None


def implied(test: Expr, holds: bool) -> Conditions:
    """The conditions that `test` being `holds` implies, one for each operand of `&&` and `||`."""
    match test:
        case Expr("unary", "!", (inner,)):
            return implied(inner, not holds)
        case Expr("binary", "&&" | "||" as operator, (left, right)):
            neutral = operator == "&&"
            if holds == neutral:
                return (*implied(left, holds), *implied(right, holds))
            if truth(left) == neutral:
                return implied(right, holds)
            if truth(right) == neutral:
                return implied(left, holds)
    return () if truth(test) == holds else (Condition(test, holds),)


def given(now: State, test: Expr, holds: bool) -> State:
    """What holds behind `test` where it is `holds`."""
    if now is None or truth(test) == (not holds):
        return None
    return (*now, *implied(test, holds))


def met(before: State, ways: Iterable[State]) -> State:
    """What holds where the ways from one place meet again: what all of them have in common.

    Conditions that are new since `before` hold because the other ways have left.
    """
    kept = common(ways)
    if kept is None:
        return None
    old = before or ()
    same = _shared(kept, old)
    if same == len(kept):
        return old[:same]
    rest = old[same:]
    fresh = (one if one.early or one in rest else one._replace(early=True) for one in kept[same:])
    return (*old[:same], *fresh)[: max(MOST_CONDITIONS, len(old))]


def common(ways: Iterable[State]) -> State:
    """The conditions that hold whichever way is taken."""
    arriving = [one for one in ways if one is not None]
    if not arriving:
        return None
    kept, *others = arriving
    for other in others:
        same = _shared(kept, other)
        rest = other[same:]
        kept = (*kept[:same], *(one for one in kept[same:] if one in rest))
    return kept


def _shared(one: Conditions, other: Conditions) -> int:
    """How many conditions both begin with."""
    shorter = min(len(one), len(other))
    if one[:shorter] == other[:shorter]:
        return shorter
    return next(n for n in range(shorter) if one[n] != other[n])
