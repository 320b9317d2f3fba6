"""The same VMCS field is read by VMREAD twice between two VM-entries, on one path.

What: a function reads a field and, later on the same path, reads it again; either of the two it may
do itself or by what it calls, up to three calls deep, also by calling one getter twice. Nothing in
between writes the field, enters the guest or switches the VMCS.
Arguments of tracepoints count: they are evaluated while the tracepoint is off.

Why it costs: the field can't have changed, so the second VMREAD is for nothing: about 25 cycles (5
to 50, modelled; KVM maintainers have named 20 and 30) each time, on an exit that takes about 1,300.

Instead: keep the first answer in a local variable or hand it on, or read the field through a cache
that is filled on demand and emptied after each exit.

    before                                          after
    info = vmcs_read32(VM_EXIT_INTR_INFO);          info = vmcs_read32(VM_EXIT_INTR_INFO);
    reflect(vcpu);   /* reads it again */           reflect(vcpu, info);

Not reported: arms of one test, of which only one runs; a first read that a condition gates, if the
second is not behind it; a field that is written in between; caches filled on demand; loops;
asserts, messages and dumps; the halves of one field.

False alarms: a field written in between by a function outside the tree.

Misses: two functions called one after the other, one of which reads the field under a condition;
all but one of the fields that a function called twice reads; reads behind two tests of the same;
reads in more than three calls; a path on which very many functions run in between.

How to measure: the vmexit case of kvm-unit-tests that has the exit; `perf kvm stat` for how often.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vmxlint.contexts.reach import Reach
from vmxlint.cost import VMREAD, Saving
from vmxlint.facts import spelled
from vmxlint.flow import Site
from vmxlint.hits import Hit, Spot, spot
from vmxlint.operations import Operation
from vmxlint.program import Program
from vmxlint.questions.repeats import Pair, Repeats

ID = "VMX203"
SEVERITY = "warning"
TIER = "default"

SELDOM = 0.02


class Said(NamedTuple):
    """Where a report stands, what it says, and what else it names."""

    place: Spot
    message: str
    related: tuple[tuple[Spot, str], ...]


def check(program: Program) -> Iterator[Hit]:
    """Each second VMREAD on the path of a first one. If it is the same one, or one to which others
    lead more often, the call that makes it."""
    done: set[Operation | Site] = set()
    repeats = program.shared(Repeats)
    for pair in repeats.pairs:
        read, site = pair.second.operation, pair.second.site
        if read in done or site in done or not repeats.is_known(pair):
            continue
        if read is not pair.first.operation and (reaches := _hot(program.reaches(read), pair)):
            done.add(read)
            yield _hit(_at_read(pair), pair, reaches, program)
        elif pair.second.calls and pair.second.is_sure:
            if reaches := _hot(program.contexts.of(pair.routine, site), pair):
                done.add(site)
                yield _hit(_at_call(pair), pair, reaches, program)


def _hot(reaches: Iterable[Reach], pair: Pair) -> tuple[Reach, ...]:
    """The ways through the routine that are taken in normal running."""
    return tuple(
        reach
        for reach in reaches
        if reach.probability.typical >= SELDOM
        and pair.routine.name in reach.path
        and not any(gate.kind == "failure" and gate.probability.typical < 1 for gate in reach.gates)
    )


def _at_read(pair: Pair) -> Said:
    first, second = pair.first.operation, pair.second.operation
    assert second.field is not None
    before = "above" if first.routine is second.routine else f"in {first.routine.name}()"
    return Said(
        spot(second.routine, second.site.expr),
        f"{second.routine.name}() reads '{second.field.name}' again, already read {before}",
        ((spot(first.routine, first.site.expr), "read first here"),),
    )


def _at_call(pair: Pair) -> Said:
    routine, first, second = pair
    field, callee = second.operation.field, second.calls[0].callee.name
    assert field is not None
    before = f"by {first.calls[0].callee.name}()" if first.calls else "above"
    return Said(
        spot(routine, second.site.expr),
        f"{routine.name}() reads '{field.name}' again by {callee}(), already read {before}",
        (
            (spot(routine, first.site.expr), "read first here"),
            (spot(second.operation.routine, second.operation.site.expr), "read by this"),
        ),
    )


def _hit(said: Said, pair: Pair, reaches: tuple[Reach, ...], program: Program) -> Hit:
    return Hit(
        said.place,
        said.message,
        f"the same answer as that of {spelled(pair.first.operation.site.expr)} before",
        f"keep the first answer, or hand it on; vmxlint rule {ID}",
        reaches,
        (Saving(VMREAD, program.pricing.times(reaches)),),
        "VM-exit",
        said.related,
    )
