"""What must hold for code to run: what a test implies, and what is left where ways meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, product
from typing import NamedTuple

from vmxlint.facts import Expr

MOST_CONDITIONS = 64  # in force at once; a function with more early ways out forgets the later ones

_MOST_WAYS = 32  # to a label
_MOST_STEPS = 256
_TRUTH = {"0": False, "1": True, "false": False, "true": True, "NULL": False}


class Condition(NamedTuple):
    """`test` is true (`holds`) or false. `early`: because other ways left.

    Of a `switch`, `test` is the subject and `cases` are the values; then `holds` says whether the
    subject is among them, and `of` how many the switch has. Of a label, `ways` are those that lead
    there, each with what it needs.
    """

    test: Expr
    holds: bool
    early: bool = False
    cases: tuple[Expr, ...] = ()
    of: int = 0
    ways: tuple[tuple[Condition, ...], ...] = ()


Conditions = tuple[Condition, ...]
Literal = tuple[Expr, bool, tuple[Expr, ...]]  # what a condition says, wherever it stands
State = Conditions | None  # what holds at some point of a function; None where it never comes

_JOINING = ("&&", "||")
_new = tuple.__new__  # half the price of Condition(), as for expressions


def truth(test: Expr) -> bool | None:
    """Whether `test` is true whatever the variables are; None if they decide."""
    kind, operator, kids = test.kind, test.text, test.kids
    if kind in ("number", "name"):
        return _TRUTH.get(operator.rstrip("uUlL") if kind == "number" else operator)
    if kind == "cast" and len(kids) == 1:
        return truth(kids[0])
    if kind == "unary" and operator == "!" and len(kids) == 1:
        known = truth(kids[0])
        return None if known is None else not known
    if kind == "binary" and operator in _JOINING and len(kids) == 2:
        operands = (truth(kids[0]), truth(kids[1]))
        decisive = operator == "||"
        if decisive in operands:
            return decisive
        return None if None in operands else not decisive
    return None


def implied(test: Expr, holds: bool) -> Conditions:
    """The conditions that `test` being `holds` implies, one for each operand of `&&` and `||`."""
    kind, operator, kids = test.kind, test.text, test.kids
    if kind == "unary" and operator == "!" and len(kids) == 1:
        return implied(kids[0], not holds)
    if kind == "binary" and operator in _JOINING and len(kids) == 2:
        left, right = kids
        neutral = operator == "&&"
        if holds == neutral:
            return (*implied(left, holds), *implied(right, holds))
        if truth(left) == neutral:
            return implied(right, holds)
        if truth(right) == neutral:
            return implied(left, holds)
    return () if truth(test) == holds else (_new(Condition, (test, holds, False, (), 0, ())),)


def given(now: State, test: Expr, holds: bool) -> State:
    """What holds behind `test` where it is `holds`."""
    if now is None:
        return None
    known = truth(test)
    if known is None:
        return (*now, *implied(test, holds))
    return now if known == holds else None


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


def covers(ways: Iterable[Conditions]) -> bool:
    """Whether one of these ways is always open; of too many ways that is taken for granted."""
    able = [one for way in ways for one in alternatives(way)]
    if len(able) > _MOST_WAYS:
        return True
    numbers: dict[tuple[Expr, tuple[Expr, ...]], int] = {}
    todo = [[tuple(_number(one, numbers) for one in way) for way in able]]
    for _ in range(_MOST_STEPS):
        if not todo:
            return True
        left = todo.pop()
        if not left:
            return False
        if all(left):  # by cases: the first condition of the first way is true, or it is false
            todo += [_where(known, left) for known in (left[0][0], -left[0][0])]
    return True


def _number(one: Condition, numbers: dict[tuple[Expr, tuple[Expr, ...]], int]) -> int:
    """A number for what a condition asks, less than 0 if it must not be so."""
    number = numbers.setdefault((one.test, one.cases), len(numbers) + 1)
    return number if one.holds else -number


def _where(known: int, ways: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """What is left of the ways that are open where a condition is met."""
    return [tuple([one for one in way if one != known]) for way in ways if -known not in way]


def clash(conditions: Iterable[Condition], given: Sequence[Condition]) -> bool:
    """Whether conditions can't be met where the given ones are."""
    false = [(test, not holds, cases) for test, holds, cases in map(_literal, given)]
    ways = alternatives(tuple(conditions))
    return all(any(_literal(part) in false for part in way) for way in ways)


def _literal(one: Condition) -> Literal:
    return one.test, one.holds, one.cases


def alternatives(conditions: Conditions) -> list[Conditions]:
    """The ways to meet conditions: with an `||` that holds, by either operand. Too many of them
    count as one that asks for nothing."""
    if not any(map(_forks, conditions)):
        return [conditions]
    ways = product(*map(_ways_to_meet, conditions))
    found = [tuple(chain.from_iterable(way)) for way in islice(ways, _MOST_WAYS + 1)]
    return found if len(found) <= _MOST_WAYS else [()]


def _forks(one: Condition) -> bool:
    """Whether a condition can be met in several ways."""
    kind, operator, kids, *_ = one.test
    joins = kind == "binary" and operator in _JOINING and len(kids) == 2
    return bool(one.ways) or (joins and not one.cases and one.holds == (operator == "||"))


def _ways_to_meet(one: Condition) -> Iterator[Conditions]:
    if not _forks(one):
        yield (one,)
        return
    for side in one.ways or (implied(operand, one.holds) for operand in one.test.kids):
        yield from alternatives(side)
