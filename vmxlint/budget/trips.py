"""How often the body of a loop runs, where the text says it: `for (i = 0; i < LIMIT; i++)`.

A limit is a constant, the length of an array, a variable that is first set to one of these, or an
element of a local array of such. A loop that may be left early runs once to as often as that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from statistics import mean
from typing import NamedTuple

from vmxlint.calls.link import Linker
from vmxlint.facts import Expr, Stmt, spelled, walk
from vmxlint.flow.routine import Routine
from vmxlint.interval import ONCE, Interval
from vmxlint.numbers import evaluate

_MEASURED = re.compile(r"[A-Z_][A-Z_0-9]*\(\s*(\w+)\s*\)")  # ARRAY_SIZE(array)
_DEEPEST = 3
_MOST = 1_000_000
_LEAVING = ("return", "goto", "break")
Loop = tuple[Stmt, Sequence[Stmt]]  # with what a `for` does before it


class _Count(NamedTuple):
    """The variable that a loop counts, its limit, and the sign between them."""

    variable: str
    sign: str
    limit: Expr


class Trips:
    """The loops of a unit."""

    def __init__(self, linker: Linker) -> None:
        self._linker = linker

    @cached_property
    def _lengths(self) -> Mapping[tuple[str, str], int | None]:
        """The lengths of arrays by file and name, and by their name alone if all agree."""
        found: dict[tuple[str, str], int | None] = {}
        for one in self._linker.files:
            for name, length in one.lengths:
                found[one.path, name] = length
                agreed = found.setdefault(("", name), length) == length
                found["", name] = length if agreed else None
        return found

    def of(self, loop: Loop, routine: Routine) -> Interval:
        """How often the body runs each time that the code comes by; once if that is not known."""
        statement, before = loop
        count = _count(statement)
        if count is None or _is_changed(count.variable, statement.body):
            return ONCE
        step, start = _step(statement, count), _start(before, count)
        limits = list(self._values(count.limit, routine, 0))
        if step is None or start is None or not limits or None in limits:
            return ONCE
        more = count.sign == "<="
        trips = (-((start - one - more) // step) for one in limits if one is not None)
        each = sorted(min(one, _MOST) for one in trips)
        if each[0] < 1:
            return ONCE
        if _may_be_left(statement.body):
            return Interval(1, 1, each[-1])
        return Interval(each[0], mean(each), each[-1])

    def _values(self, limit: Expr, routine: Routine, depth: int) -> Iterator[int | None]:
        """The values that a limit has, None for one that is not known."""
        match limit:
            case Expr("index", _, (Expr("name", array), _)):
                for one in _elements(array, routine):
                    yield from self._values(one, routine, depth + 1) if depth < 1 else [None]
            case Expr("name", name) if name in routine.variables:
                changes = routine.changes.get(name, [])
                if len(changes) != 1 or depth >= _DEEPEST or _is_counted(name, routine):
                    yield None
                else:
                    yield from self._values(changes[0].value, routine, depth + 1)
            case _:
                yield self._value(spelled(limit), routine)

    def _value(self, text: str, routine: Routine) -> int | None:
        constants = self._linker.constants
        if measured := _MEASURED.fullmatch(constants.get(text, text)):
            if here := len(_elements(measured[1], routine)):
                return here
            near = self._lengths.get((routine.path, measured[1]))
            return near or self._lengths.get(("", measured[1]))
        return evaluate(text, constants)


def _count(loop: Stmt) -> _Count | None:
    match loop.expr:
        case Expr("binary", "<" | "<=" | "!=" as sign, (Expr("name", name), limit)):
            return _Count(name, sign, limit)
    return None


def _step(loop: Stmt, count: _Count) -> int | None:
    """By how much the last part of a `for` counts up."""
    for one in loop.orelse:
        for part in walk(one.expr) if one.expr else ():
            match part:
                case Expr("update", "++", (Expr("name", name),)) if name == count.variable:
                    return 1
                case Expr("assign", "+=", (Expr("name", name), by)) if name == count.variable:
                    return evaluate(spelled(by), {}) or None
    return None


def _start(before: Sequence[Stmt], count: _Count) -> int | None:
    """The number that the first part of a `for` sets the variable to."""
    for one in before:
        if one.kind == "decl" and one.text == count.variable and one.expr:
            return evaluate(spelled(one.expr), {})
        for part in walk(one.expr) if one.expr else ():
            match part:
                case Expr("assign", "=", (Expr("name", name), value)) if name == count.variable:
                    while value.kind == "assign" and value.text == "=":
                        value = value.kids[-1]
                    return evaluate(spelled(value), {})
    return None


def _elements(array: str, routine: Routine) -> Sequence[Expr]:
    """The elements that a local array is given, as far as none is placed by its number."""
    changes = routine.changes.get(array, [])
    given = changes[0].value if len(changes) == 1 else None
    if given is None or given.kind != "list" or any(one.kind == "pair" for one in given.kids):
        return ()
    return given.kids


def _is_changed(variable: str, body: Sequence[Stmt]) -> bool:
    """Whether a loop's body changes the variable that the loop counts."""
    return any(
        one.kind in ("assign", "update") and one.kids[0].text == variable
        for one in _expressions(body)
    ) or _is_handed_out(variable, body)


def _is_counted(variable: str, routine: Routine) -> bool:
    """Whether a variable with one assignment gets other values as well."""
    body = routine.body.statements
    counted = (one for one in _expressions(body) if one.kind == "update")
    return any(one.kids[0].text == variable for one in counted) or _is_handed_out(variable, body)


def _is_handed_out(variable: str, body: Sequence[Stmt]) -> bool:
    address = (one for one in _expressions(body) if one.kind == "unary" and one.text == "&")
    return any(one.kids[0].text == variable for one in address)


def _expressions(body: Sequence[Stmt]) -> Iterator[Expr]:
    for one in body:
        if one.expr:
            yield from walk(one.expr)
        yield from _expressions((*one.body, *one.orelse))


def _may_be_left(body: Sequence[Stmt], inside: bool = False) -> bool:
    """Whether a way leads out of a loop's body; `inside` something that a `break` leaves."""
    for one in body:
        if one.kind in _LEAVING and not (one.kind == "break" and inside):
            return True
        within = inside or one.kind in ("loop", "switch")
        if _may_be_left((*one.body, *one.orelse), within):
            return True
    return False
