"""Order and conditions inside one function: every site in the order of execution, with what must
hold for it to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vmxlint.facts import Body, Expr, Stmt
from vmxlint.flow.conditions import Condition, Conditions, State, common, covers, given, met, truth
from vmxlint.flow.shape import ARMS, JUMPS, can_be_entered, has_hidden_arm, is_jumped_to, runs_once
from vmxlint.flow.switches import Switch

__all__ = ["Condition", "Conditions", "Flow", "Site", "flow_of"]

_MOST_PASSES = 4

_new = tuple.__new__  # half the price of Site(), as for expressions

_Jumps = dict[str, list[Conditions]]  # to each label


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
    """The flow of a function. Statements are visited once, loops as if run once.

    Once more, if jumps back turn out to reach a label under other conditions than the way down.
    """
    backward: _Jumps = {}
    for _ in range(_MOST_PASSES):
        walk = _Walk(body, backward)
        walk.sequence(body.statements, ())
        if not walk.missed:
            break
        for label, jumps in walk.missed.items():
            backward[label] = [*backward.get(label, ()), *jumps]
    return Flow(tuple(walk.sites), tuple(walk.loops))


class _Walk:
    """One pass over a function's statements: each visit takes what holds before, and gives what
    holds behind. Where nothing ever comes, only labels are looked for."""

    def __init__(self, body: Body, backward: _Jumps) -> None:
        self.sites: list[Site] = []
        self.loops: list[tuple[int, int]] = []
        self._body = body
        self.missed: _Jumps = {}  # to labels above, under other conditions than were taken there
        self._backward = backward
        self._jumps = {label: [*jumps] for label, jumps in backward.items()}
        self._labels: dict[str, Conditions] = {}
        self._breaks: list[list[Conditions]] = [[]]  # out of each open loop and switch
        self._continues: list[list[Conditions]] = [[]]  # in each open loop
        self._switches: list[State] = [None]  # before each open switch

    def sequence(self, body: Sequence[Stmt], now: State) -> State:
        """Visit statements in order."""
        for statement in body:
            if now is not None or can_be_entered(statement):
                now = self._statement(statement, now)
        return now

    def _statement(self, statement: Stmt, now: State) -> State:
        match statement.kind:
            case "expr" | "decl":
                return self._expression_statement(statement, now)
            case "if":
                return self._if(statement, now)
            case "block":
                return self.sequence(statement.body, now)
            case kind if kind in JUMPS:
                self._jump(statement, now)
                return None
            case "loop":
                return self._loop(statement, now)
            case "switch":
                return self._switch(statement, now)
            case "label":
                return self._label(statement, now)
            case kind if kind in ARMS:  # inside another statement of its switch
                return self.sequence(statement.body, common((now, self._switches[-1])))
        return now

    def _label(self, statement: Stmt, now: State) -> State:
        here = self._at_label(statement, now, self._jumps.get(statement.text, []))
        if here is not None:
            self._labels[statement.text] = here
        return self.sequence(statement.body, here)

    def _at_label(self, label: Stmt, now: State, jumps: Sequence[Conditions]) -> State:
        """What holds at a label: what all ways to it have in common, and that one of them is taken
        if none is in every case. Jumps back count for the first only."""
        above = () if now is None else (now,)
        kept = common([*above, *jumps])
        ahead = [*above, *jumps[len(self._backward.get(label.text, ())) :]] or list(jumps)
        if kept is None and not is_jumped_to(label.text, self._body):
            return None
        kept = kept or ()
        ways = tuple(tuple(one for one in way if one not in kept) for way in ahead)
        if len(ways) == 1 or (ways and covers(ways)):
            return kept
        reached = Expr("opaque", f"goto {label.text}", (), label.start, label.start)
        through = any(all(one.early for one in way) for way in ways)
        return (*kept, Condition(reached, True, through, ways=ways))

    def _expression_statement(self, statement: Stmt, now: State) -> State:
        if statement.expr is not None:
            now = self.expression(statement.expr, now)
            if statement.kind == "decl" and now is not None:
                self.sites.append(Site(statement.expr, now, statement.text, "decl"))
        return now

    def _jump(self, statement: Stmt, now: State) -> None:
        if statement.expr is not None:
            now = self.expression(statement.expr, now)
        if now is None:
            return
        match statement.kind:
            case "return":
                if statement.expr is not None:
                    self.sites.append(Site(statement.expr, now, "", "return"))
            case "goto":
                self._goto(statement.text, now)
            case "break":
                self._breaks[-1].append(now)
            case "continue":
                self._continues[-1].append(now)

    def _goto(self, label: str, now: Conditions) -> None:
        here = self._labels.get(label)
        if here is None:
            self._jumps.setdefault(label, []).append(now)
        elif any(one not in now for one in here):
            self.missed.setdefault(label, []).append(now)

    def _if(self, statement: Stmt, now: State) -> State:
        test = statement.expr
        if test is None:
            return met(now, [self.sequence(arm, now) for arm in (statement.body, statement.orelse)])
        now = self.expression(test, now)
        entering, passing = given(now, test, True), given(now, test, False)
        yes = self.sequence(statement.body, entering)
        no = self.sequence(statement.orelse, passing)
        return now if yes is entering and no is passing else met(now, (yes, no))

    def _loop(self, statement: Stmt, now: State) -> State:
        if not runs_once(statement):
            self.loops.append((statement.start, statement.end))
        self._breaks.append([])
        self._continues.append([])
        behind = (self._do if statement.text == "do" else self._while)(statement, now)
        return met(now, [behind, *self._breaks.pop()])

    def _while(self, statement: Stmt, now: State) -> State:
        """`while` and `for`: what holds where the test ends the loop."""
        test = statement.expr
        now = self.expression(test, now) if test else now
        known = truth(test) if test else None
        entering = None if known is False else now
        end = self.sequence(statement.body, entering)
        end = met(entering, [end, *self._continues.pop()])
        end = self.sequence(statement.orelse, end)
        return None if known else met(now, (now, end))

    def _do(self, statement: Stmt, now: State) -> State:
        test = statement.expr
        end = self.sequence(statement.body, now)
        end = met(now, [end, *self._continues.pop()])
        behind = self.expression(test, end) if test else end
        return None if test and truth(test) else behind

    def _switch(self, statement: Stmt, now: State) -> State:
        subject = statement.expr or Expr("opaque", "", (), statement.start, statement.start)
        now = self.expression(subject, now)
        arms = statement.body[0].body if len(statement.body) == 1 else statement.body
        self._breaks.append([])
        self._switches.append(now)
        behind = self._arms(Switch(subject, arms, now), arms)
        self._switches.pop()
        return behind

    def _arms(self, switch: Switch, arms: Sequence[Stmt]) -> State:
        breaks = self._breaks[-1]
        end = self._switches[-1] if has_hidden_arm(arms) else None
        for arm in arms:
            broken = len(breaks)
            if arm.kind in ARMS:
                end = self.sequence(arm.body, switch.enter(arm, end))
            else:
                end = self.sequence((arm,), end)
            switch.leave(breaks[broken:])
        if end is not None:
            switch.leave([end])
            breaks.append(end)
        return switch.behind(self._breaks.pop())

    def expression(self, expr: Expr, now: State) -> State:
        """Visit `expr`: operands first, in the order and under the conditions of C."""
        if now is None:
            return None
        kind = expr.kind
        if kind == "binary" and expr.text in ("&&", "||") and len(expr.kids) == 2:
            return self._either(expr, now)
        if kind == "ternary" and len(expr.kids) == 3:
            return self._ternary(expr, now)
        if kind == "block":
            return self.sequence(expr.stmts, now)
        for kid in expr.kids:
            if kid.kids or kid.kind in ("call", "asm", "block"):
                now = self.expression(kid, now)
        if now is not None and kind in ("call", "asm", "assign", "update"):
            self.sites.append(_new(Site, (expr, now, "", "")))
        return now

    def _either(self, expr: Expr, now: State) -> State:
        left, right = expr.kids
        now = self.expression(left, now)
        decisive = expr.text == "||"
        entering = given(now, left, not decisive)
        end = self.expression(right, entering)
        return now if end is entering else met(now, (end, given(now, left, decisive)))

    def _ternary(self, expr: Expr, now: State) -> State:
        test, *arms = expr.kids
        now = self.expression(test, now)
        entering = given(now, test, True), given(now, test, False)
        ends = tuple(
            state if arm == test else self.expression(arm, state)
            for arm, state in zip(arms, entering, strict=True)
        )
        unchanged = all(end is state for end, state in zip(ends, entering, strict=True))
        return now if unchanged else met(now, ends)
