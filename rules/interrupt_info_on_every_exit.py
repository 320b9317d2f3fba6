"""VM_EXIT_INTR_INFO is read by VMREAD on exits for which the CPU does not define it.

What: code that runs on every VM-exit, or on the exits of an unrelated reason, reads
VM_EXIT_INTR_INFO without having looked at the exit reason first.

Why it costs: the field says something only after external interrupts, exceptions and NMIs. On all
other exits the VMREAD is for nothing: about 25 cycles (5 to 50, modelled; KVM maintainers have
named 20 and 30) each time, on an exit that takes about 1,300 in all. The exit reason is cached
already, and testing it also tells the reader when the code matters.

Instead: test the cached exit reason before the VMREAD, and WARN once if the valid bit is clear on
an external-interrupt exit, since that would be a hardware bug.

    before                                          after
    info = vmcs_read32(VM_EXIT_INTR_INFO);          if (vmx->exit_reason != EXTERNAL_INTERRUPT)
    if (is_external_intr(info))                         return;
        handle(info);                               info = vmcs_read32(VM_EXIT_INTR_INFO);

Not reported: a read behind a test of the exit reason, in the handler of a fitting reason or of a
VM-entry that failed, on a path taken only after a failure, in an assert, or behind a cache that is
filled on demand, if only some exits ask it.

False alarms: code that keeps the field for a nested hypervisor, which must see it after every exit.

Misses: a read behind a test that has nothing to do with the exit, and is nearly always true.

How to measure: the cpuid case of kvm-unit-tests' vmexit, whose exits do not define the field;
`perf kvm stat` gives the share of EXTERNAL_INTERRUPT among all exits.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.contexts.gate import Gate
from vmxlint.contexts.reach import EXIT, NESTED_EXIT, Reach
from vmxlint.cost import VMREAD, Saving, Times
from vmxlint.hits import Hit, spot
from vmxlint.operations import Operation
from vmxlint.program import Program

ID = "VMX201"
SEVERITY = "warning"
TIER = "default"

FIELD = "VM_EXIT_INTR_INFO"
DEFINED_FOR = frozenset({"EXTERNAL_INTERRUPT", "EXCEPTION_NMI", "MCE_DURING_VMENTRY"})
FAILED_ENTRIES = frozenset({"INVALID_STATE", "MSR_LOAD_FAIL"})  # after a bug, and dumped
SELDOM = 0.5
ONCE = ("memo", "flag")  # of a cache that is filled on demand


def check(program: Program) -> Iterator[Hit]:
    """Each VMREAD of the field that some context comes to without a look at the exit reason."""
    for operation in program.operations:
        if operation.kind == "vmread" and operation.field and operation.field.name == FIELD:
            found = program.reaches(operation)
            reaches = tuple(r for r in found if _is_needless(r) or _is_first_asked(operation, r))
            if reaches and not program.is_asserted(operation):
                yield _hit(program, operation, _first_common(reaches))


def _is_needless(reach: Reach) -> bool:
    if reach.context in (EXIT, NESTED_EXIT):
        return not any(_narrows(gate) for gate in reach.gates)
    if not reach.context.startswith("exit:"):
        return False
    if reach.context.removeprefix("exit:") in DEFINED_FOR | FAILED_ENTRIES:
        return False
    last = max((n for n, gate in enumerate(reach.gates) if gate.kind == "reason"), default=-1)
    return not any(_narrows(gate) for gate in reach.gates[last + 1 :])


def _is_first_asked(operation: Operation, reach: Reach) -> bool:
    """Whether every exit makes a cache ask the VMCS: its getter is called whatever the reason."""
    if not any(
        s.kind == "return" and s.expr.kind == "member" for s in operation.routine.flow.sites
    ):
        return False
    asked = {id(one) for one in operation.site.conditions}
    own = [one for one in reach.gates if one.kind in ONCE and id(one.condition) in asked]
    others = [gate for gate in reach.gates if gate not in own]
    return reach.context == EXIT and bool(own) and not any(map(_narrows, others))


def _narrows(gate: Gate) -> bool:
    """Whether the gate keeps the code from running on nearly every exit of its context."""
    match gate.kind:
        case "reason":
            return gate.among
        case "memo" | "failure" | "request":
            return gate.kind == "memo" or gate.probability.typical < SELDOM
        case "hint" | "build":
            return gate.probability.typical < SELDOM
        case "state":
            return gate.holds and not gate.early
    return False


def _first_common(reaches: tuple[Reach, ...]) -> tuple[Reach, ...]:
    return tuple(sorted(reaches, key=lambda reach: (reach.context != EXIT, reach.context)))


def _hit(program: Program, operation: Operation, reaches: tuple[Reach, ...]) -> Hit:
    when = {EXIT: "every VM-exit", NESTED_EXIT: "every nested VM-exit"}.get(
        reaches[0].context, f"exits of reason {reaches[0].context.removeprefix('exit:')}"
    )
    return Hit(
        spot(operation.routine, operation.site.expr),
        f"{operation.routine.name}() reads '{FIELD}' on {when}, whatever the exit reason",
        "defined only after external interrupts, exceptions and NMIs",
        f"test the cached exit reason first; vmxlint rule {ID}",
        reaches,
        (Saving(VMREAD, _needless(program, reaches)),),
        "VM-exit",
    )


def _needless(program: Program, reaches: tuple[Reach, ...]) -> Times:
    """How often the field is read for nothing: on all exits but those that define it."""
    counted = program.pricing.times(reaches)
    profile = program.pricing.profile
    rest = profile.frequency(*DEFINED_FOR).complement()
    return Times(
        counted.per_exit * rest,
        counted.per_nested_round_trip * rest,
        counted.grade,
        counted.source or profile.source,
    )
