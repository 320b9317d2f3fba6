"""Which VMREADs a routine makes each time, itself or in what it calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from vmxlint.calls.link import Edge
from vmxlint.flow import Site
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operation
from vmxlint.program import Program

_DEEPEST = 3  # calls
_SURE = ("build", "hint", "failure")


class Reading(NamedTuple):
    """A VMREAD that a routine makes at a site of its own, through `calls` if there are some.

    `is_sure`: whenever that site runs; else something below the first call may keep it from it.
    """

    operation: Operation
    site: Site
    calls: tuple[Edge, ...] = ()
    is_sure: bool = True

    def below(self) -> Iterator[tuple[Routine, Site]]:
        """The routines that are called on the way, each with the site where the way goes on."""
        onward = [*(edge.site for edge in self.calls), self.operation.site][1:]
        return zip((edge.callee for edge in self.calls), onward, strict=True)


class Readings:
    """The VMREADs of a program by the routines that make them."""

    def __init__(self, program: Program) -> None:
        self._program = program

    @cached_property
    def by_routine(self) -> Mapping[Routine, list[Reading]]:
        """Those of each routine, and of what it calls a few calls deep, in the order of its sites.

        Loops and calls that may lead elsewhere are left out.
        """
        level = self._own
        found = {routine: [*own] for routine, own in level.items()}
        for _ in range(_DEEPEST):
            level = self._called(level)
            for routine, readings in level.items():
                found.setdefault(routine, []).extend(readings)
        for routine, readings in found.items():
            readings.sort(key=lambda one: routine.numbers[id(one.site)])
        return found

    @cached_property
    def _own(self) -> Mapping[Routine, list[Reading]]:
        own: dict[Routine, list[Reading]] = {}
        for one in self._program.operations:
            if one.kind == "vmread" and one.field and not _is_in_loop(one.routine, one.site):
                own.setdefault(one.routine, []).append(Reading(one, one.site))
        return own

    def is_plain(self, operation: Operation) -> bool:
        """Whether an operation runs whenever its site does, and fills no cache."""
        inside = {id(one) for one in operation.conditions}
        return not any(
            gate.kind == "memo" or (id(gate.condition) in inside and gate.kind not in _SURE)
            for gate in self._program.gates_before(operation)
        )

    def _called(self, level: Mapping[Routine, list[Reading]]) -> dict[Routine, list[Reading]]:
        """What callers make by calling the routines of one level. What is not sure counts for
        those only that read something themselves."""
        going_on = {callee: list(_going_on(readings)) for callee, readings in level.items()}
        found: dict[Routine, list[Reading]] = {}
        for caller in self._callers(going_on):
            for edge in self._program.linker.edges(caller):
                able = self._able(caller, going_on.get(edge.callee, ()))
                if able and _is_one_call(edge):
                    found.setdefault(caller, []).extend(_through(edge, able))
        return found

    def _callers(self, going_on: Mapping[Routine, list[Reading]]) -> dict[Routine, None]:
        return {
            caller: None
            for callee, readings in going_on.items()
            for caller in (self._program.linker.possible_callers(callee) if readings else ())
            if self._able(caller, readings)
        }

    def _able(self, caller: Routine, readings: Sequence[Reading]) -> Sequence[Reading]:
        reads = caller in self._own
        return [one for one in readings if reads or one.is_sure]


def _through(edge: Edge, readings: Iterable[Reading]) -> Iterator[Reading]:
    """Readings of a callee as those of its caller."""
    return (one._replace(site=edge.site, calls=(edge, *one.calls)) for one in readings)


def _going_on(readings: Iterable[Reading]) -> Iterator[Reading]:
    """Of each field the first that surely is made, and of those of one call another one."""
    known = set()
    for one in readings:
        is_sure = one.is_sure and not one.site.conditions
        asked = one.operation.field, one.operation.is_high, is_sure
        if (is_sure or not one.calls) and asked not in known:
            known.add(asked)
            yield one._replace(is_sure=is_sure)


def _is_one_call(edge: Edge) -> bool:
    """Whether a call leads to its callee whenever it is made, once."""
    if edge.key or edge.value or edge.rivals > 1 or edge.caller is edge.callee:
        return False
    return not _is_in_loop(edge.caller, edge.site)


def _is_in_loop(routine: Routine, site: Site) -> bool:
    return routine.is_in_loop(routine.numbers[id(site)])
