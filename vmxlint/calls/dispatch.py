"""Calls through values: ops structs, handler tables and other arrays of functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from vmxlint.calls.exit_names import ExitNames
from vmxlint.calls.handing import Handing
from vmxlint.calls.mentions import Mentions
from vmxlint.calls.names import Names
from vmxlint.calls.puts import Puts
from vmxlint.facts import Facts, Table
from vmxlint.flow.routine import Routine
from vmxlint.model.dialect import Dialect


class Slot(NamedTuple):
    """A function that a member holds, in structs of a type if that is known."""

    routine: Routine
    type: str


class Dispatch:
    """What the slots and tables of a unit can hold."""

    def __init__(
        self,
        files: Sequence[Facts],
        names: Names,
        mentions: Mentions,
        handing: Handing,
        dialect: Dialect,
        exit_names: ExitNames,
    ) -> None:
        self._tables = [(one.path, table) for one in files for table in one.tables]
        self._members = {
            struct.name: tuple(member.name for member in struct.members)
            for one in files
            for struct in one.structs
        }
        self._names = names
        self._mentions = mentions
        self._dialect = dialect
        self._handing = handing
        self._exit_names = exit_names
        self._puts = Puts(names, mentions, self._is_called)

    @cached_property
    def slots(self) -> Mapping[str, tuple[Slot, ...]]:
        """What a struct member that is called can hold."""
        found: dict[str, dict[Slot, None]] = {}
        for path, table in self._tables:
            for member, value in self._filled(table):
                if self._is_called(member):
                    if callee := self._names.resolve(value, path):
                        found.setdefault(member, {})[Slot(callee, table.type)] = None
        for routine, target, value in self._puts.made:
            if target.kind == "member" and self._is_called(target.text):
                if callee := self._names.resolve(value, routine.path):
                    found.setdefault(target.text, {})[Slot(callee, target.type)] = None
        return {slot: tuple(held) for slot, held in found.items()}

    def _filled(self, table: Table) -> Iterator[tuple[str, str]]:
        """The members that an initialiser fills, by their names or in their order, and values."""
        members = self._members.get(table.type, ())
        for number, row in enumerate(table.rows):
            if row.key.startswith("."):
                yield row.key.removeprefix(".").strip(), row.value
            elif not row.key and number < len(members):
                yield members[number], row.value

    @cached_property
    def _put(self) -> Mapping[tuple[str, Routine], tuple[Routine, ...]]:
        """Of each function that code puts into a member: the routines that do."""
        found: dict[tuple[str, Routine], list[Routine]] = {}
        for routine, target, value in self._puts.made:
            if callee := self._names.resolve(value, routine.path):
                found.setdefault((target.text, callee), []).append(routine)
        return {key: tuple(dict.fromkeys(many)) for key, many in found.items()}

    def installers(self, slot: str, held: Routine) -> tuple[Routine, ...]:
        """The routines that put a function into a member; none if a table has it there already."""
        in_table = self._in_tables.get(slot, ())
        if any(self._names.resolve(value, path) is held for path, value in in_table):
            return ()
        return self._put.get((slot, held), ())

    @cached_property
    def _in_tables(self) -> Mapping[str, list[tuple[str, str]]]:
        """What tables put into each member: the file and the value."""
        found: dict[str, list[tuple[str, str]]] = {}
        for path, table in self._tables:
            for member, value in self._filled(table):
                found.setdefault(member, []).append((path, value))
        return found

    @cached_property
    def _outer(self) -> frozenset[str]:
        """The slots whose callers may lie outside the tree."""
        return frozenset({*self._dialect.slot_contexts, *self._dialect.entry_slots})

    def held(self, slot: str, type_name: str = "") -> tuple[Routine, ...]:
        """The functions that a member can hold, of structs of that type if it is known; not those
        that another of them passes on to."""
        able = self.slots.get(slot, ())
        if type_name in self._types:
            able = tuple(one for one in able if one.type == type_name)
        found = dict.fromkeys(one.routine for one in able)
        return tuple(one for one in found if not any(_wraps(other, one) for other in found))

    @cached_property
    def tabled(self) -> frozenset[Routine]:
        """The functions that stand in any table, for somebody to call."""
        named = ((row.value, path) for path, table in self._tables for row in table.rows)
        found = (self._names.resolve(value, path) for value, path in named)
        return frozenset(filter(None, found))

    @cached_property
    def _types(self) -> frozenset[str]:
        return frozenset(table.type for _, table in self._tables if table.type)

    def _is_called(self, member: str) -> bool:
        return member in self._outer or any(
            self._mentions.of(word) for word in self.words_of(member)
        )

    def words_of(self, slot: str) -> list[str]:
        """The words that a call of a slot has: see Function.words."""
        return ["." + slot] + [f"({prefix}{slot}" for prefix in ("", *self._dialect.call_prefixes)]

    @cached_property
    def slots_of(self) -> Mapping[Routine, list[str]]:
        """The slots that hold a routine."""
        found: dict[Routine, list[str]] = {}
        for slot, able in self.slots.items():
            for one in able:
                found.setdefault(one.routine, []).append(slot)
        return found

    @cached_property
    def handlers(self) -> Mapping[str, tuple[tuple[str, Routine], ...]]:
        """Of each table indexed by exit reasons: (reason as spelled, handler) in order.

        Slots that code overwrites, `table[EXIT_REASON_X] = handler`, count for every table that
        has a row of that key.
        """
        found: dict[str, list[tuple[str, Routine]]] = {}
        for path, table in self._tables:
            rows = [row for row in table.rows if row.key.startswith("[")]
            for row in rows if self._is_by_reason(table) else ():
                if callee := self._names.resolve(row.value, path):
                    found.setdefault(table.name, []).append((row.key.strip("[] \t"), callee))
        for routine, target, value in self._puts.made:
            if target.kind == "index":
                key, callee = target.text, self._names.resolve(value, routine.path)
                for rows_of_table in found.values() if callee else ():
                    if callee and any(key == known for known, _ in rows_of_table):
                        rows_of_table.append((key, callee))
        return {name: tuple(dict.fromkeys(rows)) for name, rows in found.items()}

    def _is_by_reason(self, table: Table) -> bool:
        """Whether exit reasons index a table."""
        keys = [row.key.strip("[] \t") for row in table.rows if row.key.startswith("[")]
        meant = (self._names.constants.get(key, key) for key in keys)
        return any(map(self._exit_names.is_one, (*keys, *meant)))

    @cached_property
    def lists(self) -> Mapping[str, tuple[Routine, ...]]:
        """Of each other array of functions: those that it holds."""
        found: dict[str, dict[Routine, None]] = {}
        for path, table in self._tables:
            if not self._is_by_reason(table):
                for row in table.rows:
                    callee = None if row.key[:1] == "." else self._names.resolve(row.value, path)
                    if callee:
                        found.setdefault(table.name, {})[callee] = None
        return {name: tuple(held) for name, held in found.items()}

    @cached_property
    def dispatchers(self) -> Mapping[str, tuple[Routine, ...]]:
        """The routines that name a handler table."""
        return {table: self._mentions.naming(table) for table in self.handlers}

    @cached_property
    def _tables_of(self) -> Mapping[Routine, Mapping[str, None]]:
        """The handler tables, and the other arrays, in which each function stands."""
        handled = {table: [one for _, one in rows] for table, rows in self.handlers.items()}
        found: dict[Routine, dict[str, None]] = {}
        for table, held in (*handled.items(), *self.lists.items()):
            for one in held:
                found.setdefault(one, {})[table] = None
        return found

    def through_values(self, routine: Routine, names: set[str]) -> Iterator[Routine]:
        """The routines that may call one through a table, a parameter or a local variable."""
        for table in self._tables_of.get(routine, ()):
            yield from self._mentions.naming(table)
        for name in sorted(names):
            yield from self._handing.may_call(name)
            yield from self._mentions.of("=" + name)


def _wraps(one: Routine, other: Routine) -> bool:
    """Whether a function in a slot passes on to another one that, by the build, could be there."""
    return one is not other and other.name in one.function.words
