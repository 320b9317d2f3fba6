"""The types of struct members: in which struct a value lives, and whether that is one per VMCS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from vmxlint.calls.link import Linker
from vmxlint.facts import Expr, Facts, Struct, Variable
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operations

_DEEPEST = 8
_LONGEST = 32  # members on the way to one, also through local pointers
_BASIC = frozenset(
    "void bool char short int long unsigned signed".split()
)  # also of macros' arguments


@dataclass(frozen=True)
class Place:
    """A struct member as an expression names it: its struct, and the structs on the way there."""

    owner: str
    member: Variable
    through: tuple[str, ...]


class Structs:
    """All structs of a unit."""

    def __init__(self, files: Sequence[Facts], linker: Linker, operations: Operations) -> None:
        self._linker = linker
        self._operations = operations
        self.by_name: dict[str, Struct] = {}
        self.paths: dict[str, str] = {}
        for one in files:
            for struct in one.structs:
                if struct.name not in self.by_name:
                    self.by_name[struct.name] = struct
                    self.paths[struct.name] = one.path

    def member(self, struct: str, name: str, depth: int = 0) -> tuple[str, Variable] | None:
        """The member of that name, also through members that have none, and the struct it is in."""
        found = self.by_name.get(struct)
        if found is None or depth > _DEEPEST:
            return None
        for one in found.members:
            if one.name == name:
                return struct, one
        for one in found.members:
            if not one.name and (inner := self.member(one.type, name, depth + 1)):
                return inner
        return None

    def all_members(self) -> Iterator[Variable]:
        """The members of all structs."""
        return chain.from_iterable(one.members for one in self.by_name.values())

    def place(self, expr: Expr, routine: Routine) -> Place | None:
        """The struct member that `expr` names in `routine`."""
        chain: list[str] = []
        while expr.kind == "member" and len(chain) < _LONGEST:
            chain.append(expr.text)
            expr = _plain(expr.kids[0])
            if expr.kind == "name" and (pointed := _pointed_at(expr.text, routine)):
                expr = pointed
        start = self._type(expr, routine)
        if not chain:
            return None
        through = [start]
        found: tuple[str, Variable] | None = None
        for name in reversed(chain):
            found = self.member(through[-1], name)
            if found is None:
                return None if self._is_foreign(through[-1]) else self._only(chain[0])
            through.append(found[1].type)
        assert found is not None
        return Place(found[0], found[1], tuple(through[:-1]))

    def _type(self, expr: Expr, routine: Routine) -> str:
        match expr:
            case Expr("name", name):
                variable = routine.variables.get(name)
                return variable.type if variable else ""
            case Expr("call", _, (Expr("name", name), *_)):
                callee = self._linker.resolve(name, routine.path)
                return callee.function.type if callee else ""
            case Expr("cast", name):
                return name.removeprefix("struct ").split(" ")[0]
        return ""

    def is_elsewhere(self, expr: Expr, routine: Routine) -> bool:
        """Whether the member that `expr` names is one of a struct outside of the unit."""
        base = _plain(expr.kids[0])
        if base.kind == "member":
            place = self.place(base, routine)
            return place is not None and self._is_foreign(place.member.type)
        return self._is_foreign(self._type(base, routine))

    def _is_foreign(self, struct: str) -> bool:
        """Whether a type is a struct that lies outside of the unit, and no other name for one."""
        named = struct.islower() and not struct.endswith("_t") and struct not in _BASIC
        return named and struct not in self.by_name

    def _only(self, name: str) -> Place | None:
        """The member of that name, if only one struct has one."""
        owners = self._owners.get(name, ())
        if len(owners) != 1:
            return None
        owner, member = owners[0]
        return Place(owner, member, (owner,))

    @cached_property
    def _owners(self) -> Mapping[str, list[tuple[str, Variable]]]:
        found: dict[str, list[tuple[str, Variable]]] = {}
        for struct in self.by_name.values():
            for one in struct.members:
                found.setdefault(one.name, []).append((struct.name, one))
        return found

    @cached_property
    def holders(self) -> frozenset[str]:
        """The structs that stand for one VMCS: those whose member VMPTRLD or VMCLEAR is given."""
        found = set()
        for routine, operations in self._operations.by_routine.items():
            for one in operations:
                if one.kind in ("vmptrld", "vmclear"):
                    place = self.place(_plain(one.operand), routine)
                    if place is not None:
                        found.add(place.owner)
        return frozenset(found)

    @cached_property
    def _embedders(self) -> Mapping[str, list[str]]:
        """Of each struct, the structs that have one as a member by value."""
        found: dict[str, list[str]] = {}
        for struct in self.by_name.values():
            for one in struct.members:
                if not one.pointers and one.type in self.by_name:
                    found.setdefault(one.type, []).append(struct.name)
        return found

    def is_per_vmcs(self, place: Place) -> bool:
        """Whether there is one such member for each VMCS."""
        if self.holders & {place.owner, *place.through}:
            return True
        return any(struct in self.holders for struct in self._around(place.through[0]))

    def switching_owner(self, place: Place) -> str | None:
        """The struct around the member that switches between several VMCSs, if one does."""
        for struct in (place.owner, *place.through, *self._around(place.through[0])):
            if len(set(self._held(struct, 0))) > 1:
                return struct
        return None

    def _around(self, struct: str) -> Iterator[str]:
        """The structs in which `struct` lies by value, however deep."""
        seen = {struct}
        todo = [struct]
        while todo:
            for outer in self._embedders.get(todo.pop(), ()):
                if outer not in seen:
                    seen.add(outer)
                    todo.append(outer)
                    yield outer

    def _held(self, struct: str, depth: int) -> Iterator[str]:
        """The members of `struct`, however deep by value, that are or point to a VMCS's struct."""
        found = self.by_name.get(struct)
        if found is None or depth > _DEEPEST:
            return
        for one in found.members:
            if one.type in self.holders:
                yield f"{struct}.{one.name}"
            elif not one.pointers:
                yield from self._held(one.type, depth + 1)


def _pointed_at(name: str, routine: Routine) -> Expr | None:
    """The member whose address a local pointer holds, if it is ever given but one."""
    changes = routine.changes.get(name, [])
    if name in routine.parameters or len(changes) != 1:
        return None
    value = changes[0].value
    if value.kind == "unary" and value.text == "&" and value.kids[0].kind == "member":
        return value.kids[0]
    return None


def _plain(expr: Expr) -> Expr:
    while expr.kind in ("cast", "unary", "index") and expr.kids:
        expr = expr.kids[0]
    return expr
