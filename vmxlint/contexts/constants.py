"""What is known of constants in the code: their values, and whether two are the same."""

from __future__ import annotations

from collections.abc import Iterable

from vmxlint.calls.link import Linker
from vmxlint.facts import Expr, spelled
from vmxlint.flow.routine import Routine

_WORDS = {"true": "1", "false": "0", "NULL": "0"}


def bare(expr: Expr) -> Expr:
    """An expression without its casts."""
    while expr.kind == "cast" and expr.kids:
        expr = expr.kids[-1]
    return expr


def looks_constant(expr: Expr, routine: Routine) -> bool:
    """Whether an expression is a number, or by its capitals the name of one; also with a sign."""
    while expr.kind == "cast" or (expr.kind == "unary" and expr.text in "-~"):
        expr = expr.kids[0]
    named = expr.kind == "name" and expr.text not in routine.variables
    return expr.kind == "number" or (named and expr.text.isupper())


class Constants:
    """The constants of a unit."""

    def __init__(self, linker: Linker) -> None:
        self._linker = linker

    def value(self, expr: Expr) -> int | None:
        """The value of a constant, None for one from outside and for what is none."""
        expr = bare(expr)
        if expr.kind == "unary" and expr.text == "-" and expr.kids[0].kind == "number":
            value = self.value(expr.kids[0])
            return None if value is None else -value
        return self._linker.number(_WORDS.get(expr.text) or spelled(expr))

    def is_named(self, expr: Expr) -> bool:
        """Whether a name is that of a constant: as one of the tree, or by its capitals one of the
        headers outside."""
        known = expr.text in self._linker.constants or expr.text.isupper()
        return expr.kind == "name" and known

    def same(self, one: Expr, other: Expr) -> bool | None:
        """Whether two constants have one value; constants without a known one differ by name."""
        values = (self.value(one), self.value(other))
        if None not in values:
            return values[0] == values[1]
        one, other = bare(one), bare(other)
        return one.text == other.text if self.is_named(one) and self.is_named(other) else None

    def is_among(self, subject: Expr, cases: Iterable[Expr]) -> bool | None:
        """Whether a switch on a constant goes to one of some cases."""
        answers = [self._is_case(subject, case) for case in cases]
        return True if True in answers else None if None in answers else False

    def _is_case(self, subject: Expr, case: Expr) -> bool | None:
        """The same for one case, which may be a range."""
        if case.kind != "range":
            return self.same(subject, case)
        value, first, last = (self.value(one) for one in (subject, *case.kids))
        known = value is not None and first is not None and last is not None
        return (first or 0) <= (value or 0) <= (last or 0) if known else None
