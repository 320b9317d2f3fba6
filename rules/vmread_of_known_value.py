"""A VMREAD asks for what software knows: a shadow or a cache holds it, or another handler read it.

What: code on a VM-exit or VM-entry path reads a control or host-state field that has a shadow,
stored with every VMWRITE; or exit information that a struct member holds since the exit, or that
has a cache filled on demand. Or two functions that handle the same exit, one after the other, each
read the same exit information for themselves.

Why it costs: the answer can't differ. Each such VMREAD takes about 25 cycles (5 to 50, modelled;
KVM maintainers have named 20 and 30), on an exit that takes about 1,300 in all. Under a nested
hypervisor without a shadow VMCS each is a VM-exit of its own, some 1,800 cycles (700 to 5,000,
modelled).

Instead: ask the shadow or the cache. Where handlers of one exit share a field, let the first keep
it, or read it through a getter that asks the VMCS once an exit.

    before                                          after
    vmx->exit_reason = vmcs_read32(REASON);         vmx->exit_reason = vmcs_read32(REASON);
    ...                                             ...
    if (vmcs_read32(REASON) == TASK_SWITCH)         if (vmx->exit_reason == TASK_SWITCH)

Not reported: the VMREAD that fills a cache, on demand or at a switch of the VMCS (VMX302 speaks of
those); one of a read-modify-write (VMX104); a second one in the same function, its callees or
beside them (VMX203); arms of one test, of which only one runs; a read from another VMCS, after a
switch; a shadow that some VMWRITE passes by, or that is dropped; asserts, messages and dumps.

False alarms: a member that code outside the tree changes; a cache that is emptied too late for the
place that reads around it.

Misses: a cache in a global or per-CPU variable; a cache filled by a loop over a table of fields;
guest state, which the guest changes while the cache may stand; second reads behind a condition.

How to measure: count VMREADs with a probe on the accessor; the vmexit case of kvm-unit-tests that
has the exit, in a nested guest for the largest effect; `perf kvm stat` for how often it happens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from vmxlint.contexts.reach import EXIT, NESTED_EXIT, Reach
from vmxlint.cost import VMREAD, Saving
from vmxlint.hits import Hit, Spot, spot
from vmxlint.operations import Operation
from vmxlint.program import Program
from vmxlint.questions.holdings import Holding, Holdings
from vmxlint.questions.order import Order
from vmxlint.questions.repeats import Repeats

ID = "VMX204"
SEVERITY = "warning"
TIER = "default"

SELDOM, OFTEN = 0.02, 0.5
NEAR = ((1, 1), (1, 2))  # second VMREADs that VMX203 judges, see Order.parting
HELD = {
    "shadow": "its shadow '{}' holds",
    "exit": "'{}' holds since the VM-exit",
    "demand": "the cache '{}' would give",
}


def check(program: Program) -> Iterator[Hit]:
    """Each VMREAD of what is held somewhere, then each that another function has made."""
    holdings = program.shared(Holdings)
    reads = [one for one in _able(program, holdings) if _is_asking(program, holdings, one)]
    said: set[Operation] = set()
    for read in filter(holdings.of_field, reads):
        known = [(reach, holdings.to(read, reach)) for reach in _hot(program, read)]
        held = [holding for _, holding in known if holding]
        if held:
            said.add(read)
            yield _held(program, read, held[0], tuple(reach for reach, one in known if one))
    for first, second, reach in _handled_twice(program, [one for one in reads if one not in said]):
        if second not in said:
            said.add(second)
            yield _again(program, first, second, reach)


def _able(program: Program, holdings: Holdings) -> Iterator[Operation]:
    """The VMREADs of what something holds, or of an exit field that another one reads."""
    reads = [one for one in program.operations if one.kind == "vmread" and one.field]
    again = {field for field, times in Counter(one.field for one in reads).items() if times > 1}
    exits = {field for field in again if field and field.read_only}
    return (one for one in reads if one.field in exits or holdings.of_field(one))


def _is_asking(program: Program, holdings: Holdings, read: Operation) -> bool:
    """Whether it is a VMREAD in normal code, and not for a cache or a read-modify-write."""
    if holdings.is_own(read):
        return False
    if any(gate.kind in ("memo", "flag") for gate in program.gates_before(read)):
        return False
    return not program.is_asserted(read)


def _hot(program: Program, read: Operation) -> tuple[Reach, ...]:
    """The ways to a read that are taken in normal running."""
    return tuple(
        reach
        for reach in program.reaches(read)
        if reach.probability.typical >= SELDOM
        and not any(gate.is_exceptional for gate in reach.gates)
    )


def _handled_twice(
    program: Program, reads: Sequence[Operation]
) -> Iterator[tuple[Operation, Operation, Reach]]:
    """Two reads of one exit field in functions that both handle one exit, one after the other."""
    order = program.shared(Order)
    read_in = Counter(one.field for one in reads)
    able = [one for one in reads if one.field and one.field.read_only and read_in[one.field] > 1]
    ways = {read: _on_exits(program, read) for read in able}
    for first, before in ways.items():
        for second, behind in ways.items():
            if first is second or first.field is not second.field:
                continue
            for key in sorted(before.keys() & behind.keys()):
                one = order.chain(before[key], first.routine, first.site)
                other = order.chain(behind[key], second.routine, second.site)
                parting = order.parting(one, other)
                if parting and not _is_near(first, second, parting, program):
                    yield first, second, behind[key]
                    break


def _is_near(
    first: Operation, second: Operation, parting: tuple[int, int], program: Program
) -> bool:
    """Whether VMX203 looks at a pair."""
    return parting in NEAR or program.shared(Repeats).are_paired(first, second)


def _on_exits(program: Program, read: Operation) -> dict[tuple[str, ...], Reach]:
    """The exits on which a read is made more often than not, by context and reasons; the way."""
    if read.routine.is_in_loop(read.routine.numbers[id(read.site)]):
        return {}
    return {
        (reach.context, *_reasons(reach)): reach
        for reach in _hot(program, read)
        if reach.context.startswith((EXIT, NESTED_EXIT)) and reach.probability.typical >= OFTEN
    }


def _reasons(reach: Reach) -> list[str]:
    """The exit reasons that a way is for, in order; none if it is for all."""
    sets = [gate.reasons for gate in reach.gates if gate.kind == "reason" and gate.among]
    return sorted(frozenset.intersection(*sets)) if sets else []


def _held(program: Program, read: Operation, holding: Holding, reaches: tuple[Reach, ...]) -> Hit:
    assert read.field is not None
    why = HELD[holding.kind].format(holding.member)
    return _hit(
        program,
        read,
        f"{read.routine.name}() reads '{read.field.name}' from the VMCS, though {why} its value",
        f"ask '{holding.member}'",
        reaches,
        (spot(holding.routine, holding.site.expr), "filled here"),
    )


def _again(program: Program, first: Operation, second: Operation, reach: Reach) -> Hit:
    assert second.field is not None
    return _hit(
        program,
        second,
        f"{second.routine.name}() reads '{second.field.name}', which {first.routine.name}() has "
        "read for the same VM-exit",
        "keep what the first has read, or read it through a cache filled on demand",
        (reach,),
        (spot(first.routine, first.site.expr), "read first here"),
    )


def _hit(
    program: Program,
    read: Operation,
    message: str,
    advice: str,
    reaches: tuple[Reach, ...],
    related: tuple[Spot, str],
) -> Hit:
    return Hit(
        spot(read.routine, read.site.expr),
        message,
        "a VMREAD whose answer is known",
        f"{advice}; vmxlint rule {ID}",
        reaches,
        (Saving(VMREAD, program.pricing.times(reaches)),),
        reaches[0].unit,
        (related,),
    )
