"""Cached copies: struct members that hold the value last written to a VMCS field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vmxlint.calls.link import Linker
from vmxlint.facts import Asm, Expr, is_constant, spelled, walk
from vmxlint.flow import Site
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operation, Operations
from vmxlint.operations.compares import Compares
from vmxlint.operations.operands import addressed
from vmxlint.operations.structs import Place, Structs
from vmxlint.operations.values import substituted


@dataclass(frozen=True)
class Use:
    """A place that works on a copy: writes it with its field, compares it, or drops it."""

    routine: Routine
    site: Site


@dataclass(eq=False)
class Copy:
    """A member that holds the value last written to a field, and what the code does with it.

    `writes` store it together with a VMWRITE of the same value; `compares` gate such a VMWRITE;
    `reloads` fill it by VMREAD; `drops` overwrite it with a constant, so that the next compare
    fails.
    """

    place: Place
    field_name: str
    writes: list[Use] = field(default_factory=list)
    compares: list[Use] = field(default_factory=list)
    reloads: list[Use] = field(default_factory=list)
    drops: list[Use] = field(default_factory=list)


class Copies:
    """The search for the copies of a unit; `all` are those that gate their own VMWRITE by a
    compare, in order of struct and member."""

    def __init__(self, linker: Linker, operations: Operations, structs: Structs) -> None:
        self._linker = linker
        self._operations = operations
        self._structs = structs
        self._compares = Compares(linker, structs)
        self._found: dict[tuple[str, str, bool], Copy] = {}
        for routine in linker.routines:
            if operations.made_in(routine):
                self._writes(routine)
        ordered = sorted(self._found.items())
        self.all = tuple(copy for _, copy in ordered if copy.compares)
        members = self._by_member()
        for routine in linker.mentions.of_any(*(f"{member}=" for member in members)):
            self._other_uses(routine, members)
        owners = {copy.place.owner for copy in self.all}
        whole = {one.name for one in structs.all_members() if one.type in owners}
        for routine in linker.mentions.of_any("memset", *(f"{name}=" for name in whole)):
            if any(name in routine.function.text for name in (*owners, *whole)):
                self._wiped(routine)

    def kept_with(self, write: Operation) -> set[str]:
        """The members that are given the value of a VMWRITE beside it, compared or not."""
        assert write.field is not None
        return {
            copy.place.member.name
            for copy in self._found.values()
            if copy.field_name == write.field.name
            and any(use.routine in (write.routine, *write.through) for use in copy.writes)
        }

    def _writes(self, routine: Routine) -> None:
        for one in self._operations.made_in(routine):
            if one.kind != "vmwrite" or one.field is None:
                continue
            for place, site in (*self._stored_with(one), *self._stored_by_helper(one)):
                self._note(place, one).writes.append(Use(routine, site))
                if self._compares.among((*one.site.conditions, *one.conditions), place, routine):
                    self._note(place, one).compares.append(Use(routine, one.site))
                self._compared_by_callers(place, one)
            if one.site.expr.kind == "asm":
                self._in_assembly(one)

    def _note(self, place: Place, operation: Operation) -> Copy:
        assert operation.field is not None
        key = (place.owner, place.member.name, self._structs.is_per_vmcs(place))
        return self._found.setdefault(key, Copy(place, operation.field.name))

    def _stored_with(self, operation: Operation) -> Iterator[tuple[Place, Site]]:
        """The members that are given the value of a VMWRITE beside it."""
        routine, value = operation.routine, operation.value
        if value is None or value.kind == "number":
            return
        wanted = spelled(value)
        for site, *ends in routine.stored:
            target = site.expr.kids[0]
            if wanted in ends and target.kind == "member" and _together(site, operation.site):
                if place := self._structs.place(target, routine):
                    yield place, site

    def _stored_by_helper(self, operation: Operation) -> Iterator[tuple[Place, Site]]:
        """The member whose address the helper that writes the field is given, and also writes."""
        value = operation.value
        if value is None or not operation.through:
            return
        helper = operation.through[0]
        bound = dict(zip(helper.parameters, operation.site.expr.kids[1:], strict=False))
        for site in helper.stores:
            match site.expr:
                case Expr("assign", "=", (Expr("unary", "*", (Expr("name", name),)), given)):
                    address = bound.get(name)
                    same = spelled(substituted(given, bound)) == spelled(value)
                    if same and address and address.kind == "unary":
                        place = self._structs.place(address.kids[0], operation.routine)
                        if place:
                            yield place, operation.site

    def _compared_by_callers(self, place: Place, operation: Operation) -> None:
        for edge in self._linker.callers(operation.routine):
            if self._compares.among(edge.site.conditions, place, edge.caller):
                self._note(place, operation).compares.append(Use(edge.caller, edge.site))

    def _in_assembly(self, operation: Operation) -> None:
        """`vmwrite reg` beside `mov reg, member` and `cmp reg, member` in one asm statement."""
        routine = operation.routine
        asm = routine.asm(operation.site.expr)
        use = Use(routine, operation.site)
        for register in _written_registers(asm):
            for mnemonic, operands in asm.instructions:
                places = [
                    place
                    for one in operands
                    if (place := addressed(asm, one, routine, self._structs))
                ]
                if register not in operands or not places:
                    continue
                copy = self._note(places[0], operation)
                if mnemonic.startswith("mov") and operands[0] == register:
                    copy.writes.append(use)
                elif mnemonic.startswith("cmp"):
                    copy.compares.append(use)

    def _other_uses(self, routine: Routine, members: Mapping[str, list[Copy]]) -> None:
        for site in routine.stores:
            target, given = site.expr.kids[0], site.expr.kids[-1]
            if target.kind != "member" or target.text not in members:
                continue
            place = self._structs.place(target, routine)
            for copy in members[target.text]:
                if place is None or not self._is_of(copy, place):
                    continue
                read = {one.name for one in self._operations.reads(given, routine)}
                if copy.field_name in read or self._reads_when_bound(given, routine, copy):
                    copy.reloads.append(Use(routine, site))
                elif is_constant(given):
                    copy.drops.append(Use(routine, site))

    def _wiped(self, routine: Routine) -> None:
        """A struct that is overwritten as a whole, be it with what a global holds for all VMCSs,
        drops the copies in it."""
        for site in routine.flow.sites:
            given: Sequence[Expr] = ()
            match site.expr:
                case Expr("call", _, (Expr("name", "memset"), whole, *_)):
                    wiped = self._type_behind(whole, routine)
                case Expr("assign", "=", (_, Expr("cast", wiped, (Expr("list", _, given),)))):
                    pass
                case Expr("assign", "=", (whole, Expr("name", name))):
                    shared = name not in routine.variables
                    wiped = self._type_of(whole, routine) if shared else ""
                case _:
                    continue
            filled = {one.text for one in given if one.kids and not is_constant(one.kids[-1])}
            for copy in self.all if wiped else ():
                if wiped == copy.place.owner and f".{copy.place.member.name}" not in filled:
                    copy.drops.append(Use(routine, site))

    def _type_behind(self, pointer: Expr, routine: Routine) -> str:
        """The struct that a pointer leads to."""
        match pointer:
            case Expr("unary", "&", (whole,)):
                return self._type_of(whole, routine)
        return routine.type_of(pointer)

    def _type_of(self, member: Expr, routine: Routine) -> str:
        place = self._structs.place(member, routine)
        return place.member.type if place else ""

    def _is_of(self, copy: Copy, place: Place) -> bool:
        """Whether a member of the copy's name is the copy, and not one that is kept elsewhere."""
        elsewhere = self._structs.is_per_vmcs(place) != self._structs.is_per_vmcs(copy.place)
        return place.owner == copy.place.owner and not elsewhere

    def _reads_when_bound(self, given: Expr, routine: Routine, copy: Copy) -> bool:
        starts = {one.start for one in walk(given) if one.kind in ("call", "asm")}
        return any(
            one.kind == "vmread" and one.field and one.field.name == copy.field_name
            for one in self._operations.made_in(routine)
            if one.site.expr.start in starts
        )

    def _by_member(self) -> dict[str, list[Copy]]:
        found: dict[str, list[Copy]] = {}
        for copy in self.all:
            found.setdefault(copy.place.member.name, []).append(copy)
        return found


def _together(one: Site, other: Site) -> bool:
    """Whether two sites run under the same conditions, or one under all of the other's."""
    shorter, longer = sorted((one.conditions, other.conditions), key=len)
    return longer[: len(shorter)] == shorter


def _written_registers(asm: Asm) -> Iterator[str]:
    for mnemonic, operands in asm.instructions:
        if mnemonic.startswith("vmwrite") and operands:
            yield operands[0]
