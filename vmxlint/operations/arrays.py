"""Constants that code takes out of arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from vmxlint.calls.link import Linker
from vmxlint.facts import Expr, Row, Table, spelled
from vmxlint.flow.routine import Routine
from vmxlint.operations.values import values_before

_DEEPEST = 4
_MOST = 200  # elements of one array


class _Taken(NamedTuple):
    """What is taken out of an array: by which index, in which function, and the member of it."""

    array: Expr
    at: Expr
    routine: Routine
    before: int
    member: str


class Arrays:
    """The arrays of constants of a unit."""

    def __init__(self, linker: Linker) -> None:
        self._linker = linker

    def elements(self, expr: Expr, routine: Routine, before: int) -> Sequence[str]:
        """The constants that an element of an array can be ahead of the site of that number; none
        if `expr` is no such element."""
        taken = self._taken(expr, routine, before, "", 0)
        names = list(dict.fromkeys(name for one in taken for name in self._names(one)))
        return names if len(names) <= _MOST else ()

    def _taken(
        self, expr: Expr, routine: Routine, before: int, member: str, depth: int
    ) -> Iterator[_Taken]:
        if depth > _DEEPEST:
            return
        match expr:
            case Expr("cast", _, (inner,)):
                yield from self._taken(inner, routine, before, member, depth + 1)
            case Expr("member", name, (inner,)):
                yield from self._taken(inner, routine, before, name, depth + 1)
            case Expr("index", _, (array, index)):
                yield _Taken(array, index, routine, before, member)
            case Expr("name", name) if name in routine.variables:
                for change in values_before(routine, name, before):
                    yield from self._taken(change.value, routine, change.number, member, depth + 1)

    def _names(self, taken: _Taken) -> Iterator[str]:
        """The names of constants that stand in a table of the file, a local array, or all tables
        that are in an array of them."""
        array, routine = taken.array, taken.routine
        match array:
            case Expr("index", _, (Expr("name"), _)):
                outer, index = array.kids
                for name in self._names(_Taken(outer, index, routine, taken.before, "")):
                    yield from self._named(name, taken)
            case Expr("name", name) if name in routine.variables:
                for change in values_before(routine, name, taken.before):
                    held = [one.text for one in change.value.kids if one.kind == "name"]
                    yield from self._at(held, taken.at)
            case Expr("name", name):
                yield from self._named(name, taken)

    def _named(self, name: str, taken: _Taken) -> Iterator[str]:
        table = self._tables.get((taken.routine.path, name)) or self._tables.get(("", name))
        rows = table.rows if table else ()
        held = [one.value for one in rows if table and self._is_of(one, table, taken.member)]
        yield from filter(str.isidentifier, self._at(held, taken.at))

    def _at(self, held: list[str], index: Expr) -> list[str]:
        """Those of the elements that an index may mean."""
        number = self._linker.number(spelled(index))
        return held if number is None else held[number : number + 1]

    def _is_of(self, row: Row, table: Table, member: str) -> bool:
        """Whether a row holds a plain element, or that member of a struct."""
        place = row.key.rpartition(".")[2] if "]." in row.key else ""
        if not place or not place.isdigit():
            return place == member or not place
        order = self._members.get(table.type, ())
        return order[int(place)] == member if int(place) < len(order) else True

    @cached_property
    def _tables(self) -> Mapping[tuple[str, str], Table]:
        """The tables by their file and name, and by their name alone."""
        found: dict[tuple[str, str], Table] = {}
        for one in self._linker.files:
            for table in one.tables:
                found[one.path, table.name] = table
                found.setdefault(("", table.name), table)
        return found

    @cached_property
    def _members(self) -> Mapping[str, tuple[str, ...]]:
        """The members of each struct, in order."""
        structs = (struct for one in self._linker.files for struct in one.structs)
        return {one.name: tuple(member.name for member in one.members) for one in structs}
