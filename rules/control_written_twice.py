"""One VM-entry is prepared by two VMWRITEs of the same major control.

What: two places on the way to one VM-entry write the same pin-based, processor-based, VM-entry or
VM-exit control. Often one prepares a nested entry and leaves out a bit, because it is not known yet
whether it is needed, and the run path, in another function, then sets it.

Why it costs: the first VMWRITE is for nothing, about 27 cycles (15 to 60, modelled, after KVM's
changelog) each time. Where the two disagree about a bit, the control never stands still, so
comparing with a copy does not help: both write, and the next VM-entry repeats all consistency
checks, several hundred cycles (200 to 700). The checks are in the price where nothing else that
prepares the entry writes a major control without comparing. KVM's changelog says of the preemption
timer's bit: "the majority of nested VM-Enters end up unnecessarily writing pin controls *twice*".

Instead: give the first place what the second would write: keep the bit as the VMCS has it, or
decide it once.

    before                                          after
    ctls &= ~TIMER;                                 ctls &= ~TIMER;
    pin_controls_set(vmx, ctls);                    ctls |= pin_controls_get(vmx) & TIMER;
    ...                                             pin_controls_set(vmx, ctls);
    if (deadline)                                   ...
        pin_controls_setbit(vmx, TIMER);            if (deadline)
                                                        pin_controls_setbit(vmx, TIMER);

Not reported: two writes of which only one can happen before an entry; a second one that is compared
and has nothing to change; interrupt windows and bits that follow the guest's state, which change
when they must; the two halves of a toggle, which are VMX101's.

False alarms: a second write that in practice is rare, where nothing in the code says so.

Misses: a second write behind a test of the build or the CPU; bits that the first place computes and
does not name; two functions of which one compares and no bit is known to differ.

How to measure: the vmexit case of kvm-unit-tests in a nested guest; count the VMWRITEs of the
control with a probe on the accessor, an entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vmxlint.contexts.reach import ENTRY, NESTED_ENTRY, Reach
from vmxlint.cost import RECHECK, VMWRITE, Saving, Times
from vmxlint.flow import Site
from vmxlint.flow.routine import Routine
from vmxlint.hits import Hit, spot
from vmxlint.interval import NOTHING, ONCE
from vmxlint.operations import Operation
from vmxlint.operations.bits import BitChange, same_branch
from vmxlint.program import Program
from vmxlint.questions.writes import Writes

ID = "VMX103"
SEVERITY = "warning"
TIER = "default"

MOSTLY = 0.5  # how probable the first write is, at least
OFTEN = 0.1  # and how often the second is made


def check(program: Program) -> Iterator[Hit]:
    """Each write with the writes of the same control that follow it before the entry."""
    writes = program.shared(Writes)
    able = [write for write in writes.all if not writes.is_forced(write)]
    able.sort(key=lambda write: bool(writes.changes(write)))  # whole values first
    told: set[Operation] = set()
    for first in able:
        rivals = [one for one in able if one.field == first.field and one not in {first, *told}]
        if first not in told and (again := list(_again(writes, first, rivals))):
            told.update(write for write, _, _ in again)
            yield _hit(program, writes, first, again)


Second = tuple[Operation, Reach, Reach]  # a later write, the way to it and that to the first one


def _again(writes: Writes, first: Operation, rivals: Sequence[Operation]) -> Iterator[Second]:
    disagreeing = [rival for rival in rivals if _disagrees(writes, first, rival)]
    able = [one for one in rivals if one in disagreeing or _both_write(writes, first, one)]
    found = writes.hot(first) if able else ()
    ways = {one.context: one for one in found if one.probability.typical >= MOSTLY}
    for rival in able if ways else ():
        for way in writes.hot(rival):
            before = ways.get(way.context)
            if before is None and way.context == ENTRY:
                before = ways.get(NESTED_ENTRY)
            if before and _follows(first, rival, before, way):
                yield rival, way, before
                break


def _disagrees(writes: Writes, first: Operation, second: Operation) -> BitChange | None:
    """The bit that the second write sets where the first one clears it, or the other way round, if
    they are no toggle."""
    if writes.is_toggled(first):
        return None
    for change in writes.changes(second):
        if writes.decides(first, change) is (not change.sets):
            return change
    return None


def _both_write(writes: Writes, first: Operation, second: Operation) -> bool:
    """Whether neither looks if the control has its value already, or beside the first the second
    does not, and they are no toggle."""
    beside = first.routine is second.routine
    if writes.is_compared(second) or (writes.is_compared(first) and not beside):
        return False
    return not (writes.is_toggled(first) or writes.is_toggled(second))


def _follows(first: Operation, second: Operation, before: Reach, way: Reach) -> bool:
    """Whether both can happen, the second after the first, before one VM-entry."""
    if way.expected.typical < OFTEN:
        return False
    if any(gate.kind == "build" for gate in way.gates) and before.context == way.context:
        return False
    return before.context != way.context or _is_later(_steps(first, before), _steps(second, way))


def _steps(write: Operation, reach: Reach) -> list[tuple[Routine, Site]]:
    """The calls on the way to a write, and the write."""
    return [*((call.caller, call.site) for call in reach.calls), (write.routine, write.site)]


def _is_later(one: list[tuple[Routine, Site]], other: list[tuple[Routine, Site]]) -> bool:
    """Whether the second of two ways parts from the first one behind it, in no arm of its own."""
    for (mine, here), (theirs, there) in zip(one, other, strict=False):
        if mine is not theirs:
            return False
        if here is not there:
            numbers = mine.numbers
            return numbers[id(here)] < numbers[id(there)] and not same_branch(here, there)
    return False


def _hit(program: Program, writes: Writes, first: Operation, again: Sequence[Second]) -> Hit:
    assert first.field is not None
    _, way, before = again[0]
    conflict = next((b for w, _, _ in again if (b := _disagrees(writes, first, w))), None)
    what = "nested VM-entry" if before.context == NESTED_ENTRY else "VM-entry"
    where = " and ".join(dict.fromkeys(f"{one.routine.name}()" for one, _, _ in again))
    by = "again below" if where == f"{first.routine.name}()" else f"again by {where}"
    about = f", which {'sets' if conflict.sets else 'clears'} '{conflict.name}'" if conflict else ""
    return Hit(
        spot(first.routine, first.site.expr),
        f"{first.routine.name}() writes '{first.field.name}' for a {what}, and it is written "
        f"{by}{about}",
        "the first of two VMWRITEs before one VM-entry",
        f"write once, with the bits that the entry will have; vmxlint rule {ID}",
        (before, way),
        _savings(program, writes, first, again, conflict),
        "VM-entry",
        tuple((spot(one.routine, one.site.expr), "written again here") for one, _, _ in again),
    )


def _savings(
    program: Program,
    writes: Writes,
    first: Operation,
    again: Sequence[Second],
    conflict: BitChange | None,
) -> tuple[Saving, ...]:
    """One VMWRITE; if only this control changes, both writes and the checks."""
    _, way, before = again[0]
    once = _times(program, way, before, conflict)
    if conflict and writes.is_alone(first, before.context):
        return Saving(VMWRITE, once + once), Saving(RECHECK, once)
    return (Saving(VMWRITE, once),)


def _times(program: Program, way: Reach, before: Reach, conflict: BitChange | None) -> Times:
    """How often one entry is prepared by both writes."""
    if before.context == NESTED_ENTRY:
        known = conflict.bit.name if conflict and conflict.bit else ""
        rate = program.pricing.model.controls.rate(known)
        return Times(NOTHING, ONCE, rate.grade, rate.source) if rate else Times(NOTHING, ONCE)
    return program.pricing.times((way,)).at_most(1, 2)
