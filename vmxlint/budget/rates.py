"""What each operation of a program is counted as, and at which price."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

from vmxlint.budget.amounts import Amount, Cap, Rhythm, once
from vmxlint.contexts.reach import exit_for
from vmxlint.flow.routine import Routine
from vmxlint.interval import NOTHING, Interval
from vmxlint.model.operations import OperationCost
from vmxlint.operations import Operation
from vmxlint.program import Program
from vmxlint.questions.toggles import toggles

VMREAD, VMWRITE, CONTROL_WRITE = "vmread", "vmwrite", "control_write"
VMPTRLD, VMCLEAR, MSR, TLB = "vmptrld", "vmclear", "msr", "tlb"
COUNTED = (VMREAD, VMWRITE, CONTROL_WRITE, VMPTRLD, VMCLEAR, MSR, TLB)
_KINDS = {"rdmsr": MSR, "wrmsr": MSR, "invept": TLB, "invvpid": TLB}
_ROWS = {"rdmsr": "rdmsr_generic", "wrmsr": "wrmsr_generic", "invept": "invept_single"}
_NEXT = "vmread_next_in_batch"
GUESS = "X"  # the grade of a price without a source


class Rates:
    """The counts and prices of a program's operations."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def row(self, name: str) -> OperationCost:
        """The model's row of that operation for the CPU."""
        pricing = self._program.pricing
        return pricing.cost_of(name)

    def row_of(self, operation: Operation) -> OperationCost:
        """The row that one operation is priced by: of a run of VMREADs the first costs more."""
        if operation in self._continuing:
            return self.row(_NEXT)
        return self.row(_ROWS.get(operation.kind, operation.kind))

    def cycles(self, operation: Operation) -> Interval:
        """The price of one operation; nothing where the model only guesses it (grade X)."""
        return self.price(self.row_of(operation))

    def price(self, row: OperationCost) -> Interval:
        """The cycles of a row, none if they are no more than a guess."""
        return NOTHING if row.grade == GUESS else row.cycles

    def row_of_kind(self, kind: str) -> OperationCost:
        """The row for what is counted as some kind, if no more is known of it: the dearest."""
        rows = [self.row(_ROWS.get(name, name)) for name, one in _KINDS.items() if one == kind]
        return max(rows, key=lambda row: row.cycles.typical) if rows else self.row(kind)

    def amount(self, operation: Operation, fills: bool, limited: bool) -> Amount:
        """One operation, counted, under its cap if it has one."""
        kinds = [counted_as(operation)]
        if is_control_write(operation):
            kinds.append(CONTROL_WRITE)
        cap = self.cap(operation, fills, limited)
        return once([(cap, kind) for kind in kinds] if cap else kinds)

    def cap(self, operation: Operation, fills: bool, limited: bool) -> Cap | None:
        """How often an operation is done in one pass, if not each time that the code comes by.

        One that `fills` a cache is done once for its field. Where the model knows how often the
        state behind a bit changes, the bit's control is written no more often, if `limited`; and on
        the way to a VM-entry just as often, if the code toggles the bit.
        """
        kind = counted_as(operation)
        if fills and kind == VMREAD and operation.field:
            return Cap(operation.field.name, kind, 1, 1)
        cap = self._limits.get(id(operation.site)) if limited else None
        return cap._replace(kind=kind) if cap else None

    def answered(self, operation: Operation) -> str:
        """The context of the exit for which a VMWRITE takes back the request, if it does."""
        return self._answers.get(id(operation.site), "")

    @cached_property
    def _answers(self) -> Mapping[int, str]:
        return {
            id(one.operation.site): exit_for(one.bit.exit)
            for one in self._program.bit_changes
            if one.bit and one.bit.exit and one.bit.toggle == "window" and not one.sets
        }

    @cached_property
    def _limits(self) -> Mapping[int, Cap]:
        """The caps of the sites that change a bit of known rate, by the identity of these."""
        toggled = {id(one.change) for many in toggles(self._program).values() for one in many}
        found: dict[int, Cap] = {}
        for change in self._program.bit_changes:
            rate = self._program.pricing.model.controls.rate(change.name)
            if rate:
                often = rate.per_entry.typical
                nested = rate.per_nested_round_trip.typical
                rates: Rhythm = ("entry", often), ("into-nested", nested)
                known = rates if id(change) in toggled else ()
                found[id(change.operation.site)] = Cap(rate.bit, VMWRITE, often, math.inf, known)
        return found

    @cached_property
    def _continuing(self) -> frozenset[Operation]:
        """The VMREADs that follow another one in a straight line: no branch, join, call or VMWRITE
        in between."""
        return frozenset(
            one
            for routine, operations in self.by_routine.items()
            for one in _continuing(routine, operations)
        )

    @cached_property
    def by_routine(self) -> Mapping[Routine, tuple[Operation, ...]]:
        """The operations of each routine, but for those that only a message asks for."""
        found: dict[Routine, tuple[Operation, ...]] = {}
        for one in self._program.operations:
            if not self._program.is_only_printed(one):
                found[one.routine] = (*found.get(one.routine, ()), one)
        return found


def _continuing(routine: Routine, operations: tuple[Operation, ...]) -> list[Operation]:
    found: list[Operation] = []
    at = {id(one.site): one for one in operations}
    before: Operation | None = None
    for site in routine.flow.sites:
        here = at.get(id(site))
        if here is None:
            before = None if site.expr.kind in ("call", "asm") and not site.kind else before
            continue
        straight = before is not None and before.site.conditions == site.conditions
        if straight and here.kind == VMREAD and not here.conditions:
            found.append(here)
        before = here if here.kind == VMREAD else None
    return found


def counted_as(operation: Operation) -> str:
    """The kind that an operation is counted as."""
    return _KINDS.get(operation.kind, operation.kind)


def is_control_write(operation: Operation) -> bool:
    """Whether an operation writes a major control, so that the next VM-entry checks all again."""
    return operation.kind == VMWRITE and operation.field is not None and operation.field.major
