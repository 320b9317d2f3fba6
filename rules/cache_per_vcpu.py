"""The cached copy of a VMCS field is kept per vCPU, while the vCPU switches between VMCSs.

What: a struct member holds the value last written to a VMCS field, so that a compare saves the
VMWRITE while the value stays the same. It lives in a struct of which there is one per vCPU, and the
vCPU runs with several VMCSs: its own and, for a nested guest, vmcs02.

Why it costs: the copy speaks of whichever VMCS was written last. So each switch of the VMCS must
drop it or read it again, and the compare fails just where it would pay: a copy that is dropped
costs a VMWRITE after both switches of a nested round trip (two cost about 55 cycles, 30 to 120,
modelled, after KVM's changelog), one that is read again a VMREAD each.
A switch that forgets is a bug: the other VMCS keeps a stale value.

Instead: keep the copy in the struct that stands for one VMCS, beside the pointer to it. It then
stays true over any number of switches.

    before                                          after
    struct vcpu_vmx {                               struct loaded_vmcs {
        struct loaded_vmcs *loaded_vmcs;                struct vmcs *vmcs;
        unsigned long host_rsp;                         unsigned long host_rsp;
    };                                              };

Not reported: a copy per vCPU where one vCPU has only one VMCS; a member that is the source of the
value and not a copy of it; a member that is never compared.

False alarms: a field that is the same in all VMCSs of a vCPU by design, with the copy updated for
each of them.

Misses: a copy in a global or per-CPU variable; a copy whose compare and whose VMWRITE lie in
functions that do not call each other.

How to measure: the cpuid case of kvm-unit-tests' vmexit in a nested guest; count the VMWRITEs with
a probe on the accessor while L2 runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.contexts.reach import ENTRY, EXIT, NESTED_ENTRY, NESTED_EXIT, Reach, hottest
from vmxlint.cost import VMREAD, VMWRITE, Saving, Times
from vmxlint.hits import Hit, Spot, spot
from vmxlint.interval import NOTHING, exactly
from vmxlint.operations.copies import Copy, Use
from vmxlint.program import Program

ID = "VMX301"
SEVERITY = "warning"
TIER = "default"

RARE = 0.02
SWITCHES = exactly(2)  # vmcs01 to vmcs02 and back, once a nested round trip


def check(program: Program) -> Iterator[Hit]:
    """Each copy that lives per vCPU in a struct around which the VMCS changes."""
    for copy in program.copies:
        if program.structs.is_per_vmcs(copy.place):
            continue
        owner = program.structs.switching_owner(copy.place)
        reaches = _reaches(program, copy)
        if owner and reaches:
            yield _hit(program, copy, owner, reaches)


def _reaches(program: Program, copy: Copy) -> tuple[Reach, ...]:
    """The ways to the places that compare or write the copy, the hottest of each context."""
    uses = (*copy.compares, *copy.writes, *copy.reloads)
    found = hottest(r for use in uses for r in program.contexts.of(use.routine, use.site))
    order = (ENTRY, EXIT, NESTED_ENTRY, NESTED_EXIT)
    rank = {context: number for number, context in enumerate(order)}
    return tuple(
        sorted(
            found.values(),
            key=lambda r: (r.probability.typical < RARE, rank.get(r.context, 9), r.context),
        )
    )


def _hit(program: Program, copy: Copy, owner: str, reaches: tuple[Reach, ...]) -> Hit:
    place = copy.place
    member = place.member
    around = f"'struct {owner}'"
    holder = sorted(program.structs.holders)[0]
    return Hit(
        Spot(program.structs.paths[place.owner], member.start, member.start + len(member.name)),
        f"'{member.name}', the cached copy of '{copy.field_name}', is kept per vCPU in {around}, "
        "which switches between several VMCSs",
        _effect(copy),
        f"keep it per VMCS, in 'struct {holder}'; vmxlint rule {ID}",
        reaches,
        _savings(copy),
        "VM-entry",
        tuple(_related(copy)),
    )


def _effect(copy: Copy) -> str:
    if copy.reloads:
        return "each switch of the VMCS reads the field again"
    if copy.drops:
        return "each switch of the VMCS drops the copy, and the field is written again"
    return "after a switch of the VMCS it speaks of the other one"


def _savings(copy: Copy) -> tuple[Saving, ...]:
    operation = VMREAD if copy.reloads else VMWRITE
    return (Saving(operation, Times(NOTHING, SWITCHES)),)


def _related(copy: Copy) -> Iterator[tuple[Spot, str]]:
    """Each place that works on the copy, once, with all that it does."""
    uses: tuple[tuple[list[Use], str], ...] = (
        (copy.compares, "compared"),
        (copy.writes, "written with its field"),
        (copy.reloads, "read again"),
        (copy.drops, "dropped"),
    )
    done: dict[tuple[str, int], tuple[Spot, list[str]]] = {}
    for places, what in uses:
        for use in places:
            where = spot(use.routine, use.site.expr)
            said = done.setdefault((where.path, where.start), (where, []))[1]
            if what not in said:
                said.append(what)
    for where, said in done.values():
        yield where, f"{', '.join(said)} here"
