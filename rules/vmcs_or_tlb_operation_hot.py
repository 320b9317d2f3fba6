"""VMPTRLD, VMCLEAR, INVEPT or INVVPID runs at VM-entries, VM-exits, nested transitions or accesses.

What: code that runs with each entry or exit, each nested transition, or each VMREAD or VMWRITE of a
nested hypervisor, makes another VMCS current, writes one back to memory, or drops translations.

Why it costs: nobody has published what these instructions take; the guess of the model is 150
cycles for VMPTRLD (50 to 600), 300 for VMCLEAR (100 to 1000) and INVEPT (100 to 1500), 250 for
INVVPID (100 to 1500). That is several VMWRITEs each, and without what comes after: a VMCS that was
cleared is read from memory again, dropped translations are walked again.

Instead: reload a VMCS only when the vCPU moves to another CPU; keep a shadow VMCS's values in
memory and copy them only when they were changed; flush only what was changed, on request, or give
each guest a VPID of its own.

    before                                          after
    vmcs_load(shadow);                              if (vmx->shadow_dirty) {
    copy_fields(vmx);                                   vmcs_load(shadow);
    vmcs_clear(shadow);                                 copy_fields(vmx);
    vmcs_load(vmx->vmcs);                               ...

Not reported: what runs when the vCPU is loaded on a CPU; the VMPTRLDs with which a nested round
trip switches to the other VMCS and back; work that waits for a request or is done after a failure;
an operation behind a compare, or behind a flag in its own function; what the guest asked for by the
same instruction.

False alarms: a flush that the guest's state does demand each time.

Misses: an operation that more tests guard than not; handlers of single exits.

How to measure: the cpuid case of kvm-unit-tests' vmexit, in a nested guest for nested transitions;
`perf stat -e dtlb_load_misses.walk_completed` for the translations.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.contexts.reach import ENTRY, EXIT, NESTED_ENTRY, NESTED_EXIT, Reach
from vmxlint.cost import Saving
from vmxlint.hits import Hit, spot
from vmxlint.operations import Operation
from vmxlint.program import Program
from vmxlint.questions.guards import Guards

ID = "VMX602"
SEVERITY = "note"
TIER = "audit"

PRICED_AS = {
    "vmptrld": "vmptrld",
    "vmclear": "vmclear",
    "invept": "invept_single",
    "invvpid": "invvpid",
}
MADE_WITH = ("vmptrld", "vmclear")
NEAR = 3  # calls from where the vCPU gets its other VMCS to where the CPU does
COMMON = {  # how probable the operation must be in each context
    ENTRY: (0.05, "VM-entry"),
    EXIT: (0.05, "VM-exit"),
    NESTED_ENTRY: (0.4, "nested VM-entry"),
    NESTED_EXIT: (0.4, "nested VM-exit"),
    "exit:VMREAD": (0.4, "VMREAD of a nested hypervisor"),
    "exit:VMWRITE": (0.4, "VMWRITE of a nested hypervisor"),
}


def check(program: Program) -> Iterator[Hit]:
    """Each such operation that is common in normal running."""
    guards = program.shared(Guards)
    for one in program.operations:
        if one.kind in PRICED_AS:
            reaches = tuple(_hot(program, one))
            if reaches and not guards.is_compared(one):
                yield _hit(program, one, reaches)


def _hot(program: Program, one: Operation) -> Iterator[Reach]:
    found = {reach.context: reach for reach in program.reaches(one)}
    for context, (least, _) in COMMON.items():
        reach = found.get(context)
        if reach and reach.probability.typical >= least:
            kept = any(gate.kind == "memo" or gate.is_exceptional for gate in reach.gates)
            if not kept and not _switches(program, one, reach):
                yield reach


def _switches(program: Program, one: Operation, reach: Reach) -> bool:
    """Whether the operation belongs to the switch to the other VMCS of a nested round trip."""
    near = [one.routine, *(call.caller for call in reach.calls[-NEAR:])]
    return one.kind in MADE_WITH and any(r in program.contexts.switches for r in near)


def _hit(program: Program, one: Operation, reaches: tuple[Reach, ...]) -> Hit:
    name, context = one.kind.upper(), reaches[0].context
    times = program.pricing.times(reaches).at_most(2, 4)
    beside = [
        other
        for other in program.made_in(one.routine)
        if other.kind in PRICED_AS and other.site is not one.site
    ]
    return Hit(
        spot(one.routine, one.site.expr),
        f"{one.routine.name}() runs {name} on the path of each {COMMON[context][1]}",
        "costs several VMWRITEs, and what it drops must be fetched again",
        f"do it only when something changed; vmxlint rule {ID}",
        reaches,
        (Saving(PRICED_AS[one.kind], times),),
        reaches[0].unit,
        tuple((spot(o.routine, o.site.expr), f"{o.kind.upper()} beside it") for o in beside),
    )
