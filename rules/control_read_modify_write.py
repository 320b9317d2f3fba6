"""A major VMCS control is read back from the VMCS to change some bits of it.

What: a hot path sets or clears bits of the pin-based, processor-based, VM-entry or VM-exit controls
by VMREAD, an operation on the value, and VMWRITE.

Why it costs: no CPU changes these fields, so software knows what it wrote. The VMREAD is for
nothing: about 25 cycles (5 to 50, modelled; KVM maintainers have named 20 and 30). As nobody
compares, the VMWRITE is also made where the bits stand as they should already, 27 cycles (15 to 60)
and the consistency checks of a VM-entry; how often that happens the code does not say, so the
price has the VMREAD alone.

Instead: keep a shadow of each control in the struct that stands for one VMCS, change the bits
there, and write what differs.

    before                                          after
    vmcs_set_bits(SECONDARY_VM_EXEC_CONTROL,        secondary_exec_controls_setbit(vmx,
                  SECONDARY_EXEC_DESC);                 SECONDARY_EXEC_DESC);

Not reported: code that runs at set-up, on request or after a failure; the helpers of a shadow; a
bit that VMX101 sees toggled on the entry path, where keeping the bit still is the better advice.

False alarms: a path that runs only on machines without some feature, where the code tests it in a
way that is not known.

Misses: a VMREAD whose answer reaches the VMWRITE in a struct member; interrupt windows and handlers
of exits that are rare in the chosen profile.

How to measure: the vmexit case of kvm-unit-tests whose exit takes the path; count VMREADs with a
probe on the accessor; `perf kvm stat` for how often the guest exits.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.contexts.reach import Reach
from vmxlint.cost import VMREAD, Saving, Times
from vmxlint.hits import Hit, spot
from vmxlint.operations import Operation
from vmxlint.program import Program
from vmxlint.questions.writes import Writes

ID = "VMX104"
SEVERITY = "warning"
TIER = "default"


def check(program: Program) -> Iterator[Hit]:
    """Each hot write of a control of what was read from it, once a place."""
    writes = program.shared(Writes)
    done = set()
    for write in writes.all:
        place = (write.routine, write.site.expr.start, write.field)
        reads = writes.reads_back(write)
        if reads and place not in done and not writes.is_toggled(write):
            if reaches := writes.hot(write):
                done.add(place)
                yield _hit(program, write, reads[0], reaches)


def _hit(program: Program, write: Operation, read: Operation, reaches: tuple[Reach, ...]) -> Hit:
    assert write.field is not None
    apart = () if read.site is write.site else ((spot(read.routine, read.site.expr), "read here"),)
    return Hit(
        spot(write.routine, write.site.expr),
        f"{write.routine.name}() reads '{write.field.name}' back from the VMCS to change it",
        "software knows what it wrote; nothing compares before the write",
        f"keep a shadow of the control per VMCS and change that; vmxlint rule {ID}",
        reaches,
        (Saving(VMREAD, _times(program, reaches)),),
        reaches[0].unit,
        apart,
    )


def _times(program: Program, reaches: tuple[Reach, ...]) -> Times:
    return program.pricing.times(reaches).at_most(1, 2)
