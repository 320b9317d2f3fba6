"""Exit information is read by VMREAD on every exit, though only some reasons define or need it.

What: code that runs on every VM-exit reads EXIT_QUALIFICATION, GUEST_LINEAR_ADDRESS,
GUEST_PHYSICAL_ADDRESS, VM_EXIT_INTR_ERROR_CODE, VM_EXIT_INSTRUCTION_LEN, VMX_INSTRUCTION_INFO or
the like without having looked at the exit reason. Arguments of tracepoints count: they are
evaluated while the tracepoint is off.

Why it costs: each of the fields speaks of some exit reasons only; after all others the VMREAD is
for nothing, about 25 cycles (5 to 50, modelled; KVM maintainers have named 20 and 30) each time, on
an exit that takes about 1,300 in all.

Instead: read the field in the handlers that need it, or behind a cache that is filled on demand and
emptied after each exit. Let a tracepoint read it where it writes its record.

    before                                          after
    trace_exit(reason,                              trace_exit(vcpu, reason);
               vmcs_readl(EXIT_QUALIFICATION));

Not reported: the first reads of the exit reason, IDT_VECTORING_INFO and GUEST_RIP, which every exit
needs; VM_EXIT_INTR_INFO, of which VMX201 speaks; a read behind a test of the exit reason, or of any
other state; one that hands the field on to a nested hypervisor's VMCS; asserts, messages and dumps.

False alarms: a field that a nested hypervisor is to see, stored another way than into a member.

Misses: a read behind an early return that has nothing to do with the exit, if it tests bits; a read
for exits of one unrelated reason.

How to measure: the cpuid case of kvm-unit-tests' vmexit, which needs none of the fields; for the
nested path the same case in a nested guest.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.contexts.gate import Gate
from vmxlint.contexts.reach import EXIT, NESTED_EXIT, Reach
from vmxlint.cost import VMREAD, Saving
from vmxlint.facts import Expr, walk
from vmxlint.hits import Hit, spot
from vmxlint.operations import Operation
from vmxlint.program import Program

ID = "VMX206"
SEVERITY = "warning"
TIER = "default"

NEEDED = frozenset(
    {"VM_EXIT_REASON", "IDT_VECTORING_INFO_FIELD", "VM_EXIT_INTR_INFO", "VM_INSTRUCTION_ERROR"}
)
SELDOM = 0.5
OFTEN = 0.9


def check(program: Program) -> Iterator[Hit]:
    """Each VMREAD of such a field that runs on all exits, nested ones or all."""
    for operation in program.operations:
        if _is_candidate(operation) and not _is_sought(program, operation):
            reaches = tuple(r for r in program.reaches(operation) if _is_needless(r))
            if reaches and not _is_excused(program, operation, reaches):
                yield _hit(program, operation, reaches)


def _is_candidate(operation: Operation) -> bool:
    field = operation.field
    if operation.kind != "vmread" or field is None or not field.read_only:
        return False
    return field.name not in NEEDED


def _is_sought(program: Program, operation: Operation) -> bool:
    """Whether something in the routine or a helper says when the field is wanted."""
    inside = {id(one) for one in operation.conditions}
    for gate in program.gates_before(operation):
        if gate.kind in ("memo", "flag") or (gate.kind == "request" and gate.is_exceptional):
            return True
        if gate.kind == "reason" and gate.among:
            return True
        if gate.kind == "state" and (id(gate.condition) in inside or not gate.early):
            return True
        if gate.kind == "state" and any(map(_is_mask, walk(gate.condition.test))):
            return True
    return False


def _is_mask(expr: Expr) -> bool:
    return expr.kind == "binary" and expr.text == "&"


def _is_needless(reach: Reach) -> bool:
    if reach.context not in (EXIT, NESTED_EXIT) or reach.probability.typical < SELDOM:
        return False
    return not any(map(_narrows, reach.gates))


def _narrows(gate: Gate) -> bool:
    match gate.kind:
        case "reason":
            return gate.among
        case "memo" | "flag":
            return True
        case "request":
            return gate.is_exceptional
        case "failure" | "hint" | "build":
            return gate.probability.typical < OFTEN and not gate.early
        case "state":
            return not gate.early
    return False


def _is_excused(program: Program, operation: Operation, reaches: tuple[Reach, ...]) -> bool:
    return program.is_asserted(operation) or _is_for_l1(program, operation, reaches)


def _is_for_l1(program: Program, operation: Operation, reaches: tuple[Reach, ...]) -> bool:
    """Whether the value of a nested exit only goes on, into a member or to a function of the tree:
    L1 is to see it. What is outside the tree are tracepoints."""
    if any(reach.context == EXIT for reach in reaches):
        return False
    start = operation.site.expr.start
    known = {edge.site.expr.start for edge in program.linker.edges(operation.routine)}
    for site in operation.routine.flow.sites:
        if site.expr.start == start or all(one.start != start for one in walk(site.expr)):
            continue
        if site.expr.kind == "assign" and site.expr.kids[0].kind == "member":
            return True
        if site.expr.kind == "call" and site.expr.start in known:
            return True
    return False


def _hit(program: Program, operation: Operation, reaches: tuple[Reach, ...]) -> Hit:
    assert operation.field is not None
    ordered = tuple(sorted(reaches, key=lambda reach: reach.context != EXIT))
    when = "every VM-exit" if ordered[0].context == EXIT else "every nested VM-exit"
    return Hit(
        spot(operation.routine, operation.site.expr),
        f"{operation.routine.name}() reads '{operation.field.name}' on {when}, whatever the exit "
        "reason",
        "only some exit reasons define or need it",
        f"read it where an exit needs it, or behind a cache filled on demand; vmxlint rule {ID}",
        ordered,
        (Saving(VMREAD, program.pricing.times(ordered)),),
        "VM-exit",
    )
