"""Order and conditions inside one function: every site in the order of execution, with what must
hold for it to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vmxlint.facts import Body, Expr, Stmt

MOST_CONDITIONS = 64  # in force at once; a function with more early ways out forgets the later ones


class Condition(NamedTuple):
    """`test` is true (`holds`) or false. `early`: because an earlier arm left the function.

    Of a `switch`, `test` is the subject and `cases` are the values; then `holds` says whether the
    subject is among them.
    """

    test: Expr
    holds: bool
    early: bool = False
    cases: tuple[Expr, ...] = ()


Conditions = tuple[Condition, ...]


class Site(NamedTuple):
    """A call, asm, assignment, first value (decl) or return, and the conditions on the way."""

    expr: Expr
    conditions: Conditions
    target: str = ""  # the variable of a first value
    kind: str = ""  # "return", "decl" or, for the rest, empty


@dataclass(frozen=True)
class Flow:
    """A function's sites in order, and the spans of its loops."""

    sites: tuple[Site, ...]
    loops: tuple[tuple[int, int], ...]


def flow_of(body: Body) -> Flow:
    """The flow of a function. Statements are visited once, loops as if run once."""
    walk = _Walk()
    walk.sequence(body.statements, ())
    return Flow(tuple(walk.sites), tuple(walk.loops))


class _Walk:
    """One pass over a function's statements."""

    def __init__(self) -> None:
        self.sites: list[Site] = []
        self.loops: list[tuple[int, int]] = []
        self._gotos: dict[str, list[Conditions]] = {}

    def sequence(self, body: Sequence[Stmt], given: Conditions) -> Conditions | None:
        """Visit `body`; the conditions that hold behind it, None if its end is never reached."""
        now: Conditions | None = given
        for statement in body:
            if statement.kind == "label":
                now = self._label(statement, now)
            elif now is not None:
                now = self._statement(statement, now)
            elif _has_label(statement):
                now = self._statement(statement, given)
        return now

    def _label(self, statement: Stmt, now: Conditions | None) -> Conditions | None:
        jumps = self._gotos.pop(statement.text, [])
        arriving = jumps if now is None else [*jumps, now]
        here = _common(arriving) if arriving else ()
        if now is None and len(jumps) > 1:
            reached = Expr("opaque", f"goto {statement.text}", (), statement.start, statement.start)
            here = (*here, Condition(reached, True))
        return self.sequence(statement.body, here)

    def _statement(self, statement: Stmt, now: Conditions) -> Conditions | None:
        match statement.kind:
            case "expr" | "decl":
                return self._expression_statement(statement, now)
            case "if":
                return self._if(statement, now)
            case "block":
                return self.sequence(statement.body, now)
            case "loop":
                return self._loop(statement, now)
            case "switch":
                return self._switch(statement, now)
            case "return" | "goto" | "break" | "continue":
                self._jump(statement, now)
                return None
            case "case" | "default":
                return self.sequence(statement.body, now)
        return now

    def _expression_statement(self, statement: Stmt, now: Conditions) -> Conditions:
        if statement.expr is not None:
            self.expression(statement.expr, now)
            if statement.kind == "decl":
                self.sites.append(Site(statement.expr, now, statement.text, "decl"))
        return now

    def _jump(self, statement: Stmt, now: Conditions) -> None:
        if statement.expr is not None:
            self.expression(statement.expr, now)
            if statement.kind == "return":
                self.sites.append(Site(statement.expr, now, "", "return"))
        if statement.kind == "goto":
            self._gotos.setdefault(statement.text, []).append(now)

    def _if(self, statement: Stmt, now: Conditions) -> Conditions | None:
        test = statement.expr
        if test is None:
            self.sequence(statement.body, now)
            return self.sequence(statement.orelse, now)
        self.expression(test, now)
        constant = _constant(test)
        yes = self.sequence(statement.body, (*now, *implied(test, True))) if constant != 0 else None
        no: Conditions | None = (*now, *implied(test, False))
        if statement.orelse and constant != 1:
            no = self.sequence(statement.orelse, no or now)
        if constant in (0, 1):
            behind = yes if constant else no
            return None if behind is None else now
        return _joined(now, yes, no, test)

    def _loop(self, statement: Stmt, now: Conditions) -> Conditions:
        self.loops.append((statement.start, statement.end))
        if statement.expr is not None:
            self.expression(statement.expr, now)
            if _constant(statement.expr) == 0 and not statement.text.startswith("do"):
                return now
        self.sequence(statement.body, now)
        return now

    def _switch(self, statement: Stmt, now: Conditions) -> Conditions | None:
        subject = statement.expr
        if subject is None:
            return self.sequence(statement.body, now)
        self.expression(subject, now)
        arms = statement.body[0].body if len(statement.body) == 1 else statement.body
        return self._arms(subject, arms, now)

    def _arms(self, subject: Expr, arms: Sequence[Stmt], now: Conditions) -> Conditions | None:
        every = tuple(arm.expr for arm in arms if arm.kind == "case" and arm.expr)
        entering: tuple[Expr, ...] = ()
        leaving: list[Expr] = []
        staying: list[Expr] = []
        default_stays = True
        for arm in arms:
            if arm.kind not in ("case", "default"):
                self._statement(arm, now)
                continue
            own = (arm.expr,) if arm.kind == "case" and arm.expr else ()
            entering += own
            if arm.kind == "default":
                held = (*now, Condition(subject, False, cases=every))
                if entering:
                    held = now
            else:
                held = (*now, Condition(subject, True, cases=entering))
            behind = self.sequence(arm.body, held)
            if behind is not None and not _breaks(arm.body):
                continue  # falls through to the next arm, which then runs for these values too
            stays = _breaks(arm.body) or behind is not None
            if arm.kind == "default":
                default_stays = stays
            (staying if stays else leaving).extend(entering)
            entering = ()
        return _behind_switch(subject, now, staying + list(entering), leaving, default_stays)

    def expression(self, expr: Expr, now: Conditions) -> None:
        """Visit `expr`: operands first, in the order and under the conditions of C."""
        match expr:
            case Expr("binary", "&&" | "||" as operator, (left, right)):
                self.expression(left, now)
                self.expression(right, (*now, *implied(left, operator == "&&")))
                return
            case Expr("ternary", _, (test, yes, no)):
                self.expression(test, now)
                self.expression(yes, (*now, *implied(test, True)))
                self.expression(no, (*now, *implied(test, False)))
                return
            case Expr("block"):
                self.sequence(expr.stmts, now)
                return
        for kid in expr.kids:
            if kid.kids or kid.kind in ("call", "asm", "block"):
                self.expression(kid, now)
        if expr.kind in ("call", "asm", "assign", "update"):
            self.sites.append(Site(expr, now))


def _has_label(statement: Stmt) -> bool:
    todo = [statement]
    while todo:
        one = todo.pop()
        if one.kind == "label":
            return True
        todo += [*one.body, *one.orelse]
    return False


def implied(test: Expr, holds: bool) -> Conditions:
    """The conditions that `test` being `holds` implies, one for each operand of `&&` and `||`."""
    match test:
        case Expr("unary", "!", (inner,)):
            return implied(inner, not holds)
        case Expr("binary", "&&", (left, right)) if holds:
            return (*implied(left, True), *implied(right, True))
        case Expr("binary", "||", (left, right)) if not holds:
            return (*implied(left, False), *implied(right, False))
    return (Condition(test, holds),)


def _constant(test: Expr) -> int | None:
    return {"0": 0, "1": 1, "false": 0, "true": 1}.get(test.text) if test.kind == "number" else None


def _common(many: Sequence[Conditions]) -> Conditions:
    """The conditions that hold whichever way a label is reached."""
    first, *others = many
    return tuple(one for one in first if all(one in other for other in others))


def _joined(
    before: Conditions, yes: Conditions | None, no: Conditions | None, test: Expr
) -> Conditions | None:
    """What holds behind an `if`: the other arm's condition, where one arm never gets there."""
    if yes is None and no is None:
        return None
    if yes is not None and no is not None:
        kept = _common((yes, no))
        return kept if len(kept) > len(before) else before
    survivor = yes if yes is not None else no
    assert survivor is not None
    fresh = tuple(one._replace(early=True) for one in survivor[len(before) :])
    return (*before, *fresh) if len(before) < MOST_CONDITIONS else before


def _breaks(body: Sequence[Stmt]) -> bool:
    """Whether an arm of a switch can `break` out of it."""
    todo = list(body)
    while todo:
        one = todo.pop()
        if one.kind == "break":
            return True
        if one.kind not in ("loop", "switch"):
            todo += [*one.body, *one.orelse]
    return False


def _behind_switch(
    subject: Expr,
    now: Conditions,
    staying: Sequence[Expr],
    leaving: Sequence[Expr],
    default_stays: bool,
) -> Conditions | None:
    if not default_stays:
        if not staying:
            return None
        return (*now, Condition(subject, True, True, tuple(staying)))
    if leaving:
        return (*now, Condition(subject, False, True, tuple(leaving)))
    return now
