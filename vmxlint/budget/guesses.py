"""Better guesses than `gate` has, for conditions of which the work behind them says more."""

from __future__ import annotations

from vmxlint.budget.arms import Node
from vmxlint.budget.rates import VMWRITE
from vmxlint.conditions import Condition
from vmxlint.facts import walk
from vmxlint.gate import STAYS, Gate
from vmxlint.interval import Interval

# A VMWRITE behind a compare with what the field holds: the value seldom changes. Our guess, from
# the one rate that is known, that of the preemption timer's control bit (1 entry in 10).
CHANGED = Interval(0, 0.1, 1)
# Code at a label that only jumps come to, behind the function's end: the way out after an error.
LEFT = STAYS.complement()
_COMPARING = ("==", "!=", "^")


def own_chance(gate: Gate, node: Node) -> Interval | None:
    """Of some gates before some work, a better guess than for any other condition."""
    test = gate.condition.test
    if test.kind == "opaque" and test.text.startswith("goto "):
        return LEFT
    if gate.kind == "memo" and _compares(gate.condition) and _only_writes(node):
        differs = gate.condition.holds == _differs(gate.condition)
        return CHANGED if differs else CHANGED.complement()
    return None


def _only_writes(node: Node) -> bool:
    return all(one.kind == VMWRITE for work in node.work for one in work.operations) and not any(
        work.calls for work in node.work
    )


def _compares(condition: Condition) -> bool:
    return any(one.kind == "binary" and one.text in _COMPARING for one in walk(condition.test))


def _differs(condition: Condition) -> bool:
    """Whether the test is true where the values compared are not the same."""
    test, plain = condition.test, True
    while test.kind in ("unary", "call", "cast") and test.kids:
        plain = plain != (test.text == "!" and test.kind == "unary")
        test = test.kids[-1]
    return (test.text != "==") == plain
