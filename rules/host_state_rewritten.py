"""A host-state field is written at each VM-entry though the host's state is the same.

What: the run path, or each nested transition, writes a field of the VMCS's host-state area
(HOST_RSP, HOST_RIP, HOST_CR3, HOST_FS_BASE ...) without comparing it with a copy of what this VMCS
holds.

Why it costs: the host that a VM-exit comes back to is the same from entry to entry: the same code,
nearly always the same stack, task and page tables. So the VMWRITE is for nothing, about 27 cycles
(15 to 60, modelled; KVM's changelog counts 55 for two VMWRITEs of HOST_RSP) each time.

Instead: write what never changes where the VMCS is made. For the rest keep a copy in the struct
that stands for one VMCS, and compare.

    before                                          after
    vmcs_writel(HOST_CR3, cr3);                     if (unlikely(cr3 != loaded->host_cr3)) {
                                                        vmcs_writel(HOST_CR3, cr3);
                                                        loaded->host_cr3 = cr3;
                                                    }

Not reported: a write behind a compare, in C or in inline assembly, behind a flag that says that the
state is loaded, or on some entries only; a VMWRITE of HOST_RSP for a nested early check, which
enters the guest from another stack: the transition there costs over ten times as much.

False alarms: a value that differs at each entry, where nothing in the code says so.

Misses: a write in one arm of a test that is nearly always taken; a function that returns early for
another reason than that the state is loaded; a compare with a copy that is always dropped.

How to measure: the cpuid case of kvm-unit-tests' vmexit, in a nested guest for nested transitions,
with and without the write.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from vmxlint.contexts.reach import ENTRY, EXIT, NESTED, NESTED_ENTRY, Reach
from vmxlint.cost import VMWRITE, Saving, Times
from vmxlint.hits import Hit, Spot, spot
from vmxlint.operations import Operation
from vmxlint.operations.bits import same_branch
from vmxlint.program import Program
from vmxlint.questions.guards import Guards

ID = "VMX106"
SEVERITY = "warning"
TIER = "default"

OF_OWN_STACK = 0x6C14  # the encoding of the stack pointer
WHEN = {
    ENTRY: "each VM-entry",
    EXIT: "each VM-exit",
    NESTED_ENTRY: "each nested VM-entry",
}
MOST_RELATED = 3


def check(program: Program) -> Iterator[Hit]:
    """Each write of host state that every pass through a context makes, uncompared."""
    guards = program.shared(Guards)
    for one in program.operations:
        if not _is_host_state(one) or guards.is_compared(one):
            continue
        if reaches := _hot(guards, one):
            yield _hit(program, one, reaches)


def _is_host_state(one: Operation) -> bool:
    return one.kind == "vmwrite" and one.field is not None and one.field.kind == "host-state"


def _hot(guards: Guards, write: Operation) -> tuple[Reach, ...]:
    """The contexts that write the field each time; one that enters the guest itself counts once."""
    assert write.field is not None
    found = {reach.context: reach for reach in guards.steady(write, (ENTRY, EXIT, *NESTED))}
    if write.field.encoding == OF_OWN_STACK and guards.enters_aside(write.routine):
        return ()
    if ENTRY in found and write.site.expr.kind == "asm":
        found.pop(EXIT, None)
    return tuple(found[context] for context in (ENTRY, EXIT, *NESTED) if context in found)


def _hit(program: Program, write: Operation, reaches: tuple[Reach, ...]) -> Hit:
    assert write.field is not None
    name, context = write.field.name, reaches[0].context
    return Hit(
        spot(write.routine, write.site.expr),
        f"{write.routine.name}() writes '{name}' at {WHEN.get(context, 'each nested VM-exit')} "
        "without comparing it with what the VMCS holds",
        "the host's state seldom changes from one VM-entry to the next",
        f"compare with a copy kept per VMCS, or write it at set-up only; vmxlint rule {ID}",
        reaches,
        (Saving(VMWRITE, _times(program, reaches)),),
        "VM-exit" if context == EXIT else "VM-entry",
        tuple(_related(program, write)),
    )


def _times(program: Program, reaches: tuple[Reach, ...]) -> Times:
    return program.pricing.times(reaches).at_most(2, 4)


def _related(program: Program, write: Operation) -> Iterator[tuple[Spot, str]]:
    """Where else the field is written."""
    others = (
        one
        for one in program.operations
        if one.kind == "vmwrite" and one.field == write.field and not _is_instead(one, write)
    )
    for one in islice(others, MOST_RELATED):
        yield spot(one.routine, one.site.expr), f"{one.routine.name}() writes it too"


def _is_instead(one: Operation, other: Operation) -> bool:
    """Whether two writes are one, or arms of the same test or `#if`."""
    if one.routine is not other.routine:
        return False
    return one.site is other.site or same_branch(one.site, other.site)
