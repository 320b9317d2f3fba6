"""Many rarely needed guest fields are read back at every nested VM-exit.

What: at each exit from a nested guest, code reads eight or more guest fields by VMREAD into a
software copy, fields that the nested hypervisor seldom looks at: bases, limits, access rights and
selectors of segments, GDTR and IDTR, PDPTEs, SYSENTER MSRs, debug state.

Why it costs: each VMREAD is about 25 cycles for the first of a run and 5 to 30 for each further one
(modelled, after KVM maintainers' remarks), so 40 of them are some hundred cycles of each nested
round trip, mostly for fields that do not change and that nobody asks for.

Instead: set a flag at the exit, and read the fields when the nested hypervisor does ask for one, or
when their VMCS is about to be put to other use.

    before                                          after
    copy->es_base = vmcs_readl(GUEST_ES_BASE);      nested->need_rare_sync = true;
    ... 40 more, at every exit                      ... and where L1 reads one of the fields:
                                                    if (nested->need_rare_sync)
                                                        sync_rare(vcpu);

Not reported: fewer than eight such fields; code behind a flag or another condition that defers it;
fields that any exit handler needs (GUEST_RIP, GUEST_RSP, GUEST_RFLAGS, CR0, CR3, CR4,
interruptibility, activity state).

False alarms: a nested hypervisor that reads all of its fields after each exit.

Misses: reads spread over functions on several levels of calls; a function that each of its callers
calls under a condition.

How to measure: the cpuid case of kvm-unit-tests' vmexit in a nested guest, before and after.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.contexts.gate import Gate
from vmxlint.contexts.reach import NESTED_EXIT, Reach
from vmxlint.cost import VMREAD, Saving, Times
from vmxlint.flow.routine import Routine
from vmxlint.hits import Hit, spot
from vmxlint.interval import NOTHING
from vmxlint.operations import Operation
from vmxlint.program import Program

ID = "VMX205"
SEVERITY = "warning"
TIER = "default"

MANY = 8
SELDOM = 0.05
SURE = ("hint", "failure", "build")
PARTS = ("_SELECTOR", "_BASE", "_LIMIT", "_AR_BYTES")
OTHERS = ("GUEST_PDPTR", "GUEST_SYSENTER", "GUEST_PENDING_DBG", "GUEST_BNDCFGS", "GUEST_DR7")
BATCHED = "vmread_next_in_batch"
Reads = dict[Routine, dict[str, Operation]]  # of each function its plain reads, by field


def check(program: Program) -> Iterator[Hit]:
    """Each function that reads many such fields at every nested exit, itself or by small ones."""
    reads: Reads = {}
    for one in program.operations:
        if one.kind == "vmread" and one.field and _is_rare(one.field.name):
            if not _is_deferred(program, one):
                reads.setdefault(one.routine, {}).setdefault(one.field.name, one)
    many = {routine: fields for routine, fields in reads.items() if len(fields) >= MANY}
    few = {routine: fields for routine, fields in reads.items() if routine not in many}
    for routine, fields in (many | _gathered(program, few)).items():
        plain = [*fields.values()]
        if len(plain) >= MANY and _is_always_called(program, routine):
            if reaches := _eager(program, plain[0]):
                yield _hit(program, routine, plain, reaches)


def _gathered(program: Program, few: Reads) -> Reads:
    """What functions read by others that they call in any case."""
    found: Reads = {}
    for routine, fields in few.items():
        for edge in program.linker.callers(routine):
            if not edge.site.conditions and not edge.key and edge.rivals == 1:
                found.setdefault(edge.caller, dict(few.get(edge.caller, {}))).update(fields)
    return found


def _is_rare(name: str) -> bool:
    return name.startswith("GUEST_") and (name.endswith(PARTS) or name.startswith(OTHERS))


def _is_deferred(program: Program, operation: Operation) -> bool:
    return any(_defers(gate) for gate in program.gates_before(operation))


def _defers(gate: Gate) -> bool:
    match gate.kind:
        case "flag" | "memo" | "request":
            return True
        case "failure" | "hint" | "build":
            return gate.probability.typical < SELDOM
        case "state":
            return not gate.early
    return False


def _is_always_called(program: Program, routine: Routine) -> bool:
    """Whether some function on the way of nested exits calls the routine whatever the state."""
    for edge in program.linker.callers(routine):
        own = {id(one) for one in edge.site.conditions}
        for reach in program.contexts.of(edge.caller, edge.site):
            gates = [gate for gate in reach.gates if id(gate.condition) in own]
            if reach.context == NESTED_EXIT and all(map(_is_sure, gates)):
                return True
    return False


def _is_sure(gate: Gate) -> bool:
    return gate.kind == "guest-mode" or (gate.kind in SURE and not _defers(gate))


def _eager(program: Program, operation: Operation) -> tuple[Reach, ...]:
    """The way of every nested exit to the code, if nothing on it waits for a request."""
    return tuple(
        reach
        for reach in program.reaches(operation)
        if reach.context == NESTED_EXIT
        and reach.probability.typical >= SELDOM
        and not any(gate.kind in ("flag", "memo", "request") for gate in reach.gates)
    )


def _hit(
    program: Program, routine: Routine, reads: list[Operation], reaches: tuple[Reach, ...]
) -> Hit:
    first, *rest = reads
    return Hit(
        spot(first.routine, first.site.expr),
        f"{routine.name}() reads {len(reads)} rarely needed guest fields at every nested VM-exit, "
        f"from '{_name(first)}' to '{_name(reads[-1])}'",
        "the nested hypervisor seldom asks for them",
        f"defer them behind a flag until they are asked for; vmxlint rule {ID}",
        reaches,
        (
            Saving(VMREAD, _times(program, reaches, 1)),
            Saving(BATCHED, _times(program, reaches, len(rest))),
        ),
        "VM-exit",
        ((spot(rest[-1].routine, rest[-1].site.expr), "the last of them is read here"),),
    )


def _name(operation: Operation) -> str:
    return operation.field.name if operation.field else ""


def _times(program: Program, reaches: tuple[Reach, ...], count: int) -> Times:
    counted = program.pricing.times(reaches)
    nested = counted.per_nested_round_trip.capped(1).scaled(count)
    return Times(NOTHING, nested, counted.grade, counted.source)
