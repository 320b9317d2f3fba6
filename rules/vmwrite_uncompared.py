"""A VMCS field that seldom changes is written each time, be it other or the same.

What: code that runs at every VM-entry, VM-exit or nested transition writes a control field, such as
EXCEPTION_BITMAP, CR0_GUEST_HOST_MASK or TPR_THRESHOLD, that follows what the guest was set up for
or seldom does, and nothing looks whether the VMCS holds that value.

Why it costs: a VMWRITE is about 27 cycles (15 to 60, modelled; KVM's changelog counts 55 for two).
These are no major controls: that more than the field's own check is repeated is not known.

Instead: keep what was written last in the struct that stands for one VMCS, and compare, or let a
dirty flag tell when the value was changed.

    before                                          after
    vmcs_write32(EXCEPTION_BITMAP, bitmap);         if (loaded->exception_bitmap != bitmap) {
                                                        loaded->exception_bitmap = bitmap;
                                                        vmcs_write32(EXCEPTION_BITMAP, bitmap);
                                                    }

Not reported: fields that change each time (the injected event, the timer's value, TSC_OFFSET);
guest state, which the CPU changes too, so that no copy holds, but for VMCS_LINK_POINTER; the major
controls (VMX102) and host state (VMX106); a write behind a compare or a flag, or one that only some
passes make.

False alarms: a value that does differ each time; a compare that costs more than the VMWRITE that it
saves, where the value must be computed for it.

Misses: a write in one arm of a test; guest state that no guest changes; handlers of single exits.

How to measure: the cpuid case of kvm-unit-tests' vmexit, in a nested guest for nested transitions,
with and without the write.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.contexts.reach import ENTRY, EXIT, NESTED, NESTED_ENTRY, NESTED_EXIT, Reach
from vmxlint.cost import VMWRITE, Saving
from vmxlint.hits import Hit, spot
from vmxlint.operations import Operation
from vmxlint.program import Program
from vmxlint.questions.guards import Guards

ID = "VMX105"
SEVERITY = "note"
TIER = "audit"

MOST_RELATED = 3
UNTOUCHED = 0x2800  # the link pointer: guest state, but only by its encoding
WHEN = {
    ENTRY: "each VM-entry",
    EXIT: "each VM-exit",
    NESTED_ENTRY: "each nested VM-entry",
    NESTED_EXIT: "each nested VM-exit",
}


def check(program: Program) -> Iterator[Hit]:
    """Each write of such a field that every pass through a context makes, uncompared."""
    guards = program.shared(Guards)
    for one in program.operations:
        if not _is_meant(program, one) or _is_new(one) or guards.is_compared(one):
            continue
        found = {reach.context: reach for reach in guards.steady(one, (ENTRY, EXIT, *NESTED))}
        if found:
            yield _hit(program, one, tuple(found[name] for name in WHEN if name in found))


def _is_meant(program: Program, one: Operation) -> bool:
    if one.kind != "vmwrite" or one.field is None or one.field.major:
        return False
    if one.field.name in program.pricing.model.fields.not_major:
        return False
    return one.field.kind == "control" or one.field.encoding == UNTOUCHED


def _is_new(write: Operation) -> bool:
    """Whether the function, or its helper, has just counted the value up or down."""
    value = write.value
    while value is not None and value.kind == "cast":
        value = value.kids[0]
    if value is None:
        return False
    return value.kind == "update" or any(
        (site.expr.kind == "update" or site.expr.text in ("+=", "-="))
        and (site.expr.kids[0].kind, site.expr.kids[0].text) == (value.kind, value.text)
        for routine in (write.routine, *write.through)
        for site in routine.flow.sites
    )


def _hit(program: Program, write: Operation, reaches: tuple[Reach, ...]) -> Hit:
    assert write.field is not None
    times = program.pricing.times(reaches).at_most(2, 4)
    others = [
        one
        for one in program.operations
        if one.kind == "vmwrite" and one.field == write.field and one.site is not write.site
    ]
    return Hit(
        spot(write.routine, write.site.expr),
        f"{write.routine.name}() writes '{write.field.name}' at {WHEN[reaches[0].context]} "
        "without comparing it with what was written last",
        "the value seldom changes from one time to the next",
        f"keep a copy per VMCS and compare with it first; vmxlint rule {ID}",
        reaches,
        (Saving(VMWRITE, times),),
        "VM-exit" if reaches[0].context in (EXIT, NESTED_EXIT) else "VM-entry",
        tuple(
            (spot(other.routine, other.site.expr), f"{other.routine.name}() writes it too")
            for other in others[:MOST_RELATED]
        ),
    )
