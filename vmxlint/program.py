"""The Program: all Facts of a unit linked, with what the rules may ask of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

from vmxlint.calls.link import Linker
from vmxlint.contexts import Contexts
from vmxlint.contexts.gate import Gate
from vmxlint.contexts.gates import Gates
from vmxlint.contexts.reach import Reach
from vmxlint.contexts.reasons import Reasons
from vmxlint.cost import Pricing
from vmxlint.facts import Body, Expr, Facts, Function, walk
from vmxlint.flow.routine import Routine
from vmxlint.model.dialect import Dialect
from vmxlint.operations import Operation, Operations
from vmxlint.operations.bits import BitChange, Bits
from vmxlint.operations.copies import Copies, Copy
from vmxlint.operations.structs import Structs

Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class Program:
    """One unit of source, understood. Everything is computed when first asked for.

    `read` gives the body of a function of a file.
    """

    files: Sequence[Facts]
    read: Callable[[Facts, Function], Body]
    dialect: Dialect
    pricing: Pricing

    @cached_property
    def linker(self) -> Linker:
        """Who calls whom."""
        return Linker(self.files, self.read, self.dialect, self.pricing.model.exits)

    @cached_property
    def _operations(self) -> Operations:
        return Operations(self.linker, self.pricing.model.fields)

    @cached_property
    def _reasons(self) -> Reasons:
        return Reasons(self.linker, self._operations, self.pricing.model.exits)

    @cached_property
    def _gates(self) -> Gates:
        return Gates(self.linker, self._reasons)

    @cached_property
    def _contexts(self) -> Contexts:
        return Contexts(
            self.linker,
            self._operations,
            self.structs,
            self._gates,
            self.pricing.profile,
        )

    @cached_property
    def structs(self) -> Structs:
        """Where struct members live."""
        return Structs(self.files, self.linker, self._operations)

    @cached_property
    def _copies(self) -> Copies:
        return Copies(self.linker, self._operations, self.structs)

    @property
    def copies(self) -> tuple[Copy, ...]:
        """The cached copies of VMCS fields."""
        return self._copies.all

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """All VMX operations, in the order of the code."""
        return tuple(self._all_operations())

    def _all_operations(self) -> Iterator[Operation]:
        for routine in self.linker.routines:
            yield from self._operations.by_routine.get(routine, ())

    @cached_property
    def bit_changes(self) -> tuple[BitChange, ...]:
        """Where single bits of the major controls are set and cleared."""
        bits = Bits(self.linker, self._operations, self._copies, self.pricing.model.controls)
        return tuple(bits.changes())

    def made_in(self, routine: Routine) -> tuple[Operation, ...]:
        """The operations that stand in a routine, in order; those of an accessor itself, too."""
        return self._operations.made_in(routine)

    def read_for(self, write: Operation) -> Iterator[Operation]:
        """The VMREADs of its control in the functions by which a write computes its value."""
        if write.computed and write.field:
            for one in walk(write.computed):
                yield from self._operations.reads_behind(write.field, one, write.routine)

    def is_behind_copy(self, operation: Operation) -> bool:
        """Whether a compare with a copy of its field stands before a VMWRITE."""
        return any(self.copies_before(operation))

    def copies_before(self, operation: Operation) -> Iterator[Copy]:
        """The copies of its field that are compared before a VMWRITE."""
        for copy in self.copies:
            if operation.field and copy.field_name == operation.field.name:
                uses = copy.compares
                if any(
                    one.site is operation.site or one.routine in operation.through for one in uses
                ):
                    yield copy

    def kept_with(self, write: Operation) -> set[str]:
        """The members that are given the value of a VMWRITE beside it, compared or not."""
        return self._copies.kept_with(write)

    def enters(self, routine: Routine) -> bool:
        """Whether VMLAUNCH or VMRESUME stands in a routine itself."""
        return routine in self._operations.entries

    def entered_at(self, routine: Routine) -> list[int]:
        """The numbers of the sites of a routine in which VMLAUNCH or VMRESUME stands."""
        return self._operations.entered_at(routine) if self.enters(routine) else []

    def gates_before(self, operation: Operation) -> tuple[Gate, ...]:
        """What must hold in its routine, and in the helpers on the way, for an operation to run."""
        conditions = (*operation.site.conditions, *operation.conditions)
        return self._gates.gates(conditions, operation.routine)

    def reaches(self, operation: Operation) -> tuple[Reach, ...]:
        """The ways of every context to an operation; none if it is cold."""
        if self.is_only_printed(operation):
            return ()
        return self._contexts.of(operation.routine, operation.site)

    def is_asserted(self, operation: Operation) -> bool:
        """Whether the operation is made for a check of what can only be wrong after a bug."""
        return any(callee in self.dialect.failure for callee, _ in self._calls_around(operation))

    def is_only_printed(self, operation: Operation) -> bool:
        """Whether the operation is an argument that is evaluated for a message at most."""
        for callee, given in self._calls_around(operation):
            message = given[1:] if callee in self.dialect.failure else given
            said = callee in self.dialect.failure or callee in self.dialect.only_inside
            if said and any(_holds(one, operation.site.expr) for one in message):
                return True
        return False

    def _calls_around(self, operation: Operation) -> Iterator[tuple[str, Sequence[Expr]]]:
        """The calls that print or assert something of an operation: function and arguments."""
        made = operation.site.expr
        for call in self._sayings(operation.routine):
            callee, *given = call.kids
            if call.start <= made.start < call.end and any(_holds(one, made) for one in given):
                yield callee.text, given

    def _sayings(self, routine: Routine) -> Sequence[Expr]:
        """The calls of a routine that print or assert something."""
        if routine not in self._said:
            named = self.dialect.failure | self.dialect.only_inside
            calls = (one.expr for one in routine.flow.sites if not one.kind)
            self._said[routine] = [c for c in calls if c.kind == "call" and c.kids[0].text in named]
        return self._said[routine]

    @cached_property
    def _said(self) -> dict[Routine, Sequence[Expr]]:
        return {}

    def shared(self, question: Callable[[Program], Answer]) -> Answer:
        """What one of the questions says of this program, made for the first rule that asks it."""
        if question not in self._shared:
            self._shared[question] = question(self)
        return cast("Answer", self._shared[question])

    @cached_property
    def _shared(self) -> dict[Callable[[Program], object], object]:
        return {}

    @property
    def contexts(self) -> Contexts:
        """When each function runs."""
        return self._contexts


def _holds(part: Expr, inner: Expr) -> bool:
    """Whether an expression holds another one, whose place is that of a macro's call perhaps."""
    inside = part.start <= inner.start < part.end
    made = part.start == inner.start and part.end == inner.end
    return any(one is inner for one in walk(part)) if made else inside
