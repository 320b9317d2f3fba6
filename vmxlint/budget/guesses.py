"""Better guesses than `gate` has, for conditions of which the work behind them says more."""

from __future__ import annotations

from vmxlint.budget.arms import Node
from vmxlint.budget.rates import VMWRITE
from vmxlint.contexts.gate import BUILD, LEAVES, UNKNOWN, Gate
from vmxlint.facts import walk
from vmxlint.flow.conditions import Condition
from vmxlint.interval import Interval
from vmxlint.model.probabilities import chance

CHANGED = chance("kept-value-changed")
_COMPARING = ("==", "!=", "^")


def own_chance(gate: Gate, node: Node, steady: bool) -> Interval | None:
    """Of some gates before some work, a better guess than for any other condition. `steady`: from
    one such pass to the next the VMCS stays the same."""
    if is_jump(gate.condition):
        return LEAVES if gate.condition.holds else LEAVES.complement()
    if gate.kind == "build":
        return _of_build(gate)
    if gate.kind == "state":
        return UNKNOWN
    if gate.kind != "memo" or not (steady or _only_writes(node)):
        return None
    if compares(gate.condition):
        differs = gate.condition.holds == _differs(gate.condition)
        return CHANGED if differs else CHANGED.complement()
    return CHANGED if steady else None


def _of_build(gate: Gate) -> Interval:
    """Features are there more often than not; of a part of the text nothing is known."""
    if gate.condition.test.kind == "number":
        return UNKNOWN
    return BUILD if gate.holds else BUILD.complement()


def _only_writes(node: Node) -> bool:
    return all(one.kind == VMWRITE for work in node.work for one in work.operations) and not any(
        work.calls for work in node.work
    )


def compares(condition: Condition) -> bool:
    """Whether a condition asks if two values are the same."""
    return any(one.kind == "binary" and one.text in _COMPARING for one in walk(condition.test))


def _differs(condition: Condition) -> bool:
    """Whether the test is true where the values compared are not the same."""
    test, plain = condition.test, True
    while test.kind in ("unary", "call", "cast") and test.kids:
        plain = plain != (test.text == "!" and test.kind == "unary")
        test = test.kids[-1]
    return (test.text != "==") == plain


def is_jump(condition: Condition) -> bool:
    """Whether a condition says that jumps are the only way to a label."""
    return condition.test.kind == "opaque" and condition.test.text.startswith("goto ")
