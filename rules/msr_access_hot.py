"""An MSR is read or written at each VM-entry or VM-exit, whatever its value.

What: code that runs with every entry or exit, or every nested transition, uses RDMSR or WRMSR, and
nothing looks first whether the value that is there, or was last, is not the same.

Why it costs: RDMSR takes about 35 cycles (15 to 120, modelled) and WRMSR about 100 (50 to 250); the
sources for both are weak. Some MSRs are dearer: KVM's changelogs speak of hundreds of cycles for
switching SPEC_CTRL both ways.

Instead: keep what the MSR holds in a variable per CPU and compare before WRMSR; do not read back
what only this code writes; let the VM-entry and VM-exit controls or the MSR areas switch an MSR
that does differ; or switch it when the vCPU is loaded instead.

    before                                          after
    wrmsrl(MSR_IA32_XSS, vcpu->ia32_xss);           if (vcpu->ia32_xss != host_xss)
                                                        wrmsrl(MSR_IA32_XSS, vcpu->ia32_xss);

Not reported: an access behind a compare or a flag, or that only some passes make, such as one for a
guest that uses the feature; what waits for a request or is done after a failure; MSRs that the
guest itself reads or writes; an MSR that is an order to the CPU, such as IA32_PRED_CMD.

False alarms: an MSR that other code on this CPU changes, so that no copy of it can be kept.

Misses: an access in one arm of a test that is nearly always taken; one by the kernel's accessors in
a helper whose callers name the MSR; one by a function that is not in the analysed tree.

How to measure: the cpuid case of kvm-unit-tests' vmexit with and without the access; `perf record`
shows the instruction behind RDMSR or WRMSR with the samples.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.contexts.reach import ENTRY, EXIT, NESTED_ENTRY, NESTED_EXIT, Reach
from vmxlint.cost import Saving
from vmxlint.facts import spelled
from vmxlint.hits import Hit, Spot, spot
from vmxlint.operations import Operation
from vmxlint.program import Program
from vmxlint.questions.guards import Guards

ID = "VMX601"
SEVERITY = "note"
TIER = "audit"

PRICED_AS = {"rdmsr": "rdmsr_generic", "wrmsr": "wrmsr_generic"}
ORDERS = ("PRED_CMD", "FLUSH_CMD", "EOI", "ICR", "DEADLINE")
WHEN = {
    ENTRY: "each VM-entry",
    EXIT: "each VM-exit",
    NESTED_ENTRY: "each nested VM-entry",
    NESTED_EXIT: "each nested VM-exit",
}


def check(program: Program) -> Iterator[Hit]:
    """Each access that every pass through a context makes, uncompared."""
    guards = program.shared(Guards)
    for one in program.operations:
        if one.kind in PRICED_AS and _is_meant(one) and not guards.is_compared(one):
            found = {reach.context: reach for reach in guards.usual(one, WHEN)}
            if found:
                yield _hit(program, one, tuple(found[name] for name in WHEN if name in found))


def _is_meant(one: Operation) -> bool:
    """Whether the MSR is known here, not only to the callers, and holds a value."""
    named = spelled(one.operand)
    unknown = one.operand.kind == "opaque" or named in one.routine.parameters
    return not unknown and not any(word in named for word in ORDERS)


def _hit(program: Program, one: Operation, reaches: tuple[Reach, ...]) -> Hit:
    times = program.pricing.times(reaches).at_most(2, 4)
    does = "reads" if one.kind == "rdmsr" else "writes"
    return Hit(
        spot(one.routine, one.site.expr),
        f"{one.routine.name}() {does} '{spelled(one.operand)}' by {one.kind.upper()} at "
        f"{WHEN[reaches[0].context]} without comparing the value first",
        "costs the same if the value is the same",
        f"compare with a copy, or switch it less often; vmxlint rule {ID}",
        reaches,
        (Saving(PRICED_AS[one.kind], times),),
        "VM-exit" if reaches[0].context in (EXIT, NESTED_EXIT) else "VM-entry",
        tuple(_related(program, one)),
    )


def _related(program: Program, one: Operation) -> Iterator[tuple[Spot, str]]:
    """What the same function does with the same MSR besides."""
    for other in program.made_in(one.routine):
        same = spelled(other.operand) == spelled(one.operand)
        if other.kind in PRICED_AS and same and other.site is not one.site:
            yield spot(other.routine, other.site.expr), f"{other.kind.upper()} of it here"
