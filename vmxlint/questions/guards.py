"""Whether an operation runs each time that its context does, or behind a compare, flag or state."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from vmxlint.contexts.gate import Gate
from vmxlint.contexts.reach import Reach
from vmxlint.facts import Expr, is_constant, walk
from vmxlint.flow.conditions import Condition
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operation
from vmxlint.program import Program

_KEPT = ("memo", "flag")
_COMPARING = ("!=", "==", "^", "-")
_NESTED_ENTRY = frozenset({"VMLAUNCH", "VMRESUME"})
_SELDOM = 0.5


class Guards:
    """What keeps the operations of a program from running."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def is_compared(self, operation: Operation) -> bool:
        """Whether a compare with what was written last, or a flag, stands before an operation."""
        gates = self._program.gates_before(operation)
        return (
            any(gate.kind in _KEPT for gate in gates)
            or any(_compares(one.condition) for one in gates if one.kind != "failure")
            or self._program.is_behind_copy(operation)
            or may_be_jumped_over(operation)
        )

    def steady(self, operation: Operation, contexts: Collection[str]) -> Iterator[Reach]:
        """The ways of some contexts on which an operation runs in every pass.

        Functions on the way to the guest may return early, since then the guest is not entered, and
        so may callers, after errors. In the operation's own function it may guard the work.
        """
        if not self._ends_early(operation):
            yield from self.usual(operation, contexts)

    def usual(self, operation: Operation, contexts: Collection[str]) -> Iterator[Reach]:
        """The ways of some contexts that only an early way out keeps from being gone."""
        for reach in self._program.reaches(operation):
            if reach.context in contexts and not any(map(_narrows, reach.gates)):
                yield reach

    def _ends_early(self, operation: Operation) -> bool:
        spine = self._program.contexts.spine
        if operation.routine in spine.steps or operation.routine in spine.loops:
            return False
        own = self._program.gates_before(operation)
        return any(
            gate.kind == "state"
            and _asks(gate.condition.test)
            and not self._is_null_test(gate.condition.test, operation.routine)
            for gate in own
        )

    def _is_null_test(self, test: Expr, routine: Routine) -> bool:
        """Whether a test only asks if a member points to anything."""
        place = self._program.structs.place(test, routine) if test.kind == "member" else None
        return place is not None and place.member.pointers > 0

    def enters_aside(self, routine: Routine) -> bool:
        """Whether a function off the run path enters the guest itself, for a check of the VMCS."""
        spine = self._program.contexts.spine
        if routine in spine.steps or routine in spine.loops:
            return False
        if any(edge.callee in spine.steps for edge in self._program.linker.edges(routine)):
            return True
        return self._program.enters(routine)


def may_be_jumped_over(operation: Operation) -> bool:
    """Whether a conditional jump stands before the instruction in its own assembly."""
    if operation.site.expr.kind != "asm":
        return False
    for mnemonic, _ in operation.routine.asm(operation.site.expr).instructions:
        if mnemonic.startswith(operation.kind):
            return False
        if mnemonic.startswith("j") and mnemonic != "jmp":
            return True
    return False


def _narrows(gate: Gate) -> bool:
    """Whether code behind a gate is passed by in some runs that are no errors."""
    match gate.kind:
        case "memo" | "flag":
            return True
        case "state":
            return not gate.early
        case "reason":
            return gate.among and not gate.reasons <= _NESTED_ENTRY
        case "guest-mode":
            return not gate.holds and not gate.early  # what L1 alone does
        case "table" | "build":
            return False
    return gate.probability.typical < _SELDOM


def _asks(test: Expr) -> bool:
    """Whether a test looks at anything but a predicate without arguments, which is of the host."""
    while test.kind in ("unary", "cast") and test.kids:
        test = test.kids[0]
    return test.kind != "call" or len(test.kids) > 1


def _compares(condition: Condition) -> bool:
    """Whether a condition compares two values of which none is a constant of the source."""
    return any(
        one.kind == "binary"
        and one.text in _COMPARING
        and len(one.kids) == 2
        and not any(is_constant(kid) for kid in one.kids)
        for one in walk(condition.test)
    )
