"""What a VMREAD would answer, where software has it already: shadows and caches of VMCS fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from vmxlint.contexts.reach import ENTRY, EXIT, NESTED, Reach
from vmxlint.facts import Expr, walk
from vmxlint.flow import Site
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operation
from vmxlint.operations.copies import Copy, Use
from vmxlint.operations.members import stores_to
from vmxlint.operations.structs import Place
from vmxlint.program import Program
from vmxlint.questions.order import Order
from vmxlint.questions.values import Holder, read_by, trails
from vmxlint.questions.writes import Writes

_BY_SOFTWARE = ("control", "host-state")
_SURE = 0.85
_FILLED_ONCE = ("memo", "flag")


class Holding(NamedTuple):
    """A member that holds a field's value, and the place that fills it.

    `kind`: "shadow" (stored with each VMWRITE), "exit" (filled by a VMREAD after each exit) or
    "demand" (filled by a getter that asks the VMCS once an exit).
    """

    kind: str
    member: str
    routine: Routine
    site: Site


class Holdings:
    """The search for what software knows of the VMCS."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._order = program.shared(Order)

    def to(self, read: Operation, reach: Reach) -> Holding | None:
        """What holds the answer of a VMREAD already on one of its ways."""
        for holding in self.of_field(read):
            if holding.routine is read.routine and holding.kind != "shadow":
                continue
            if holding.kind != "exit" or self._is_filled_before(holding, read, reach):
                return holding
        return None

    def of_field(self, read: Operation) -> Sequence[Holding]:
        """What holds the field of a VMREAD, be it on its ways or not."""
        return self._known.get(read.field.name, ()) if read.field else ()

    def is_own(self, read: Operation) -> bool:
        """Whether a VMREAD fills what it could ask for, or belongs to a read-modify-write."""
        return self._fills.get(read) is not None or read in self._changed

    def _is_filled_before(self, holding: Holding, read: Operation, reach: Reach) -> bool:
        filled = self._program.contexts.of(holding.routine, holding.site)
        fill = next(one for one in filled if one.context == EXIT)
        first = self._order.chain(fill, holding.routine, holding.site)
        second = self._order.chain(reach, read.routine, read.site)
        return self._order.parting(first, second) is not None

    @cached_property
    def _known(self) -> Mapping[str, list[Holding]]:
        """The holdings for each field, the surest first."""
        found: dict[str, list[Holding]] = {}
        for copy in filter(self._is_true, self._program.copies):
            use = copy.writes[0]
            shadow = Holding("shadow", copy.place.member.name, use.routine, use.site)
            found.setdefault(copy.field_name, []).append(shadow)
        for fill, holding in self._fills.items():
            if holding and fill.field:
                found.setdefault(fill.field.name, []).append(holding)
        return {name: sorted(holdings, key=_surest) for name, holdings in found.items()}

    def _is_true(self, copy: Copy) -> bool:
        """Whether a copy always says what the current VMCS holds."""
        structs = self._program.structs
        fields = self._program.pricing.model.fields
        field = fields.by_name(copy.field_name)
        if field is None or field.kind not in _BY_SOFTWARE or field.name in fields.changed:
            return False
        shared = not structs.is_per_vmcs(copy.place) and structs.switching_owner(copy.place)
        if (shared and not copy.reloads) or not copy.writes:
            return False
        if any(self._is_usual(one) for one in copy.drops):
            return False
        together = {use.routine for use in copy.writes}
        return all(
            one.routine in together or not together.isdisjoint(one.through)
            for one in self._program.operations
            if one.kind == "vmwrite" and one.field == field
        )

    def _is_usual(self, drop: Use) -> bool:
        """Whether entries or exits come to a drop, and not only some request for a new VMCS."""
        reaches = self._program.contexts.of(drop.routine, drop.site)
        return any(reach.context in (ENTRY, EXIT, *NESTED) for reach in reaches)

    @cached_property
    def _fills(self) -> Mapping[Operation, Holding | None]:
        """The VMREADs of exit information that is stored in a member; with it, if a cache."""
        found: dict[Operation, Holding | None] = {}
        for read in self._program.operations:
            if read.kind == "vmread" and read.field and read.field.read_only:
                for holder, site in self._stores_of(read):
                    found[read] = self._cache(read, holder.routine, site) or found.get(read)
        return found

    def _stores_of(self, read: Operation) -> Iterator[tuple[Holder, Site]]:
        firsts = (next(iter(trail.holders.values())) for trail in trails(self._program, read))
        for holder in (read_by(read), *firsts):
            for site in holder.routine.stores:
                target, value = site.expr.kids
                if target.kind == "member" and any(map(holder.has, _arms(value))):
                    yield holder, site

    def _cache(self, read: Operation, routine: Routine, site: Site) -> Holding | None:
        place = self._program.structs.place(site.expr.kids[0], routine)
        if place is None:
            return None
        if _is_filled_on_demand(self._program, read, place):
            return Holding("demand", place.member.name, routine, site)
        reaches = self._program.contexts.of(routine, site)
        on_each = any(r.context == EXIT and r.probability.typical >= _SURE for r in reaches)
        kept = on_each and routine in self._program.contexts.spine.steps
        if kept and not self._is_overwritten(place, read, routine, site):
            return Holding("exit", place.member.name, routine, site)
        return None

    def _is_overwritten(self, place: Place, read: Operation, routine: Routine, site: Site) -> bool:
        """Whether something else gets into the member, but for what the fill replaces anyway."""
        end = routine.numbers[id(site)]
        for store in stores_to(place, self._program.linker, self._program.structs):
            before = store.routine is routine and routine.numbers[id(store.site)] <= end
            if before or self._is_read_in(store.site.expr.kids[1], store.routine, read):
                continue
            reaches = self._program.contexts.of(store.routine, store.site)
            if any(one.context != ENTRY for one in reaches):
                return True
        return False

    def _is_read_in(self, value: Expr, routine: Routine, like: Operation) -> bool:
        starts = {one.start for one in walk(value)}
        return any(
            one.kind == "vmread" and one.field == like.field and one.site.expr.start in starts
            for one in self._program.made_in(routine)
        )

    @cached_property
    def _changed(self) -> frozenset[Operation]:
        """The VMREADs that belong to a read-modify-write of a control, or fill its copy."""
        writes = self._program.shared(Writes)
        reloads = {use.routine for copy in self._program.copies for use in copy.reloads}
        of_changes = {read for write in writes.all for read in writes.reads_back(write)}
        refills = {one for one in self._program.operations if one.routine in reloads}
        return frozenset(of_changes | refills)


def _is_filled_on_demand(program: Program, read: Operation, place: Place) -> bool:
    """Whether a getter reads the field only if its cache does not hold it yet."""
    routine = read.routine
    returned = [site.expr for site in routine.flow.sites if site.kind == "return"]
    gives = any(one.kind == "member" and one.text == place.member.name for one in returned)
    return gives and any(gate.kind in _FILLED_ONCE for gate in program.gates_before(read))


def _arms(value: Expr) -> Iterator[Expr]:
    """What an expression may be, looking through casts and `? :`."""
    while value.kind == "cast":
        value = value.kids[0]
    if value.kind == "ternary":
        for arm in value.kids[1:]:
            yield from _arms(arm)
    else:
        yield value


def _surest(holding: Holding) -> int:
    return ("shadow", "exit", "demand").index(holding.kind)
