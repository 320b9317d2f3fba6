"""The same VMCS field is read by VMREAD twice between two VM-entries, on one path.

What: a function reads a field and, later on the same path, reads it again, itself or in a function
that it calls; or it calls two functions that do. Nothing in between writes the field, enters the
guest or switches the VMCS.
Arguments of tracepoints count: they are evaluated while the tracepoint is off.

Why it costs: the field can't have changed, so the second VMREAD is for nothing: about 25 cycles (5
to 50, modelled; KVM maintainers have named 20 and 30) each time, on an exit that takes about 1,300.

Instead: keep the first answer in a local variable or hand it on, or read the field through a cache
that is filled on demand and emptied after each exit.

    before                                          after
    info = vmcs_read32(VM_EXIT_INTR_INFO);          info = vmcs_read32(VM_EXIT_INTR_INFO);
    reflect(vcpu);   /* reads it again */           reflect(vcpu, info);

Not reported: arms of one test, of which only one runs; a second read that some further condition
gates; a field that is written in between; caches filled on demand; loops; asserts, messages and
dumps.

False alarms: a field written in between by a function outside the tree.

Misses: two functions called one after the other, one of which reads the field under a condition;
a getter without a cache that is called twice; a path on which very many functions run in between.

How to measure: the vmexit case of kvm-unit-tests that has the exit; `perf kvm stat` for how often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from vmxlint.calls.link import Edge, Linker
from vmxlint.contexts.reach import Reach
from vmxlint.cost import VMREAD, Saving
from vmxlint.facts import spelled, walk
from vmxlint.flow import Condition
from vmxlint.flow.routine import Routine
from vmxlint.hits import Hit, spot
from vmxlint.operations import Operation
from vmxlint.program import Program

ID = "VMX203"
SEVERITY = "warning"
TIER = "default"

SELDOM = 0.02
SURE = ("build", "hint", "failure")
MOST = 600  # functions that are looked through for a VMWRITE of the field
SWITCHES = ("vmptrld", "vmclear")
Made = dict[Routine, list[Operation]]


def check(program: Program) -> Iterator[Hit]:
    """Each second VMREAD on the path of a first one."""
    made: Made = {}
    for one in program.operations:
        made.setdefault(one.routine, []).append(one)
    done: set[Operation] = set()
    for first, second, through in _pairs(program, made):
        if second in done or any(map(program.is_asserted, (first, second))):
            continue
        if reaches := _hot(program, second, through):
            done.add(second)
            yield _hit(first, second, reaches, program)


def _pairs(program: Program, made: Made) -> Iterator[tuple[Operation, Operation, Routine]]:
    """The first and the second VMREAD, and the routine in which the paths to both part."""
    for routine, operations in made.items():
        for first in operations:
            if first.kind == "vmread" and first.field:
                for second in _later(program, routine, first, made):
                    if _is_plain(program, first):
                        yield first, second, routine
    for caller in _callers_of_two(program.linker, made):
        for first, second in _beside(program, caller, made):
            yield first, second, caller


def _callers_of_two(linker: Linker, made: Made) -> dict[Routine, None]:
    """The routines that call one of those that read, and may call another."""
    able = {one: linker.possible_callers(one) for one in made}
    number = Counter(caller for callers in able.values() for caller in callers)
    return {
        caller: None
        for one, callers in able.items()
        for caller in callers
        if number[caller] > 1 and any(edge.callee is one for edge in linker.edges(caller))
    }


def _is_plain(program: Program, operation: Operation) -> bool:
    """Whether it is a VMREAD that runs whenever its site does, and outside loops."""
    if operation.kind != "vmread" or operation.field is None:
        return False
    inside = {id(one) for one in operation.conditions}
    routine = operation.routine
    for gate in program.gates_before(operation):
        if gate.kind == "memo" or (id(gate.condition) in inside and gate.kind not in SURE):
            return False
    return not routine.is_in_loop(routine.numbers[id(operation.site)])


def _later(program: Program, routine: Routine, first: Operation, made: Made) -> Iterator[Operation]:
    """The reads of the same field that surely follow in the routine and in what it calls."""
    start = routine.numbers[id(first.site)]
    for second in made[routine]:
        number = routine.numbers[id(second.site)]
        follows = number > start and _follows(first.site.conditions, second.site.conditions)
        if second.field is first.field and follows and _is_plain(program, second):
            if not _changed(program, routine, start, number, first, made):
                yield second
    for edge in program.linker.edges(routine):
        if edge.callee in made and not edge.key and edge.rivals == 1 and not edge.value:
            number = routine.numbers[id(edge.site)]
            if number > start and _follows(first.site.conditions, edge.site.conditions):
                yield from _below(program, edge, number, first, made)


def _beside(
    program: Program, routine: Routine, made: Made
) -> Iterator[tuple[Operation, Operation]]:
    """Reads of one field in two functions that the routine calls one after the other."""
    edges = [e for e in program.linker.edges(routine) if e.callee in made and e.rivals == 1]
    for place, one in enumerate(edges):
        firsts = [o for o in made[one.callee] if not o.site.conditions and _is_plain(program, o)]
        for other in edges[place + 1 :] if firsts else ():
            for first in firsts:
                if second := _second(program, one, first, other, made):
                    yield first, second


def _second(
    program: Program, one: Edge, first: Operation, other: Edge, made: Made
) -> Operation | None:
    start, number = (one.caller.numbers[id(edge.site)] for edge in (one, other))
    known = one.key or other.key or one.value or other.value or one.callee is other.callee
    if known or number <= start or not _follows(one.site.conditions, other.site.conditions):
        return None
    more = other.site.conditions[len(one.site.conditions) :]
    if not all(condition.early or _asks(condition, one) for condition in more):
        return None
    for second in made[other.callee]:
        same = second.field is first.field and not second.site.conditions
        if same and _is_plain(program, second):
            read = first.routine.numbers[id(first.site)]
            end = second.routine.numbers[id(second.site)]
            changed = (
                _changed(program, one.callee, read, len(one.callee.flow.sites), first, made)
                or _changed(program, one.caller, start, number, first, made)
                or _changed(program, other.callee, -1, end, first, made)
            )
            return None if changed else second
    return None


def _asks(condition: Condition, edge: Edge) -> bool:
    """Whether a condition tests what a call answered."""
    return any(one.start == edge.site.expr.start for one in walk(condition.test))


def _below(
    program: Program, edge: Edge, number: int, first: Operation, made: Made
) -> Iterator[Operation]:
    """The reads in a called function that run as soon as it is called."""
    start = edge.caller.numbers[id(first.site)]
    for second in made[edge.callee]:
        if second.field is not first.field or not _is_plain(program, second):
            continue
        end = second.routine.numbers[id(second.site)]
        if not _changed(program, edge.caller, start, number, first, made) and not _changed(
            program, edge.callee, -1, end, first, made
        ):
            yield second


def _follows(first: tuple[Condition, ...], second: tuple[Condition, ...]) -> bool:
    """Whether the second runs only if the first has run."""
    return second[: len(first)] == first


def _changed(
    program: Program, routine: Routine, start: int, end: int, first: Operation, made: Made
) -> bool:
    """Whether something between two sites writes the field, enters or switches the VMCS."""
    for one in made.get(routine, ()):
        if start < routine.numbers[id(one.site)] < end and _changes(one, first):
            return True
    between = (
        edge.callee
        for edge in program.linker.edges(routine)
        if start < routine.numbers[id(edge.site)] < end
    )
    return any(_may_change(program, one, first, made) for one in between)


def _may_change(program: Program, routine: Routine, first: Operation, made: Made) -> bool:
    """Whether a function, or one that it calls, may make the field another; true if too many do."""
    seen = {routine}
    todo = [routine]
    while todo:
        one = todo.pop()
        if one in program.contexts.spine.steps or len(seen) > MOST:
            return True
        if any(_changes(other, first) for other in made.get(one, ())):
            return True
        new = {edge.callee for edge in program.linker.edges(one)} - seen
        seen |= new
        todo += new
    return False


def _changes(other: Operation, first: Operation) -> bool:
    if other.kind in SWITCHES:
        return True
    return other.kind == "vmwrite" and other.field in (None, first.field)


def _hot(program: Program, second: Operation, through: Routine) -> tuple[Reach, ...]:
    """The ways to the second read that are taken in normal running."""
    return tuple(
        reach
        for reach in program.reaches(second)
        if reach.probability.typical >= SELDOM
        and through.name in reach.path
        and not any(gate.kind == "failure" and gate.probability.typical < 1 for gate in reach.gates)
    )


def _hit(first: Operation, second: Operation, reaches: tuple[Reach, ...], program: Program) -> Hit:
    assert second.field is not None
    before = (
        "already read above"
        if first.routine is second.routine
        else f"already read in {first.routine.name}()"
    )
    return Hit(
        spot(second.routine, second.site.expr),
        f"{second.routine.name}() reads '{second.field.name}' again, {before}",
        f"the same answer as that of {spelled(first.site.expr)} before",
        f"keep the first answer, or hand it on; vmxlint rule {ID}",
        reaches,
        (Saving(VMREAD, program.pricing.times(reaches)),),
        "VM-exit",
        ((spot(first.routine, first.site.expr), "read first here"),),
    )
