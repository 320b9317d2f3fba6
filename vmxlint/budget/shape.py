"""The tests of a routine as its text has them, whatever stands behind them.

How probable the arms of a test are must not depend on what they do: taking an operation away from
one arm would make the others dearer. So the odds come from here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from vmxlint.facts import Expr, Stmt, walk
from vmxlint.flow.conditions import Condition, Conditions, implied, truth
from vmxlint.flow.routine import Routine

_JUMPS = ("return", "goto", "break", "continue")


def key(condition: Condition) -> Hashable:
    """The same for all conditions that one test implies."""
    return id(condition.test), condition.holds


@dataclass(frozen=True)
class Compound:
    """A test of several parts, and the conditions that hold where it is `holds`."""

    test: Expr
    holds: bool
    parts: Conditions


@dataclass(frozen=True, eq=False)
class Shape:
    """The tests, switches and loops of a routine's body."""

    routine: Routine

    @cached_property
    def _statements(self) -> Sequence[Stmt]:
        found: list[Stmt] = []
        todo = list(self.routine.body.statements)
        while todo:
            one = todo.pop()
            found.append(one)
            todo += [*one.body, *one.orelse]
            if one.expr is not None:
                todo += [inner for part in walk(one.expr) for inner in part.stmts]
        return found

    def compounds(self, condition: Condition) -> Sequence[Compound]:
        """The tests of several parts whose first part is that condition, the longest first."""
        return self._compounds.get(key(condition), ())

    def wholes(self, condition: Condition) -> Sequence[Compound]:
        """The test of several parts that a condition says does not hold, if it is one."""
        return self._wholes.get(key(condition), ())

    @cached_property
    def _wholes(self) -> Mapping[Hashable, list[Compound]]:
        tests = {id(one.test): one for many in self._compounds.values() for one in many}
        return {(number, not one.holds): [one] for number, one in tests.items()}

    @cached_property
    def _compounds(self) -> Mapping[Hashable, list[Compound]]:
        """Where `a && b` is true, `a` and `b` are conditions of their own; where it is false, it
        is one; the other way round for `a || b`."""
        found: dict[Hashable, list[Compound]] = {}
        for statement in self._statements:
            for test in walk(statement.expr) if statement.expr else ():
                if test.kind == "binary" and test.text in ("&&", "||"):
                    holds = test.text == "&&"
                    parts = implied(test, holds)
                    if len(parts) > 1:
                        found.setdefault(key(parts[0]), []).append(Compound(test, holds, parts))
        return {
            first: sorted(tests, key=lambda one: -len(one.parts)) for first, tests in found.items()
        }

    @cached_property
    def leaves(self) -> Mapping[int, bool]:
        """Of tests of which just one arm leaves what it stands in, by their identity: which."""
        found: dict[int, bool] = {}
        for one in self._statements:
            if one.kind == "if" and one.expr is not None:
                yes, no = _leaves(one.body), _leaves(one.orelse)
                if yes != no:
                    core, holds = one.expr, yes
                    while core.kind == "unary" and core.text == "!" and core.kids:
                        core, holds = core.kids[0], not holds
                    found[id(core)] = holds
        return found

    @cached_property
    def values(self) -> Mapping[int, Sequence[int]]:
        """The values that a switch names, by the identity of its subject and theirs."""
        found: dict[int, list[int]] = {}
        for one in self._statements:
            if one.kind == "switch" and one.expr is not None:
                found[id(one.expr)] = [id(case) for case in _cases(one.body)]
        return found

    @cached_property
    def loops(self) -> Sequence[tuple[Stmt, Sequence[Stmt]]]:
        """The loops with a body, each with what a `for` does before it."""
        before = {
            id(one.body[-1]): one.body[:-1]
            for one in self._statements
            if one.kind == "block" and one.body and one.start == one.body[-1].start
        }
        loops = (one for one in self._statements if one.kind == "loop" and one.body)
        return [(one, before.get(id(one), ())) for one in loops]

    @cached_property
    def uncertain_loops(self) -> Sequence[tuple[int, int]]:
        """The spans of the loops that may not even begin."""
        return [
            (one.start, one.end)
            for one in self._statements
            if one.kind == "loop" and one.text != "do" and one.expr and not _begins(one.expr)
        ]

    @cached_property
    def aside(self) -> Condition | None:
        """The condition of what stands at labels behind the end of the routine: jumps alone lead
        there."""
        ended = False
        for one in self.routine.body.statements:
            if one.kind == "label" and ended:
                jump = Expr("opaque", f"goto {one.text}", (), one.start, one.start)
                return Condition(jump, True)
            ended = ended or one.kind == "return"
        return None


def _leaves(arm: Sequence[Stmt]) -> bool:
    """Whether an arm never gets to what stands behind its statement."""
    for one in reversed(arm):
        match one.kind:
            case kind if kind in _JUMPS:
                return True
            case "block":
                return _leaves(one.body)
            case "if":
                return _leaves(one.body) and _leaves(one.orelse)
            case "expr" if one.expr is None:
                continue
        return False
    return False


def _cases(body: Sequence[Stmt]) -> Iterator[Expr]:
    """The values in the arms of a switch, but not of those inside it."""
    todo = list(body)
    while todo:
        one = todo.pop(0)
        if one.kind == "case" and one.expr is not None:
            yield one.expr
        if one.kind != "switch":
            todo += [*one.body, *one.orelse]


def _begins(test: Expr) -> bool:
    """Whether the test of a loop holds at first: by all appearance if it counts up to a constant,
    and where it asks nothing."""
    match test:
        case Expr("binary", "<" | "<=" | "!=", (_, limit)):
            return not any(one.kind == "name" and not one.text.isupper() for one in _outer(limit))
    return bool(truth(test))


def _outer(limit: Expr) -> Iterator[Expr]:
    """The names in a limit, but not those of the object that a macro measures."""
    measures = limit.kind == "call" and limit.kids and limit.kids[0].text.isupper()
    yield from walk(limit.kids[0]) if measures else walk(limit)
