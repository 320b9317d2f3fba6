"""Operations on a VMCS that a function makes the current one just for that, and leaves again.

Between a VMPTRLD in any case and the VMCLEAR of the same VMCS, behind which comes the VMPTRLD of
another one, a VMREAD or VMWRITE says nothing of the VMCS that the guest runs on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from vmxlint.calls.link import Linker
from vmxlint.flow.routine import Routine

if TYPE_CHECKING:
    from vmxlint.operations import Operation


class Step(NamedTuple):
    """An operation on a whole VMCS: the number of its site, the instruction, what the code calls
    the VMCS, a member or variable, and whether it runs in any case."""

    number: int
    kind: str
    vmcs: str
    certain: bool


class Elsewhere:
    """The functions of a unit that work on another VMCS for a while; `made_in` gives the operations
    that a call of a routine makes on the spot."""

    def __init__(self, linker: Linker, made_in: Callable[[Routine], Iterable[Operation]]) -> None:
        self._linker = linker
        self._made_in = made_in
        self._spans: dict[Routine, tuple[int, int]] = {}

    def placed(self, one: Operation) -> Operation:
        """An operation, without its field if that is one of another VMCS."""
        number = one.routine.numbers[id(one.site)]
        there = self._is_between(one.routine, number) or self.is_through(one.through)
        return replace(one, field=None) if there else one

    def is_through(self, helpers: Sequence[Routine]) -> bool:
        """Whether one of some helpers, each of which calls the next, does so on another VMCS."""
        return any(
            self._is_between(helper, helper.numbers[id(edge.site)])
            for helper, inner in pairwise(helpers)
            for edge in self._linker.edges(helper)
            if edge.callee is inner
        )

    def _is_between(self, routine: Routine, number: int) -> bool:
        if routine not in self._spans:
            self._spans[routine] = self._span(routine)
        first, last = self._spans[routine]
        return first < number < last

    def _span(self, routine: Routine) -> tuple[int, int]:
        """The numbers of the sites that load and leave another VMCS; the same twice for none."""
        steps = sorted(self._steps(routine))
        certain = [one for one in steps if one.certain]
        for first in (one for one in certain if one.kind == "vmptrld"):
            for last in (one for one in certain if one.kind == "vmclear"):
                if last.vmcs == first.vmcs and last.number > first.number:
                    if any(_goes_back(one, last) for one in steps):
                        return first.number, last.number
        return 0, 0

    def _steps(self, routine: Routine) -> Iterator[Step]:
        yield from self._made(routine)
        for edge in self._linker.edges(routine):
            number, certain = routine.numbers[id(edge.site)], not edge.site.conditions
            for one in self._made(edge.callee):
                yield one._replace(number=number, certain=one.certain and certain)

    def _made(self, routine: Routine) -> Iterator[Step]:
        for one in self._made_in(routine):
            if one.kind in ("vmptrld", "vmclear"):
                certain = not (one.conditions or one.site.conditions)
                yield Step(routine.numbers[id(one.site)], one.kind, one.operand.text, certain)


def _goes_back(one: Step, last: Step) -> bool:
    """Whether a step loads another VMCS than the one that the last step has left."""
    return one.kind == "vmptrld" and one.vmcs != last.vmcs and one.number >= last.number
