"""Toggles: bits of the major controls that normal running sets here and clears there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from vmxlint.contexts.reach import ENTRY, EXIT, NESTED_ENTRY, Reach, hottest
from vmxlint.flow.conditions import truth
from vmxlint.operations.bits import BitChange, same_branch
from vmxlint.program import Program

_UNAVOIDABLE = ("window", "guest-state", "msr-switch")
_RARE = 0.02  # our guess of what is no longer normal running, as an unknown condition's chance is


class HotChange(NamedTuple):
    """A change of a bit, and the ways to it that are taken in normal running."""

    change: BitChange
    reaches: tuple[Reach, ...]


Toggles = Mapping[tuple[str, str], Sequence[HotChange]]


def toggles(program: Program) -> Toggles:
    """The changes of each toggled bit, by BitChange.key."""
    groups: dict[tuple[str, str], list[HotChange]] = {}
    for change in program.bit_changes:
        if reaches := tuple(hottest(_hot(program, change)).values()):
            groups.setdefault(change.key, []).append(HotChange(change, reaches))
    able = {key: _without_preparation(changes) for key, changes in groups.items()}
    return {key: changes for key, changes in able.items() if _is_toggle(changes)}


def is_forced(change: BitChange) -> bool:
    """Whether a bit must follow a request, the guest, or an MSR."""
    return change.bit is not None and change.bit.toggle in _UNAVOIDABLE


def _hot(program: Program, change: BitChange) -> Iterator[Reach]:
    """The ways to a change that are taken in normal running: for no request, after no failure."""
    for reach in (*program.reaches(change.operation), *_by_argument(program, change)):
        if reach.probability.typical >= _RARE:
            if not any(gate.is_exceptional for gate in reach.gates):
                yield reach


def _by_argument(program: Program, change: BitChange) -> Iterator[Reach]:
    """The ways through each call whose argument asks for a change: the way to its function that is
    known as the most probable may be one that asks for the other half."""
    operation, routine = change.operation, change.operation.routine
    for gate in program.gates_before(operation):
        if gate.parameter not in routine.parameters:
            continue
        place = routine.parameters.index(gate.parameter) + 1
        for edge in program.linker.callers(routine):
            given = edge.site.expr.kids[place : place + 1]
            if given and truth(given[0]) is gate.holds:
                for reach in program.contexts.of(edge.caller, edge.site):
                    path, calls = (*reach.path, routine.name), (*reach.calls, edge)
                    yield replace(reach, path=path, calls=calls)


def _without_preparation(changes: Sequence[HotChange]) -> Sequence[HotChange]:
    """The changes but those that only prepare a nested entry, if others are made at each entry:
    that one entry is prepared by both is no toggle."""
    rest = [one for one in changes if {reach.context for reach in one.reaches} != {NESTED_ENTRY}]
    at_entry = any(reach.context == ENTRY for one in rest for reach in one.reaches)
    return rest if at_entry else changes


def _is_toggle(changes: Sequence[HotChange]) -> bool:
    sets = [one for one in changes if one.change.sets]
    clears = [one for one in changes if not one.change.sets]
    if not sets or not clears or is_forced(changes[0].change):
        return False
    if _is_answered(sets) or _is_answered(clears):
        return False
    common = any(reach.context in (ENTRY, EXIT) for one in changes for reach in one.reaches)
    return common or not all(_exclusive(a.change, b.change) for a in sets for b in clears)


def _is_answered(half: Sequence[HotChange]) -> bool:
    """Whether only the handler of the exit that the bit causes does one half of the toggle."""
    bit = half[0].change.bit
    reason = bit.exit if bit else None
    return all(reach.context == f"exit:{reason}" for one in half for reach in one.reaches)


def _exclusive(one: BitChange, other: BitChange) -> bool:
    """Whether only one of two changes happens at a time, as far as the code of one place tells."""
    if one.operation.routine is not other.operation.routine:
        return True
    if one.operation.site is other.operation.site:
        return True
    return same_branch(one.operation.site, other.operation.site)
