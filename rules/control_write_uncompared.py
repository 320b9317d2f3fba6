"""A major VMCS control is written on a hot path though its value may be there already.

What: code that runs at VM-entries, VM-exits or nested transitions writes one of the pin-based,
processor-based, VM-entry or VM-exit controls, and nothing looks whether the VMCS holds that value.

Why it costs: CPUs that cache the VMCS (Westmere and later) skip the consistency checks of a
VM-entry if nothing relevant changed since the last one. Writing any of the major controls marks the
whole VMCS dirty, the same value no less than a new one as far as is known: the next VM-entry
repeats all checks, several hundred cycles (200 to 700, modelled, after KVM's changelog), besides
about 27 (15 to 60) for the VMWRITE. The checks are made once an entry, however many writes came
before it, so the price of one finding has its share of them.

Instead: keep what was written last in the struct that stands for one VMCS, and compare.

    before                                          after
    vmcs_write32(PIN_BASED_VM_EXEC_CONTROL, ctls);  if (loaded->shadow.pin != ctls) {
                                                        loaded->shadow.pin = ctls;
                                                        vmcs_write32(PIN_BASED_VM_EXEC_CONTROL,
                                                                     ctls);
                                                    }

Not reported: a write behind a compare, a flag or a test of the copy that it is made of, in the
place itself, in a helper or by an early return; code that runs at set-up, on request or after a
failure; a bit that opens or closes an interrupt or NMI window or starts a monitor trap, since that
always changes the control; bits that follow the guest's state or switch an MSR; what VMX101 (a
toggle) and VMX104 (read, modified, written back) say better.

False alarms: a value that differs each time, where nothing in the code says so.

Misses: a write behind a test of the copy that says nothing about the value; handlers of exits that
are rare in the chosen profile.

How to measure: the cpuid case of kvm-unit-tests' vmexit, in a nested guest for nested transitions,
with and without the write; `perf kvm stat` for how often the path is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.contexts.reach import Reach
from vmxlint.cost import RECHECK, VMWRITE, Saving, Times
from vmxlint.hits import Hit, spot
from vmxlint.interval import exactly
from vmxlint.operations import Operation
from vmxlint.program import Program
from vmxlint.questions.writes import Writes

ID = "VMX102"
SEVERITY = "warning"
TIER = "default"

WHEN = {
    "entry": "on every VM-entry",
    "exit": "on every VM-exit",
    "nested-entry": "on every nested VM-entry",
    "nested-exit": "on every nested VM-exit",
}


def check(program: Program) -> Iterator[Hit]:
    """Each hot write that nothing compares, and that is no toggle and no read-modify-write."""
    writes = program.shared(Writes)
    found = [(write, writes.hot(write)) for write in writes.all if _is_meant(writes, write)]
    hot = [(write, reaches) for write, reaches in found if reaches]
    for write, reaches in hot:
        beside = sum(other[0].context == reaches[0].context for _, other in hot)
        yield _hit(program, write, reaches, beside)


def _is_meant(writes: Writes, write: Operation) -> bool:
    return not (
        writes.is_compared(write)
        or writes.reads_back(write)
        or writes.is_forced(write)
        or writes.is_toggled(write)
    )


def _hit(program: Program, write: Operation, reaches: tuple[Reach, ...], beside: int) -> Hit:
    assert write.field is not None
    context = reaches[0].context
    reason = context.removeprefix("exit:")
    when = WHEN.get(context, f"on exits of reason {reason}" if reason != context else "often")
    return Hit(
        spot(write.routine, write.site.expr),
        f"{write.routine.name}() writes '{write.field.name}' {when} "
        "without comparing it with what was written last",
        "the next VM-entry repeats all consistency checks, the value changed or not",
        f"keep a copy per VMCS and compare with it first; vmxlint rule {ID}",
        reaches,
        _savings(program, reaches, beside),
        reaches[0].unit,
    )


def _savings(program: Program, reaches: tuple[Reach, ...], beside: int) -> tuple[Saving, ...]:
    """The VMWRITE, and a share of the checks that all such writes of one entry bring about."""
    times = program.pricing.times(reaches).at_most(1, 2)
    share = exactly(1 / beside)
    checks = Times(
        times.per_exit * share, times.per_nested_round_trip * share, times.grade, times.source
    )
    return Saving(VMWRITE, times), Saving(RECHECK, checks)
