"""What a local holds at a site, and what a call gives: looked back from there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vmxlint.calls.link import Linker
from vmxlint.facts import Expr
from vmxlint.flow.routine import Change, Routine

_COMPOUND = ("|=", "&=", "^=", "+=", "-=")
_EITHER = Expr("opaque", "?", (), 0, 0)
_MOST_PARTS = 120
_DEEPEST = 4


def assigned(routine: Routine, name: str) -> Iterator[Expr]:
    """The values that a local variable is plainly given."""
    for change in routine.changes.get(name, ()):
        if change.operator == "=":
            yield change.value


def values_before(routine: Routine, name: str, before: int | None) -> list[Change]:
    """The assignments that can have given a local its value ahead of the site of that number: from
    the last one that is certain there on, in a loop all."""
    changes = [one for one in routine.changes.get(name, ()) if one.operator == "="]
    if before is None or routine.is_in_loop(before):
        return changes
    held = frozenset(map(id, routine.flow.sites[before].conditions))
    found: list[Change] = []
    for change in reversed([one for one in changes if one.number < before]):
        found.append(change)
        if all(id(one) in held for one in change.conditions):
            break
    return found[::-1]


def computed(
    expr: Expr, routine: Routine, before: int, held: frozenset[int], depth: int = 0
) -> Expr:
    """`expr` with its locals replaced by what they hold before the site of that number, where the
    conditions `held` hold."""
    if expr.kind == "name" and expr.text in routine.changes:
        return _local(expr, routine, before, held, depth) if depth < _DEEPEST else expr
    if expr.kind in ("binary", "cast", "ternary") or (expr.kind == "unary" and expr.text == "~"):
        kids = tuple(computed(kid, routine, before, held, depth) for kid in expr.kids)
        return expr._replace(kids=kids)
    return expr


def _local(expr: Expr, routine: Routine, before: int, held: frozenset[int], depth: int) -> Expr:
    """A local's value before the site of that number, where the conditions `held` hold.

    The last plain assignment on the way counts, or either of those on other ways, then each `|=`
    and `&=` behind it, with either its bits or none where it may be passed by. A value that grows
    too large stays the local's name.
    """
    value = expr if expr.text in routine.parameters else None
    for change in routine.changes[expr.text]:
        if change.number >= before:
            break
        step = computed(change.value, routine, change.number, held, depth + 1)
        certain = all(id(one) in held for one in change.conditions)
        if change.operator == "=":
            either = Expr("ternary", "", (_EITHER, step, value), 0, 0) if value else step
            value = step if certain else either
        elif change.operator in _COMPOUND:
            step = step if certain else _perhaps(change.operator, step)
            value = Expr("binary", change.operator[0], (value or expr, step), expr.start, expr.end)
        if value is not None and is_large(value, _MOST_PARTS):
            return expr
    return value or expr


def _perhaps(operator: str, step: Expr) -> Expr:
    """The operand of a compound assignment that other ways pass by."""
    if step.kind == "unary" and step.text == "~":
        return step._replace(kids=(_or_nothing(step.kids[0]),))
    return step if operator == "&=" else _or_nothing(step)


def _or_nothing(bits: Expr) -> Expr:
    return Expr("ternary", "", (_EITHER, bits, Expr("number", "0", (), 0, 0)), bits.start, bits.end)


def is_large(expr: Expr, most: int) -> bool:
    """Whether `expr` has more parts than `most`."""
    todo, seen = [expr], 0
    while todo and seen <= most:
        seen += 1
        todo.extend(todo.pop().kids)
    return seen > most


def returned(given: Sequence[Expr], callee: Routine | None) -> Expr | None:
    """What a call of a function that only returns an expression stands for."""
    answer = _answer(callee) if callee else None
    if callee is None or answer is None:
        return None
    return substituted(answer, dict(zip(callee.parameters, given, strict=False)))


def predicate(
    name: str, given: Sequence[Expr], routine: Routine, linker: Linker
) -> tuple[Expr, Routine] | None:
    """What a call of a function that only returns an expression stands for, and its routine."""
    callee = linker.resolve(name, routine.path)
    body = returned(given, callee)
    return (body, callee) if body and callee else None


def _answer(callee: Routine) -> Expr | None:
    """What a function returns, by its parameters; None if that takes locals which are not known."""
    answer = callee.answer
    if answer is None or callee.changes.keys().isdisjoint(n.text for n in plain_names(answer)):
        return answer
    end = len(callee.flow.sites)
    known = _local if answer.kind == "name" else computed
    answer = known(answer, callee, end, frozenset(), 0)
    local = callee.variables.keys() - callee.parameters
    return answer if local.isdisjoint(n.text for n in plain_names(answer)) else None


def substituted(expr: Expr, given: Mapping[str, Expr]) -> Expr:
    """`expr` with names replaced; Facts bound its depth."""
    if expr.kind == "name":
        return given.get(expr.text, expr)
    if not expr.kids or not given:
        return expr
    return expr._replace(kids=tuple(substituted(kid, given) for kid in expr.kids))


def plain_names(expr: Expr) -> Iterator[Expr]:
    """The names that `expr` uses as they are: not as an object, callee, argument or test."""
    todo = [expr]
    while todo:
        one = todo.pop()
        if one.kind == "name":
            yield one
        elif one.kind == "ternary":
            todo.extend(one.kids[1:])
        elif one.kind in ("binary", "cast") or (one.kind == "unary" and one.text == "~"):
            todo.extend(one.kids)
