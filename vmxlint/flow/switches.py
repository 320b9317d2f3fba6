"""The arms of a switch: for which values of its subject each runs, and which get behind it."""

from __future__ import annotations

from collections.abc import Sequence

from vmxlint.facts import Expr, Stmt
from vmxlint.flow.conditions import Condition, Conditions, State, common, met


class Switch:
    """A switch whose arms are visited in order, each between `enter` and `leave`."""

    def __init__(self, subject: Expr, arms: Sequence[Stmt], before: State) -> None:
        self._subject = subject
        self._before = before
        self._values = tuple(arm.expr for arm in arms if arm.kind == "case" and arm.expr)
        self._has_default = any(arm.kind == "default" for arm in arms)
        self._condition: Condition | None = None  # of the last arm; None if any value gets there
        self._entering: tuple[Expr, ...] = ()  # the values for which it runs, in order,
        self._by_default = False  # and whether it runs for those that have no arm
        self._staying: list[Expr] = []  # the same for what is behind the switch
        self._default_stays = not self._has_default

    def enter(self, arm: Stmt, end: State) -> State:
        """What holds in an arm; `end` is what holds where the arm above runs into it."""
        if end is None:
            self._entering, self._by_default = (), False
        elif self._condition not in end:
            self._entering, self._by_default = self._values, True
        if arm.expr is not None:
            self._entering = (*self._entering, arm.expr)
        else:
            self._by_default = True
        self._condition = self._among(self._entering, self._by_default)
        here = self._before if end is None else common((self._before, end))
        return here if here is None or not self._condition else (*here, self._condition)

    def leave(self, breaks: Sequence[Conditions]) -> None:
        """The last arm gets behind the switch in these ways."""
        if any(self._condition not in one for one in breaks):
            self._staying, self._default_stays = [*self._values], True
        elif breaks:
            self._staying += self._entering
            self._default_stays = self._default_stays or self._by_default

    def behind(self, ways: Sequence[Conditions]) -> State:
        """What holds behind the switch, where arms get in these ways."""
        kept = met(self._before, ways if self._has_default else (*ways, self._before))
        if kept is None or any(one.test is self._subject for one in kept):
            return kept
        condition = self._among(self._staying, self._default_stays)
        return (*kept, condition._replace(early=True)) if condition else kept

    def _among(self, values: Sequence[Expr], by_default: bool) -> Condition | None:
        """That the subject is one of `values`, or with `by_default` none of the others."""
        wanted = {id(one): one for one in values}
        cases = tuple(wanted.values())
        if by_default:
            cases = tuple(one for one in self._values if id(one) not in wanted)
        of = len(self._values)
        return Condition(self._subject, not by_default, cases=cases, of=of) if cases else None
