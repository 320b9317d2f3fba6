"""A flag says no more than what a bit of a major VMCS control says already.

What: a bool in a struct is set to true beside the code that sets a bit of a control, to false
beside the code that clears it, and nothing asks for it but that code, to find out whether the write
is still needed.

Why it costs: the flag is a second copy of one bit, kept by hand in every place that writes the
control; one that is forgotten is a bug, the other way round too: KVM had to take its own flag back
where it prepared the controls of vmcs02. And it is the poorer copy. It spares the write of an
unchanged bit, but not the VMREAD of the read-modify-write (about 25 cycles, 5 to 50, modelled;
KVM maintainers have named 20 and 30), and of all other bits it knows nothing. Where the control has
a shadow already, the flag saves nothing at all.

Instead: keep a copy of the whole control per VMCS, compare before writing, and drop the flag.

    before                                          after
    if (!loaded->timer_armed)                       pin_controls_setbit(vmx, TIMER);
        vmcs_set_bits(PIN_BASED, TIMER);
    loaded->timer_armed = true;

Not reported: a flag that some other code asks for or decides by; one that other code sets or clears
without the control; a flag beside code that neither entries nor exits run.

False alarms: a flag that is read outside of the analysed folder.

Misses: a flag beside calls of helpers that change the bit; one bit of a word of flags; a flag whose
test also saves other work that belongs to the bit.

How to measure: a tracepoint or probe on the VMREAD accessor counts the reads that the read-modify-
write makes; the vmexit case of kvm-unit-tests shows that nothing is lost without the flag.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vmxlint.contexts.reach import Reach, hottest
from vmxlint.cost import VMREAD, Saving, Times
from vmxlint.facts import Expr, spelled
from vmxlint.flow import Site
from vmxlint.flow.conditions import implied, truth
from vmxlint.hits import Hit, Spot, spot
from vmxlint.interval import NOTHING
from vmxlint.operations.bits import BitChange
from vmxlint.operations.members import Look, Store, looks_at, stores_to
from vmxlint.operations.structs import Place
from vmxlint.program import Program

ID = "VMX303"
SEVERITY = "warning"
TIER = "default"

RARE = 0.02


class Mirror(NamedTuple):
    """A flag: the stores of it, the looks at it, and the changes of the bit that it mirrors."""

    place: Place
    stores: tuple[Store, ...]
    looks: tuple[Look, ...]
    changes: tuple[BitChange, ...]


def check(program: Program) -> Iterator[Hit]:
    """Each flag that goes with one bit of a control, wherever that is set or cleared."""
    groups: dict[tuple[str, str], list[BitChange]] = {}
    for change in program.bit_changes:
        groups.setdefault(change.key, []).append(change)
    said: set[tuple[str, str]] = set()
    for changes in groups.values():
        for place in _beside(program, changes):
            mirror = _mirror(program, place, changes)
            key = (place.owner, place.member.name)
            if mirror and key not in said and (reaches := _hot(program, mirror)):
                said.add(key)
                yield _hit(program, mirror, reaches)


def _beside(program: Program, changes: Sequence[BitChange]) -> Iterator[Place]:
    """The members that are given one truth value where the bit is set, the other where cleared."""
    found: dict[tuple[str, str], tuple[Place, set[tuple[bool, bool]]]] = {}
    for change in changes:
        routine = change.operation.routine
        for site in routine.stores:
            target, value = site.expr.kids[0], _told(site.expr.kids[1], change)
            if target.kind != "member" or value is None or not _together(site, change):
                continue
            if place := program.structs.place(target, routine):
                key = (place.owner, place.member.name)
                found.setdefault(key, (place, set()))[1].add((change.sets, value))
    for place, pairs in found.values():
        if pairs in ({(True, True), (False, False)}, {(True, False), (False, True)}):
            yield place


def _told(value: Expr, change: BitChange) -> bool | None:
    """Whether a value is true: a constant, or what decides over the change."""
    if (known := truth(value)) is not None:
        return known
    wanted = {spelled(one.test): one.holds for one in implied(value, True)}
    if len(wanted) != 1:
        return None
    for one in change.operation.site.conditions:
        for part in () if one.cases else implied(one.test, one.holds):
            if (meant := wanted.get(spelled(part.test))) is not None:
                return part.holds == meant
    return None


def _together(site: Site, change: BitChange) -> bool:
    """Whether the store runs whenever the write does: before it, behind it, or skipped with it."""
    theirs = change.operation.site.conditions
    return theirs[: len(site.conditions)] == site.conditions


def _mirror(program: Program, place: Place, changes: Sequence[BitChange]) -> Mirror | None:
    stores = tuple(stores_to(place, program.linker, program.structs))
    if not all(_goes_along(program, one, changes) for one in stores):
        return None
    looks = tuple(looks_at(place, program.linker, program.structs))
    if not looks or not all(_is_own(one, stores, changes) for one in looks):
        return None
    return Mirror(place, stores, looks, tuple(changes))


def _goes_along(program: Program, store: Store, changes: Sequence[BitChange]) -> bool:
    """Whether a store stands beside a change of the bit, or where the control is written whole."""
    mine = [one for one in changes if one.operation.routine is store.routine]
    if store.value is None and not any(
        _told(store.site.expr.kids[1], one) is not None for one in mine
    ):
        return False
    control = changes[0].operation.field
    return any(
        one.kind == "vmwrite" and one.field == control for one in program.made_in(store.routine)
    )


def _is_own(look: Look, stores: Sequence[Store], changes: Sequence[BitChange]) -> bool:
    """Whether a look at the flag decides only over changes of the bit and stores of the flag."""
    own = [one.operation.site.expr for one in changes if one.operation.routine is look.routine]
    own += [one.site.expr for one in stores if one.routine is look.routine]
    return bool(look.guarded) and all(
        any(one.start <= site.expr.start and site.expr.end <= one.end for one in own)
        for site in look.guarded
    )


def _hot(program: Program, mirror: Mirror) -> tuple[Reach, ...]:
    """The ways to the changes that are taken in normal running, the hottest of each context."""
    changes = sorted(mirror.changes, key=lambda one: not one.sets)
    found = hottest(r for change in changes for r in program.reaches(change.operation))
    return tuple(one for one in found.values() if one.probability.typical >= RARE)


def _hit(program: Program, mirror: Mirror, reaches: tuple[Reach, ...]) -> Hit:
    place, change = mirror.place, mirror.changes[0]
    member = place.member
    return Hit(
        Spot(program.structs.paths[place.owner], member.start, member.start + len(member.name)),
        f"'{member.name}' only mirrors '{change.name}' of '{change.control}': it is kept beside "
        "the code that sets and clears the bit, and nothing else asks for it",
        "a second copy of one bit",
        f"let a shadow of the control, kept per VMCS, answer and drop the flag; vmxlint rule {ID}",
        reaches,
        _savings(program, mirror, reaches),
        "VM-entry",
        tuple(_related(mirror)),
    )


def _savings(program: Program, mirror: Mirror, reaches: tuple[Reach, ...]) -> tuple[Saving, ...]:
    """The VMREAD of each read-modify-write, which a shadow would spare."""
    read = {
        (one.routine, id(one.site))
        for change in mirror.changes
        for one in program.made_in(change.operation.routine)
        if one.kind == "vmread" and one.field == change.operation.field
    }
    if not any((c.operation.routine, id(c.operation.site)) in read for c in mirror.changes):
        return (Saving(VMREAD, Times(NOTHING, NOTHING)),)
    bit = mirror.changes[0].bit
    rate = program.pricing.model.controls.rate(bit.name) if bit else None
    if rate is None:
        return (Saving(VMREAD, program.pricing.times(reaches)),)
    return (
        Saving(VMREAD, Times(rate.per_entry, rate.per_nested_round_trip, rate.grade, rate.source)),
    )


def _related(mirror: Mirror) -> Iterator[tuple[Spot, str]]:
    for change in mirror.changes:
        done = "set" if change.sets else "cleared"
        yield spot(change.operation.routine, change.operation.site.expr), f"the bit is {done} here"
    for store in mirror.stores:
        said = {True: "becomes true", False: "becomes false", None: "follows the bit"}[store.value]
        yield spot(store.routine, store.site.expr), f"the flag {said} here"
