"""A forced immediate exit relies on the preemption timer even where that is switched off.

What: somebody asks for an exit right after the next VM-entry, and the run path answers by writing 0
to VMX_PREEMPTION_TIMER_VALUE. A module parameter, or another global, switches the timer off, but
neither is the function that makes the request replaced then, nor does it ask for the switch.

Why it costs: where the run path does not ask for the switch either, the timer is used all the same:
a VMWRITE of its value (about 27 cycles, 15 to 60, modelled, after KVM's changelog), in roughly 1 of
10 entries. Where it does, worse: the request is lost, and the event behind it waits for the next
exit, whenever that is.

Instead: where the timer is off, let the request be an interrupt that the CPU sends to itself before
it enters the guest.

    before                                          after
    if (!use_timer)                                 if (!use_timer) {
            ops.set_timer = NULL;                           ops.set_timer = NULL;
                                                            ops.exit_soon = send_self_ipi;
                                                    }

Not reported: a request whose ops slot is replaced under the switch, or that asks for it; one that
is an argument, where something is done for it with the timer off; a tree that has no switch.

False alarms: a fallback that is chosen elsewhere, by something that stands for the switch.

Misses: a request that is handed over through several functions; a fallback for another condition,
taken for one of the switch.

How to measure: load the module with the timer switched off and run a nested guest that gets
interrupts; `perf kvm stat` must not show exits of reason PREEMPTION_TIMER.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.calls.link import Edge
from vmxlint.contexts.reach import Reach
from vmxlint.facts import Expr, names, spelled
from vmxlint.hits import Hit, spot
from vmxlint.program import Program
from vmxlint.questions.timer import FIELD, Request, Timer, Way

ID = "VMX403"
SEVERITY = "warning"
TIER = "default"


def check(program: Program) -> Iterator[Hit]:
    """Each request for an immediate exit that only the timer can answer."""
    timer = program.shared(Timer)
    said = set()
    for way in timer.ways:
        if not timer.switches or timer.number(way.value) != 0:
            continue
        for asked, one in (*_by_member(timer, way), *_by_argument(timer, way)):
            if one.site.expr not in said and (reaches := timer.entries(way)):
                said.add(one.site.expr)
                yield _hit(program, timer, way, asked, one, reaches)


def _by_member(timer: Timer, way: Way) -> Iterator[tuple[str, Request]]:
    """The requests that are stored where the run path finds them."""
    for member, requests in timer.asked(way):
        yield from ((member, one) for one in requests if _relies(timer, one))


def _by_argument(timer: Timer, way: Way) -> Iterator[tuple[str, Request]]:
    """The calls that hand a request over where the timer is on, and nowhere else."""
    for edge, given in timer.handed_over(way):
        if timer.says(edge.site.conditions, True) and not _falls_back(timer, edge, given):
            yield spelled(given), Request(edge.caller, edge.site, ())


def _falls_back(timer: Timer, edge: Edge, asked: Expr) -> bool:
    """Whether the function that hands a request over does something for it with the timer off."""
    wanted = names(asked)
    return any(
        timer.says(site.conditions, False)
        and any(not wanted.isdisjoint(names(one.test)) for one in site.conditions)
        for site in edge.caller.flow.sites
    )


def _relies(timer: Timer, request: Request) -> bool:
    """Whether the request goes to the timer even while that is off: it has a plain flag's value."""
    value = request.site.expr.kids[1]
    tested = {name for one in request.site.conditions for name in names(one.test)}
    return (
        value.text in ("true", "1")
        and bool(request.slots)
        and not any(timer.replaced(slot, request.routine) for slot in request.slots)
        and not tested & timer.switches.keys()
    )


def _hit(
    program: Program,
    timer: Timer,
    way: Way,
    member: str,
    request: Request,
    reaches: tuple[Reach, ...],
) -> Hit:
    switch, places = next(iter(timer.switches.items()))
    routine, site = places[0]
    write = way.operation
    slot = f"replace '{request.slots[0]}'" if request.slots else "send this CPU an interrupt"
    return Hit(
        spot(request.routine, request.site.expr),
        f"{request.routine.name}() leaves a forced immediate exit to the preemption timer, with no "
        f"other way for when '{switch}' has switched that off",
        f"'{member}' makes the run path write 0 to '{FIELD}'",
        f"{slot} where '{switch}' is false; vmxlint rule {ID}",
        reaches,
        timer.savings(reaches),
        "VM-entry",
        (
            (spot(write.routine, write.site.expr), "the timer is written here"),
            (spot(routine, site.expr), f"'{switch}' decides here, with no word of the request"),
        ),
    )
