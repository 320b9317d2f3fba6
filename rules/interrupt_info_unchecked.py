"""The vector of an external interrupt is used without a check that the CPU gave one.

What: code that runs on external-interrupt exits takes the vector out of VM_EXIT_INTR_INFO and never
looks at the valid bit, bit 31. Or it runs on every exit and the bit only tells interrupts from all
else: then an interrupt exit without a valid interrupt looks like any other exit, and nothing is
said of it.

Why it costs: with "acknowledge interrupt on exit" the field is always valid after such an exit, so
a clear bit is a hardware bug. Without the check the host runs the handler of a vector that nobody
raised, or loses the interrupt without a word. The check is free, a test of a register. The second
form has a price: a VMREAD on every other exit, about 25 cycles (5 to 50, modelled; KVM maintainers
have named 20 and 30).

Instead: test the cached exit reason, then WARN once if the bit is clear.

    before                                          after
    info = vmcs_read32(VM_EXIT_INTR_INFO);          if (exit_reason != EXTERNAL_INTERRUPT)
    if (is_external_intr(info))                         return;
        handle(info & VECTOR_MASK);                 info = vmcs_read32(VM_EXIT_INTR_INFO);
                                                    if (WARN_ONCE(!is_external_intr(info), ...))
                                                        return;
                                                    handle(info & VECTOR_MASK);

Not reported: a check of any kind behind a test of the exit reason; code for exceptions and NMIs; a
vector that is only compared; a value that is handed as a whole to a function outside the tree.

False alarms: a check made on a copy in memory, in another function than the one that dispatches.

Misses: code that runs for other exit reasons, too; a value that reaches the dispatch through a
struct member; code on every exit that looks at neither the valid bit nor the exit reason.

How to measure: nothing to measure for the check. For the VMREAD, the cpuid case of kvm-unit-tests'
vmexit; `perf kvm stat` gives the share of EXTERNAL_INTERRUPT among all exits.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.contexts.reach import EXIT, Reach
from vmxlint.cost import VMREAD, Saving, Times
from vmxlint.facts import Expr, spelled
from vmxlint.flow import Site
from vmxlint.hits import Hit, spot
from vmxlint.numbers import evaluate
from vmxlint.operations.values import assigned
from vmxlint.program import Program
from vmxlint.questions.values import Holder, Trail, trails

ID = "VMX202"
SEVERITY = "warning"
TIER = "default"

FIELD = "VM_EXIT_INTR_INFO"
REASON = "EXTERNAL_INTERRUPT"
VECTOR, TYPE, VALID = 0xFF, 0x700, 1 << 31  # SDM 25.9.2
UNKNOWN = VALID  # of a mask that is not understood: it may look at the valid bit


def check(program: Program) -> Iterator[Hit]:
    """Each place that takes the vector of an external interrupt, and where nothing is checked."""
    done: set[tuple[str, int]] = set()
    for operation in program.operations:
        if operation.kind != "vmread" or operation.field is None or operation.field.name != FIELD:
            continue
        for trail in trails(program, operation):
            for hit in _hits(program, trail):
                if (where := (hit.spot.path, hit.spot.start)) not in done:
                    done.add(where)
                    yield hit


def _hits(program: Program, trail: Trail) -> Iterator[Hit]:
    holders = trail.holders.values()
    found = [(holder, *taken) for holder in holders for taken in _takes(program, holder)]
    if not found or any(_is_opaque(program, holder) for holder in holders):
        return
    checking = [one for one in holders if any(_checks(program, one))]
    for holder, site, taken in found:
        reaches = program.contexts.of(holder.routine, site)
        others = any(r.context.startswith("exit:") for r in reaches if not _is_behind(r))
        behind = () if others else tuple(filter(_is_behind, reaches))
        common = tuple(r for r in reaches if r.context == EXIT and not _is_sorted(r))
        checked = any(not trail.is_apart(one.routine, holder.routine, site) for one in checking)
        if behind and not checked:
            yield _hit(program, trail, holder, taken, behind, ())
        elif common and _only_sorts(program, trail, holder, site, common):
            yield _hit(program, trail, holder, taken, common, (_saving(program, trail),))


def _takes(program: Program, holder: Holder) -> Iterator[tuple[Site, Expr]]:
    """Where the vector is taken out of the value, but not only to be compared."""
    compared: set[int] = set()
    found = list(holder.expressions())
    for _, one in found:
        if one.kind == "binary" and one.text in ("==", "!="):
            compared.update(kid.start for kid in one.kids)
    for site, one in found:
        if one.start not in compared and _mask(program, holder, one) == VECTOR:
            yield site, one


def _mask(program: Program, holder: Holder, expr: Expr) -> int:
    """The bits of the value that an expression looks at; 0 if it is about something else."""
    match expr:
        case Expr("binary", "&", (left, right)):
            for value, mask in ((left, right), (right, left)):
                if holder.has(value):
                    bits = evaluate(spelled(_local(holder, mask)), program.shared(_names))
                    return UNKNOWN if bits is None else bits
        case Expr("binary", "%", (inner, Expr("number", "256" | "0x100"))) if holder.has(inner):
            return VECTOR
        case Expr("cast", "u8" | "uint8_t" | "unsigned char", (inner,)) if holder.has(inner):
            return VECTOR
        case Expr("binary", "<" | ">=", (Expr("cast", _, (inner,)), Expr("number", "0"))):
            return VALID if holder.has(inner) else 0
        case Expr("binary", ">>", (inner, Expr("number", "31"))):
            return VALID if holder.has(inner) else 0
    return 0


def _local(holder: Holder, mask: Expr) -> Expr:
    """What a local variable that is given one value stands for."""
    values = list(assigned(holder.routine, mask.text)) if mask.kind == "name" else []
    return values[0] if len(values) == 1 else mask


def _names(program: Program) -> dict[str, str]:
    """The numbers of names, also of those that headers outside of the tree define."""
    masks = program.pricing.model.fields.masks
    return {name: str(bits) for name, bits in masks.items()} | program.linker.constants


def _checks(program: Program, holder: Holder) -> Iterator[int]:
    for _, one in holder.expressions():
        if (mask := _mask(program, holder, one)) & VALID:
            yield mask


def _is_opaque(program: Program, holder: Holder) -> bool:
    """Whether a function outside the tree gets the whole value, and may check it."""
    known = {id(edge.site) for edge in program.linker.edges(holder.routine)}
    for site in holder.routine.flow.sites:
        if site.expr.kind == "call" and not site.kind and id(site) not in known:
            whole = [one for one in site.expr.kids[1:] if one.kind != "cast"]
            if site.expr.start not in holder.starts and any(map(holder.has, whole)):
                return True
    return False


def _is_behind(reach: Reach) -> bool:
    return reach.context == f"exit:{REASON}"


def _is_sorted(reach: Reach) -> bool:
    """Whether the exit reason was looked at, or a bug is what leads here."""
    return any(gate.kind in ("reason", "failure") for gate in reach.gates)


def _only_sorts(
    program: Program, trail: Trail, holder: Holder, site: Site, reaches: tuple[Reach, ...]
) -> bool:
    """Whether the code runs only if the value itself says that it is an external interrupt."""
    way = [edge.site for edge in trail.way(holder.routine)]
    text = "; ".join(spelled(one.test) for at in (*way, site) for one in at.conditions)
    for other in trail.holders.values():
        names = {other.routine.name, *(edge.callee.name for edge in trail.way(other.routine))}
        inside = other is not holder and any(f"{name}(" in text for name in names)
        for _, one in other.expressions() if inside or other is holder else ():
            if _mask(program, other, one) & (TYPE | VALID) == TYPE | VALID:
                if inside or spelled(one) in text:
                    return True
    return False


def _saving(program: Program, trail: Trail) -> Saving:
    """The VMREAD on all exits but those of the reason."""
    reads = [r for r in program.reaches(trail.operation) if r.context == EXIT]
    counted = program.pricing.times(reads)
    profile = program.pricing.profile
    rest = profile.frequency(REASON).complement()
    per_exit, per_nested = counted.per_exit.capped(1), counted.per_nested_round_trip.capped(2)
    return Saving(VMREAD, Times(per_exit * rest, per_nested * rest, counted.grade, profile.source))


def _hit(
    program: Program,
    trail: Trail,
    holder: Holder,
    taken: Expr,
    reaches: tuple[Reach, ...],
    savings: tuple[Saving, ...],
) -> Hit:
    read = trail.operation
    how = (
        "only lets its valid bit tell interrupts from other exits"
        if savings
        else "never checks its valid bit"
    )
    return Hit(
        spot(holder.routine, taken),
        f"{holder.routine.name}() takes the vector of an external interrupt out of '{FIELD}' and "
        f"{how}",
        "a clear valid bit would be a hardware bug, and goes unnoticed",
        f"test the cached exit reason and WARN once if the valid bit is clear; vmxlint rule {ID}",
        reaches,
        savings,
        "VM-exit",
        ((spot(read.routine, read.site.expr), "read here"),),
    )
