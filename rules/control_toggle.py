"""A bit of a major VMCS control is set and cleared on the entry or exit path as state changes.

What: the run path sets a bit of the pin-based, processor-based, VM-entry or VM-exit controls in one
place and clears it in another, from VM-entry to VM-entry, be it by a read-modify-write of the VMCS
or through the helpers of a control shadow.

Why it costs: CPUs that cache the VMCS (Westmere and later) skip the consistency checks of a
VM-entry if nothing relevant changed since the last one. Writing any of the major controls marks the
whole VMCS dirty: the next VM-entry repeats all checks, several hundred cycles (200 to 700,
modelled; KVM's changelog says that toggling PIN_BASED_VMX_PREEMPTION_TIMER more than doubles the
latency of the next VM-entry). Each toggle costs that twice, once each way.

Instead: leave the control alone and make its effect void. The VMX-preemption timer is soft-disabled
by writing the largest value to VMX_PREEMPTION_TIMER_VALUE and ignoring spurious exits; that field
is no major control.

    before                                          after
    if (deadline == -1)                             if (deadline == -1)
        pin_controls_clearbit(vmx, TIMER);              vmcs_write32(TIMER_VALUE, -1);
    else                                            else
        pin_controls_setbit(vmx, TIMER);                vmcs_write32(TIMER_VALUE, delta);

Not reported: interrupt-window, NMI-window and monitor-trap requests, which are asked for and
answered once; bits that must mirror the guest's state; bits that decide whether an MSR is switched;
a bit that only the handler of the exit it causes clears; arms of one test that only nested entries
run, where a compared shadow writes nothing while the answer stays the same.

False alarms: a toggle that is as rare as the state behind it, where nothing in the code says so.

Misses: a control that is computed anew from many parts each time, and written whole.

How to measure: the vmexit case of kvm-unit-tests with and without the toggle; `perf kvm stat` for
how often the guest exits; the exit reason PREEMPTION_TIMER shows how busy the timer is.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.contexts.reach import Reach
from vmxlint.cost import RECHECK, VMWRITE, Saving, Times
from vmxlint.hits import Hit, spot
from vmxlint.interval import Interval
from vmxlint.operations.bits import BitChange
from vmxlint.program import Program
from vmxlint.questions.toggles import toggles

ID = "VMX101"
SEVERITY = "warning"
TIER = "default"


def check(program: Program) -> Iterator[Hit]:
    """Both halves of each toggle, as far as they are hot."""
    for changes in program.shared(toggles).values():
        for change, reaches in changes:
            others = [other for other, _ in changes if other.sets != change.sets]
            yield _hit(program, change, reaches, others[0])


def _hit(program: Program, change: BitChange, reaches: tuple[Reach, ...], other: BitChange) -> Hit:
    operation = change.operation
    path = reaches[0].unit
    done, undone = ("set", "cleared") if change.sets else ("cleared", "set")
    bit = change.bit
    advice = (
        f"leave the control alone and write {bit.neutral} to '{bit.instead}'"
        if bit and bit.instead
        else "leave the control alone and make its effect void another way"
    )
    return Hit(
        spot(operation.routine, operation.site.expr),
        f"{operation.routine.name}() toggles '{change.control}' on the {path} path: "
        f"'{change.name}' is {done} here and {undone} in {other.operation.routine.name}()",
        "the next VM-entry repeats all consistency checks",
        f"{advice}; vmxlint rule {ID}",
        reaches,
        _savings(program, change, reaches),
        path,
        ((spot(other.operation.routine, other.operation.site.expr), f"{undone} here"),),
    )


def _savings(program: Program, change: BitChange, reaches: tuple[Reach, ...]) -> tuple[Saving, ...]:
    """A VMWRITE for each write, and the checks of a VM-entry once however often it is written."""
    writes = program.pricing.toggled(change.bit.name) if change.bit else None
    if writes is None:
        counted = program.pricing.times(reaches)
        guessed = Interval(0, counted.per_exit.capped(1).typical, max(1, counted.per_exit.high))
        writes = Times(guessed, counted.per_nested_round_trip, "X", counted.source)
    return Saving(VMWRITE, writes), Saving(RECHECK, writes.at_most(1, 1))
