"""A cached copy of a VMCS field is dropped, or read again, at each switch of the VMCS.

What: the code that enters or leaves a nested guest overwrites the copy with a constant, so that
the next compare fails and the field is written, or fills it by VMREAD from the VMCS that it has
just loaded.

Why it costs: both switches of a nested round trip pay. A copy that is dropped costs a VMWRITE after
each of them (two cost about 55 cycles, 30 to 120, modelled, after KVM's changelog), and a copy that
is read again a VMREAD (about 25 cycles, 5 to 50). The values seldom differ from those that the VMCS
held when it was last loaded, so all of it is for nothing: the cache loses its effect just where
VM-entries are dearest.

Instead: keep one copy for each VMCS, in the struct that stands for it. The switch then has nothing
to do: the right copy comes with the VMCS. Initialise it where the VMCS is made or cleared.

    before                                          after
    vmx->loaded_vmcs = next;                        vmx->loaded_vmcs = next;
    vmcs_load(next->vmcs);                          vmcs_load(next->vmcs);
    vmx->host_rsp = 0;

VMX301 names the member that lies in the wrong struct; this rule names the work at the switch.

Not reported: a copy that is set up where the VMCS is made, cleared or reset; one that is dropped
after a failure; a switch that writes field and copy together.

False alarms: a drop that is needed because something else than the copy's code writes the field.

Misses: a copy dropped together with the struct around its own; a bit mask of valid copies; a copy
in a global or per-CPU variable.

How to measure: the cpuid case of kvm-unit-tests' vmexit in a nested guest; a probe on the VMWRITE
and VMREAD accessors counts what the switches cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vmxlint.contexts.reach import NESTED, NESTED_ENTRY, Reach
from vmxlint.cost import VMREAD, VMWRITE, Saving, Times
from vmxlint.hits import Hit, Spot, spot
from vmxlint.interval import NOTHING, exactly
from vmxlint.operations.copies import Copy, Use
from vmxlint.program import Program

ID = "VMX302"
SEVERITY = "warning"
TIER = "default"

RARE = 0.02
_FAR_UP = 3


class Loss(NamedTuple):
    """A place that loses a copy at a switch, how it is come to, and the helper's part of it."""

    use: Use
    reaches: tuple[Reach, ...]
    inner: Use


def check(program: Program) -> Iterator[Hit]:
    """Each copy that nested entries or exits drop or read again."""
    for copy in program.copies:
        for uses, is_read in ((copy.reloads, True), (copy.drops, False)):
            losses = [loss for use in uses for loss in _losses(program, use, use, 0)]
            if losses:
                yield _hit(copy, _in_order(losses), is_read)
                break


def _losses(program: Program, use: Use, inner: Use, depth: int) -> Iterator[Loss]:
    """The places in nested transitions at which a copy is lost: of a helper, its calls."""
    callers = program.linker.callers(use.routine) if _is_helper(use) else ()
    if callers and depth < _FAR_UP:
        for edge in callers:
            yield from _losses(program, Use(edge.caller, edge.site), inner, depth + 1)
        return
    reaches = tuple(
        reach
        for reach in program.contexts.of(use.routine, use.site)
        if reach.context in NESTED and _is_taken(reach)
    )
    if reaches:
        yield Loss(use, reaches, inner)


def _is_helper(use: Use) -> bool:
    """Whether the routine does nothing but this, so that the place to look at is its call."""
    whole = use.site.expr
    return all(
        whole.start <= site.expr.start and site.expr.end <= whole.end
        for site in use.routine.flow.sites
        if site.kind != "decl"
    )


def _is_taken(reach: Reach) -> bool:
    failed = any(g.kind == "failure" and g.probability.typical < RARE for g in reach.gates)
    return reach.probability.typical >= RARE and not failed


def _in_order(losses: Sequence[Loss]) -> list[Loss]:
    """The way into the nested guest first."""
    return sorted(losses, key=lambda loss: loss.reaches[0].context != NESTED_ENTRY)


def _hit(copy: Copy, losses: Sequence[Loss], is_read: bool) -> Hit:
    first = losses[0]
    member, name = copy.place.member.name, first.use.routine.name
    if is_read:
        message = f"{name}() reads '{copy.field_name}' again into its cached copy, '{member}'"
        label = "a VMREAD of what was known when this VMCS last ran"
    else:
        message = f"{name}() drops '{member}', the cached copy of '{copy.field_name}'"
        label = "the next VM-entry writes the field, changed or not"
    return Hit(
        spot(first.use.routine, first.use.site.expr),
        f"{message}, at each switch of the VMCS",
        label,
        f"keep a copy for each VMCS, which stays true over switches; vmxlint rule {ID}",
        first.reaches,
        (Saving(VMREAD if is_read else VMWRITE, _times(losses)),),
        "VM-entry",
        tuple(_related(copy, losses, is_read)),
    )


def _times(losses: Sequence[Loss]) -> Times:
    """Once on the way into the nested guest, once on the way back, as far as both lose it."""
    contexts = {reach.context for loss in losses for reach in loss.reaches}
    return Times(NOTHING, exactly(len(contexts)))


def _related(copy: Copy, losses: Sequence[Loss], is_read: bool) -> Iterator[tuple[Spot, str]]:
    done = "read again" if is_read else "dropped"
    places = {spot(one.use.routine, one.use.site.expr): f"also {done} here" for one in losses[1:]}
    for one in losses:
        if one.inner is not one.use:
            places[spot(one.inner.routine, one.inner.site.expr)] = f"{done} here"
    for use in copy.compares:
        places.setdefault(spot(use.routine, use.site.expr), "compared here")
    yield from places.items()
