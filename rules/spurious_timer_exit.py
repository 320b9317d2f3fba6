"""The handler of preemption-timer exits takes those of a soft-disabled timer for real.

What: a timer that nobody needs is not switched off in the pin-based controls but given its largest
value. It counts on, and its exit handler acts on each exit without having looked whether anybody
had set it.

Why it costs: the timer has 32 bits. At 1/32 of a TSC of 2.4 GHz it fires after about 55 seconds of
guest execution without another exit, which tickless hosts do reach. Then the handler delivers a
timer interrupt that the guest never asked for. This is a fault, not a loss of time: no price.

Instead: keep a flag, for each VMCS, that says that the timer is soft-disabled, and ignore the exit.

    before                                          after
    static int handle_timer(vcpu)                   static int handle_timer(vcpu)
    {                                               {
            deadline_expired(vcpu);                         if (!loaded->timer_parked)
            return 1;                                               deadline_expired(vcpu);
    }                                                       return 1;
                                                    }

Not reported: a flag that some function asks for which does not set the timer, be it the handler or
a fast path before it; a handler that asks for what made the run path park the timer; a handler that
does nothing.

False alarms: an action that finds out by itself that no deadline has passed.

Misses: a flag that is asked for by something else than the handler; a tree without a handler table.

How to measure: run a guest alone on a tickless CPU for some minutes; `perf kvm stat` must show no
PREEMPTION_TIMER exit that leads to an interrupt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from vmxlint.facts import walk
from vmxlint.flow import Site
from vmxlint.flow.conditions import truth
from vmxlint.flow.routine import Routine
from vmxlint.hits import Hit, spot
from vmxlint.operations.members import looks_at
from vmxlint.operations.structs import Place
from vmxlint.program import Program
from vmxlint.questions.timer import Timer, Way

ID = "VMX401"
SEVERITY = "warning"
TIER = "default"

REASON, NUMBER = "PREEMPTION_TIMER", 52


def check(program: Program) -> Iterator[Hit]:
    """Each handler that acts on every exit, in a tree that parks the timer."""
    timer = program.shared(Timer)
    parked = [way for way in timer.ways if timer.parks(way)]
    writing = {way.operation.routine for way in timer.ways}
    writing |= {edge.caller for one in writing for edge in program.linker.callers(one)}
    if not parked or any(_is_asked_for(program, way, writing) for way in parked):
        return
    for handler in _handlers(program):
        site = _action(handler, parked)
        reaches = program.contexts.of(handler, site) if site else ()
        if site and reaches:
            write = parked[0].operation
            yield Hit(
                spot(handler, site.expr),
                f"{handler.name}() acts on every exit of the preemption timer, though "
                f"{write.routine.name}() only soft-disables it",
                "runs for spurious exits too",
                f"ignore exits of a soft-disabled timer; vmxlint rule {ID}",
                reaches,
                (),
                "VM-exit",
                ((spot(write.routine, write.site.expr), "soft-disabled here"),),
            )


def _is_asked_for(program: Program, way: Way, writing: Collection[Routine]) -> bool:
    """Whether what is noted beside the write keeps a function that sets no timer from acting, or
    is told to others."""
    return any(
        look.routine not in writing
        and (
            not look.guarded
            or any(_acts(site) and not _tells(program, site) for site in look.guarded)
        )
        for place in _noted(program, way)
        for look in looks_at(place, program.linker, program.structs)
    )


def _acts(site: Site) -> bool:
    return not site.kind and site.expr.kind in ("call", "assign")


def _tells(program: Program, site: Site) -> bool:
    """Whether a site only prints a message."""
    callee = site.expr.kids[0].text if site.expr.kind == "call" else ""
    return callee in program.dialect.only_inside | program.dialect.failure


def _noted(program: Program, way: Way) -> Iterator[Place]:
    routine, here = way.operation.routine, way.operation.site.conditions
    for site in routine.stores:
        target, value = site.expr.kids
        together = here[: len(site.conditions)] == site.conditions
        if target.kind == "member" and truth(value) is not None and together:
            if place := program.structs.place(target, routine):
                yield place


def _handlers(program: Program) -> Iterator[Routine]:
    found: dict[Routine, None] = {}
    for rows in program.linker.dispatch.handlers.values():
        for key, routine in rows:
            if key.endswith(REASON) or program.linker.number(key) == NUMBER:
                found[routine] = None
    yield from found


def _action(handler: Routine, parked: list[Way]) -> Site | None:
    """The first call or store that runs without a look at what parks the timer."""
    asked = {
        one.text
        for way in parked
        for condition in way.conditions
        if condition.test.kind == "binary"
        for one in walk(condition.test)
        if one.kind == "member"
    }
    for site in handler.flow.sites:
        if not _acts(site):
            continue
        if site.expr.kind == "assign" and site.expr.kids[0].kind == "name":
            continue
        looked = {one.text for c in site.conditions for one in walk(c.test) if one.kind == "member"}
        if not looked & asked:
            return site
    return None
