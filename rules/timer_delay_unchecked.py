"""The preemption timer is soft-disabled on hardware whose longest delay nobody has looked at.

What: a timer that nobody needs is given its largest value instead of being switched off in the
pin-based controls. How long that lasts depends on the timer's rate, bits 4:0 of IA32_VMX_MISC: the
function that reads the rate sets it up without refusing hardware that counts too fast.

Why it costs: the timer has 32 bits. At 1/32 of a TSC of 2.4 GHz the largest value lasts about 55
seconds, at the full rate of a TSC of 5 GHz less than one. Then an undisturbed guest is left again
and again for nothing. How often depends on the hardware, so this counts as a fault: no price.

Instead: where the rate is read, don't use the timer if it would run out within ten seconds.

    before                                          after
    timer_rate = misc & 0x1f;                       timer_rate = misc & 0x1f;
                                                    ticks = (tsc_khz * 1000ULL) >> timer_rate;
                                                    if (ticks > U32_MAX / 10)
                                                            use_timer = false;

Not reported: a tree where an ordered comparison of something computed from the rate decides over a
store, a result or a call of the tree, in the function that reads the rate, in one that calls it, or
in a function called there; one that never reads the rate, or never soft-disables the timer.

False alarms: hardware that is refused far away from where the rate is read, or by its model.

Misses: a comparison with another bound than ten seconds, or for another purpose; a rate that the
timer's value is not shifted by, but divided or shifted by a helper.

How to measure: run a guest alone on a tickless CPU; `perf kvm stat` must not show PREEMPTION_TIMER
exits more often than every ten seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from vmxlint.facts import Expr, walk
from vmxlint.flow import Site
from vmxlint.flow.routine import Routine
from vmxlint.hits import Hit, spot
from vmxlint.operations import Operation
from vmxlint.operations.values import assigned
from vmxlint.program import Program
from vmxlint.questions.timer import FIELD, Timer, Way

ID = "VMX402"
SEVERITY = "warning"
TIER = "default"

RATE_MASK = 0x1F
ORDERED = ("<", "<=", ">", ">=")


class SetUp(NamedTuple):
    """Where the timer's rate is read from the hardware, and what it is called from there on."""

    rate: str
    routine: Routine
    site: Site


def check(program: Program) -> Iterator[Hit]:
    """The first soft-disable that runs, in a tree that reads the rate and does not look at it."""
    timer = program.shared(Timer)
    parked = [way for way in timer.ways if timer.parks(way)]
    if not parked:
        return
    rates = {rate: None for way in timer.ways for rate in _rates(program, way)}
    found = [one for rate in rates for one in _set_ups(program, rate)]
    if not found or any(_is_compared(program, one) for one in found):
        return
    hits = (_hit(program, way.operation, found[0]) for way in parked)
    yield from islice((hit for hit in hits if hit.reaches), 1)


def _hit(program: Program, operation: Operation, found: SetUp) -> Hit:
    return Hit(
        spot(operation.routine, operation.site.expr),
        f"{operation.routine.name}() only soft-disables the preemption timer by '{FIELD}', though "
        f"{found.routine.name}() takes it at any rate",
        "may run out within seconds",
        f"refuse a timer whose longest delay is under ten seconds; vmxlint rule {ID}",
        program.reaches(operation),
        (),
        "VM-entry",
        ((spot(found.routine, found.site.expr), f"'{found.rate}' is read here, never compared"),),
    )


def _rates(program: Program, way: Way) -> Iterator[str]:
    """What the timer's value was shifted by: variables that are not of the functions alone."""
    write = way.operation.routine
    for routine in (write, *(edge.caller for edge in program.linker.callers(write))):
        values = [one for name in _read(way.value) for one in assigned(routine, name)]
        computed = way.operation.computed or way.value
        for part in walk(Expr("list", "", (way.value, computed, *values), 0, 0)):
            if part.kind == "binary" and part.text == ">>":
                own = routine.variables.keys() | write.variables.keys()
                yield from (name for name in _read(part.kids[1]) if name not in own)


def _read(expr: Expr) -> Iterator[str]:
    """The variables, functions and members that an expression names, not the members' objects."""
    todo = [expr]
    while todo:
        one = todo.pop()
        if one.kind in ("name", "member"):
            yield one.text
        todo.extend(() if one.kind == "member" else one.kids)


def _set_ups(program: Program, rate: str) -> Iterator[SetUp]:
    for routine in program.linker.mentions.naming(rate):
        if rate in routine.variables:
            continue
        for site in routine.flow.sites:
            match site.expr:
                case Expr("assign", "=", (Expr("name" | "member", name), value)):
                    if name == rate and _is_of_hardware(program, routine, value):
                        yield SetUp(rate, routine, site)


def _is_of_hardware(program: Program, routine: Routine, value: Expr) -> bool:
    """Whether a value is masked out of a word, or what a function makes of one."""
    for one in (value, *assigned(routine, value.text)):
        for part in walk(one):
            if part.kind == "binary" and part.text == "&":
                masks = {program.linker.number(kid.text) for kid in part.kids}
                return masks <= {RATE_MASK, None}
            if part.kind == "call":
                return True
    return False


def _is_compared(program: Program, found: SetUp) -> bool:
    """Whether the set-up, or code around it, decides anything by how the rate compares."""
    linker = program.linker
    seeds = _seeds(program, found.rate)
    for routine in (found.routine, *(edge.caller for edge in linker.callers(found.routine))):
        known = _computed(routine, seeds)
        if _decides(program, routine, known):
            return True
        for edge in linker.edges(routine):
            given = zip(edge.callee.parameters, edge.site.expr.kids[1:], strict=False)
            taken = {name for name, value in given if not known.isdisjoint(_read(value))}
            if _decides(program, edge.callee, _computed(edge.callee, seeds | taken)):
                return True
    return False


def _seeds(program: Program, rate: str) -> frozenset[str]:
    """The rate, and the functions that give something computed from it."""
    seeds = {rate}
    for routine in program.linker.mentions.naming(rate):
        known = _computed(routine, frozenset((rate,)))
        results = (site.expr for site in routine.flow.sites if site.kind == "return")
        if any(not known.isdisjoint(_read(one)) for one in results):
            seeds.add(routine.name)
    return frozenset(seeds)


def _computed(routine: Routine, seeds: frozenset[str]) -> frozenset[str]:
    """The seeds, and what a function computes from them."""
    known, before = set(seeds), 0
    while len(known) > before:
        before = len(known)
        for site in routine.flow.sites:
            if not known.isdisjoint(_read(site.expr)):
                known.update(_targets(site))
    return frozenset(known)


def _targets(site: Site) -> Iterator[str]:
    """What a site gives a value: by a store, or by handing out its address."""
    if site.kind == "decl":
        yield site.target
    elif site.expr.kind == "assign" and site.expr.kids[0].kind in ("name", "member"):
        yield site.expr.kids[0].text
    for one in walk(site.expr):
        if one.kind == "unary" and one.text == "&":
            yield from _read(one)


def _decides(program: Program, routine: Routine, known: frozenset[str]) -> bool:
    """Whether an ordered comparison of what is known decides over what a function does."""
    return any(
        one.kind == "binary" and one.text in ORDERED and not known.isdisjoint(_read(one))
        for site in routine.flow.sites
        if _acts(program, routine, site)
        for expr in (site.expr, *(condition.test for condition in site.conditions))
        for one in walk(expr)
    )


def _acts(program: Program, routine: Routine, site: Site) -> bool:
    """Whether a site is a store, a result or a call of the tree, not of a message."""
    match site:
        case Site(Expr("call", _, (callee, *_)), _, _, ""):
            return program.linker.resolve(callee.text, routine.path) is not None
    return True
